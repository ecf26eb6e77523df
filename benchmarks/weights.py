"""Release trained runs as weights; time them; write their cards.

    python benchmarks/weights.py release RUN NAME [--seeds RUN ...] [--default] [--int8]
    python benchmarks/weights.py complete
    python benchmarks/weights.py measure
    python benchmarks/weights.py render

`release` writes into facezoo/weights/; `complete` measures on other data sets what was released
where they were not prepared; `measure` writes results/weights.json (milliseconds on
onnxruntime, two threads); every command renders docs/weights.md, docs/weights/ and README anew.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
from pages import ROOT
from render import render as render_tables
from render_cards import card_page
from render_weights import weights_page

from facezoo import plots
from facezoo.files import replacing
from facezoo.releasing import measure_elsewhere, release
from facezoo.report import Report
from facezoo.runs import RunFolder
from facezoo.runtime import OnnxNetwork
from facezoo.training import environment
from facezoo.weights import get_card, list_weights
from facezoo.weights.manifest import weight_file

STORED = ROOT / "results" / "weights.json"
CARDS = ROOT / "docs" / "weights"
THREADS, ROUNDS = 2, 15


def release_run(options):
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    facts = {"commit": commit}
    run = RunFolder(options.run)
    card = release(
        run,
        options.name,
        seeds=[RunFolder(path) for path in options.seeds],
        default=options.default,
        int8=options.int8,
        facts=facts,
    )
    print(card.name, card.metrics["test"]["accuracy"], card.metrics["onnx"])


def complete_cards(options):
    for name in list_weights():
        print(name, *measure_elsewhere(name))


def measure(options):
    """Time every shipped file, alternating, so that a busy moment hits all of them."""
    paths = {
        (name, kind): weight_file(get_card(name), kind)
        for name in list_weights()
        for kind in get_card(name).files
        if kind != "keras"
    }
    networks = {key: OnnxNetwork(path, threads=THREADS) for key, path in paths.items()}
    taken = {key: {1: [], 64: []} for key in networks}
    for _ in range(ROUNDS):
        for key, network in networks.items():
            for batch, repeats in ((1, 20), (64, 2)):
                pictures = np.zeros((batch, *network.input_shape), np.uint8)
                network.predict(pictures)
                began = time.perf_counter()
                for _ in range(repeats):
                    network.predict(pictures)
                seconds = (time.perf_counter() - began) / repeats / batch
                taken[key][batch].append(seconds * 1000)
    rows = [
        {
            "name": name,
            "file": kind,
            "milliseconds": {batch: statistics.median(ms) for batch, ms in times.items()},
        }
        for (name, kind), times in taken.items()
    ]
    result = {"environment": environment(), "threads": THREADS, "rounds": ROUNDS, "rows": rows}
    STORED.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def render():
    page = weights_page()
    if page is None:
        return
    (ROOT / "docs" / "weights.md").write_text(page, "utf-8")
    render_tables()
    CARDS.mkdir(exist_ok=True)
    for name in list_weights():
        card = get_card(name)
        report = Report.from_dict(card.metrics["test"])
        (CARDS / f"{name}.md").write_text(card_page(card), "utf-8")
        figures = {
            "confusion": plots.confusion_matrix(report, title=name),
            "reliability": plots.reliability_diagram(report),
        }
        for kind, figure in figures.items():
            with replacing(CARDS / f"{name}-{kind}.png") as beside:
                figure.savefig(beside)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    releasing = commands.add_parser("release")
    releasing.add_argument("run", type=Path)
    releasing.add_argument("name")
    releasing.add_argument("--seeds", type=Path, nargs="+", default=())
    releasing.add_argument("--default", action="store_true")
    releasing.add_argument("--int8", action="store_true")
    releasing.set_defaults(do=release_run)
    commands.add_parser("complete").set_defaults(do=complete_cards)
    commands.add_parser("measure").set_defaults(do=measure)
    commands.add_parser("render").set_defaults(do=lambda options: None)
    options = parser.parse_args()
    options.do(options)
    render()


if __name__ == "__main__":
    main()
