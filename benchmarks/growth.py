"""Whether long work grows: python benchmarks/growth.py epochs|trials

LeNet-5 on drawn faces: one training of 200 epochs, and one search of 500 trials of one epoch each.
After every epoch and trial, the anonymous memory and the open files of all processes at work are
read from /proc, those that the search started included. Told are the slope of a line through all
but the first tenth, and the most that was seen.
"""

import argparse
import json
import os
import tempfile
import time

import keras
import numpy as np
from pages import ROOT
from render import render
from watch import descendants, megabytes

from facezoo import get_recipe, train, tune
from facezoo.training import environment

STORED = ROOT / "results" / "growth.json"
EPOCHS, TRIALS = 200, 500
RECIPE = get_recipe("synthetic-lenet5-expression").override({"limit": 256, "patience": None})


class Watch(keras.callbacks.Callback):
    """Reads memory and open files, at the end of an epoch or as a search tells of itself."""

    def __init__(self):
        super().__init__()
        self.read = {}  # number of the epoch or trial: (MB, open files)

    def on_epoch_end(self, epoch, logs=None):
        """Called by Keras."""
        self(epoch + 1)

    def __call__(self, number, *_):
        """Read for epoch or trial `number`."""
        at_work = [os.getpid(), *descendants(os.getpid())]
        memory = sum(megabytes(pid, "RssAnon") for pid in at_work)
        files = sum(open_files(pid) for pid in at_work)
        most = max(self.read.get(number, (0,))[0], memory)
        self.read[number] = (most, files)


def open_files(pid):
    """Return how many a process has; 0 once it has ended."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def epochs(watch, folder):
    """Train once, for long."""
    train(RECIPE.override({"epochs": EPOCHS}), runs=folder, callbacks=[watch], evaluate=False)


def trials(watch, folder):
    """Search once, for long."""
    rates = np.geomspace(1e-5, 1e-2, TRIALS).tolist()
    recipe = RECIPE.override({"epochs": 1, "limit": 64})
    tune(recipe, {"learning_rate": rates}, method="grid", seeds=0, runs=folder, told=watch)


def row(watch, seconds):
    """Return what was read, as a row."""
    numbers = np.array(sorted(n for n in watch.read if n))
    memory, files = np.array([watch.read[n] for n in numbers]).T
    later = numbers > numbers[-1] / 10
    slopes = [np.polyfit(numbers[later], each[later], 1)[0] for each in (memory, files)]
    return {
        "count": int(numbers[-1]),
        "seconds": seconds,
        "megabytes_each": float(slopes[0]),
        "megabytes_most": float(memory.max()),
        "files_each": float(slopes[1]),
        "files_most": int(files.max()),
        "environment": environment(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["epochs", "trials"])
    what = parser.parse_args().what
    watch, began = Watch(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        {"epochs": epochs, "trials": trials}[what](watch, folder)
    rows = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}
    rows[what] = row(watch, time.perf_counter() - began)
    STORED.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    render()


if __name__ == "__main__":
    main()
