"""Figures of what `explain` finds, and `facezoo explain`."""

import dataclasses
import sys

import numpy as np
import pytest
from builders import SPOTS, spots, spotted

from conftest import picture_bytes
from facezoo import cli, views
from facezoo.datasets import Split
from facezoo.datasets.drawing import draw_dataset
from facezoo.errors import LabelSetMismatch, PictureError
from facezoo.recipes import get_recipe
from facezoo.training import train


def shown(figure):
    """The pictures of a figure, as uint8 arrays."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def test_overlays_are_red_where_the_evidence_is():
    values = np.zeros((2, 2), np.float32)
    values[0, 0], values[1, 1] = 0.4, -0.2
    figure = views.overlays(np.full((40, 20, 1), 100, np.uint8), [values], ["bright 90%"])
    picture, over = shown(figure)
    assert (picture == 100).all() and over.shape == (40, 20, 3)
    red, blue = over[2, 2].astype(int), over[-2, -2].astype(int)
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 20
    assert [axes.get_title() for axes in figure.axes] == ["picture", "bright 90%"]


def test_grids_have_a_picture_a_channel():
    maps = np.zeros((6, 4, 70), np.float32)
    maps[:, :, 3] = 5
    pictures = shown(views.activation_grid(maps))
    assert len(pictures) == 64
    assert pictures[3].min() > pictures[0].min() and (pictures[0] == pictures[1]).all()
    kernel = np.zeros((3, 3, 1, 5), np.float32)
    kernel[0, 0, 0, 1], kernel[0, 0, 0, 2] = 2, -2
    filters = shown(views.filter_grid(kernel))
    assert len(filters) == 5
    assert [int(each.reshape(3, 3, -1)[0, 0, 0]) for each in filters[:3]] == [128, 255, 0]
    inner = views.filter_grid(np.zeros((3, 3, 6, 2), np.float32))
    assert len(inner.axes) == 12 and inner.axes[6].get_title() == "1 of input 0"


def photo(colour=(200, 150, 120), size=(90, 60), form="JPEG"):
    pixels = np.full((*size, 3), colour, np.uint8)
    pixels[: size[0] // 3] = 30
    return picture_bytes(pixels, form)


def test_explained_answers_and_draws():
    model = spots()
    found, figure = views.explained(model, photo(), classes=["dark"])
    assert set(found) == {"bright", "dark"}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    picture, over = shown(figure)
    assert picture.shape == over.shape == (90, 60, 3)
    assert figure.axes[1].get_title() == f"dark {found['dark']:.1%}"
    _, both = views.explained(model, photo(size=(1000, 500)), method="occlusion")
    assert len(both.axes) == 3 and "falls by" in both.axes[1].get_title()
    assert shown(both)[0].shape == (480, 240, 3)
    with pytest.raises(PictureError):
        views.explained(model, b"no picture")
    model.label_set = None
    with pytest.raises(LabelSetMismatch):
        views.explained(model, photo())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The path of a run of seconds, on drawn faces."""
    from facezoo.datasets import synthetic

    drawn = draw_dataset(people=10)
    with pytest.MonkeyPatch.context() as patch:
        spec = dataclasses.replace(synthetic.SPEC, in_memory=lambda: drawn)
        patch.setattr(synthetic, "SPEC", spec)
        recipe = get_recipe("synthetic-lenet5-expression").smoke()
        return train(recipe, runs=tmp_path_factory.mktemp("runs"), evaluate=False).path


@pytest.fixture
def facezoo_explain(monkeypatch, capfd, tmp_path):
    """Run `facezoo explain` in an empty folder; gives exit code, stdout and stderr lines."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["facezoo", "explain", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        told = capfd.readouterr()
        return end.value.code or 0, told.out.splitlines(), told.err.splitlines()

    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return call


def test_facezoo_explain(run, facezoo_explain, tmp_path):
    for folder, colour in (("one", (10, 200, 30)), ("two", (220, 30, 90))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "face.jpg").write_bytes(photo(colour))
    both = tmp_path / "one/face.jpg", tmp_path / "two/face.jpg"
    code, out, err = facezoo_explain(run, *both)
    assert (code, err) == (0, [])
    assert out[0].startswith(f"{both[0]}: ") and "happy" in out[0] and "%" in out[0]
    assert [line.strip() for line in out[1::2]] == ["face-grad-cam.png", "face-grad-cam-2.png"]
    first, second = ((tmp_path / "work" / line.strip()).read_bytes() for line in out[1::2])
    assert first != second and first.startswith(b"\x89PNG")
    out_folder = tmp_path / "new" / "figures"
    asked = ["--method", "occlusion", "--class", "happy", "--out", out_folder]
    code, out, err = facezoo_explain(run, both[1], *asked)
    assert (code, err) == (0, [])
    assert [p.name for p in out_folder.iterdir()] == ["face-occlusion.png"]


def test_unreadable_photos_are_named_and_skipped(run, facezoo_explain, tmp_path):
    (tmp_path / "good.png").write_bytes(photo(form="PNG"))
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    files = [tmp_path / "bad.jpg", tmp_path / "missing.jpg", tmp_path, tmp_path / "good.png"]
    code, out, err = facezoo_explain(run, *files)
    assert code == 1 and len(out) == 2 and len(err) == 3
    assert err[0] == f"Skipped {files[0]}: not a picture"
    assert "No such file" in err[1] and "directory" in err[2].lower()
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["good-grad-cam.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["RUN", "bad.jpg", "gone.jpg"], "bad.jpg: not a picture; gone.jpg: No such file"),
        (["RUN", "good.jpg", "--class", "hapy"], "Did you mean 'happy'"),
        (["RUN", "good.jpg", "--method", "gradcam"], "Did you mean 'grad-cam'"),
        (["RUN", "good.jpg", "--out", "bad.jpg/x"], "--out"),
        (["nowhere", "good.jpg"], "No weights 'nowhere'"),
        (["RUN"], "Missing argument"),
    ],
)
def test_what_cannot_be_explained_is_one_line(run, facezoo_explain, tmp_path, arguments, said):
    work = tmp_path / "work"
    (work / "good.jpg").write_bytes(photo())
    (work / "bad.jpg").write_bytes(b"no picture")
    code, out, err = facezoo_explain(*(run if a == "RUN" else a for a in arguments))
    assert code == 2 and out == []
    (line,) = err
    assert said in line
    assert {p.name for p in work.iterdir()} == {"good.jpg", "bad.jpg"}


def test_class_maps_lie_over_the_mean_of_all_faces():
    images = np.stack([spotted()] * 3 + [spotted()[::-1, ::-1]] * 3)
    split = Split(images, np.zeros(6, np.int64), None, SPOTS, "test")
    figure = views.class_maps(spots(), split, count=2)
    assert [axes.get_title() for axes in figure.axes] == ["mean face", "bright"]  # none is dark
    mean = shown(figure)[0].astype(int)
    assert abs(mean - mean[::-1, ::-1]).max() <= 1
