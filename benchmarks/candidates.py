"""Networks for small gray faces, side by side: one short, equal budget each.

    python benchmarks/candidates.py            # trains what is missing, about 10 minutes each
    python benchmarks/candidates.py --render   # trains nothing

Every candidate sees the same 8,000 training pictures of `fer2013/public` in the same order
for the same epochs, and is judged on the validation pictures alone: PublicTest stays shut.
So short a training ranks networks by how fast they learn; it says nothing about where they
end. A candidate that is done or begun is passed over, so that a stopped run goes on and two
processes share the work. An empty file under --runs is one that was killed: delete it.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from render import ROOT, render

from facezoo import Augmentation, Recipe, train
from facezoo.evaluation import load_run
from facezoo.files import replacing
from facezoo.models.cost import count_multiply_adds
from facezoo.recipes.base import Schedule
from facezoo.training import environment

RESULTS = ROOT / "results" / "candidates.json"
PICTURES, EPOCHS, BATCH = 8000, 10, 64
SMALL = {"filters": [32, 64, 96, 160], "blocks": [1, 2, 2, 2]}
CANDIDATES = {  # name: (builder, its arguments, what is asked)
    "lenet5": ("lenet5", {}, "the floor"),
    "mini_xception": ("mini_xception", {}, "the field's small baseline"),
    "facex_cnn": ("facex_cnn", {}, "study E's own network"),
    "plain": ("facezoo_small", {**SMALL, "squeeze": 0, "stochastic_depth": 0}, "residual blocks"),
    "squeeze": ("facezoo_small", {**SMALL, "stochastic_depth": 0}, "and squeeze-and-excitation"),
    "small": ("facezoo_small", SMALL, "and stochastic depth"),
    "separable": (
        "facezoo_small",
        {"filters": [64, 128, 192, 320], "blocks": [1, 2, 2, 2], "separable": True},
        "depthwise-separable and twice as wide",
    ),
    "narrow-fine": (
        "facezoo_small",
        {"filters": [16, 32, 64, 128], "blocks": [1, 2, 2, 2], "stem_strides": 1},
        "narrower, at the full 48x48",
    ),
    "base": ("facezoo_base", {}, "wider and deeper"),
}


def recipe_of(name):
    builder, arguments, _ = CANDIDATES[name]
    return Recipe(
        name=f"candidate-{name}",
        builder=builder,
        builder_args=arguments,
        dataset="fer2013",
        protocol="public",
        limit=PICTURES,
        augmentation=Augmentation(flip=True, rotate=10, zoom=0.1, shift=0.1),
        label_smoothing=0.1,
        optimizer="adamw",
        optimizer_args={"weight_decay": 0.02},
        learning_rate=0.002,
        schedule=Schedule(kind="cosine", warmup_epochs=1),
        batch_size=BATCH,
        epochs=EPOCHS,
        monitor="val_accuracy",
    )


def measure(name, runs):
    """Train one candidate; return its row."""
    recipe = recipe_of(name)
    run = train(recipe, runs=runs, evaluate=False)
    model = load_run(run)
    metrics = run.metrics
    return {
        "candidate": name,
        "recipe": recipe.to_dict(),
        "what": CANDIDATES[name][2],
        "weights": model.count_params(),
        "multiply_adds": count_multiply_adds(model),
        "milliseconds": milliseconds(model),
        "seconds_per_epoch": metrics["seconds_per_epoch"],
        "validation_accuracy": metrics["validation"]["accuracy"],
        "validation_macro_f1": metrics["validation"]["macro_f1"],
    }


def milliseconds(model, batch=64, rounds=20):
    """Median milliseconds a picture in a batch."""
    pictures = np.random.default_rng(0).integers(0, 256, (batch, *model.input_shape[1:]), np.uint8)
    times = []
    for _ in range(rounds + 3):
        began = time.perf_counter()
        model.predict_on_batch(pictures)
        times.append(time.perf_counter() - began)
    return float(np.median(times[3:])) * 1000 / batch


def train_missing(folder):
    """Train what no other process of this benchmark has begun; a row a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CANDIDATES:
        place = folder / f"{name}.json"
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            row = measure(name, folder)
        except BaseException:
            place.unlink()
            raise
        with replacing(place) as beside:
            beside.write_text(json.dumps({"environment": environment(), "row": row}), "utf-8")
        print(name, row["validation_accuracy"], row["milliseconds"], flush=True)


def gather(folder):
    """Join the rows to results/candidates.json."""
    texts = [(folder / f"{name}.json") for name in CANDIDATES]
    done = [json.loads(p.read_text("utf-8")) for p in texts if p.exists() and p.stat().st_size]
    if not done:
        return
    last = max((found["environment"] for found in done), key=lambda e: e["date"])
    budget = {"pictures": PICTURES, "epochs": EPOCHS, "batch_size": BATCH}
    results = {"environment": last, "budget": budget, "rows": [found["row"] for found in done]}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    render()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--render", action="store_true", help="train nothing; write what is there")
    parser.add_argument("--runs", default="runs/benchmark-candidates", type=Path)
    options = parser.parse_args()
    if not options.render:
        train_missing(options.runs)
    gather(options.runs)


if __name__ == "__main__":
    main()
