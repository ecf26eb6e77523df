"""What was tried for facezoo_base: trainings of it side by side, with all that they changed.

    facezoo train facezoo-base-fer2013 --seeds 2
    python benchmarks/trainings.py RUN/seed-0 RUN/seed-1
    python benchmarks/weights.py render

Puts runs of the same parts of the same pictures beside those in results/trainings.json; a run of
the same settings and seed takes the old one's place. Told are the differences from the recipe
facezoo-small-fer2013, so that a row stays true when that of facezoo_base changes. Validation
pictures judge; the test figures are shown and decide nothing.
"""

import argparse
import json
from pathlib import Path

from pages import ROOT, changes

from facezoo.files import replacing
from facezoo.models import build_model
from facezoo.recipes import get_recipe
from facezoo.runs import RunFolder
from facezoo.weights.loading import run_card

RESULTS = ROOT / "results" / "trainings.json"
BESIDE = get_recipe("facezoo-small-fer2013")
FIGURES = ("n", "accuracy", "macro_f1", "log_loss")
TOLD = ("name", "summary", "builder", "seed", "split_seed", "epochs", "teacher", "teacher_share")


def row(run):
    """One training, as it is stored."""
    recipe, metrics = run.recipe, run.metrics
    model = build_model(recipe.builder, **recipe.builder_args)
    return {
        "weights": model.count_params(),
        "teachers": recipe.teachers,
        "share": recipe.teacher_share if recipe.teacher else 0,
        "changed": {k: v for k, v in changes(recipe, BESIDE).items() if k not in TOLD},
        "seed": recipe.seed,
        "epochs": len(run.history),
        **{part: {key: metrics[part][key] for key in FIGURES} for part in ("validation", "test")},
        "environment": run.read_json("environment.json"),
    }


def same(one, other):
    """Whether two rows are of the same training."""
    told = ("weights", "teachers", "share", "changed", "seed", "epochs")
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
        new = row(run)
        rows = [old for old in rows if not same(old, new)] + [new]
    with replacing(RESULTS) as beside:
        text = json.dumps({"pictures": kind, "rows": rows}, indent=1)
        beside.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
