"""The command line as a process: what a person types and sees."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import facezoo
from conftest import picture_bytes, write_zip
from facezoo.cli.photos import found_pictures
from facezoo.datasets.prepare import prepare


def facezoo_command(*arguments, env=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "facezoo", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        **options,
    )


def refused(*arguments, **options):
    """Run a command that must be refused; return its one line."""
    result = facezoo_command(*arguments, **options)
    assert result.returncode == 2, result
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_version_and_help():
    assert facezoo_command("--version").stdout.strip() == f"facezoo {facezoo.__version__}"
    helped = facezoo_command("--help")
    assert helped.returncode == 0
    for command in ("prepare", "datasets", "models", "recipes", "train", "evaluate", "tune"):
        assert command in helped.stdout


def test_tables_and_their_json():
    listed = facezoo_command("recipes").stdout
    assert "cmu-lenet5-pose" in listed
    rows = [json.loads(line) for line in facezoo_command("recipes", "--json").stdout.splitlines()]
    assert {r["name"] for r in rows} == set(facezoo.list_recipes())
    names = [
        json.loads(line)["name"]
        for line in facezoo_command("datasets", "--json").stdout.splitlines()
    ]
    assert names == facezoo.list_datasets()


def test_datasets_tells_what_the_prepared_ones_hold(home, tmp_path):
    folder = home / "datasets"
    pixels = np.zeros((8, 8), np.uint8)
    mine = {f"{c}/{i}.png": picture_bytes(pixels + i, "PNG") for c in "ab" for i in range(3)}
    prepare("folder:mine", write_zip(tmp_path / "mine.zip", mine))
    prepare("synthetic", people=5)
    (folder / "synthetic" / "images.npy").write_bytes(b"")
    for stray in ("folder@", "folder@a b", "others@x"):
        (folder / stray).mkdir()
    lines = facezoo_command("datasets", "--json").stdout.splitlines()
    rows = {row["name"]: row for row in map(json.loads, lines)}
    assert rows["folder:mine"]["targets"] == ["class"]
    assert rows["folder:mine"]["prepared"] == "6 of 48x48x1"
    assert rows["synthetic"]["prepared"].startswith("damaged")
    assert len(rows) == 10


def test_prepare_train_evaluate(tmp_path, cmu_zip):
    done = facezoo_command("prepare", "cmu_faces", cmu_zip)
    assert done.returncode == 0 and "1,280 pictures of 64x60x1" in done.stdout
    small = ["--set", "epochs=2", "--set", "limit=40", "--set", "builder_args.dropout=0.4"]
    trained = facezoo_command("train", "cmu-lenet5-pose", "--runs", tmp_path, *small, "--json")
    assert trained.returncode == 0, trained.stderr
    assert "epoch 2/2" in trained.stderr
    run = json.loads(trained.stdout)
    assert run["protocol"] == "cmu_faces/random80"
    evaluated = facezoo_command("evaluate", run["run"], "--json")
    assert json.loads(evaluated.stdout)["accuracy"] == run["test"]["accuracy"]
    told = facezoo_command("evaluate", run["run"])
    assert f"{run['test']['accuracy']:.1%}" in told.stdout and "straight" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "cmu-lenet5-poses"], "Did you mean 'cmu-lenet5-pose'"),
        (["train", "cmu-lenet5-pose"], "facezoo prepare cmu_faces PATH"),
        (["train", "cmu-lenet5-pose", "--set", "epoch=3"], "Did you mean 'epochs'"),
        (["train", "cmu-lenet5-pose", "--set", "epochs"], "expected FIELD=JSON"),
        (["train", "cmu-lenet5-pose", "--set", "epochs=many"], "Got epochs='many'"),
        (["train", "cmu-lenet5-pose", "--set", "target=is:mitchel"], "Did you mean 'mitchell'"),
        (["train", "synthetic-lenet5-expression", "--set", "target=mood"], "No target 'mood' of"),
        (["train"], "expected one of them"),
        (["train", "--resume", "nowhere"], "recipe.json"),
        (["train", "cmu-lenet5-pose", "--dataset", "cmu"], "No data set 'cmu'"),
        (["prepare", "cmu", "faces.zip"], "No data set 'cmu'"),
        (["prepare", "cmu_faces"], "archive.ics.uci.edu"),
        (["prepare", "cmu_faces", "missing.zip"], "data/README.md"),
        (["prepare", "cmu_faces", __file__], "is no zip"),
        (["evaluate", "nowhere"], "No weights 'nowhere'"),
        (["no-such-command"], "No such command"),
        (["train", "--no-such-option"], "No such option"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, arguments, said):
    assert said in refused(*arguments, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_user_id_lists_those_that_exist(cmu):
    line = refused("train", "cmu-lenet5-mitchell", "--set", "target=is:mitchel")
    assert "Did you mean 'mitchell'" in line and "an2i" in line


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    line = refused("train", "synthetic-lenet5-expression", "--runs", file / "runs")
    assert "--runs" in line


@pytest.mark.usefixtures("heed_ctrl_c")
def test_ctrl_c_in_train_says_how_to_go_on(tmp_path):
    many = ["--set", "epochs=500", "--set", "limit=32"]
    process = subprocess.Popen(
        [sys.executable, "-m", "facezoo", "train", "synthetic-lenet5-expression"]
        + ["--runs", str(tmp_path), *many],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("epoch 2/"):
            process.send_signal(signal.SIGINT)
            break
    *_, last = process.stderr.read().splitlines()
    process.stdout.close()
    process.stderr.close()
    assert process.wait() == 2
    (run,) = (tmp_path / "synthetic-lenet5-expression").iterdir()
    assert f"facezoo train --resume {run}" in last
    assert not list(run.rglob(".writing-*"))


@pytest.mark.usefixtures("heed_ctrl_c")
def test_ctrl_c_in_prepare_leaves_nothing(cmu_zip, home):
    # a pipe instead of an archive keeps `prepare` waiting until it is interrupted
    pipe = home / "faces.zip"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, "-m", "facezoo", "prepare", "cmu_faces", str(pipe)],
        stderr=subprocess.PIPE,
        text=True,
    )
    with open(pipe, "wb"):  # returns once the command has opened the other end
        process.send_signal(signal.SIGINT)
    line = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 2
    assert line.startswith("facezoo: Interrupted")
    assert not (home / "datasets" / "cmu_faces").exists()


@pytest.mark.slow
def test_demo_ends_with_a_confusion_matrix(tmp_path):
    done = facezoo_command("demo", "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "facezoo train cmu-lenet5-pose" in done.stdout
    (figure,) = tmp_path.rglob("confusion_matrix.png")
    assert str(figure) in done.stdout and figure.stat().st_size > 10_000
    (metrics,) = tmp_path.rglob("metrics.json")
    assert json.loads(metrics.read_text())["test"]["accuracy"] > 0.7


def test_reproduce_passes_over_what_cannot_be_had_and_refuses_what_is_not_there(tmp_path):
    lacking = facezoo_command("reproduce", "pooling-base-max", cwd=tmp_path)
    assert lacking.returncode == 1 and lacking.stdout == ""
    assert "Passed over pooling-base-max" in lacking.stderr
    assert "facezoo prepare fer2013" in lacking.stderr
    assert not (tmp_path / "results").exists()
    assert "Did you mean 'pooling'" in refused("reproduce", "poolin", cwd=tmp_path)
    assert "full, quick" in refused("reproduce", "cmu", "--profile", "fast", cwd=tmp_path)


def test_models_are_measured_on_request():
    (row,) = facezoo_command("models", "lenet5", "--measure", "--json").stdout.splitlines()
    found = json.loads(row)
    assert found["name"] == "lenet5" and set(found["milliseconds"]) == {"1", "64"}
    assert found["file_bytes"] > 4 * found["weights"]
    assert "Did you mean 'lenet5'" in refused("models", "lenet")


def test_tune_searches_and_refuses_in_a_line(tmp_path):
    space = tmp_path / "space.json"
    space.write_text('{"batch_size": [4, 8], "learning_rate": [0.001]}')
    tune = ("tune", "synthetic-lenet5-expression")
    runs = ("--runs", tmp_path / "runs", "--seeds", "0")
    small = ("--set", "limit=32", "--set", "epochs=1", "--set", "learning_rate=0.002")
    done = facezoo_command(*tune, "--space", space, *small, "--method", "grid", *runs)
    assert done.returncode == 0, done.stderr
    assert "2 trials (2 complete)" in done.stdout and "learning_rate =" not in done.stdout
    assert "trial 2/2  best 0." in done.stderr
    best = tmp_path / "runs" / "synthetic-lenet5-expression-grid" / "best_recipe.json"
    assert json.loads(best.read_text())["learning_rate"] == 0.002
    assert "none is built in" in refused(*tune, *runs)
    assert "cannot be read as a space" in refused(*tune, "--space", f"{best}x")
    space.write_text('{"batch_sise": [4]}')
    said = refused(*tune, "--space", space)
    assert "Did you mean 'batch_size'?" in said
    assert "greater than or equal to 1" in refused(*tune, "--trials", "0")


def test_a_pattern_passes_over_the_folders_that_it_matches(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.jpg", "sub/b.jpg"):
        (tmp_path / name).touch()
    assert found_pictures([f"{tmp_path}/*"]) == ([f"{tmp_path}/a.jpg"], [])
    assert len(found_pictures([f"{tmp_path}/**"])[0]) == 2
