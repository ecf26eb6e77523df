"""A real run on 32 drawn faces, and what can go wrong in one."""

import json
import math
import os
import random
import re
import resource
import signal
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import keras
import numpy as np
import pytest

import facezoo
from conftest import picture_bytes, write_zip
from facezoo.datasets.prepare import prepare
from facezoo.errors import (
    DatasetNotFound,
    FacezooError,
    LabelSetMismatch,
    ParallelError,
    PixelError,
    ProtocolError,
    RecipeError,
    RunError,
    TrainingDiverged,
    UnknownName,
)
from facezoo.evaluation import evaluate
from facezoo.recipes import Recipe, get_recipe, list_recipes, load_data
from facezoo.right_answers import unpack_right
from facezoo.runs import RunFolder
from facezoo.training import train
from facezoo.weights.loading import load_model, load_run

pytestmark = pytest.mark.usefixtures("few_faces")

TINY = get_recipe("synthetic-lenet5-expression").smoke()
THREE = TINY.override({"epochs": 3, "augmentation.shift": 0.1})
CONSTANT = {"schedule.kind": "constant"}


class Kill(keras.callbacks.Callback):
    """Stop as Ctrl-C does, in the middle of an epoch."""

    def __init__(self, epoch, error=KeyboardInterrupt):
        super().__init__()
        self.epoch, self.error = epoch, error

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise self.error


def weights(run):
    return load_run(run).get_weights()


def figures(run):
    """The history without its timings."""
    return run.history.drop(columns="seconds").to_dict("list")


def test_a_run_leaves_everything_that_was_promised(tmp_path):
    run = train(TINY, runs=tmp_path)
    names = {p.name for p in run.path.iterdir()}
    assert names >= {
        "recipe.json",
        "environment.json",
        "history.csv",
        "state.json",
        "checkpoints",
        "model.keras",
        "metrics.json",
        "report.md",
        "confusion_matrix.png",
        "curves.png",
    }
    assert run.path.parent == tmp_path / TINY.name
    assert run.recipe == TINY
    assert len(run.history) == 1
    metrics = run.metrics
    assert metrics["protocol"] == "synthetic/people" and metrics["seed"] == 0
    assert np.sum(metrics["test"]["confusion_matrix"]) == metrics["test"]["n"] == 32
    assert "32 pictures" in metrics["note"]
    assert keras.backend.backend() == run.read_json("environment.json")["backend"]
    assert f"{metrics['test']['accuracy']:.1%}" in (run.path / "report.md").read_text()


def test_the_saved_model_answers_as_the_report_says(tmp_path):
    run = train(TINY, runs=tmp_path)
    model = load_run(run)
    assert model.label_set.name == "expression-7"
    again, stored = evaluate(run).to_dict(), run.metrics["test"]
    for name in ("accuracy", "confusion_matrix", "n", "label_set", "accuracy_interval"):
        assert again[name] == stored[name]
    assert again["log_loss"] == pytest.approx(stored["log_loss"], rel=1e-5)
    test = load_data(run.recipe).test
    right = np.asarray(model.predict_on_batch(test.images[:])).argmax(1) == test.labels
    assert 0 < right.sum() < len(right)  # else any order would do
    assert (unpack_right(run.metrics["right"], len(right)) == right).all()


def test_a_network_that_was_trained_in_bfloat16_answers_in_float32(tmp_path):
    run = train(TINY.override({"precision": "mixed_bfloat16"}), runs=tmp_path)
    assert {layer.compute_dtype for layer in load_run(run).layers} == {"float32"}
    assert evaluate(run).log_loss == pytest.approx(run.metrics["test"]["log_loss"], rel=1e-5)


def test_the_best_epoch_is_kept_and_the_last_two(tmp_path):
    run = train(THREE.override({"epochs": 5}), runs=tmp_path)
    best = run.history["val_loss"].idxmin() + 1
    assert run.metrics["best_epoch"] == best
    kept = sorted(p.name for p in (run.path / "checkpoints").iterdir())
    assert {f"epoch-{e:04d}.weights.h5" for e in (4, 5, best)} == set(kept)
    data = load_data(run.recipe)
    probabilities = load_run(run).predict_on_batch(data.validation.images[:])
    right = np.asarray(probabilities).argmax(1) == data.validation.labels
    assert right.mean() == pytest.approx(run.history["val_accuracy"][best - 1])


def test_early_stopping_stops(tmp_path):
    run = train(THREE.override({"epochs": 30, "patience": 1, "learning_rate": 0.05}), runs=tmp_path)
    assert len(run.history) < 30
    assert run.metrics["best_epoch"] == len(run.history) - 1


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule.kind": "cosine", "schedule.warmup_epochs": 1},
        {"schedule.kind": "plateau", "schedule.patience": 1, "patience": 2},
        {"optimizer": "sgd", "optimizer_args": {"momentum": 0.9}, "label_smoothing": 0.1},
        {"optimizer": "adamw", "ema": 0.9},
        {"mixup": 0.3},
    ],
)
def test_an_interrupted_run_ends_as_if_it_never_was(tmp_path, settings):
    recipe = THREE.override({"epochs": 4, "builder_args.dropout": 0.5, **settings})
    whole = train(recipe, runs=tmp_path / "whole", deterministic=True)
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(recipe, runs=tmp_path / "cut", deterministic=True, callbacks=[Kill(epoch=2)])
    (path,) = (tmp_path / "cut" / recipe.name).iterdir()
    assert f"facezoo train --resume {path}" in stopped.value.__notes__[0]
    assert len(RunFolder(path).history) == 2
    cut = train(resume=path)
    assert cut.recipe.deterministic
    assert figures(cut) == figures(whole)
    for one, other in zip(weights(cut), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert cut.metrics["test"] == whole.metrics["test"]


@pytest.mark.parametrize("kind", ["constant", "plateau"])
def test_a_run_that_goes_on_to_more_epochs_ends_as_if_it_had_been_asked_for_them(tmp_path, kind):
    recipe = THREE.override(
        {"epochs": 4, "builder_args.dropout": 0.5, "schedule.kind": kind, "schedule.patience": 1}
    )
    whole = train(recipe, runs=tmp_path / "whole", deterministic=True)
    short = train(recipe, runs=tmp_path / "short", epochs=2, deterministic=True)
    assert len(short.history) == 2
    longer = train(resume=short.path, epochs=4)
    assert longer.path == short.path and longer.recipe == whole.recipe
    assert figures(longer) == figures(whole)
    for one, other in zip(weights(longer), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert longer.metrics["test"] == whole.metrics["test"]
    assert longer.metrics["epochs"] == 4


def test_more_epochs_for_several_seeds_survive_being_killed(tmp_path):
    path = train(TINY.override(CONSTANT), runs=tmp_path, seeds=2).path
    with pytest.raises(KeyboardInterrupt):
        train(resume=path, epochs=2, callbacks=[KillSecond()])
    assert not (path / "metrics.json").exists()
    (path / "seed-2" / "checkpoints").mkdir(parents=True)  # begun, no seed yet
    run = train(resume=path)
    assert [len(seed.history) for seed in run.seeds] == [2, 2]
    assert run.metrics["seeds"] == [0, 1]


@pytest.mark.parametrize(
    ("settings", "epochs", "message"),
    [
        ({}, 2, "for a run of 3; expected as many or more"),
        ({"schedule.kind": "cosine"}, 4, "expected a recipe without cosine and ema"),
        ({**CONSTANT, "ema": 0.5}, 4, "expected a recipe without cosine and ema"),
    ],
)
def test_epochs_that_a_run_cannot_go_on_to_leave_it_as_it_is(tmp_path, settings, epochs, message):
    run = train(THREE.override(settings), runs=tmp_path)
    before = {p.name: p.read_bytes() for p in run.path.glob("*.json")}
    with pytest.raises(RecipeError, match=message):
        train(resume=run.path, epochs=epochs)
    assert {p.name: p.read_bytes() for p in run.path.glob("*.json")} == before


def jsons(run):
    return {p: p.read_bytes() for p in sorted(run.path.rglob("*.json"))}


def test_a_refused_run_keeps_its_figures_when_more_epochs_are_asked(tmp_path):
    run = train(THREE.override(CONSTANT), runs=tmp_path)
    before = jsons(run)
    with pytest.raises(ParallelError):
        train(resume=run.path, epochs=4, devices=99)
    assert jsons(run) == before
    state = run.state | {"fingerprint": "of other data"}
    run.write_json("state.json", state)
    before = jsons(run)
    with pytest.raises(RunError, match="Got another fingerprint"):
        train(resume=run.path, epochs=4)
    assert jsons(run) == before


def test_several_seeds_are_lengthened_together_or_not_at_all(tmp_path):
    run = train(TINY.override(CONSTANT), runs=tmp_path, seeds=2)
    before = jsons(run)
    with run.seeds[1].locked(), pytest.raises(RunError, match="another training writes"):
        train(resume=run.path, epochs=2)
    assert jsons(run) == before
    with pytest.raises(RunError, match="one of several seeds"):
        train(resume=run.seeds[0].path, epochs=2)
    assert jsons(run) == before
    longer = run.recipe.lengthened(2).to_dict()
    run.write_json("recipe.json", longer)  # as after a kill between the run and its seeds
    assert [len(seed.history) for seed in train(resume=run.path).seeds] == [2, 2]


def test_the_run_that_is_furthest_is_gone_on_with(tmp_path):
    recipe = TINY.override({**CONSTANT, "epochs": 2})
    furthest = train(recipe, runs=tmp_path, epochs=1)
    RunFolder.create_timed(tmp_path, recipe.override({"epochs": 2}))  # none of its epochs done
    asked = recipe.override({"epochs": 3})
    assert RunFolder.find(tmp_path, asked) is None
    assert RunFolder.find(tmp_path, asked, shorter=True).path == furthest.path
    several = train(recipe, runs=tmp_path, epochs=1, seeds=2)
    (several.path / "seed-1" / "recipe.json").unlink()  # as one that was never begun
    RunFolder.create_timed(tmp_path, recipe, [0, 1])
    assert RunFolder.find(tmp_path, asked, [0, 1], shorter=True).recipe.epochs == 2


def test_a_warm_up_is_shortened_with_the_epochs():
    recipe = get_recipe("facezoo-small-fer2013")
    assert recipe.with_epochs(2).schedule.warmup_epochs == 1
    assert recipe.with_epochs(5).schedule.warmup_epochs == 3


def test_a_finished_run_without_its_state_is_not_trained_over(tmp_path):
    run = train(TINY, runs=tmp_path)
    (run.path / "state.json").unlink()
    before = (run.path / "model.keras").read_bytes()
    with pytest.raises(RunError, match="a model and no state.json"):
        train(resume=run.path)
    assert (run.path / "model.keras").read_bytes() == before


def test_a_lengthened_run_is_not_a_finished_one(tmp_path):
    run = train(THREE.override(CONSTANT), runs=tmp_path)
    run.lengthen(4)
    with pytest.raises(RunError, match="expected a finished run"):
        load_model(run)


KILLED = """
    import os, sys
    from pathlib import Path
    from facezoo.recipes import get_recipe
    from facezoo.training import train

    runs, moment, done = sys.argv[1], int(sys.argv[2]), 0

    def count(event, _):
        global done
        if event in ("open", "os.rename", "os.remove", "os.mkdir"):
            done += 1
            if done == moment:
                os.kill(os.getpid(), 9)

    sys.addaudithook(count)
    settings = {"epochs": 3, "limit": 64, "builder_args.dropout": 0.5, "schedule.kind": "plateau"}
    recipe = get_recipe("synthetic-lenet5-expression").smoke().override(settings)
    begun = [p.parent for p in Path(runs).glob("*/*/recipe.json")]
    if begun:
        train(resume=begun[0])
    else:
        train(recipe, runs=runs, deterministic=True)
    print(done)
"""


@pytest.mark.slow
def test_a_training_killed_three_times_ends_with_the_same_bits(tmp_path):
    """Moments are counted in files that were opened, made, renamed and removed."""
    prepare("synthetic", people=10)

    def run(runs, moment=0):
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(runs), str(moment)]
        return subprocess.run(command, capture_output=True, text=True)

    whole = run(tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    draw = random.Random(0)
    moments = [draw.randint(1, int(whole.stdout)) for _ in range(3)]
    hits = [run(tmp_path / "cut", moment).returncode for moment in moments]
    assert -signal.SIGKILL in hits and set(hits) <= {0, -signal.SIGKILL}
    assert run(tmp_path / "cut").returncode == 0
    one, other = (
        RunFolder(next((tmp_path / part).glob("*/*/recipe.json")).parent)
        for part in ("whole", "cut")
    )
    assert figures(one) == figures(other)
    for ours, theirs in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.metrics["test"] == other.metrics["test"]
    assert list(other.path.rglob(".writing-*")) == []


def truncated(data):
    return data[:1000]


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, flipped])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path, damage):
    whole = train(THREE, runs=tmp_path / "whole", deterministic=True)
    with pytest.raises(KeyboardInterrupt):
        train(THREE, runs=tmp_path / "cut", deterministic=True, callbacks=[Kill(epoch=2)])
    (path,) = (tmp_path / "cut" / THREE.name).iterdir()
    newest = path / "checkpoints" / "epoch-0002.weights.h5"
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.warns(UserWarning, match="epoch-0002.*going on from the one before"):
        run = train(resume=path)
    assert figures(run) == figures(whole)
    for one, other in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_best_checkpoint_is_not_taken_for_the_model(tmp_path):
    still = {"builder_args": {}, "learning_rate": 1e-12, "monitor": "val_accuracy"}
    run = train(THREE.override(still), runs=tmp_path)
    best = run.path / "checkpoints" / "epoch-0001.weights.h5"
    assert all(run.path / entry["best"] == best for entry in run.state["checkpoints"])
    best.write_bytes(flipped(best.read_bytes()))
    with (
        pytest.warns(UserWarning, match=f"{best.name} is damaged"),
        pytest.raises(RunError, match="no whole checkpoint"),
    ):
        train(resume=run.path)


def test_what_a_killed_process_was_writing_is_removed(tmp_path):
    run = train(TINY, runs=tmp_path)
    for folder in (run.path, run.path / "checkpoints"):
        (folder / ".writing-x.h5").write_bytes(b"half of it")
    train(resume=run.path)
    assert list(run.path.rglob(".writing-*")) == []


def test_resuming_without_any_whole_checkpoint_is_refused(tmp_path):
    run = train(TINY, runs=tmp_path)
    for checkpoint in (run.path / "checkpoints").iterdir():
        checkpoint.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(RunError, match="no whole checkpoint"),
    ):
        train(resume=run.path)


def test_ctrl_c_before_the_first_epoch_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(TINY, runs=tmp_path, callbacks=[Kill(epoch=0)])
    assert list(tmp_path.rglob("*.json")) == []


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    write = RunFolder.write_file

    def full(self, name, save):
        if "0002" in name:
            raise_full = OSError(28, "No space left on device")
            with self._writing(name):
                raise raise_full
        return write(self, name, save)

    monkeypatch.setattr(RunFolder, "write_file", full)
    with pytest.raises(RunError, match="No space left.*--resume"):
        train(THREE, runs=tmp_path)
    monkeypatch.undo()
    (path,) = (tmp_path / THREE.name).iterdir()
    assert [p.name for p in (path / "checkpoints").iterdir()] == ["epoch-0001.weights.h5"]


def test_a_disk_that_is_full_in_the_middle_of_a_checkpoint(tmp_path, monkeypatch):
    """No file may grow beyond half a checkpoint while the second one is written."""
    write, limits = RunFolder.write_file, resource.getrlimit(resource.RLIMIT_FSIZE)
    whole = train(THREE, runs=tmp_path / "whole", deterministic=True)
    large = min(p.stat().st_size for p in (whole.path / "checkpoints").iterdir())

    def full(self, name, save):
        resource.setrlimit(resource.RLIMIT_FSIZE, (large // 2, limits[1]))
        try:
            return write(self, name, save)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    def only_the_second(self, name, save):
        return (full if "0002" in name else write)(self, name, save)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_file", only_the_second)
        with pytest.raises(RunError, match="while writing checkpoints/epoch-0002.*--resume"):
            train(THREE, runs=tmp_path / "cut", deterministic=True)
    (path,) = (tmp_path / "cut" / THREE.name).iterdir()
    assert [p.name for p in (path / "checkpoints").iterdir()] == ["epoch-0001.weights.h5"]
    run = train(resume=path)
    assert figures(run) == figures(whole)
    for one, other in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_diverging_loss_stops_and_names_the_epoch(tmp_path):
    recipe = THREE.override({"optimizer": "sgd", "optimizer_args": {"weight_decay": 1e30}})
    with pytest.raises(TrainingDiverged, match="in epoch [12].*learning_rate"):
        train(recipe, runs=tmp_path)


def test_two_trainings_into_one_folder_refuse_each_other(tmp_path):
    run = train(TINY, runs=tmp_path)
    with run.locked(), pytest.raises(RunError, match="another training"):
        train(resume=run.path)


def test_several_seeds_leave_a_summary(tmp_path):
    run = train(TINY, runs=tmp_path, seeds=2)
    assert [s.recipe.seed for s in run.seeds] == [0, 1]
    each = [s.metrics["test"]["accuracy"] for s in run.seeds]
    accuracy = run.metrics["test"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(np.mean(each))
    assert accuracy["std"] == pytest.approx(np.std(each, ddof=1))
    assert np.sum(run.metrics["test"]["confusion_matrix"]) == 64
    assert (run.path / "confusion_matrix.png").exists()
    assert "2 seeds" in (run.path / "report.md").read_text()


def test_several_seeds_without_evaluation_open_the_test_pictures_only_later(tmp_path):
    run = train(TINY, runs=tmp_path, seeds=2, evaluate=False)
    assert "test" not in run.metrics and run.metrics["validation"]["reports"] == 2
    assert train(resume=run.path).metrics["test"]["reports"] == 2


def test_several_seeds_stopped_before_an_epoch_leave_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(TINY, runs=tmp_path, seeds=2, callbacks=[Kill(epoch=0)])
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.parametrize("settings", [{"builder_args.filters": 5}, {"builder_args.pooling": "x"}])
def test_arguments_that_cannot_be_built_leave_nothing(tmp_path, settings):
    with pytest.raises(FacezooError, match="cannot be built|No pooling"):
        train(TINY.override(settings), runs=tmp_path)
    assert list(tmp_path.rglob("*.json")) == []


def test_resuming_several_seeds_trains_only_what_is_missing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(TINY, runs=tmp_path, seeds=2, callbacks=[KillSecond()])
    (path,) = (tmp_path / TINY.name).iterdir()
    first = (path / "seed-0" / "model.keras").stat().st_mtime_ns
    run = train(resume=path)
    assert (path / "seed-0" / "model.keras").stat().st_mtime_ns == first
    assert run.metrics["seeds"] == [0, 1]


def test_a_seed_whose_folder_was_begun_when_the_process_was_killed_is_trained(tmp_path):
    run = RunFolder.create_timed(tmp_path, TINY, [0, 1])
    (run.path / "seed-1" / "checkpoints").mkdir(parents=True)
    (run.path / "seed-1" / ".writing-recipe.json").write_text("{")
    assert [seed.recipe.seed for seed in train(resume=run.path).seeds] == [0, 1]


def test_a_run_of_several_seeds_is_one_from_the_first_moment(tmp_path, monkeypatch):
    """Killed before recipe.json it is no run, killed after it none of a single seed."""
    written = []
    replaced = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: written.append(Path(b).name) or replaced(a, b))
    run = RunFolder.create_timed(tmp_path, TINY, [0, 1])
    assert written == ["seeds.json", "recipe.json"]
    assert RunFolder.find(tmp_path, TINY, [0, 1]).path == run.path
    assert RunFolder.find(tmp_path, TINY) is None
    (run.path / "recipe.json").unlink()
    assert RunFolder.find(tmp_path, TINY, [0, 1]) is None


class KillSecond(keras.callbacks.Callback):
    """Stop when a second training begins."""

    begun = 0

    def on_train_begin(self, logs=None):
        self.begun += 1
        if self.begun == 2:
            raise KeyboardInterrupt


def test_without_evaluation_the_test_pictures_stay_closed(tmp_path):
    run = train(TINY, runs=tmp_path, evaluate=False)
    assert "test" not in run.metrics and "validation" in run.metrics


def test_recipes_are_checked_before_anything_is_written(tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'dropout'"):
        train(TINY.override({"builder_args.dropuot": 0.1}), runs=tmp_path)
    with pytest.raises(UnknownName, match="target"):
        train(TINY.override({"target": "poses"}), runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_optimizer_arguments_are_keras_own(tmp_path):
    with pytest.raises(RunError, match="optimizer_args"):
        train(TINY.override({"optimizer_args": {"speed": 3}}), runs=tmp_path)
    assert list(tmp_path.rglob("*.json")) == []


def test_other_data_are_refused_on_resume(tmp_path):
    run = train(TINY, runs=tmp_path)
    state = run.state
    run.write_json("state.json", {**state, "fingerprint": "another"})
    with pytest.raises(RunError, match="another fingerprint"):
        train(resume=run.path)


def test_the_same_pictures_with_other_labels_are_other_data(tmp_path):
    rng = np.random.default_rng(0)
    faces = [picture_bytes(rng.integers(0, 256, (32, 32), np.uint8), "PNG") for _ in range(60)]
    recipe = TINY.override({"dataset": "folder:mine", "target": None, "protocol": None})

    def prepare_in(folders):  # which do not change the order of the pictures
        named = zip(folders, faces, strict=True)
        members = {f"{folder}/{n:02}.png": face for n, (folder, face) in enumerate(named)}
        prepare("folder:mine", write_zip(tmp_path / "mine.zip", members), size=32)

    prepare_in("a" * 20 + "b" * 20 + "c" * 20)
    run = train(recipe, runs=tmp_path / "runs")
    facezoo.evaluate(run)
    prepare_in("a" * 30 + "b" * 15 + "c" * 15)
    with pytest.raises(RunError, match="with the same labels"):
        facezoo.evaluate(run)


def test_what_lies_beside_a_recipe_stays_when_a_resumed_run_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    recipe = TINY.override({"dataset": "fer2013", "target": None, "protocol": None})
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.to_dict()))
    with pytest.raises(DatasetNotFound):
        train(resume=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "all of it"
    assert (tmp_path / "recipe.json").exists()


def test_a_run_that_is_only_evaluated_keeps_where_it_was_trained(tmp_path):
    run = train(TINY, runs=tmp_path, evaluate=False)
    run.write_json("environment.json", {**run.read_json("environment.json"), "processor": "far"})
    assert "test" in train(resume=run.path).metrics
    assert run.read_json("environment.json")["processor"] == "far"


def test_a_damaged_run_names_the_file(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(THREE, runs=tmp_path, callbacks=[Kill(epoch=1)])
    (path,) = (tmp_path / THREE.name).iterdir()
    damages = [
        ("state.json", "{"),
        ("state.json", '{"format": 1}'),
        ("state.json", '{"format": 1, "fingerprint": "", "label_set": {}, "checkpoints": [{}]}'),
        ("recipe.json", "{"),
        ("history.csv", ""),
    ]
    for name, text in damages:
        whole = (path / name).read_text()
        (path / name).write_text(text)
        with pytest.raises(RunError, match=name):
            train(resume=path)
        (path / name).write_text(whole)


def test_resume_stands_alone(tmp_path):
    run = train(TINY, runs=tmp_path)
    for more in ({"recipe": TINY}, {"seeds": 2}, {"deterministic": True}):
        with pytest.raises(RecipeError, match="resume alone"):
            train(resume=run.path, **more)


def test_other_folders_beside_the_seeds_are_left_alone(tmp_path):
    run = RunFolder.create(tmp_path / "run", TINY)
    for seed in (10, 2):
        RunFolder.create(run.path / f"seed-{seed}", TINY)
    (run.path / "seed-old").mkdir()
    assert [seed.path.name for seed in run.seeds] == ["seed-2", "seed-10"]


def test_no_run_folder_says_so(tmp_path):
    with pytest.raises(RunError, match="recipe.json"):
        evaluate(tmp_path)


def test_a_damaged_model_says_so(tmp_path):
    run = train(TINY, runs=tmp_path)
    (run.path / "model.keras").write_bytes(b"no model")
    with pytest.raises(RunError, match="model.keras"):
        evaluate(run)


def test_testing_on_what_was_trained_on_is_refused(tmp_path, cmu):
    run = train(get_recipe("cmu-lenet5-pose").smoke(), runs=tmp_path)
    with pytest.raises(ProtocolError, match="trained or selected"):
        evaluate(run, protocol="leave-people-out")


def test_the_python_of_the_readme_runs(cmu, monkeypatch):
    pytest.importorskip("tensorflow")  # make_pipeline is tf.data's
    text = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (code,) = (c for c in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "epochs=" in c)
    shorter = code.replace("epochs=60", "epochs=1")
    assert shorter != code
    asked, trained = [], types.SimpleNamespace(metrics={"test": {"accuracy": 1.0}})
    monkeypatch.setattr(facezoo, "train", lambda recipe: asked.append(recipe) or trained)
    exec(compile(shorter, "README.md", "exec"), {})
    assert asked[0].learning_rate == 0.002


def test_another_data_set_meets_the_model_by_class_names(tmp_path, cmu, cmu_zip):
    run = train(get_recipe("cmu-lenet5-expression").smoke(), runs=tmp_path)
    with pytest.raises(PixelError, match="Resize"):  # 64x60 here, 48x48 there
        evaluate(run, dataset="synthetic", target="expression")
    with pytest.raises(LabelSetMismatch, match="fewer than two"):
        evaluate(run, dataset="synthetic", target="pose")
    prepare("synthetic", people=10, size=[60, 64])
    report = evaluate(run, dataset="synthetic")
    assert report.label_set.classes == ("neutral", "happy", "sad", "angry")
    assert report.n == 2 * 28 * 4 / 7  # two people's pictures, four of seven expressions
    assert "24 pictures of disgust, fear, surprise left out" in report.note
    merged = evaluate(run, dataset="synthetic", merge={"fear": "sad"})
    assert merged.n == report.n + 8 and "fear counted as sad" in merged.to_markdown()
    assert merged.per_class["sad"]["support"] == 16
    assert "Tested on synthetic/people, target expression, seed 0" in report.to_markdown()
    assert evaluate(run, dataset="synthetic", whole=True).n == 10 * 28 * 4 / 7
    with pytest.raises(ProtocolError, match="another data set"):
        evaluate(run, whole=True)
    with pytest.raises(LabelSetMismatch, match="fewer than two"):
        evaluate(run, target="pose")
    with pytest.raises(UnknownName, match="feer"):
        evaluate(run, dataset="synthetic", merge={"feer": "sad"})


def test_photographs_that_another_set_shares_are_refused_or_counted(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3, 40, 16, 16), dtype=np.uint8)
    roles = {"train": noise[0], "val": noise[1, :10], "test": noise[2]}
    seen = {**roles, "train": noise[1], "test": np.concatenate([noise[0, :30], noise[2, :10]])}
    few = {**roles, "train": noise[1], "test": np.concatenate([noise[0, :5], noise[2]])}
    for name, parts in (("a", roles), ("seen", seen), ("few", few)):
        members = {
            f"{role}/{'cat' if i % 2 else 'dog'}/{i}.png": picture_bytes(picture, "PNG")
            for role, pictures in parts.items()
            for i, picture in enumerate(pictures)
        }
        prepare(f"folder:{name}", write_zip(tmp_path / f"{name}.zip", members), size=16)
    recipe = Recipe(name="x", builder="lenet5", dataset="folder:a", epochs=1)
    run = train(recipe, runs=tmp_path)
    with pytest.raises(ProtocolError, match="30 of its 40 test pictures trained or selected"):
        evaluate(run, dataset="folder:seen")
    report = evaluate(run, dataset="folder:few")
    assert report.copies == 5 and report.without_copies["n"] == 40


HEAVY = ("ippm-", "facex-vgg16", "facex-efficientnetb0", "pooling-plus", "pooling-strongest")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.startswith(HEAVY) else ())
        for name in list_recipes()
    ],
)
def test_every_recipe_runs_when_shrunk(tmp_path, cmu, name):
    recipe = get_recipe(name).smoke()
    if recipe.dataset not in ("cmu_faces", "synthetic"):
        recipe = recipe.on_dataset("synthetic", "expression")
    arguments = dict(recipe.builder_args)
    for of_imagenet in ("weights", "trainable_layers"):
        arguments.pop(of_imagenet, None)
    drawn = {"builder_args": arguments, "teacher": None}  # a teacher knows its own pictures alone
    run = train(recipe.override(drawn), runs=tmp_path)
    assert 0 <= run.metrics["test"]["accuracy"] <= 1
    assert math.isfinite(run.history["loss"][0])


@pytest.mark.parametrize(("ema", "momentum"), [(0.6, 0.6), (0.999, None)])
def test_the_kept_model_is_the_moving_average(tmp_path, ema, momentum):
    steps = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(watch.model.get_weights())
    )
    recipe = THREE.override({"ema": ema, "epochs": 2, "batch_size": 2, "builder_args": {}})
    run = train(recipe, runs=tmp_path, callbacks=[watch])
    momentum = momentum or 1 - 10 / len(steps)  # reaches back over a tenth of a short training
    assert 0.6 < 1 - 10 / len(steps) < 0.999
    assert run.metrics["ema"] == pytest.approx(momentum)
    averages = [steps[0]]
    for weights_now in steps[1:]:
        pairs = zip(averages[-1], weights_now, strict=True)
        averages.append([momentum * old + (1 - momentum) * new for old, new in pairs])
    best = run.metrics["best_epoch"]
    expected = averages[best * len(steps) // 2 - 1]
    for one, other in zip(weights(run), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    validated = run.history["val_accuracy"][best - 1]
    assert run.metrics["validation"]["accuracy"] == pytest.approx(validated)


def test_balanced_class_weights_and_soft_labels_train(tmp_path):
    recipe = TINY.override({"class_weight": "balanced", "label_smoothing": 0.1})
    assert math.isfinite(train(recipe, runs=tmp_path).history["loss"][0])


def test_mixed_precision_leaves_the_policy_as_it_was(tmp_path):
    before = keras.config.dtype_policy().name
    run = train(TINY.override({"precision": "mixed_bfloat16"}), runs=tmp_path)
    assert keras.config.dtype_policy().name == before
    assert run.metrics["test"]["n"] == 32


def test_recipe_is_a_value(tmp_path):
    with pytest.raises(RecipeError, match="Got seed"):
        Recipe(name="x", builder="lenet5", dataset="synthetic", seed="0")
    run = train(TINY, runs=tmp_path)
    assert json.loads((run.path / "recipe.json").read_text()) == TINY.to_dict()
