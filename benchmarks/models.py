"""Weights, multiply-adds, milliseconds and file size of every network.

    python benchmarks/models.py [--only NAME ...] [--rounds 7] [--json FILE]
    python benchmarks/models.py --costs

Writes results/models.json and the whole of docs/models.md; with --costs it measures nothing
and writes facezoo/models/costs.json, which `facezoo models` prints: run it when a network
was added or changed.

Milliseconds are those of `model.predict_on_batch`, Keras' own compiled path, on random
pictures of the default size that are already in memory: build, one call a batch size to
trace and warm up, then rounds that take the batch sizes in turn, each for a quarter of a
second at least. Networks are measured one after the other, so compare what lies far apart.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import render

from facezoo.models import STUDIES, build_model, get_builder, list_models
from facezoo.models.cost import count_multiply_adds
from facezoo.training import environment

STORED = render.ROOT / "results" / "models.json"
COSTS = render.ROOT / "facezoo" / "models" / "costs.json"
BATCHES = (1, 64)
SECONDS = 0.25  # of a round; a small network answers dozens of times in it


def costs(name, model):
    """What does not depend on the machine: a row of costs.json."""
    return {
        "input_shape": list(model.input_shape[1:]),
        "weights": model.count_params(),
        "multiply_adds": count_multiply_adds(model),
        "what_it_is": get_builder(name).__doc__.splitlines()[0],
    }


def milliseconds_a_picture(model, pictures):
    """Answer for SECONDS or more; return the mean of the round."""
    calls, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < SECONDS or not calls:
        model.predict_on_batch(pictures)
        calls += 1
    return 1000 * spent / (calls * len(pictures))


def timings(model, rounds):
    """Return {batch size: {"median", "lowest", "highest"}}, milliseconds a picture."""
    rng = np.random.default_rng(0)
    shapes = [(batch, *model.input_shape[1:]) for batch in BATCHES]
    inputs = [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
    for pictures in 2 * inputs:  # the second call of a shape is traced no more
        model.predict_on_batch(pictures)
    taken = [
        [milliseconds_a_picture(model, pictures) for pictures in inputs] for _ in range(rounds)
    ]
    return {
        str(batch): {
            "median": round(statistics.median(values), 4),
            "lowest": round(min(values), 4),
            "highest": round(max(values), 4),
        }
        for batch, values in zip(BATCHES, zip(*taken, strict=True), strict=True)
    }


def file_bytes(model):
    """Size of the .keras file: float32 weights and the graph."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        return (Path(folder) / "model.keras").stat().st_size


def measure(name, rounds):
    """Return the row of a network."""
    keras.utils.clear_session()
    model = build_model(name)
    return {
        "name": name,
        "study": STUDIES[name],
        **costs(name, model),
        "file_bytes": file_bytes(model),
        "milliseconds": timings(model, rounds),
        "jit_compile": model.jit_compile,
    }


def write_costs():
    rows = {}
    for name in list_models():
        keras.utils.clear_session()
        rows[name] = costs(name, build_model(name))
    COSTS.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list_models(), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, default=STORED, help="where the figures go")
    parser.add_argument("--costs", action="store_true", help="count only; write costs.json")
    options = parser.parse_args()
    if options.costs:
        write_costs()
        return
    rows = []
    for name in options.only or list_models():
        rows.append(measure(name, options.rounds))
        taken = "  ".join(f"{k}: {v['median']} ms" for k, v in rows[-1]["milliseconds"].items())
        print(f"{name:24}{rows[-1]['multiply_adds']:>16,}  {taken}", flush=True)
    result = {"environment": environment(), "rounds": options.rounds, "rows": rows}
    options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if options.json == STORED:
        render.render()


if __name__ == "__main__":
    main()
