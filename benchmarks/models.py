"""Weights, multiply-adds, milliseconds and file size of every network.

    python benchmarks/models.py [--only NAME ...] [--rounds 7] [--json FILE]
    python benchmarks/models.py --costs

Writes results/models.json and the whole of docs/models.md; with --costs it measures nothing
and writes facezoo/models/costs.json, which `facezoo models` prints: run it when a network
was added or changed.

`facezoo models --measure` measures the same on the machine at hand and stores nothing.
Networks are measured one after the other, so compare what lies far apart.
"""

import argparse
import json
from pathlib import Path

import keras
import render

from facezoo.models import STUDIES, build_model, get_builder, list_models
from facezoo.models.cost import count_multiply_adds, measure_file, measure_milliseconds
from facezoo.training import environment

STORED = render.ROOT / "results" / "models.json"
COSTS = render.ROOT / "facezoo" / "models" / "costs.json"


def costs(name, model):
    """What does not depend on the machine: a row of costs.json."""
    return {
        "input_shape": list(model.input_shape[1:]),
        "weights": model.count_params(),
        "multiply_adds": count_multiply_adds(model),
        "what_it_is": get_builder(name).__doc__.splitlines()[0],
    }


def measure(name, rounds):
    """Return the row of a network."""
    keras.utils.clear_session()
    model = build_model(name)
    return {
        "name": name,
        "study": STUDIES[name],
        **costs(name, model),
        "file_bytes": measure_file(model),
        "milliseconds": measure_milliseconds(model, rounds=rounds),
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
    parser.add_argument(
        "--only", nargs="+", choices=list_models(), metavar="NAME", help="keep the other rows"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, default=STORED, help="where the figures go")
    parser.add_argument("--costs", action="store_true", help="count only; write costs.json")
    options = parser.parse_args()
    if options.costs:
        write_costs()
        return
    rows = {}
    if options.only and options.json.exists():
        rows = {r["name"]: r for r in json.loads(options.json.read_text("utf-8"))["rows"]}
    for name in options.only or list_models():
        row = rows[name] = measure(name, options.rounds)
        taken = "  ".join(f"{k}: {v['median']} ms" for k, v in row["milliseconds"].items())
        print(f"{name:24}{row['multiply_adds']:>16,}  {taken}", flush=True)
    ordered = [rows[name] for name in sorted(rows)]
    result = {"environment": environment(), "rounds": options.rounds, "rows": ordered}
    options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if options.json == STORED:
        render.render()


if __name__ == "__main__":
    main()
