"""What each part of the weights' recipe gives: one part changed at a time, one budget for all.

    python benchmarks/ablations.py            # trains what is missing, some minutes each
    python benchmarks/ablations.py --render   # trains nothing

Every row trains facezoo_small on the same 10,000 pictures of `fer2013/public` for 15 epochs and is
judged on the validation pictures alone: PublicTest stays shut. So short a training underrates
what pays late (augmentation, mixing, softened labels). A row that is done or begun is passed
over, so that a stopped run goes on and two processes share the work. An empty file under --runs is
one that was killed: delete it.
"""

from cells import gather, options, run_missing
from pages import ROOT

from facezoo import get_recipe, train

RESULTS = ROOT / "results" / "ablations.json"
PICTURES, EPOCHS, SEEDS = 10_000, 15, (0, 1)
RECIPE = get_recipe("facezoo-small-fer2013")
CHANGES = {  # row: what is changed of the recipe
    "the recipe": {},
    "no augmentation": {"augmentation": None},
    "mirrored only": {"augmentation": {"flip": True}},
    "nothing covered": {"augmentation.erase": 0},
    "pictures mixed": {"mixup": 0.2},
    "labels as they are": {"label_smoothing": 0.0},
    "no averaged weights": {"ema": 0.0},
    "no weight decay": {"optimizer": "adam", "optimizer_args": {}},
    "a constant rate": {"schedule": {"kind": "constant"}, "learning_rate": 0.001},
    "balanced classes": {"class_weight": "balanced"},
    "float32": {"precision": "float32"},
    "batches of 64": {"batch_size": 64},
}


def measure(name, seed, runs):
    """Train one row with one seed; return it."""
    budget = {"limit": PICTURES, "epochs": EPOCHS, "seed": seed, "split_seed": 0}
    recipe = RECIPE.override({"name": "ablation", **budget, **CHANGES[name]})
    run = train(recipe, runs=runs, evaluate=False)
    validation = run.metrics["validation"]
    return {
        "what": name,
        "seed": seed,
        "recipe": recipe.to_dict(),
        "accuracy": validation["accuracy"],
        "macro_f1": validation["macro_f1"],
        "log_loss": validation["log_loss"],
        "ema": run.metrics["ema"],
        "seconds_per_epoch": run.metrics["seconds_per_epoch"],
    }


def main():
    chosen = options(__doc__.splitlines()[0], "runs/benchmark-ablations")
    todo = {
        f"{name.replace(' ', '-')}-{seed}": (name, seed, chosen.runs)
        for seed in SEEDS
        for name in CHANGES
    }
    facts = {
        "budget": {"pictures": PICTURES, "epochs": EPOCHS},
        "recipe": RECIPE.to_dict(),
        "changes": CHANGES,
    }
    if not chosen.render:
        run_missing(chosen.runs, todo, measure, RESULTS, **facts)
    gather(chosen.runs, todo, RESULTS, **facts)


if __name__ == "__main__":
    main()
