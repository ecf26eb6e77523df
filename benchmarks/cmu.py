"""Study A's tasks under three protocols, five seeds each, beside nearest neighbours.

    python benchmarks/cmu.py            # trains what is missing; about an hour on one core
    python benchmarks/cmu.py --render   # trains nothing; joins what is there into the README

Needs `facezoo prepare cmu_faces PATH`. Every cell is `facezoo train RECIPE --seeds 5` under
that protocol. A cell that is done or begun is passed over, so that a stopped run goes on and
two processes share the work (with OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 each, on two
cores). An empty file under --runs is a cell that was killed: delete it to run it again.
"""

import numpy as np
from cells import gather, options, run_missing
from pages import ROOT
from render import SEEDS, TASKS, cmu_cell, protocols
from sklearn.neighbors import KNeighborsClassifier

from facezoo import get_recipe, train
from facezoo.datasets import load_dataset

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
    print(f"{row['task']:20} {row['protocol']:28} {cmu_cell(row)}  {run.path}", flush=True)
    return row


def cells():
    """Return (task, protocol) of every cell, the honest ones first."""
    honest_first = [(task, protocols(task)[column]) for column in range(3) for task in TASKS]
    return [*honest_first, ("expression-memorised", "all-sizes")]


def main():
    chosen = options(__doc__.splitlines()[0], "runs/benchmark-cmu")
    todo = {f"{task}-{protocol}": (task, protocol, chosen.runs) for task, protocol in cells()}
    if not chosen.render:
        run_missing(chosen.runs, todo, cell)
    gather(chosen.runs, todo, RESULTS)


if __name__ == "__main__":
    main()
