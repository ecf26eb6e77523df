"""The pyramid pooling module: its literal form against the cheap one, which it equals.

    python benchmarks/ippm.py [--rounds 9] [--json FILE]

Shapes are those of the last feature maps of ResNet50 and VGG19 on pictures of 48x48 and
224x224. One process, both forms in turn within a round, the first round warms up and is not
counted; a ratio is taken within its round, since the speed of a shared machine wanders.
Answering is `predict_on_batch`, training `train_on_batch` with plain SGD.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import render

from facezoo.models.ippm import InceptionPyramidPooling
from facezoo.training import environment

STORED = render.ROOT / "results" / "ippm_speed.json"
SHAPES = {  # (batch, h, w, c); study B's batch is 64, fewer where the literal form needs GBs
    "ResNet50, 48x48": (64, 2, 2, 2048),
    "VGG19, 48x48": (64, 1, 1, 512),
    "ResNet50, 224x224": (8, 7, 7, 2048),
    "VGG19, 224x224": (8, 7, 7, 512),
}
FORMS = {"literal": True, "cheap": False}


def module(shape, literal):
    """The module with its default factors and kernel sizes, as a compiled model."""
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, InceptionPyramidPooling(literal=literal)(inputs))
    model.compile("sgd", "mean_squared_error")
    return model


def seconds(function, *arguments):
    begun = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begun


def measure(shape, rounds):
    """Return {"answering" and "training": {form: milliseconds a batch, "ratio"}}."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=shape).astype("float32")
    models = {form: module(shape, literal) for form, literal in FORMS.items()}
    targets = np.zeros((*shape[:3], models["cheap"].output_shape[-1]), "float32")
    taken = {"answering": [], "training": []}
    for _ in range(rounds + 1):
        for what, rows in taken.items():
            training = what == "training"
            row = {}
            for form, model in models.items():
                arguments = (maps, targets) if training else (maps,)
                function = model.train_on_batch if training else model.predict_on_batch
                row[form] = seconds(function, *arguments)
            rows.append(row)
    return {what: summary(rows[1:]) for what, rows in taken.items()}


def summary(rows):
    """Medians of the rounds, in milliseconds, and the median of the rounds' ratios."""
    figures = {
        form: round(1000 * statistics.median(row[form] for row in rows), 3) for form in FORMS
    }
    ratio = statistics.median(row["literal"] / row["cheap"] for row in rows)
    return {**figures, "ratio": round(ratio, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, default=STORED, help="where the figures go")
    options = parser.parse_args()
    rows = []
    for name, shape in SHAPES.items():
        rows.append({"maps": name, "shape": list(shape), **measure(shape, options.rounds)})
        print(rows[-1], flush=True)
    result = {"environment": environment(), "rounds": options.rounds, "rows": rows}
    options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if options.json == STORED:
        render.render()


if __name__ == "__main__":
    main()
