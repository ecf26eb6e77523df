"""Memory that an epoch over a small and a large prepared set takes.

    python benchmarks/memory.py [--json FILE] [--folder FOLDER] [--gigabytes 0.1 5]

Random 96x96x3 pictures are written in chunks to a .npy file in a temporary folder, memory-
mapped, and read for one shuffled epoch through `make_pipeline`, flipped at random; each size
in a process of its own. The figure is the peak of RssAnon in /proc/self/status, read every
5 ms: memory of the process itself, without the pages of the mapped file, which belong to the
system's cache and are given back when others need them. Linux only.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

SHAPE = (96, 96, 3)
CHUNK = 1000  # pictures written at once
ALLOWED_GROWTH = 100  # MB, from the smallest to the largest set


def write_pictures(path, gigabytes):
    """Write a uint8 (N, 96, 96, 3) array of random bytes and return N."""
    import numpy as np

    n = max(1, round(gigabytes * 1e9 / np.prod(SHAPE)))
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, *SHAPE))
    for start in range(0, n, CHUNK):
        size = min(CHUNK, n - start)
        array[start : start + size] = rng.integers(0, 256, (size, *SHAPE), np.uint8)
    array.flush()
    return n


def anonymous_megabytes():
    """Return RssAnon of this process."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1000
    raise SystemExit("no RssAnon in /proc/self/status: run this on Linux")


class Peak:
    """Context manager that keeps the highest RssAnon met meanwhile in `megabytes`."""

    def __enter__(self):
        """Start to look."""
        self.megabytes = anonymous_megabytes()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.005):
            self.megabytes = max(self.megabytes, anonymous_megabytes())


def read_epoch(path):
    """Read one epoch in this process; print the figures as JSON."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import numpy as np

    from facezoo.augment import Augmentation
    from facezoo.datasets.base import Split
    from facezoo.labels import EXPRESSION_7
    from facezoo.pipeline import make_pipeline

    images = np.load(path, mmap_mode="r")
    labels = np.zeros(len(images), np.int64)
    split = Split(images, labels, None, EXPRESSION_7)
    data = make_pipeline(split, 128, augmentation=Augmentation(flip=True), shuffle=True)
    before = anonymous_megabytes()
    start, pictures = time.perf_counter(), 0
    with Peak() as peak:
        for _, batch_labels in data:
            pictures += len(batch_labels)
    result = {
        "pictures": pictures,
        "seconds": round(time.perf_counter() - start, 1),
        "anonymous_mb_before": round(before, 1),
        "anonymous_mb_peak": round(peak.megabytes, 1),
    }
    print(json.dumps(result))


def measure(folder, gigabytes):
    """Write a set, read it in a new process, and return that process's figures."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = pathlib.Path(temporary) / "images.npy"
        written = write_pictures(path, gigabytes)
        command = [sys.executable, __file__, "--read", str(path)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        result = {"gigabytes": gigabytes, **json.loads(done.stdout.splitlines()[-1])}
    if result["pictures"] != written:
        raise SystemExit(f"wrote {written} pictures, read {result['pictures']}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures here")
    parser.add_argument("--folder", type=pathlib.Path, help="where to write; default: system's")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.1, 5])
    parser.add_argument("--read", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        read_epoch(arguments.read)
        return
    rows = [measure(arguments.folder, size) for size in arguments.gigabytes]
    growth = rows[-1]["anonymous_mb_peak"] - rows[0]["anonymous_mb_peak"]
    today = datetime.date.today().isoformat()
    print(f"{os.uname().machine}, {os.cpu_count()} cores, {today}, batch 128, 96x96x3")
    print(f"{'GB':>6}{'pictures':>10}{'seconds':>9}{'MB before':>11}{'MB peak':>9}")
    for row in rows:
        figures = f"{row['gigabytes']:>6}{row['pictures']:>10}{row['seconds']:>9}"
        print(f"{figures}{row['anonymous_mb_before']:>11}{row['anonymous_mb_peak']:>9}")
    print(f"growth {growth:.1f} MB, allowed {ALLOWED_GROWTH} MB")
    if arguments.json:
        result = {"date": today, "sets": rows, "growth_mb": round(growth, 1)}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    if growth >= ALLOWED_GROWTH:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
