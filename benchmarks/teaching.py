"""What teachers give: networks that others taught beside the same network without any.

    facezoo train facezoo-base-fer2013-taught --seeds 2
    python benchmarks/teaching.py RUN/seed-0 RUN/seed-1
    python benchmarks/weights.py render

Puts the runs, of one network and the same parts of the same pictures, beside those in
results/teaching.json; a run of the same recipe, seed and epochs takes the old one's place.
Validation pictures judge; the test figures are shown and decide nothing.
"""

import argparse
import json
from pathlib import Path

from pages import ROOT, changes

from facezoo.files import replacing
from facezoo.recipes import list_recipes
from facezoo.runs import RunFolder
from facezoo.weights.loading import run_card

RESULTS = ROOT / "results" / "teaching.json"
FIGURES = ("n", "accuracy", "macro_f1", "log_loss")
TOLD = ("seed", "split_seed", "teacher", "teacher_share", "epochs")  # in columns of their own


def row(run):
    """One training, as it is stored."""
    recipe, metrics = run.recipe, run.metrics
    return {
        "recipe": recipe.name,
        "teachers": recipe.teachers,
        "share": recipe.teacher_share if recipe.teacher else 0,
        "changed": {k: v for k, v in changes(recipe).items() if k not in TOLD},
        "seed": recipe.seed,
        "epochs": len(run.history),
        **{part: {key: metrics[part][key] for key in FIGURES} for part in ("validation", "test")},
        "environment": run.read_json("environment.json"),
    }


def same(one, other):
    """Whether two rows are of the same training."""
    told = ("recipe", "teachers", "share", "changed", "seed", "epochs")
    return all(one[k] == other[k] for k in told)


def pictures(run):
    """What must be the same of all runs: network, protocol, data and draws."""
    card = run_card(run)
    return [card.recipe.builder, card.protocol, card.fingerprint, card.recipe.drawn_with]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    runs = [RunFolder(path) for path in parser.parse_args().runs]
    stored = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else None
    kind = stored["pictures"] if stored else pictures(runs[0])
    rows = stored["rows"] if stored else []
    for run in runs:
        if pictures(run) != kind:
            parser.error(f"Got {run.path} of {pictures(run)}; expected a run of {kind}.")
        if run.recipe.name not in list_recipes():
            parser.error(f"Got {run.path} of {run.recipe.name!r}; expected a recipe of facezoo.")
        new = row(run)
        rows = [old for old in rows if not same(old, new)] + [new]
    with replacing(RESULTS) as beside:
        text = json.dumps({"pictures": kind, "rows": rows}, indent=1)
        beside.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
