"""Figures in the README and the pages under docs/ are rendered from stored results, not typed."""

import dataclasses
import json
import re
import sys
from pathlib import Path

import pytest

from facezoo.recipes import get_recipe
from facezoo.reproduction import results_page
from facezoo.weights import get_card, list_weights
from facezoo.weights.manifest import FOLDER

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import cells  # noqa: E402 - benchmarks are scripts, not a package
import render  # noqa: E402
import render_cards  # noqa: E402
import render_reliability  # noqa: E402
import render_speed  # noqa: E402
import render_weights  # noqa: E402
from pages import changes  # noqa: E402


def seeds_of(*accuracies):
    figures = {"n": 9, "macro_f1": 0.5, "log_loss": 1.0}
    return [
        {"seed": n, "test": {**figures, "accuracy": a}, "validation": {**figures, "accuracy": a}}
        for n, a in enumerate(accuracies)
    ]


def test_a_card_tells_of_its_seeds_and_of_the_majority():
    card = get_card("facezoo_base")
    assert "Against the label" not in render_cards.card_page(card)
    card.metrics["seeds"] = seeds_of(0.7, 0.68)
    card.metrics["majority"] = {"n": 3_199, "accuracy": 0.85, "accuracy_interval": [0.84, 0.86]}
    page = render_cards.card_page(card)
    assert "Mean over 2 seeds: 0.690 ± 0.014 (0.700 of seed 0, 0.680 of seed 1, as trained)" in page
    assert "where there is one: 0.850 (0.840 to 0.860) on 3,199." in page


@pytest.mark.parametrize(
    ("teacher", "said", "command"),
    [
        (
            "lenet5.fer2013-v1",
            "50% from the answers of `lenet5.fer2013-v1`.",
            "teacher=lenet5.fer2013-v1",
        ),
        ("gone.fer2013-v1", "`gone.fer2013-v1`, not shipped any more", "teacher=RUN"),
    ],
)
def test_a_card_tells_who_taught_and_the_command_that_trains_again(teacher, said, command):
    card = get_card("facezoo_base")
    recipe = get_recipe("facezoo-base-fer2013-taught").override({"teacher": teacher, "epochs": 7})
    page = render_cards.card_page(dataclasses.replace(card, trained_by=recipe.to_dict()))
    assert said in page
    (line,) = (line for line in page.splitlines() if line.startswith("facezoo train"))
    given = {"--set epochs=7", f"--set {command}"}
    assert set(re.findall(r"--set \S+", line)) == given
    assert line.startswith("facezoo train facezoo-base-fer2013-taught ")


def test_a_recipe_tells_what_it_changes_as_set_takes_it():
    recipe = get_recipe("facex-vgg16")
    assert changes(recipe) == {}
    changed = {"augmentation.erase": 0.2, "schedule.kind": "cosine", "mixup": 0.2}
    assert changes(recipe.override(changed)) == changed
    scratch = {"builder_args": {}, "augmentation": None}  # fewer keys cannot be set one by one
    assert changes(recipe.override(scratch)) == scratch


def test_stored_cells_are_measured_once_more_only_if_their_facts_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "render", lambda: None)
    measured, stored, every = [], tmp_path / "stored.json", {"a": (1,), "b": (2,), "c": (3,)}

    def run(runs, todo, **facts):
        folder = tmp_path / runs
        cells.run_missing(folder, todo, lambda n: measured.append(n) or {"n": n}, stored, **facts)
        cells.gather(tmp_path / runs, every, stored, **facts)
        return json.loads(stored.read_text())

    run("here", {"b": (2,)}, budget=1)
    results = run("there", every, budget=1)
    assert measured == [2, 1, 3]
    assert [row["n"] for row in results["rows"]] == [1, 2, 3]
    assert list(results["cells"]) == ["a", "b", "c"]
    assert run("there", {"a": (1,)}, budget=2)["rows"] == [{"n": 1}]
    assert measured == [2, 1, 3, 1]


@pytest.mark.parametrize("name", render.TABLES)
def test_a_page_shows_what_was_stored(name):
    text = render.place(name).read_text("utf-8")
    table = render.shown(name)
    if table is None:  # then nothing may stand between the marks
        table = "".join(render.marks(name))
    assert table in text


def test_the_page_on_the_networks_is_what_was_stored():
    page = render.models_page()
    if page is None:
        pytest.skip("results/models.json was not measured yet")
    assert (ROOT / "docs" / "models.md").read_text("utf-8") == page


def test_the_page_on_the_studies_is_what_was_stored():
    assert (ROOT / "docs" / "results.md").read_text("utf-8") == results_page(ROOT / "results")


def test_the_page_on_data_is_what_was_stored():
    page = render.data_page()
    if page is None:
        pytest.skip("results/data.json was not measured yet")
    assert (ROOT / "docs" / "data.md").read_text("utf-8") == page


def test_the_page_on_reliability_is_what_was_stored():
    page = render_reliability.reliability_page()
    if page is None:
        pytest.skip("neither results/kill.json nor results/fuzz.json was measured yet")
    assert (ROOT / "docs" / "reliability.md").read_text("utf-8") == page


def test_the_page_on_reliability_tells_what_long_work_costs(tmp_path):
    made = {"date": "2026-01-02T03:04", "processor": "P", "keras": "3", "backend": "jax"}
    row = {"count": 200, "seconds": 1.0, "environment": made}
    row |= {"megabytes_each": 0.0188, "megabytes_most": 396.8}
    row |= {"files_each": -1e-18, "files_most": 7}
    (tmp_path / "growth.json").write_text(json.dumps({"epochs": row}))
    page = render_reliability.reliability_page(tmp_path)
    assert "| one training of 200 epochs | 397 | +0.019 | 7 | -0.0000 |" in page
    assert "`python benchmarks/growth.py`, 2026-01-02, P" in page


def test_the_page_on_speed_is_what_was_stored():
    page = render_speed.speed_page()
    if page is None:
        pytest.skip("results/inference.json was not measured yet")
    assert (ROOT / "docs" / "speed.md").read_text("utf-8") == page


def test_the_page_on_speed_says_by_how_much(tmp_path):
    assert render_speed.speed_page(tmp_path) is None
    made = {"date": "2026-01-02T03:04", "processor": "P", "keras": "3", "backend": "jax"}
    ours = {"milliseconds": 10.0, "recall": 0.9, "false_boxes": 0}
    theirs = {"milliseconds": 25.0, "recall": 0.5, "false_boxes": 3}
    stored = {
        "environment": made,
        "threads": 2,
        "weights": "n",
        "versions": {"facezoo": "1", "fer": "2"},
        "started": {
            "facezoo": {"import": 0.1, "first_answer": 0.5},
            "fer": {"import": 0.05, "first_answer": 4.0},
        },
        "photographs": [{"heads": 1, "faces": 12, "contenders": {"facezoo": ours, "fer": theirs}}],
        "parts": {"1": {**dict.fromkeys(render_speed.PARTS, 1.0), "all": 4.5}},
        "networks": [
            {"name": name, "runtime": runtime, "batch": batch, "milliseconds": 1.5 / batch}
            for name, runtime in (("n", "onnx"), ("fer", "Keras"))
            for batch in (1, 64)
        ],
        "folder": {"photographs": 1000, "per_second": 99.6, "faces": 1000},
        "video": [{"every": 3, "per_second": 61.2, "recall": 0.985, "frames": 300}],
    }
    (tmp_path / "inference.json").write_text(json.dumps(stored))
    page = render_speed.speed_page(tmp_path)
    assert "loads little) | 0.10 s | 0.05 s | 0.5 |" in page  # slower is told as well
    assert "| the network alone, a face | 1.50 ms | 1.50 ms | 1.0 |" in page
    assert "the rest | 0.50 |" in page
    assert "| photograph of 1 face | 10.0 ms | 25.0 ms | 2.5 |" in page
    assert "| of 12 faces found | 90%, 0 false | 50%, 3 false | - |" in page
    assert "| n | onnxruntime | 1.50 | 0.023 |" in page
    assert "answered for: 100 a second" in page and "| 3 | 61 | 98.5% | 300 |" in page


def test_the_page_on_reliability_counts_what_was_lost(tmp_path):
    assert render_reliability.reliability_page(tmp_path) is None
    made = {"date": "2026-01-02T03:04", "processor": "P", "keras": "3", "backend": "jax"}
    row = {"part": "tune", "kills": 20, "ends": 5, "good": 4, "seconds": 12.3, "seed": 7}
    row |= {"kept": [0, 3], "lost": 1, "again": 2, "environment": made}
    stored = {"rows": {"tune jax": row}}
    (tmp_path / "kill.json").write_text(json.dumps(stored))
    page = render_reliability.reliability_page(tmp_path)
    assert "| jax | 20 | 5 searches | 4 | 12.3 |" in page
    assert "with 0 to 3 trials done; 1 done trials were lost and 2 run again" in page
    assert "2026-01-02, P, Keras 3 on jax, seed 7." in page


def test_the_pages_on_the_weights_are_what_was_stored():
    page, docs = render_weights.weights_page(), ROOT / "docs"
    if page is None:
        pytest.skip("no weights are shipped yet")
    assert (docs / "weights.md").read_text("utf-8") == page
    for name in list_weights():
        card = get_card(name)
        assert (docs / "weights" / f"{name}.md").read_text("utf-8") == render_cards.card_page(card)


def test_weights_stand_beside_fer_where_the_pictures_are_the_same():
    card = get_card("lenet5.fer2013-v1")
    sizes = {"fer2013": card.metrics["test"]["n"], "ckplus": 1}  # another copy of CK+
    figures = {"accuracy": 0.5, "accuracy_interval": [0.4, 0.6]}
    rows = [{"network": "fer", "data": d, "n": n, **figures} for d, n in sizes.items()]
    made = {"date": "2026-01-02T03:04", "processor": "P", "keras": "3", "backend": "jax"}
    stored = {"environment": made, "version": "1.2", "rows": rows}
    page = "\n".join(render_weights.beside_fer(stored, FOLDER))
    assert "| fer | 0.500 (0.400 to 0.600) | 0.500 (0.400 to 0.600) |" in page
    told = f"{card.metrics['test']['accuracy']:.3f} ({render_cards.interval(card.metrics['test'])})"
    assert f"| lenet5.fer2013-v1 | {told} | - |" in page


def test_a_card_is_of_what_its_network_saw():
    cards = {name: render_cards.card_page(get_card(name)) for name in list_weights()}
    pose, base = cards["lenet5.cmu_faces-pose-v1"], cards["facezoo_base.fer2013-v1"]
    assert "--detector whole" in " ".join(pose.split()) and "--detector whole" not in base
    assert "training changed the brightness of pictures by up to 10%" in pose
    assert "training covered up to 10% of a picture, and knew none" in base
    assert "annotators' votes" in cards["facezoo_base.ferplus-v1"]
    assert "annotators' votes" not in base


def test_kernels_are_told_beside_keras_own():
    made = {"date": "2026-01-02T03:04", "processor": "P", "keras": "3", "backend": "tensorflow"}
    row = {"network": "n", "precision": "float32", "ours": 10.4, "keras": 15.6, "faster": 1.5}
    table = render.kernels({"environment": made, "rounds": 5, "batch": 64, "rows": [row]})
    assert "| n | float32 | 10 ms | 16 ms | 1.50 |" in table


def test_the_page_on_data_shows_what_is_there_and_what_was_missed(tmp_path):
    assert render.data_page(tmp_path) is None
    made = {"date": "2026-01-02T03:04", "processor": "P", "keras": "3", "backend": "jax"}
    sizes = [
        {"pictures": 10_000, "seconds": 4.0, "cpu_seconds": 3.0, "peak_mb": 150.0},
        {"pictures": 20_000, "seconds": 6.0, "cpu_seconds": 5.0, "peak_mb": 601.0},
    ]
    growth = {"sizes": sizes, "date": "2026-01-02"}
    (tmp_path / "data.json").write_text(json.dumps({"environment": made, "growth": growth}))
    page = render.data_page(tmp_path)
    assert "| 20,000 | 6.0 | 5.0 | 200 | 601 |" in page
    assert "- Missed: 601 MB at the peak; the aim is 600 or less." in page
    assert "make_pipeline" not in page and "SIGKILL" not in page


def test_the_page_on_the_networks_has_a_row_each(tmp_path):
    assert render.models_page(tmp_path) is None
    made = {"date": "2026-01-02T03:04", "processor": "P", "keras": "3", "backend": "jax"}
    speed = {"1": {"median": 4.5678}, "64": {"median": 0.51234}}
    row = {"name": "lenet5", "study": "A", "input_shape": [60, 64, 1], "weights": 312716}
    row |= {"multiply_adds": 1234188, "file_bytes": 1300000, "milliseconds": speed}
    models = {"environment": made, "rounds": 7, "rows": [{**row, "jit_compile": False}]}
    (tmp_path / "models.json").write_text(json.dumps(models))
    page = render.models_page(tmp_path)
    assert "| lenet5 | A | 64x60x1 | 312,716 | 1.2 M | 4.57 | 0.512 | 1.3 MB |" in page
    assert "pyramid" not in page
    figures = {"literal": 30.0, "cheap": 20.0, "ratio": 1.5}
    row = {"maps": "VGG19", "shape": [64, 1, 1, 512], "answering": figures, "training": figures}
    ippm = {"environment": made, "rounds": 9, "rows": [row]}
    (tmp_path / "ippm_speed.json").write_text(json.dumps(ippm))
    shown = "| VGG19 (64, 1, 1, 512) | 30 | 20 | 1.50 | 30 | 20 | 1.50 |"
    assert shown in render.models_page(tmp_path)
