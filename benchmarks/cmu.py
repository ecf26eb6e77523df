"""Study A's tasks under three protocols, five seeds each, beside nearest neighbours.

    python benchmarks/cmu.py            # trains what is missing; about an hour on one core
    python benchmarks/cmu.py --render   # trains nothing; joins what is there into the README

Needs `facezoo prepare cmu_faces PATH`. Every cell is `facezoo train RECIPE --seeds 5` under
that protocol. A cell that is done or begun is passed over, so that a stopped run goes on and
two processes share the work (with OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 each, on two
cores). An empty file under --runs is a cell that was killed: delete it to run it again.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from render import SEEDS, TASKS, cmu_cell, protocols, render
from sklearn.neighbors import KNeighborsClassifier

from facezoo import get_recipe, train
from facezoo.datasets import load_dataset
from facezoo.files import replacing
from facezoo.training import environment

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "cmu.json"
MEMORISING = {  # what study A may have done, to see how far remembering photographs goes
    "augmentation": None,
    "builder_args.dropout": 0.0,
    "epochs": 40,
    "monitor": "val_accuracy",
}


def nearest_neighbour(recipe):
    """Accuracy of the label of the nearest picture that is not tested, by seed.

    Compared at half size, where a photograph and its smaller copy are the same pixels.
    """
    scores = []
    for seed in range(SEEDS):
        data = load_dataset("cmu_faces", target=recipe.target, protocol=recipe.protocol, seed=seed)
        known = np.concatenate([_halves(data.train), _halves(data.validation)])
        labels = np.concatenate([data.train.labels, data.validation.labels])
        model = KNeighborsClassifier(1).fit(known, labels)
        scores.append(model.score(_halves(data.test), data.test.labels))
    return {"mean": float(np.mean(scores)), "std": float(np.std(scores, ddof=1))}


def _halves(split):
    """Pictures at half size, (N, height / 2 * width / 2): means of 2 x 2 pixels."""
    n, height, width, _ = split.images.shape
    blocks = split.images[:].reshape(n, height // 2, 2, width // 2, 2)
    return blocks.mean(axis=(2, 4)).reshape(n, -1)


def cell(task, protocol, runs):
    """Train one cell and return its row."""
    task, _, memorised = task.partition("-")
    recipe = get_recipe(f"cmu-lenet5-{task}").override({"protocol": protocol})
    if memorised:
        recipe = recipe.override(MEMORISING)
    elif protocol == "all-sizes":  # twice the pictures: as many steps as under the others
        recipe = recipe.override({"epochs": recipe.epochs // 2})
    run = train(recipe, runs=runs, seeds=SEEDS)
    metrics = run.metrics
    test = metrics["test"]
    each = [seed.metrics for seed in run.seeds]
    row = {
        "recipe": recipe.to_dict(),
        "task": f"{task}-memorised" if memorised else task,
        "protocol": metrics["protocol"],
        "seeds": metrics["seeds"],
        "accuracy": test["accuracy"],
        "macro_f1": test["macro_f1"],
        "epochs": [m["epochs"] for m in each],
        "test_pictures": [m["test"]["n"] for m in each],
        "confusion_matrix": test["confusion_matrix"],
        "per_class": test["per_class"],
        "nearest_neighbour": nearest_neighbour(recipe),
        "seconds_per_epoch": float(np.median([m["seconds_per_epoch"] for m in each])),
    }
    return row, run


def cells():
    """Return (task, protocol) of every cell, the honest ones first."""
    honest_first = [(task, protocols(task)[column]) for column in range(3) for task in TASKS]
    return [*honest_first, ("expression-memorised", "all-sizes")]


def train_missing(folder):
    """Train what no other process of this benchmark has begun; a row a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for task, protocol in cells():
        place = folder / f"{task}-{protocol}.json"
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            row, run = cell(task, protocol, folder)
        except BaseException:
            place.unlink()
            raise
        with replacing(place) as beside:
            beside.write_text(json.dumps({"environment": environment(), "row": row}), "utf-8")
        print(f"{task:11} {row['protocol']:28} {cmu_cell(row)}  {run.path}", flush=True)


def gather(folder):
    """Join the rows to results/cmu.json; say which are missing."""
    texts = {c: folder / f"{c[0]}-{c[1]}.json" for c in cells()}
    done = {c: json.loads(p.read_text("utf-8")) for c, p in texts.items() if _whole(p)}
    missing = [" ".join(c) for c in cells() if c not in done]
    if missing:
        print("not there yet:", ", ".join(missing))
    if not done:
        return
    last = max((found["environment"] for found in done.values()), key=lambda e: e["date"])
    results = {"environment": last, "rows": [found["row"] for found in done.values()]}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    render()


def _whole(path):
    return path.exists() and path.stat().st_size > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--render", action="store_true", help="train nothing; write what is there")
    parser.add_argument("--runs", default="runs/benchmark-cmu", type=Path)
    options = parser.parse_args()
    if not options.render:
        train_missing(options.runs)
    gather(options.runs)


if __name__ == "__main__":
    main()
