import numpy as np
import pytest

from conftest import picture_bytes, write_zip
from facezoo.datasets import load_dataset
from facezoo.datasets.boxes import Box, decode_face
from facezoo.datasets.prepare import prepare
from facezoo.datasets.store import PreparedSet
from facezoo.errors import ArchiveError, PictureError, ProtocolError, RecipeError

GRAY = {"angry": 20, "happy": 120, "neutral": 220}  # a face's pixels tell its class here
LABELS = {"angry": 0, "happy": 3, "neutral": 6}


def archive_of(tmp_path, lines, pictures, prefix="ExpW/", newline="\n"):
    text = newline.join(lines) + newline
    members = {f"{prefix}label/label.lst": text.encode("utf-8")}
    members |= {f"{prefix}image/{name}": data for name, data in pictures.items()}
    return write_zip(tmp_path / "ExpW.zip", members)


def picture(*faces, size=(60, 80)):
    """A black picture with a gray square a face: (class, left, top, side)."""
    pixels = np.zeros(size, np.uint8)
    for name, left, top, side in faces:
        pixels[max(0, top) : top + side, max(0, left) : left + side] = GRAY[name]
    return picture_bytes(pixels, "PNG")


def line(name, face, expression, left, top, side, confidence=50.0):
    """The official order: name face_id top left right bottom confidence label."""
    label = LABELS[expression]
    return f"{name} {face} {top} {left} {left + side} {top + side} {confidence} {label}"


def reasons(info):
    return {r["file"]: r["reason"] for r in info["rejected"]["files"]}


@pytest.fixture
def album(tmp_path):
    """40 pictures of two faces each, of two classes."""
    lines, pictures = [], {}
    for i in range(40):
        name = f"b{i:02}.png"
        pictures[name] = picture(("happy", 4, 10, 20), ("angry", 40, 20, 30))
        lines += [line(name, 0, "happy", 4, 10, 20), line(name, 1, "angry", 40, 20, 30)]
    return archive_of(tmp_path, lines, pictures)


def test_other_processes_tell_of_clipped_boxes_too(tmp_path, monkeypatch):
    lines = [line(f"{i}.png", 0, "happy", -4 * (i % 2), 10, 20) for i in range(70)]
    pictures = {f"{i}.png": picture(("happy", -4 * (i % 2), 10, 20)) for i in range(70)}
    monkeypatch.setattr("facezoo.datasets.prepare.FEW", 0)
    info = prepare("expw", archive_of(tmp_path, lines, pictures))
    assert info["counts"]["clipped"] == {"no": 35, "yes": 35}


@pytest.mark.parametrize("prefix", ["ExpW/", ""])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_face_is_cut_out_by_its_own_box(tmp_path, prefix, newline):
    name = "two people.png"
    lines = [line(name, 0, "happy", 4, 10, 20), "", line(name, 3, "angry", 40, 20, 30)]
    lines[0] = "\ufeff" + lines[0]
    pictures = {name: picture(("happy", 4, 10, 20), ("angry", 40, 20, 30))}
    info = prepare("expw", archive_of(tmp_path, lines, pictures, prefix, newline))
    assert info["pictures"] == 2 and info["rejected"]["count"] == 0
    prepared = PreparedSet("expw")
    assert [set(np.unique(face)) for face in prepared.images] == [{120}, {20}]
    table = prepared.table()
    assert list(table["face"]) == [0, 3] and list(table["file"]) == [name, name]
    assert table.loc[1, ["left", "top", "right", "bottom"]].tolist() == [40, 20, 70, 50]
    assert list(table["expression"]) == ["happy", "angry"]


def test_margin_adds_its_fraction_on_every_side(tmp_path):
    archive = archive_of(
        tmp_path, [line("a.png", 0, "happy", 30, 20, 20)], {"a.png": picture(("happy", 30, 20, 20))}
    )
    prepare("expw", archive, margin=0.5, size=40)
    face = PreparedSet("expw").images[0, :, :, 0]
    assert (face[11:29, 11:29] == 120).all()
    assert face[:9].max() == face[31:].max() == face[:, :9].max() == face[:, 31:].max() == 0


def test_a_margin_that_leaves_the_picture_is_cut_off_there():
    data = picture(("neutral", 0, 0, 20))
    box = Box(0, 0, 20, 20)
    face, clipped = decode_face(data, box=box, size=(30, 30), channels=1, margin=0.5)
    assert not clipped  # the box itself lies inside
    assert (face[:19, :19] == 220).all() and face[22:].max() == 0


def test_boxes_that_leave_their_picture_are_clipped_or_rejected(tmp_path):
    lines = [
        line("in.png", 0, "happy", 10, 10, 20),
        line("out.png", 0, "neutral", -5, 10, 20),
        line("gone.png", 0, "angry", 75, 10, 20),
        line("far.png", 0, "angry", 500, 500, 20),
    ]
    pictures = {
        "in.png": picture(("happy", 10, 10, 20)),
        "out.png": picture(("neutral", -5, 10, 20)),
        "gone.png": picture(("angry", 75, 10, 20)),
        "far.png": picture(),
    }
    info = prepare("expw", archive_of(tmp_path, lines, pictures))
    assert info["counts"]["clipped"] == {"no": 1, "yes": 1}
    assert "25% lies in the picture (80 x 60)" in reasons(info)["gone.png"]
    assert "0% lies" in reasons(info)["far.png"]
    prepared = PreparedSet("expw")
    row = int(np.flatnonzero(prepared.table()["file"] == "out.png")[0])
    assert set(np.unique(prepared.images[row])) == {220}
    assert prepared.table()["left"][row] == -5  # as published
    assert any("less than half" in note for note in info["notes"])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("a.png 0 1 2 30 40 5.0", "fields"),
        ("a.png 0 1 2 30 forty 5.0 3", "not numbers"),
        ("a.png 0 1 2 30 40 5.0 7", "unknown label 7"),
        ("a.png 0 1 2 30 40 nan 3", "confidence nan"),
        ("a.png 0 1 30 30 40 5.0 3", "empty box"),
        ("a.png", "1 fields"),
    ],
)
def test_a_malformed_line_is_rejected_by_its_number(tmp_path, bad, said):
    good = line("a.png", 0, "happy", 4, 10, 20)
    archive = archive_of(tmp_path, [good, bad, good], {"a.png": picture(("happy", 4, 10, 20))})
    info = prepare("expw", archive)
    assert info["pictures"] == 2
    ((file, reason),) = reasons(info).items()
    assert file == "ExpW/label/label.lst:2" and said in reason


def test_pictures_and_lines_without_each_other_and_broken_pictures_are_named(tmp_path):
    names = ("good.png", "lost.png", "broken.png")
    lines = [line(name, 0, "happy", 4, 10, 20) for name in names]
    pictures = {
        "good.png": picture(("happy", 4, 10, 20)),
        "broken.png": b"\x89PNG",
        "more.png": picture(),
    }
    info = prepare("expw", archive_of(tmp_path, lines, pictures))
    assert info["pictures"] == 1
    assert set(reasons(info)) == {"lost.png", "broken.png", "ExpW/image/more.png"}
    assert "not in the archive" in reasons(info)["lost.png"]


def test_faces_under_the_confidence_are_left_out(tmp_path):
    lines = [
        line("a.png", face, "happy", 4, 10, 20, confidence)
        for face, confidence in enumerate((10.0, 30.0, 30.5))
    ]
    archive = archive_of(tmp_path, lines, {"a.png": picture(("happy", 4, 10, 20))})
    info = prepare("expw", archive, min_confidence=30)
    assert PreparedSet("expw").table()["face"].tolist() == [1, 2]
    assert reasons(info) == {"a.png (face 0)": "confidence 10, under 30"}


def test_a_picture_s_faces_stay_together(album):
    prepare("expw", album)
    for seed in range(3):
        data = load_dataset("expw", seed=seed)
        files = [set(s.table["file"]) for s in (data.train, data.validation, data.test)]
        assert [len(f) for f in files] == [28, 4, 8]
        assert len(set.union(*files)) == 40
    again = load_dataset("expw", seed=seed)
    other = load_dataset("expw", seed=seed + 1)
    assert list(again.test.table["file"]) == list(data.test.table["file"])
    assert set(other.test.table["file"]) != files[2]


def test_too_few_pictures_to_divide_say_so(tmp_path):
    lines = [line("a.png", face, "happy", 4, 10, 20) for face in range(9)]
    prepare("expw", archive_of(tmp_path, lines, {"a.png": picture(("happy", 4, 10, 20))}))
    with pytest.raises(ProtocolError, match="faces of 1 pictures"):
        load_dataset("expw")


def test_options_and_archives_that_cannot_work_are_refused(tmp_path, album):
    with pytest.raises(RecipeError, match="margin -1"):
        prepare("expw", album, margin=-1)
    with pytest.raises(RecipeError, match="min_confidence 2000"):
        prepare("expw", album, min_confidence=2000)
    with pytest.raises(ArchiveError, match="0 files label.lst"):
        prepare("expw", write_zip(tmp_path / "other.zip", {"image/a.png": picture()}))
    with pytest.raises(PictureError, match="not a picture"):
        decode_face(b"text", box=Box(0, 0, 1, 1), size=(16, 16), channels=1)


def test_the_real_archive(official):
    info = prepare("expw", official("expw/ExpW.zip"))
    assert info["pictures"] >= 4571 and info["counts"]["clipped"]["yes"] >= 29
    assert len(info["counts"]["expression"]) == 7
    data = load_dataset("expw")
    assert not set(data.train.table["file"]) & set(data.test.table["file"])
    assert len(data.train) > 0.65 * info["pictures"]
