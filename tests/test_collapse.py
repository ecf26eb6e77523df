"""A model that answers one class for everything is told of, once, and a good one is not."""

import dataclasses
import io
import json
import types
import warnings

import keras
import numpy as np
import pytest
from builders import JIT, build, pictures
from rich.console import Console
from test_cli import facezoo_command
from test_training import Kill

from facezoo import terminal
from facezoo.callbacks import CollapseWatch, LargestShare
from facezoo.datasets.drawing import draw_dataset
from facezoo.errors import CollapseWarning
from facezoo.labels import POSE
from facezoo.recipes import get_recipe
from facezoo.runs import RunFolder
from facezoo.training import train

TRIAL = get_recipe("synthetic-lenet5-expression").smoke().override({"limit": 64, "epochs": 3})
RECIPE = TRIAL.override({"batch_size": 2})  # 32 steps an epoch
SHAPE = (16, 16, 1)


@pytest.fixture
def many_faces(monkeypatch):
    """Draw the default set with 20 people: 56 pictures to validate on."""
    from facezoo.datasets import synthetic

    drawn = draw_dataset(people=20)
    spec = dataclasses.replace(synthetic.SPEC, in_memory=lambda: drawn)
    monkeypatch.setattr(synthetic, "SPEC", spec)


class Stuck(keras.callbacks.Callback):
    """Give the second class a bias that nothing outweighs."""

    def on_train_begin(self, logs=None):
        bias = self.model.layers[-1].weights[-1]
        bias.assign(np.eye(bias.shape[0], dtype="float32")[1] * 1e12)


def trained(images, labels, *callbacks, epochs=2, batch_size=2, **options):
    """Fit a small LeNet-5 on four classes; return the watch and the history."""
    watch = CollapseWatch(labels, POSE, **options)
    model = build("lenet5", input_shape=SHAPE, num_classes=4, dropout=0.0)
    model.compile(
        keras.optimizers.Adam(3e-3),
        "sparse_categorical_crossentropy",
        metrics=[watch.answers],
        jit_compile=JIT,
    )
    model.fit(
        images,
        labels,
        batch_size=batch_size,
        epochs=epochs,
        callbacks=[watch, *callbacks],
        validation_data=(images, labels),
        verbose=0,
    )
    return watch, model.history.history


def test_a_collapse_is_told_at_the_end_of_the_second_epoch_and_once():
    images, labels = pictures(64, SHAPE, 4)
    with pytest.warns(CollapseWarning) as told:
        watch, _ = trained(images, labels, Stuck(), epochs=4)
    (text,) = (str(w.message) for w in told if w.category is CollapseWarning)
    assert watch.collapsed_at_epoch == 2
    assert f"Got the answer '{POSE.classes[1]}' for 100%" in text
    assert "in epoch 2, while 25% are labelled so" in text
    assert "scaled twice" in text and "learning rate" in text and "frozen" in text


def test_a_model_that_learns_is_left_alone():
    images, labels = pictures(64, SHAPE, 4)
    watch, history = trained(images, labels, epochs=8)
    assert watch.collapsed_at_epoch is None
    assert 0.25 <= history["val_largest_share"][-1] < 0.5
    assert "largest_share" not in history


@pytest.mark.parametrize(
    ("count", "options", "one_class"),
    [
        (48, {}, False),  # too few pictures to conclude anything
        (64, {"label_share": 0.2}, False),  # as many labels in that class as are allowed
        (64, {}, True),  # nearly all pictures are of that class
        (64, {"share": 1.01}, False),
    ],
)
def test_what_is_no_collapse(count, options, one_class):
    images, labels = pictures(count, SHAPE, 4)
    if one_class:
        labels[: 4 * count // 5 + 1] = 1
    watch, history = trained(images, labels, Stuck(), **options)
    assert watch.collapsed_at_epoch is None and history["val_largest_share"] == [1, 1]


@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 1), (2, 4)])  # 64 and 32 steps
def test_the_first_epoch_and_the_first_steps_do_not_count(epochs, batch_size):
    images, labels = pictures(64, SHAPE, 4)
    watch, _ = trained(images, labels, Stuck(), epochs=epochs, batch_size=batch_size)
    assert watch.collapsed_at_epoch is None


@pytest.mark.parametrize(
    ("steps", "ema", "collapsed"),
    [(990, None, False), (1010, None, True), (1490, 0.998, False), (1510, 0.998, True)],
)
@pytest.mark.parametrize("scaled", [False, True])
def test_what_learns_is_given_time_for_its_averages_to_follow(steps, ema, collapsed, scaled):
    optimizer = keras.optimizers.SGD(use_ema=ema is not None, ema_momentum=ema or 0.99)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.iterations.assign(steps)
    watch = CollapseWatch(np.arange(64) % 4, POSE)
    watch.set_model(types.SimpleNamespace(optimizer=optimizer))
    watch.answers.update_state(None, np.eye(4)[np.ones(64, int)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        watch.on_epoch_end(1, {"accuracy": 0.9})
    assert (watch.collapsed_at_epoch is not None) == collapsed


def test_largest_share_counts_from_anew():
    metric = LargestShare(3)
    votes = np.array([[0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [1.0, 0.0, 0.0]])
    metric.update_state(votes, votes)
    metric.update_state(votes[:1], votes[:1], sample_weight=[7.0])
    assert float(metric.result()) == 0.75
    metric.reset_state()
    assert float(metric.result()) == 0


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1}])
def test_a_run_notes_it(tmp_path, many_faces, settings):
    with pytest.warns(CollapseWarning, match="epoch 2"):
        run = train(RECIPE.override(settings), runs=tmp_path, callbacks=[Stuck()])
    assert run.metrics["collapsed_at_epoch"] == 2
    assert run.history["val_largest_share"].tolist() == [1, 1, 1]
    assert "in epoch 2 nearly every" in (run.path / "report.md").read_text("utf-8")


def test_a_resumed_run_remembers_and_tells_no_second_time(tmp_path, many_faces):
    with pytest.warns(CollapseWarning), pytest.raises(KeyboardInterrupt):
        train(RECIPE, runs=tmp_path, callbacks=[Stuck(), Kill(epoch=2)])
    (path,) = (tmp_path / RECIPE.name).iterdir()
    state = RunFolder(path).state
    assert state["checkpoints"][0]["memory"]["collapse"] == {"collapsed_at_epoch": 2}
    assert train(resume=path).metrics["collapsed_at_epoch"] == 2  # warnings are errors here


def test_a_run_from_before_there_was_a_watch_goes_on(tmp_path, many_faces):
    with pytest.raises(KeyboardInterrupt):
        train(TRIAL, runs=tmp_path, callbacks=[Kill(epoch=1)])
    (path,) = (tmp_path / TRIAL.name).iterdir()
    state = RunFolder(path).state
    for entry in state["checkpoints"]:
        del entry["memory"]["collapse"]
    RunFolder(path).write_json("state.json", state)
    assert train(resume=path).metrics["collapsed_at_epoch"] is None


def test_a_warning_is_one_line_above_the_progress_bar(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        terminal, "err", Console(file=screen, force_terminal=True, markup=False, width=60)
    )
    with terminal.warnings_in_a_line(), terminal.progress() as bar:
        bar.add_task("training", total=3)
        warnings.warn("Got one\n  class. " + "word " * 20, CollapseWarning, stacklevel=1)
    (line,) = (line for line in screen.getvalue().splitlines() if "Got one" in line)
    assert line.endswith("facezoo: Warning: Got one class. " + "word " * 19 + "word")


def test_other_warnings_are_shown_in_full():
    with warnings.catch_warnings(record=True) as in_full:
        warnings.simplefilter("default")
        with terminal.warnings_in_a_line():
            warnings.warn("as ever", RuntimeWarning, stacklevel=1)
    assert [w.category for w in in_full] == [RuntimeWarning]


def test_the_command_line_tells_it_in_a_line(tmp_path):
    # a rate of 1 pushes every ReLU below zero at the first step, and what is left is a bias
    told = facezoo_command(
        *("train", RECIPE.name, "--runs", tmp_path, "--json"),
        *("--set", "limit=64", "--set", "epochs=2", "--set", "learning_rate=1"),
        *("--set", "batch_size=2", "--set", "builder_args.batch_norm=false"),
    )
    assert told.returncode == 0, told.stderr
    (line,) = (line for line in told.stderr.splitlines() if "Warning" in line)
    assert line.startswith("facezoo: Warning: Got the answer") and "in epoch 2" in line
    assert json.loads(told.stdout)["collapsed_at_epoch"] == 2
