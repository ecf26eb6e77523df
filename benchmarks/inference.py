"""From a photo to an answer, timed: facezoo, and the package fer beside it where it is installed.

    python benchmarks/inference.py --fer PYTHON

PYTHON is the interpreter of an environment that has `fer`; what its MTCNN alone needs (PyTorch,
facenet-pytorch) may be left out, for both sides find faces with OpenCV's Haar cascade here. Both
answer for the same photographs of 640x480 pixels, composed of one or ten heads of CMU's
photographs on a gray wall, so that it is known where faces are; a process each, asked in turn, two
threads each. A face counts as found if the middle of a box lies in the middle half of its head's
photograph.

Told are: seconds to import and to the first answer of a new process; milliseconds a photograph,
from array to answer, with the share of faces found and the boxes that hold none; milliseconds a
face of the networks alone, by runtime; where the time of a photograph goes; and facezoo's rate for
a folder of 1,000 JPEG files and for video, where faces are looked for on every Nth frame and
followed between.
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
from composites import composites, found
from pages import ROOT
from render import render

from facezoo.weights import get_card, list_weights
from facezoo.weights.manifest import weight_file

STORED = ROOT / "results" / "inference.json"
WORKER = Path(__file__).with_name("inference_worker.py")
THREADS, STARTS, ROUNDS, PHOTOS, FOLDER, FRAMES = 2, 5, 7, 12, 1000, 300
FERS = {"fer": "TensorFlow Lite, int8", "fer-keras": "Keras"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fer", help="interpreter of an environment with fer")
    measured = measure(parser.parse_args().fer)
    STORED.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    render()


def measure(fer):
    """Return all the figures."""
    from facezoo.training import environment

    pythons = {"facezoo": sys.executable} | (dict.fromkeys(FERS, fer) if fer else {})
    with tempfile.TemporaryDirectory() as folder:
        photos = {heads: photographs(Path(folder), heads) for heads in (1, 10)}
        started = starts(pythons, photos[1][0][0])
        workers = {name: Worker(python, name, photos[1][0][0]) for name, python in pythons.items()}
        try:
            ours = workers["facezoo"]
            return {
                "environment": environment(),
                "threads": THREADS,
                "weights": get_card("facezoo_base").name,
                "rounds": ROUNDS,
                "versions": {n: worker.started["version"] for n, worker in workers.items()},
                "started": started,
                "photographs": [compare(workers, heads, taken) for heads, taken in photos.items()],
                "networks": networks(workers),
                "parts": {heads: ours.ask(parts=taken[0][0]) for heads, taken in photos.items()},
                "folder": ours.ask(folder=FOLDER, like=photos[1][0][0]),
                "video": [
                    {"every": n, **ours.ask(frames=FRAMES, every=n, like=photos[1][0][0])}
                    for n in (1, 3, 5)
                ],
            }
        finally:
            for worker in workers.values():
                worker.close()


def photographs(folder, heads):
    """Write `composites` as .npy; return them with paths in place of pixels."""
    written = []
    for number, (picture, faces_at) in enumerate(composites(PHOTOS, heads)):
        path = folder / f"{heads}-{number}.npy"
        np.save(path, picture)
        written.append((str(path), faces_at))
    return written


class Worker:
    """A contender in a process of its own that answers one question after the other."""

    def __init__(self, python, name, photo):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(THREADS),
            "TF_NUM_INTRAOP_THREADS": str(THREADS),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [python, str(WORKER), name, photo, str(THREADS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.started = self._read()
        self.started["first_answer"] = time.perf_counter() - began

    def ask(self, **question):
        """Return the answer to a question, both JSON."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[:3]} ended with {self.process.wait()}")
        return json.loads(line)

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def starts(pythons, photo):
    """Return `{contender: {"import": seconds, "first_answer": seconds}}`, started in turn."""
    taken = {name: [] for name in pythons}
    for _ in range(STARTS):
        for name, python in pythons.items():
            worker = Worker(python, name, photo)
            taken[name].append(worker.started)
            worker.close()
    return {
        name: {
            what: statistics.median(t[what] for t in all_) for what in ("import", "first_answer")
        }
        for name, all_ in taken.items()
    }


def compare(workers, heads, photos):
    """Ask every contender about the same photographs, in turn."""
    taken = {name: [] for name in workers}
    counts = {name: np.zeros(2, int) for name in workers}
    for turn in range(ROUNDS):
        for path, faces_at in photos:
            for name, worker in workers.items():
                answer = worker.ask(photo=path)
                taken[name].append(answer["ms"])
                if turn == 0:
                    counts[name] += found(answer["boxes"], faces_at)
    faces = heads * len(photos)
    return {
        "heads": heads,
        "faces": faces,
        "contenders": {
            name: {
                "milliseconds": statistics.median(taken[name]),
                "recall": hit / faces,
                "false_boxes": wrong,
            }
            for name, (hit, wrong) in ((name, counts[name].tolist()) for name in workers)
        },
    }


def networks(workers):
    """Time every network alone, by runtime, in turn; a row each."""
    asked = [(name, kind, name, None) for name, kind in FERS.items() if name in workers]
    for name in list_weights():
        files = get_card(name).files
        for kind in ("onnx", "onnx-int8"):
            if kind in files:
                path = str(weight_file(get_card(name), kind))
                asked.append((name, kind, "facezoo", {"path": path}))
        asked.append((name, "Keras", "facezoo", {"weights": name}))
    rows = []
    for batch in (1, 64):
        taken = [[] for _ in asked]
        for _ in range(ROUNDS):
            for times, (_, _, worker, network) in zip(taken, asked, strict=True):
                times.append(workers[worker].ask(faces=batch, network=network)["ms"])
        for times, (name, runtime, _, _) in zip(taken, asked, strict=True):
            rows.append(
                {
                    "name": name,
                    "runtime": runtime,
                    "batch": batch,
                    "milliseconds": statistics.median(times),
                }
            )
    return rows


if __name__ == "__main__":
    main()
