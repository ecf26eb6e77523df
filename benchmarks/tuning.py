"""How many trials a Bayesian search takes to find what a whole grid finds.

    python benchmarks/tuning.py [--runs runs/benchmark-tuning]

Trains every cell of study A's space once on drawn faces, a short training each (about ten
minutes on two cores; a stopped run goes on), then replays searches over that table: `tune` itself,
with a look into the table in the place of the training. A search has found the grid's best when
a trial's validation accuracy is within 0.01 of it. The replay's time per trial is what the
search costs beside the trainings: Optuna, SQLite and facezoo's own share, figures not included.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

from pages import ROOT
from render import render

from facezoo import get_recipe, tune
from facezoo.recipes.cmu import STUDY_SPACE
from facezoo.training import environment
from facezoo.tuning import trials as trials_module

STORED = ROOT / "results" / "tuning.json"
RECIPE = get_recipe("synthetic-lenet5-expression").override(
    {
        "target": "pose",  # learned in seconds, by good settings
        "limit": 300,
        "epochs": 3,
        "augmentation": None,
        "builder_args.batch_norm": False,  # its averages lag in so short a training
    }
)
WITHIN, REPEATS = 0.01, 5


class Looked:
    """In the place of `train`: the accuracy that the table holds for a recipe's setting."""

    def __init__(self, scores):
        self.scores = scores

    def __call__(self, recipe, **_):
        """Return itself as a run of that accuracy."""
        accuracy = self.scores[key(recipe.to_dict())]
        self.metrics = {"validation": {"accuracy": accuracy}}
        return self


def key(fields):
    """What tells a cell from the others, of a recipe's fields."""
    inner = fields["builder_args"]
    flat = {**fields, **{f"builder_args.{name}": value for name, value in inner.items()}}
    return json.dumps([flat[name] for name in STUDY_SPACE.fields])


class Found(Exception):
    """The replayed search has found what it looked for."""


def replay(scores, method, seed):
    """Return (trials until the grid's best was found, seconds a trial)."""
    enough, seen = max(scores.values()) - WITHIN, []

    def told(done, _, best):
        seen.append((done, time.perf_counter()))
        if best is not None and best >= enough:
            raise Found

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(trials_module, "train", Looked(scores)),
        contextlib.suppress(Found),
    ):
        given = {"method": method, "trials": len(scores), "seeds": 0, "runs": folder}
        tune(RECIPE.override({"seed": seed}), STUDY_SPACE, **given, told=told)
    (_, begun), (trials, ended) = seen[0], seen[-1]
    return trials, (ended - begun) / trials


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark-tuning"))
    options = parser.parse_args()
    given = {"method": "grid", "seeds": 0, "runs": options.runs}
    table = tune(RECIPE, STUDY_SPACE, **given, told=lambda *figures: print(figures, flush=True))
    cells = []
    for path, accuracy, seconds in table.trials[["run", "accuracy", "seconds"]].itertuples(
        index=False
    ):
        fields = json.loads((Path(path) / "recipe.json").read_text("utf-8"))
        cells.append({"cell": key(fields), "accuracy": accuracy, "seconds": round(seconds, 2)})
    scores = {cell["cell"]: cell["accuracy"] for cell in cells}
    found = {
        method: [replay(scores, method, seed) for seed in range(REPEATS)]
        for method in ("bayes", "random")
    }
    result = {
        "environment": environment(),
        "recipe": RECIPE.to_dict(),
        "fields": list(STUDY_SPACE.fields),
        "cells": cells,
        "within": WITHIN,
        "trials": {method: [trials for trials, _ in pairs] for method, pairs in found.items()},
        "search_seconds": statistics.median(taken for _, taken in found["bayes"]),
        "trial_seconds": statistics.mean(cell["seconds"] for cell in cells),
    }
    STORED.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(result["trials"], result["search_seconds"], result["trial_seconds"])
    render()


if __name__ == "__main__":
    main()
