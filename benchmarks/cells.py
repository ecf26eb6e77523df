"""Cells of a long benchmark: a JSON file each, shared by processes, kept when one stops."""

import argparse
import json
from pathlib import Path

from render import render

from facezoo.files import replacing
from facezoo.training import environment


def run_missing(folder, cells, measure):
    """Measure what no other process has begun.

    Args:
        folder: of the files; an empty one is a cell at work, or one that was killed.
        cells: `{file name without ending: arguments of measure}`.
        measure: (*arguments) -> row, JSON-safe; prints what it likes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, arguments in cells.items():
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
    places = {name: folder / f"{name}.json" for name in cells}
    done = [
        json.loads(p.read_text("utf-8")) for p in places.values() if p.exists() and p.stat().st_size
    ]
    missing = [n for n, p in places.items() if not p.exists() or not p.stat().st_size]
    if missing:
        print("not there yet:", ", ".join(missing))
    if not done:
        return
    last = max((found["environment"] for found in done), key=lambda e: e["date"])
    results = {"environment": last, **facts, "rows": [found["row"] for found in done]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    render()


def options(description, runs):
    """Return the parsed command line: `.render` and `.runs`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--render", action="store_true", help="train nothing; write what is there")
    parser.add_argument("--runs", default=runs, type=Path)
    return parser.parse_args()
