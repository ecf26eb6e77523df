"""A training step with the kernels of `facezoo.kernels` against Keras' own ones on TensorFlow.

    python benchmarks/kernels.py [--rounds 5]

One process a network, both forms in turn within a round; the first round compiles and is not
counted. A ratio is taken within its round, since the speed of a shared machine wanders. A step is
`train_on_batch` of 64 random pictures with Adam.
"""

import argparse
import json
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import keras
import numpy as np
import render
from pages import ROOT

from facezoo import backend
from facezoo.kernels import quicken
from facezoo.models import build_model
from facezoo.training import environment

STORED = ROOT / "results" / "kernels.json"
NETWORKS = {  # in the precision that its recipes compute in
    "facezoo_small": "mixed_bfloat16",
    "mini_xception": "mixed_bfloat16",
    "facex_cnn": "mixed_bfloat16",
    "resnet50_ippm": "mixed_bfloat16",
    "mobilenetv3_small": "float32",
}
BATCH, STEPS = 64, 3


def compiled(name, quick):
    model = build_model(name)
    if quick:
        quicken(model)
    model.compile(
        "adam", "sparse_categorical_crossentropy", jit_compile=backend.jit_compile_default()
    )
    return model


def measure(name, policy, rounds):
    """Return a row: milliseconds a step in both forms, and how many times faster ours is."""
    backend.keep_freed_memory()
    keras.config.set_dtype_policy(policy)
    forms = {"ours": compiled(name, True), "keras": compiled(name, False)}
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (BATCH, 48, 48, 1), dtype=np.uint8)
    labels = generator.integers(0, 7, BATCH)
    taken = []
    for number in range(rounds + 1):
        taken.append({})
        for form, model in list(forms.items())[:: -1 if number % 2 else 1]:
            begun = time.perf_counter()
            for _ in range(STEPS):
                model.train_on_batch(pixels, labels)
            taken[-1][form] = 1000 * (time.perf_counter() - begun) / STEPS
    middle = {form: statistics.median(row[form] for row in taken[1:]) for form in forms}
    ratio = statistics.median(row["keras"] / row["ours"] for row in taken[1:])
    figures = {form: round(value, 1) for form, value in middle.items()}
    return {"network": name, "precision": policy, **figures, "faster": round(ratio, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    rows = []
    for name, policy in NETWORKS.items():
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            rows.append(fresh.submit(measure, name, policy, rounds).result())
        print(rows[-1], flush=True)
    result = {"environment": environment(), "rounds": rounds, "batch": BATCH, "rows": rows}
    STORED.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    render.render()


if __name__ == "__main__":
    main()
