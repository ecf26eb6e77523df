"""From a photo to an answer, timed: facezoo, and the package fer beside it where it is installed.

    python benchmarks/inference.py [--fer PYTHON] [--weights NAME_OR_FILE] [--json FILE]

PYTHON is the interpreter of an environment that has `fer` (7.6 GB; pip install fer). Both answer
for the same photographs of 640x480 pixels, composed of one or ten heads of CMU's photographs on a
gray wall, so that it is known where faces are; one process each, asked in turn, two threads each.
A face counts as found if the middle of a box lies in the middle half of its head's photograph.

Told are: milliseconds a photograph from array to answer, the share of faces found, boxes that hold
none, milliseconds a face of the network alone, seconds to import and to the first answer, and
facezoo's alone for a folder of 1,000 photographs and for video.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pages import ROOT
from PIL import Image

STORED = ROOT / "results" / "inference.json"
WORKER = Path(__file__).with_name("inference_worker.py")
THREADS, ROUNDS, FOLDER, FRAMES = 2, 7, 1000, 300
WIDTH, HEIGHT, HEAD = 640, 480, (128, 120)
WALL = 128


def photographs(count, heads, seed):
    """Return [(uint8 (480, 640, 3), [(left, top) of every head's photograph])]."""
    from facezoo import load_dataset

    data = load_dataset("cmu_faces", target="pose", protocol="random80")
    straight = data.label_set.index("straight")
    pool = data.test.images[np.flatnonzero(data.test.classes == straight)]
    rng = np.random.default_rng(seed)
    columns, rows = WIDTH // HEAD[0], HEIGHT // HEAD[1]
    made = []
    for _ in range(count):
        picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
        cells = rng.choice(columns * rows, heads, replace=False)
        corners = [(int(c % columns) * HEAD[0], int(c // columns) * HEAD[1]) for c in cells]
        for (left, top), head in zip(corners, rng.choice(len(pool), heads), strict=True):
            face = Image.fromarray(pool[head][..., 0]).resize(HEAD, Image.Resampling.BICUBIC)
            picture[top : top + HEAD[1], left : left + HEAD[0]] = np.asarray(face)[..., None]
        made.append((picture, corners))
    return made


class Worker:
    """A contender in a process of its own that answers for one file after the other."""

    def __init__(self, python, name, weights=""):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(THREADS),
            "TF_NUM_INTRAOP_THREADS": str(THREADS),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [python, str(WORKER), name, weights, str(THREADS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.started = json.loads(self.process.stdout.readline())
        self.started["cold_start"] = time.perf_counter() - began

    def ask(self, **question):
        """Return the answer to a question, both JSON."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def found(boxes, corners):
    """Return (faces found, boxes that hold none)."""
    width, height = HEAD
    hit, wrong = set(), 0
    for left, top, across, down in boxes:
        x, y = left + across / 2, top + down / 2
        inside = [
            i
            for i, (cx, cy) in enumerate(corners)
            if abs(x - cx - width / 2) < width / 4 and abs(y - cy - height / 2) < height / 4
        ]
        hit |= set(inside)
        wrong += not inside
    return len(hit), wrong


def compare(workers, folder):
    """Ask every contender about the same photographs, in turn."""
    rows = []
    for heads in (1, 10):
        paths = []
        for i, (picture, corners) in enumerate(photographs(12, heads, seed=heads)):
            path = folder / f"{heads}-{i}.npy"
            np.save(path, picture)
            paths.append((path, corners))
        taken = {name: [] for name in workers}
        counts = {name: [0, 0, 0] for name in workers}
        for turn in range(ROUNDS):
            for path, corners in paths:
                for name, worker in workers.items():
                    answer = worker.ask(photo=str(path))
                    taken[name].append(answer["ms"])
                    if turn == 0:
                        hit, wrong = found(answer["boxes"], corners)
                        for k, value in enumerate((hit, wrong, len(corners))):
                            counts[name][k] += value
        for name in workers:
            hit, wrong, faces = counts[name]
            rows.append(
                {
                    "name": name,
                    "heads": heads,
                    "milliseconds": statistics.median(taken[name]),
                    "recall": hit / faces,
                    "false_boxes": wrong,
                    "faces": faces,
                }
            )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fer", help="interpreter of an environment with fer")
    parser.add_argument("--weights", default="facezoo_base")
    parser.add_argument("--json", type=Path, default=STORED, help="where the figures go")
    options = parser.parse_args()
    from facezoo.training import environment

    workers = {"facezoo": Worker(sys.executable, "facezoo", options.weights)}
    if options.fer:
        workers["fer"] = Worker(options.fer, "fer")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows = compare(workers, folder)
        classify = {
            name: {batch: worker.ask(faces=batch)["ms"] for batch in (1, 64)}
            for name, worker in workers.items()
        }
        alone = {"folder": workers["facezoo"].ask(folder=FOLDER, place=str(folder))}
        for every in (1, 3, 5):
            alone[f"video, every {every}"] = workers["facezoo"].ask(
                frames=FRAMES, every=every, place=str(folder)
            )
    result = {
        "environment": environment(),
        "threads": THREADS,
        "weights": options.weights,
        "started": {name: worker.started for name, worker in workers.items()},
        "photographs": rows,
        "milliseconds_a_face": classify,
        "facezoo_alone": alone,
    }
    for worker in workers.values():
        worker.close()
    options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
