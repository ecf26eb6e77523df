"""Photographs answered for where only NumPy, Pillow, OpenCV and onnxruntime are installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from test_faces import PEOPLE, photo

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from networks import write_onnx

pytest.importorskip("onnx")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
FOUR = ("numpy", "onnxruntime", "opencv-python", "pillow")
SOURCES = ("LICENSE", "README.md", "facezoo", "pyproject.toml", "setup.cfg")
ABSENT = ("h5py", "keras", "matplotlib", "pandas", "rich", "scipy", "tensorflow", "typer")
SCRIPT = """
import importlib.util, json, sys
import numpy as np
from PIL import Image
import facezoo

network, photo = sys.argv[1:3]
recognizer = facezoo.Recognizer(network)
with open(photo, "rb") as file:
    told = [recognizer.predict(photo), recognizer.predict(file.read())]
told += [recognizer.predict(Image.open(photo)), recognizer.predict(np.asarray(Image.open(photo)))]
told += recognizer.predict_batch([photo])
there = [name for name in sys.argv[3:] if importlib.util.find_spec(name)]
print(json.dumps({"told": [[f.to_dict() for f in faces] for faces in told], "there": there}))
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Programs of a virtual environment that holds `FOUR`, in CI's versions, and facezoo."""
    folder = tmp_path_factory.mktemp("bare")
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pinned = [line for line in lines if line.partition("==")[0] in FOUR]
    assert len(pinned) == len(FOUR)
    source = folder / "source"  # a build leaves files where it is made
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    programs = folder / "venv" / "bin"
    pip = [programs / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    subprocess.run([*pip, *pinned], check=True)
    subprocess.run([*pip, "--no-deps", source], check=True)
    return programs


def run(*command, folder):
    """Run a command where Python finds no other facezoo than the installed one."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_however_a_photograph_comes_it_is_answered_for_alike(bare, tmp_path):
    network, picture = write_onnx(tmp_path / "small.onnx"), tmp_path / "photo.png"
    Image.fromarray(photo(PEOPLE[:2])).save(picture)
    done = run(bare / "python", "-c", SCRIPT, network, picture, *ABSENT, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["there"] == []
    first, *others = said["told"]
    assert len(first) == 2 and len(others) == 4
    assert all(other == first for other in others)


@pytest.mark.parametrize("command", [("python", "-m", "facezoo"), ("facezoo",)])
def test_the_command_names_what_it_lacks_in_a_line(bare, tmp_path, command):
    program, *arguments = command
    done = run(bare / program, *arguments, "predict", "photo.png", folder=tmp_path)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and done.stdout == ""
    assert line.startswith("facezoo: Got no module 'typer'; expected it to be installed.")
