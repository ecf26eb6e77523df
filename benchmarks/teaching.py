"""What a teacher gives: a network taught by another beside the same network without one.

    facezoo train facezoo-base-fer2013-taught --seeds 2
    python benchmarks/teaching.py RUN/seed-0 RUN/seed-1
    python benchmarks/weights.py render

Stores what the runs found, beside the card of the weights that taught them, in
results/teaching.json. Validation pictures judge; the test figures are shown and decide nothing.
"""

import argparse
import json
from pathlib import Path

from pages import ROOT

from facezoo.files import replacing
from facezoo.runs import RunFolder
from facezoo.weights import get_card
from facezoo.weights.loading import run_card

RESULTS = ROOT / "results" / "teaching.json"
FIGURES = ("n", "accuracy", "macro_f1", "log_loss")


def row(recipe, seed, epochs, metrics):
    """One training, as it is stored."""
    found = {part: {key: metrics[part][key] for key in FIGURES} for part in ("validation", "test")}
    return {"recipe": recipe.name, "seed": seed, "epochs": epochs, **found}


def _kind(card):
    return card.recipe.builder, card.protocol, card.fingerprint, card.recipe.drawn_with


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    runs = [RunFolder(path) for path in parser.parse_args().runs]
    card = get_card(runs[0].recipe.teachers[0])
    for run in runs:
        own = run_card(run)
        if own.recipe.teachers != [card.name] or _kind(own) != _kind(card):
            parser.error(f"Got {run.path}; expected a pupil of {card.name}, of its kind and data.")
    rows = [row(card.recipe, card.recipe.seed, card.facts["epochs"], card.metrics)]
    rows += [row(run.recipe, run.recipe.seed, len(run.history), run.metrics) for run in runs]
    made = max((run.read_json("environment.json") for run in runs), key=lambda e: e["date"])
    result = {"environment": made, "teacher": card.name, "rows": rows}
    with replacing(RESULTS) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
