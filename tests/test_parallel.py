"""Several devices and several hosts, on loopback: the same training as on one device."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import types

import keras
import numpy as np
import pandas as pd
import pytest

import facezoo
from facezoo.batches import ArrayBatches
from facezoo.cli import main, watching
from facezoo.datasets import Split
from facezoo.errors import ParallelError
from facezoo.labels import EXPRESSION_7
from facezoo.parallel import Hosts
from facezoo.training import train

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="several hosts train on JAX")
RECIPE = "synthetic-lenet5-expression"
# not a multiple of two or of four, so that the last batches have to be evened out; dropout,
# augmentation and moving averages, which all draw or remember
CHANGES = {
    "batch_size": 16,
    "limit": 66,
    "epochs": 3,
    "ema": 0.9,
    "builder_args.dropout": 0.2,
    "augmentation.shift": 0.1,
    "augmentation.flip": True,
}


class Recorder:
    """An array that remembers which of its rows were read."""

    def __init__(self, array):
        self.array, self.read, self.shape, self.ndim = array, [], array.shape, array.ndim

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.read.extend(np.atleast_1d(rows).tolist())
        return self.array[rows]


def numbered(count):
    """A split whose pictures are 0, 1, 2 ..., and which remembers what was read."""
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    split = Split(images, np.arange(count) % 7, None, EXPRESSION_7, "train")
    recorder = Recorder(images)
    object.__setattr__(split, "images", recorder)
    return split, recorder


def served(**options):
    """All batches of an epoch, and the rows that were read for them."""
    split, recorder = numbered(29)
    batches = ArrayBatches(split, 8, **options)
    return [batches[i] for i in range(len(batches))], recorder.read


@pytest.mark.parametrize("shuffle", [True, False])
def test_hosts_share_every_batch_in_order_and_read_nothing_else(shuffle):
    options = {"shuffle": shuffle, "devices": 4}
    whole, _ = served(**options)
    halves = [served(**options, hosts=2, host=host) for host in (0, 1)]
    for batch, *both in zip(whole, *(batches for batches, _ in halves), strict=True):
        for of_all, *parts in zip(batch, *both, strict=True):
            np.testing.assert_array_equal(of_all, np.concatenate(parts))
    for batches, read in halves:
        assert read == [row for images, *_ in batches for row in images.ravel().tolist()]


def test_a_batch_that_cannot_be_shared_is_cut_in_training_and_filled_up_in_validation():
    trained, _ = served(shuffle=True, devices=4)
    assert [len(images) for images, _ in trained] == [8, 8, 8, 4]
    validated, _ = served(devices=4)
    assert [len(images) for images, _, _ in validated] == [8, 8, 8, 8]
    weights = np.concatenate([w for _, _, w in validated])
    assert (weights > 0).sum() == 29
    assert weights.sum() == pytest.approx(32)  # what Keras divides by


def test_an_address_and_a_number_that_cannot_be_are_refused():
    for arguments in (("10.0.0.1", 2, 0), ("host:none", 2, 0), ("host:70000", 2, 0)):
        with pytest.raises(ParallelError, match="such as 10.0.0.1:7700"):
            Hosts(*arguments)
    with pytest.raises(ParallelError, match="from 0 to 1"):
        Hosts("10.0.0.1:7700", 2, 2)


@pytest.mark.usefixtures("few_faces")
def test_devices_that_are_not_there_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ParallelError, match="devices=64"):
        train(RECIPE, devices=64, runs=tmp_path)
    with pytest.raises(ParallelError, match="Leave devices out"):
        train(RECIPE, devices=2, hosts=Hosts("127.0.0.1:7700", 2, 0), runs=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX can")
@pytest.mark.usefixtures("few_faces")
def test_several_hosts_without_jax_are_refused(tmp_path):
    with pytest.raises(ParallelError, match="KERAS_BACKEND=jax"):
        train(RECIPE, hosts=Hosts("127.0.0.1:7700", 2, 0), runs=tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hosts", "2"], "all three, or none"),
        (["--coordinator", "h:1", "--hosts", "2"], "all three, or none"),
        (["--devices", "two"], '"all" or a number'),
    ],
)
def test_options_that_do_not_go_together_are_refused(monkeypatch, capsys, options, said):
    monkeypatch.setattr(sys, "argv", ["facezoo", "train", RECIPE, *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(folder, *options, devices=1):
    """Start `facezoo train` in a folder of its own."""
    folder.mkdir(exist_ok=True)
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, "-m", "facezoo", "train", *map(str, options)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XLA_FLAGS": flags},
    )


def start_hosts(folder, count, *options):
    meeting = f"127.0.0.1:{free_port()}"
    return [
        start(
            folder / f"host{n}", *options, "--coordinator", meeting, "--hosts", count,
            "--host-id", n,
        )
        for n in range(count)
    ]  # fmt: skip


def settings(**changes):
    given = {**CHANGES, **changes}
    return [RECIPE, *(word for name, value in given.items()
                      for word in ("--set", f"{name}={str(value).lower()}"))]  # fmt: skip


def ended(process):
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    return out


def history(folder):
    (path,) = folder.glob("runs/*/*/history.csv")
    return pd.read_csv(path).drop(columns="seconds")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The history of the same training on one device, of as many pictures an epoch."""
    folder = tmp_path_factory.mktemp("alone") / "host0"
    ended(start(folder, *settings(limit=64)))
    return history(folder)


@on_jax
@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_hosts_train_as_one_device_does_and_only_host_0_writes(tmp_path, alone, count):
    processes = start_hosts(tmp_path, count, *settings(limit=64))
    said = [ended(process) for process in processes]
    assert "test accuracy" in said[0]
    pd.testing.assert_frame_equal(history(tmp_path / "host0"), alone, rtol=2e-4)
    for n in range(1, count):
        assert "host 0 has the run folder" in said[n]
        assert not list((tmp_path / f"host{n}").iterdir())


@on_jax
def test_a_killed_host_ends_the_run_and_it_resumes(tmp_path):
    many = settings(epochs=6)
    first, second = start_hosts(tmp_path, 2, *many)
    for line in second.stderr:
        if line.startswith("epoch 2/"):
            second.kill()
            break
    _, err = first.communicate(timeout=200)
    assert first.returncode == 2
    assert err.splitlines()[-1].startswith("facezoo: Got no sign of another host")
    second.communicate()
    (run,) = (tmp_path / "host0").glob("runs/*/*")
    done = len(pd.read_csv(run / "history.csv"))
    assert 1 <= done < 6
    for process in start_hosts(tmp_path, 2, "--resume", run):
        ended(process)
    resumed = history(tmp_path / "host0")
    assert resumed["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    never_killed = tmp_path / "never killed"
    never_killed.mkdir()
    for process in start_hosts(never_killed, 2, *many):
        ended(process)
    pd.testing.assert_frame_equal(history(never_killed / "host0"), resumed, rtol=2e-4)


@on_jax
@pytest.mark.slow
def test_devices_of_one_host_train_as_one_does(tmp_path, alone):
    ended(start(tmp_path / "host0", *settings(limit=64), "--devices", "all", devices=4))
    pd.testing.assert_frame_equal(history(tmp_path / "host0"), alone, rtol=2e-4)


@on_jax
def test_a_batch_that_devices_cannot_share_is_refused(tmp_path):
    process = start(tmp_path, *settings(batch_size=15), "--devices", "all", devices=2)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 2
    assert "multiple of 2" in err and "batch_size=16" in err
    assert not list(tmp_path.iterdir())


MIRRORED = """
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import facezoo
changes = {"batch_size": 16, "limit": 64, "epochs": 6, "ema": 0.9, "builder_args.batch_norm": False}
recipe = facezoo.get_recipe("synthetic-lenet5-expression").override(changes)
for devices in (None, "all"):
    run = facezoo.train(recipe, runs=sys.argv[1], devices=devices)
    print(run.path)
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's strategy")
def test_two_devices_of_tensorflow_train_as_one_does(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    one, two = (facezoo.runs.RunFolder(path) for path in re.findall(r"^/.*", done.stdout, re.M))
    assert two.read_json("environment.json")["devices_together"] == 2
    kept = ["epoch", "val_loss", "loss"]
    pd.testing.assert_frame_equal(two.history[kept], one.history[kept], rtol=1e-3)


@pytest.mark.parametrize(
    ("said", "code", "expected"),
    [
        ("facezoo: Warning: a checkpoint is damaged", 0, 0),
        ("facezoo: Got 3 hosts; expected 2.", 1, 2),
    ],
)
def test_a_watched_training_that_warns_has_not_failed(said, code, expected, monkeypatch, capfd):
    program = f"import sys; print({said!r}, file=sys.stderr); sys.exit({code})"
    start = subprocess.Popen
    monkeypatch.setattr(
        watching.subprocess,
        "Popen",
        lambda command, **options: start([sys.executable, "-c", program], **options),
    )
    assert watching.watch() == expected
    assert said in capfd.readouterr().err


class Interrupted:
    """Lines of a process, of which the first is read when Ctrl-C comes."""

    def __init__(self, *lines):
        self.lines, self.pressed = lines, False

    def __iter__(self):
        if not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt
        yield from self.lines


def test_what_a_watched_training_says_after_ctrl_c_is_told(monkeypatch, capsys):
    said = "facezoo: Interrupted. Go on with: facezoo train --resume runs/x\n"
    process = types.SimpleNamespace(stderr=Interrupted(said), returncode=2)
    monkeypatch.setattr(
        watching.subprocess, "Popen", lambda *_, **__: contextlib.nullcontext(process)
    )
    assert watching.watch() == 2
    assert capsys.readouterr().err == said
