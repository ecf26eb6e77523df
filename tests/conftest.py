"""Fixtures that several test files share: a home of its own, small archives, a small run."""

import dataclasses
import io
import os
import shutil
import signal
import zipfile

import numpy as np
import pytest
from PIL import Image

from facezoo.datasets.drawing import draw_dataset
from facezoo.datasets.prepare import prepare
from facezoo.labels import CMU_EXPRESSION, CMU_PEOPLE, EYES, POSE


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Keep every test away from the user's own prepared sets."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FACEZOO_HOME", str(folder))
    return folder


@pytest.fixture
def official():
    """Return a function name -> path of a real archive under FACEZOO_DATA, or skip."""

    def find(name):
        root = os.environ.get("FACEZOO_DATA")
        path = os.path.join(root or "", name)
        if root is None or not os.path.exists(path):
            pytest.skip(f"FACEZOO_DATA holds no {name}")
        return path

    return find


@pytest.fixture
def heed_ctrl_c():
    """Let child processes see Ctrl-C: those of a shell's background job inherit not to."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def picture_bytes(pixels, form="PPM", **options):
    """Encode a uint8 (h, w), (h, w, 3) or (h, w, 4) array; "PPM" of a gray one is a PGM."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def cmu_photos(people=CMU_PEOPLE.classes, scales=(2, 4), seed=0):
    """Return `{member: bytes}` of a small archive in the official form.

    Every photograph of a person, pose, expression and eyes is random noise of its own, at
    each scale; the smaller one is the larger, resized.
    """
    rng = np.random.default_rng(seed)
    sizes = {1: (128, 120), 2: (64, 60), 4: (32, 30)}
    members = {}
    for person in people:
        for pose in POSE.classes:
            for expression in CMU_EXPRESSION.classes:
                for eyes in EYES.classes:
                    noise = rng.integers(0, 154, (120, 128), dtype=np.uint8)
                    photo = Image.fromarray(noise)
                    for scale in scales:
                        name = f"{person}_{pose}_{expression}_{eyes}"
                        name += f"_{scale}" if scale > 1 else ""
                        pixels = np.asarray(photo.resize(sizes[scale]))
                        members[f"faces/{person}/{name}.pgm"] = picture_bytes(pixels)
    return members


def write_zip(path, members):
    """Write `{name: bytes}` as a zip and return its path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.fixture(scope="session")
def cmu_zip(tmp_path_factory):
    """A zip in the form of CMU Face Images: 20 people, two scales, 1,280 noise pictures."""
    return write_zip(tmp_path_factory.mktemp("archives") / "faces.zip", cmu_photos())


@pytest.fixture(scope="session")
def cmu_prepared(cmu_zip, tmp_path_factory):
    """The small CMU set, prepared once."""
    root = tmp_path_factory.mktemp("prepared")
    return root, prepare("cmu_faces", cmu_zip, root=root)


@pytest.fixture
def cmu(cmu_prepared, home):
    """A copy of the small CMU set in the test's home; gives dataset.json."""
    root, info = cmu_prepared
    shutil.copytree(root / "cmu_faces", home / "datasets" / "cmu_faces")
    return info


@pytest.fixture
def few_faces(monkeypatch):
    """Draw the default set smaller: 10 people instead of 120."""
    from facezoo.datasets import synthetic

    drawn = draw_dataset(people=10)
    spec = dataclasses.replace(synthetic.SPEC, in_memory=lambda: drawn)
    monkeypatch.setattr(synthetic, "SPEC", spec)
