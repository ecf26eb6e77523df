"""What a batch costs on 1 and 2 virtual devices of one host, on JAX: python benchmarks/parallel.py

Devices of a processor share its cores: two are faster than one only where one leaves a core idle,
and slower by what sharing a batch out and adding up its gradients costs. One process has both
device counts and
times their steps alternating. Needs JAX; writes results/parallel.json and docs/parallel.md.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import argparse
import json
import statistics
import time

import keras
import numpy as np
from pages import ROOT
from render import render

from facezoo.models import build_model
from facezoo.parallel import Parallel
from facezoo.training import environment

STORED = ROOT / "results" / "parallel.json"
NETWORKS, DEVICES, BATCH = ("lenet5", "facezoo_small"), (1, 2), 128


def stepper(name, devices):
    """Return a function that trains a network on one batch and returns its seconds."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, 48, 48, 1), dtype=np.uint8)
    labels = rng.integers(0, 7, BATCH)
    parallel = Parallel(devices)
    with parallel.scope():
        keras.utils.set_random_seed(0)
        model = build_model(name)
        model.compile("adam", "sparse_categorical_crossentropy")

    def step():
        with parallel.scope():
            began = time.perf_counter()
            model.train_on_batch(images, labels)
            return time.perf_counter() - began

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    rows = []
    for name in NETWORKS:
        steps = {devices: stepper(name, devices) for devices in DEVICES}
        for step in steps.values():
            step()  # compiles
        taken = {devices: [] for devices in DEVICES}
        for _ in range(rounds):
            for devices, step in steps.items():
                taken[devices].append(step())
        seconds = {devices: statistics.median(each) for devices, each in taken.items()}
        rows.append({"network": name, "milliseconds": {d: s * 1000 for d, s in seconds.items()}})
        print(rows[-1], flush=True)
    result = {"environment": environment(), "batch": BATCH, "rounds": rounds, "rows": rows}
    STORED.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    render()


if __name__ == "__main__":
    main()
