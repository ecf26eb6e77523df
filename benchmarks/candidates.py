"""Networks for small gray faces, side by side: one short, equal budget each.

    python benchmarks/candidates.py            # trains what is missing, about 10 minutes each
    python benchmarks/candidates.py --render   # trains nothing

Every candidate sees the same 8,000 training pictures of `fer2013/public` in the same order
for the same epochs, and is judged on the validation pictures alone: PublicTest stays shut.
So short a training ranks networks by how fast they learn; it says nothing about where they
end. A candidate that is done or begun is passed over, so that a stopped run goes on and two
processes share the work. An empty file under --runs is one that was killed: delete it.
"""

from cells import gather, options, run_missing
from pages import ROOT

from facezoo import Augmentation, Recipe, train
from facezoo.models.cost import count_multiply_adds, measure_milliseconds
from facezoo.recipes.base import Schedule
from facezoo.weights import load_model

RESULTS = ROOT / "results" / "candidates.json"
PICTURES, EPOCHS, BATCH = 8000, 10, 64
SMALL = {"filters": [32, 64, 96, 160], "blocks": [1, 2, 2, 2], "stem": "strided"}
BASE = {"filters": [32, 64, 128, 256], "blocks": [1, 2, 3, 2]}
CANDIDATES = {  # name: (builder, its arguments, what is asked)
    "lenet5": ("lenet5", {}, "the floor"),
    "mini_xception": ("mini_xception", {}, "the field's small baseline"),
    "plain": ("facezoo_small", {**SMALL, "squeeze": 0, "stochastic_depth": 0}, "residual blocks"),
    "squeeze": ("facezoo_small", {**SMALL, "stochastic_depth": 0}, "squeeze-and-excitation"),
    "small": ("facezoo_small", SMALL, "squeezed, stochastic depth"),
    "pooled": (
        "facezoo_small",
        {**SMALL, "stem": "pooled"},
        "squeezed, stochastic depth, pooled stem",
    ),
    "separable": (
        "facezoo_small",
        {**SMALL, "filters": [64, 128, 192, 320], "separable": True},
        "depthwise-separable, twice as wide, strided stem",
    ),
    "base": (
        "facezoo_base",
        BASE,
        "wider, deeper, more dropout",
    ),
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
    model = load_model(run)
    metrics = run.metrics
    return {
        "candidate": name,
        "recipe": recipe.to_dict(),
        "what": CANDIDATES[name][2],
        "weights": model.count_params(),
        "multiply_adds": count_multiply_adds(model),
        "milliseconds": measure_milliseconds(model, rounds=5)[64]["median"],
        "seconds_per_epoch": metrics["seconds_per_epoch"],
        "validation_accuracy": metrics["validation"]["accuracy"],
        "validation_macro_f1": metrics["validation"]["macro_f1"],
    }


def main():
    chosen = options(__doc__.splitlines()[0], "runs/benchmark-candidates")
    todo = {name: (name, chosen.runs) for name in CANDIDATES}
    facts = {"budget": {"pictures": PICTURES, "epochs": EPOCHS, "batch_size": BATCH}}
    if not chosen.render:
        run_missing(chosen.runs, todo, measure, RESULTS, **facts)
    gather(chosen.runs, todo, RESULTS, **facts)


if __name__ == "__main__":
    main()
