"""Cells of a long benchmark: a JSON file each, shared by processes, kept when one stops.

Those that a stored result holds count as done, so that another machine goes on with the rest.
"""

import argparse
import json
from pathlib import Path

from render import render

from facezoo.files import replacing
from facezoo.training import environment


def run_missing(folder, cells, measure, path):
    """Measure what no other process has begun.

    Args:
        folder: of the files; an empty one is a cell at work, or one that was killed.
        cells: `{file name without ending: arguments of measure}`.
        measure: (*arguments) -> row, JSON-safe; prints what it likes.
        path: of the stored result.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = _stored(path)
    for name, arguments in cells.items():
        if name in stored:
            continue
        place = folder / f"{name}.json"
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
            beside.write_text(json.dumps({"environment": environment(), "row": row}), "utf-8")


def gather(folder, cells, path, **facts):
    """Join the rows that are there to `path` and render; say which are missing."""
    done = {name: found for name, found in _stored(path).items() if name in cells}
    for name in cells:
        place = folder / f"{name}.json"
        if place.exists() and place.stat().st_size:
            done[name] = json.loads(place.read_text("utf-8"))
    done = {name: done[name] for name in cells if name in done}
    missing = [name for name in cells if name not in done]
    if missing:
        print("not there yet:", ", ".join(missing))
    if not done:
        return
    last = max((found["environment"] for found in done.values()), key=lambda e: e["date"])
    rows = [found["row"] for found in done.values()]
    results = {"environment": last, **facts, "cells": list(done), "rows": rows}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    render()


def _stored(path):
    """Cells of a stored result, as their files would hold them."""
    if not path.exists():
        return {}
    results = json.loads(path.read_text("utf-8"))
    rows = zip(results.get("cells", ()), results["rows"], strict=False)
    return {name: {"environment": results["environment"], "row": row} for name, row in rows}


def options(description, runs):
    """Return the parsed command line: `.render` and `.runs`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--render", action="store_true", help="train nothing; write what is there")
    parser.add_argument("--runs", default=runs, type=Path)
    return parser.parse_args()
