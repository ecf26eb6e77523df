"""Cells of a long benchmark: a JSON file each, shared by processes, kept when one stops.

Those that a stored result of the same facts holds count as done, so that another machine goes on
with the rest. To measure one anew delete it there too.
"""

import argparse
import json
from pathlib import Path

from render import render

from facezoo.files import replacing
from facezoo.training import environment


def run_missing(folder, cells, measure, path, **facts):
    """Measure what is not stored, and no other process has begun.

    Args:
        folder: of the files; an empty one is a cell at work, or one that was killed.
        cells: `{file name without ending: arguments of measure}`.
        measure: (*arguments) -> row, JSON-safe; prints what it likes.
        path, **facts: as for `gather`; a cell of other facts is measured anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = _read_stored(path, facts)
    for name, arguments in cells.items():
        if name in stored:
            continue
        place = folder / f"{name}.json"
        if (cell := _read_cell(place)) and cell.get("facts") != facts:
            place.unlink()
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            row = measure(*arguments)
        except BaseException:
            place.unlink()
            raise
        with replacing(place) as beside:
            cell = {"environment": environment(), "row": row, "facts": facts}
            beside.write_text(json.dumps(cell), "utf-8")


def gather(folder, cells, path, **facts):
    """Join the cells that are there, and those stored, to `path`; render; say which are missing.

    Args:
        folder, cells: as for `run_missing`.
        path: of the stored result: `environment` of the newest cell, `cells` with the environment
            of each, `rows` in their order, and the facts.
        **facts: what holds for all cells; a stored result with others is not taken up.
    """
    known = _read_stored(path, facts)
    for name in cells:
        if (cell := _read_cell(folder / f"{name}.json")) and cell.get("facts") == facts:
            known[name] = cell
    done = {name: known[name] for name in cells if name in known}
    missing = [name for name in cells if name not in done]
    if missing:
        print("not there yet:", ", ".join(missing))
    if not done:
        return
    made = {name: found["environment"] for name, found in done.items()}
    last = max(made.values(), key=lambda e: e["date"])
    rows = [found["row"] for found in done.values()]
    results = {"environment": last, **facts, "cells": made, "rows": rows}
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as beside:
        beside.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    render()


def _read_cell(place):
    """A measured cell, or None for one that is not there or at work."""
    return json.loads(place.read_text("utf-8")) if place.exists() and place.stat().st_size else None


def _read_stored(path, facts):
    """Cells of a stored result with these facts, by name, as their files would hold them."""
    if not path.exists():
        return {}
    results = json.loads(path.read_text("utf-8"))
    if any(results.get(name) != value for name, value in facts.items()):
        return {}
    cells = zip(results["cells"].items(), results["rows"], strict=True)
    return {name: {"environment": made, "row": row} for (name, made), row in cells}


def options(description, runs):
    """Return the parsed command line: `.render` and `.runs`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--render", action="store_true", help="train nothing; write what is there")
    parser.add_argument("--runs", default=runs, type=Path)
    return parser.parse_args()
