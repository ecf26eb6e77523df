"""Broken and hostile files: read, or refused in a line. benchmarks/fuzz.py tries many more."""

import contextlib
import gzip
import io
import json
import os
import tarfile
import zipfile

import h5py
import numpy as np
import pytest

import facezoo
from conftest import cmu_photos, picture_bytes, write_zip
from facezoo.datasets import archives, get_spec, load_dataset
from facezoo.datasets.archives import Archive
from facezoo.datasets.boxes import FARTHEST, Box
from facezoo.datasets.prepare import prepare
from facezoo.errors import (
    ArchiveError,
    FacezooError,
    PictureError,
    RecipeError,
    RunError,
    StoreError,
    TuningError,
    WeightsError,
)
from facezoo.files import is_number, parse_json
from facezoo.models.blocks import load_weight_file
from facezoo.pictures import decode
from facezoo.recipes import Recipe, Space, get_recipe
from facezoo.report import Report
from facezoo.runs import RunFolder
from facezoo.weights.manifest import get_card, weight_file

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies as st  # noqa: E402

TINY = get_recipe("synthetic-lenet5-expression").smoke()
quietly = hypothesis.settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=list(hypothesis.HealthCheck),
)
EXTREME = [0, -1, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "../x", "a\0b"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(EXTREME),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def spoilt(draw, data):
    """Bytes of a valid file with up to three places overwritten, left out or put in."""
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 16))] = draw(st.binary(max_size=16))
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])


@st.composite
def changed(draw, value):
    """A value of JSON in which one value, however deep, is another or is left out."""
    value = json.loads(json.dumps(value))
    inner, keys = value, list(value)
    while True:
        key = draw(st.sampled_from(keys))
        below = inner[key]
        if not isinstance(below, dict | list) or not below or draw(st.booleans()):
            break
        inner, keys = below, list(below) if isinstance(below, dict) else list(range(len(below)))
    if draw(st.integers(0, 5)):
        inner[key] = draw(JSON)
    else:
        del inner[key]
    return value


def tar_bytes(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def zip_bytes(members):
    stream = io.BytesIO()
    write_zip(stream, members)
    return stream.getvalue()


FEW = {"a/b.pgm": picture_bytes(np.zeros((4, 4), np.uint8)), "a/c.csv": b"pth,label\n1,sad\n"}
PICTURES = [
    picture_bytes(np.arange(48, dtype=np.uint8).reshape(6, 8), form)
    for form in ("PPM", "PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
]


def walk(path):
    with Archive(path) as archive:
        for name, read in archive.walk():
            with contextlib.suppress(PictureError):
                read()
            if name.endswith(".csv"):
                list(archive.csv_rows(name, ()))


@pytest.mark.parametrize("data", [zip_bytes(FEW), tar_bytes(FEW)], ids=["zip", "tar"])
@quietly
@hypothesis.given(chosen=st.data())
def test_any_archive_is_read_or_refused(data, chosen, tmp_path):
    path = tmp_path / "faces.zip"
    path.write_bytes(chosen.draw(spoilt(data)))
    with contextlib.suppress(FacezooError):
        walk(path)


@quietly
@hypothesis.given(st.sampled_from(PICTURES).flatmap(spoilt))
def test_any_picture_is_read_or_refused(data):
    with contextlib.suppress(PictureError):
        assert decode(data, channels=1, size=(8, 8)).shape == (8, 8, 1)


@quietly
@hypothesis.given(st.text() | st.from_regex(r"[0-9,\"\n ]{0,80}"))
def test_any_table_is_read_or_refused(tmp_path, text):
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n" + text, "utf-8", "replace")
    with contextlib.suppress(FacezooError), Archive(path) as archive:
        spec = get_spec("fer2013")
        for item in spec.read(archive, spec.options):
            if hasattr(item, "decode"):
                with contextlib.suppress(PictureError):
                    item.decode(item.read())


@quietly
@hypothesis.given(st.lists(st.integers() | st.floats() | st.text(max_size=5), max_size=9))
def test_any_line_of_expw_is_a_face_or_a_reason(fields):
    from facezoo.datasets.expw import _face

    try:
        _, box = _face(" ".join(map(str, ["a.jpg", *fields])))
        assert box.area > 0
    except ValueError as error:
        assert str(error)


@quietly
@hypothesis.given(changed(TINY.to_dict()))
def test_any_recipe_is_one_or_refused(fields):
    with contextlib.suppress(FacezooError):
        assert Recipe.from_dict(fields).to_dict()


@quietly
@hypothesis.given(
    changed(
        {
            "batch_size": {"low": 8, "high": 32, "step": 8},
            "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
            "optimizer": ["adam", "sgd"],
        }
    )
)
def test_any_space_is_one_or_refused(fields):
    with contextlib.suppress(FacezooError):
        space = Space.from_dict(fields)
        space.check(TINY)
        if space.count() is not None:
            assert space.cell(space.count() - 1)


STATE = {
    "format": 1,
    "fingerprint": "drawn",
    "protocol": "synthetic/people",
    "label_set": {"name": "two", "classes": ["a", "b"]},
    "input_shape": [48, 48, 1],
    "checkpoints": [
        {
            "epoch": 1,
            "checkpoint": "checkpoints/epoch-0001.weights.h5",
            "sha256": "0",
            "best": "checkpoints/epoch-0001.weights.h5",
            "stopped": False,
            "memory": {"early": {"best_epoch": 0, "best": 0.5}, "collapse": {"at": None}},
        }
    ],
}


@quietly
@hypothesis.given(changed(STATE))
def test_any_state_of_a_run_is_whole_or_refused(tmp_path, state):
    run = a_run(tmp_path)
    (run.path / "state.json").write_text(json.dumps(state))
    with contextlib.suppress(RunError):
        for entry in run.state["checkpoints"]:
            assert (run.path / entry["checkpoint"]).parent == run.path / "checkpoints"


def a_run(folder):
    path = folder / "run"
    return RunFolder(path) if path.exists() else RunFolder.create(path, TINY)


@pytest.fixture
def manifest(tmp_path):
    """A manifest of one file, and its folder."""
    (tmp_path / "a.onnx").write_bytes(b"onnx")
    entry = {
        "name": "lenet5.synthetic-v1",
        "trained_by": TINY.to_dict(),
        "label_set": {"name": "two", "classes": ["a", "b"]},
        "input_shape": [48, 48, 1],
        "protocol": "synthetic/people",
        "fingerprint": "drawn",
        "temperature": 1.5,
        "files": {
            "onnx": {
                "file": "a.onnx",
                "bytes": 4,
                "sha256": facezoo.files.sha256(tmp_path / "a.onnx"),
            }
        },
    }
    return {"format": 1, "defaults": {"lenet5": entry["name"]}, "weights": {entry["name"]: entry}}


@quietly
@hypothesis.given(chosen=st.data())
def test_any_manifest_is_one_or_refused(manifest, tmp_path, chosen):
    (tmp_path / "manifest.json").write_text(json.dumps(chosen.draw(changed(manifest))))
    with contextlib.suppress(FacezooError):
        assert weight_file(get_card("lenet5", tmp_path), "onnx", tmp_path).parent == tmp_path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with a small prepared set "folder:mine"."""
    root = tmp_path_factory.mktemp("sets")
    png = {
        f"{c}/{n}.png": picture_bytes(np.full((4, 4), n, np.uint8), "PNG")
        for c in "ab"
        for n in range(12)
    }
    prepare("folder:mine", write_zip(root / "own.zip", png), root=root, size=16)
    return root


@quietly
@hypothesis.given(chosen=st.data())
def test_any_prepared_set_is_read_or_refused(own, chosen):
    folder = own / "folder@mine"
    name = chosen.draw(st.sampled_from(["dataset.json", "table.csv", "images.npy"]))
    whole = (folder / name).read_bytes()
    if name == "dataset.json":
        broken = json.dumps(chosen.draw(changed(json.loads(whole)))).encode()
    else:
        broken = chosen.draw(spoilt(whole[:400])) + whole[400:]
    (folder / name).write_bytes(broken)
    try:
        with contextlib.suppress(FacezooError):
            _ = load_dataset("folder:mine", root=own).test.table
    finally:
        (folder / name).write_bytes(whole)


# what was found once


def test_an_error_is_one_line_whatever_it_quotes():
    assert (
        str(FacezooError("Got 'a\nb'\r\n; expected one line.")) == "Got 'a b' ; expected one line."
    )


def test_json_that_goes_too_deep_or_holds_no_float():
    with pytest.raises(ValueError, match="too deep"):
        parse_json("[" * 100_000)
    assert is_number(2**63) and is_number(-0.5)
    assert not any(map(is_number, (10**400, float("nan"), float("inf"), True, "1", None)))


@pytest.mark.parametrize("name", ["recipe.json", "state.json", "metrics.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "[]", "1", '"a"', "null"])
def test_papers_of_a_run_that_hold_something_else(tmp_path, name, text):
    run = a_run(tmp_path)
    (run.path / name).write_text(text)
    with pytest.raises(RunError, match=name):
        _ = {"recipe.json": lambda: run.recipe, "state.json": lambda: run.state}.get(
            name, lambda: run.metrics
        )()


def test_a_history_of_numbers_that_no_integer_holds(tmp_path):
    run = a_run(tmp_path)
    (run.path / "history.csv").write_text(f"epoch,loss\n{'9' * 30},0.5\n")
    with pytest.raises(RunError, match="history"):
        _ = run.history


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), 10**400, "1", None])
def test_a_temperature_that_is_none(tmp_path, temperature):
    run = a_run(tmp_path)
    (run.path / "metrics.json").write_text(
        json.dumps({"calibration": {"temperature": temperature}})
    )
    with pytest.raises(RunError, match="temperature"):
        _ = run.metrics


@pytest.mark.parametrize("value", [10**400, "0.5", None, [1]])
def test_a_report_of_figures_that_are_none(value):
    one = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    fields = {
        "label_set": {"name": "two", "classes": ["a", "b"]},
        **{"n": 2, "accuracy": 1.0, "accuracy_interval": [0.5, 1.0], "macro_f1": 1.0},
        **{"balanced_accuracy": 1.0, "ece": 0.1, "log_loss": 0.1, "copies": None},
        **{"per_class": {"a": one, "b": one}, "confusion_matrix": [[1, 0], [0, 1]]},
        **{"without_copies": None, "worst": [], "reliability": []},
    }
    assert Report.from_dict(fields).n == 2
    for name in ("accuracy", "per_class", "confusion_matrix", "worst", "accuracy_interval"):
        with pytest.raises(FacezooError):
            Report.from_dict({**fields, name: value})
    with pytest.raises(FacezooError, match="object of figures"):
        Report.from_dict(value)


def test_a_header_of_a_tar_that_claims_what_is_not_there(tmp_path):
    path = tmp_path / "faces.tar.gz"
    for kind, said in ((tarfile.GNUTYPE_LONGNAME, "no zip"), (tarfile.REGTYPE, "unpacks to")):
        info = tarfile.TarInfo("a.csv")
        info.type, info.size = kind, 2**40
        path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
        with pytest.raises(ArchiveError, match=said):
            walk(path)


def test_a_tar_that_leads_back_to_itself_ends(tmp_path):
    head = tarfile.TarInfo("pax")
    record = b"14 size=-1024\n"
    head.type, head.size = tarfile.XHDTYPE, len(record)
    data = head.tobuf() + record.ljust(512, b"\0") + tarfile.TarInfo("a").tobuf() + bytes(4096)
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(ArchiveError, match="cannot be read"):
        Archive(tmp_path / "a.tar")


@pytest.mark.parametrize("write", [zip_bytes, lambda m: gzip.compress(tar_bytes(m))])
def test_an_archive_that_unpacks_to_many_times_its_size(tmp_path, monkeypatch, write):
    monkeypatch.setattr(archives, "MAX_MEMBER", 1000)
    path = tmp_path / "bomb.zip"
    path.write_bytes(write({"a.csv": bytes(1_000_000)}))
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", bytes(1_000_000))
    with pytest.raises(ArchiveError, match="unpacks to"):
        Archive(path)


def test_a_member_whose_name_is_no_utf8(tmp_path):
    path = write_zip(tmp_path / "faces.zip", {"é.pgm": b"x"})
    data = path.read_bytes()
    path.write_bytes(data.replace("é".encode(), b"\x9a\x9a", 1))
    with contextlib.suppress(ArchiveError):
        walk(path)


def test_boxes_that_no_photograph_has():
    with pytest.raises(PictureError, match="edge"):
        Box(0, 0, 10**400, 1)
    assert Box(0, 0, FARTHEST, 1).area == FARTHEST


@pytest.mark.parametrize(
    "header", ["(" * 9000, f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**62},)}}"]
)
def test_headers_of_pictures_that_numpy_stumbles_over(own, header):
    path = own / "folder@mine" / "images.npy"
    whole = path.read_bytes()
    head = header.encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
    try:
        with pytest.raises(StoreError, match="Prepare it again"):
            load_dataset("folder:mine", root=own)
    finally:
        path.write_bytes(whole)


def test_dataset_json_without_what_is_read_later(own):
    path = own / "folder@mine" / "dataset.json"
    whole = path.read_text()
    for field in ("images_sha256", "columns", "rejected", "label_sets", "roles"):
        info = json.loads(whole)
        info[field] = 1
        path.write_text(json.dumps(info))
        with pytest.raises(StoreError, match="Prepare it again"):
            load_dataset("folder:mine", root=own)
    path.write_text(whole)


def test_a_space_too_large_to_be_counted_is_not_counted():
    from facezoo.tuning.search import Search

    wide = {"low": 0, "high": 2**31 - 2}
    space = Space.from_dict({"seed": wide, "split_seed": wide})
    assert space.count() == (2**31 - 1) ** 2
    assert space.cell(space.count() - 1) == {"seed": 2**31 - 2, "split_seed": 2**31 - 2}
    with pytest.raises(TuningError, match="more than"):
        Search(recipe=TINY, space=space, method="grid", fingerprint="")
    with pytest.raises(RecipeError):
        Space.from_dict({"learning_rate": {"low": -1e308, "high": 1e308, "step": 1e-308}})


def test_weights_that_are_no_numbers_or_no_file_of_them(tmp_path):
    model = facezoo.build_model("lenet5", filters=[2, 3], dense=[4, 4])
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    before = model.get_weights()
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"TREE", b"TREF"))
    with pytest.raises(WeightsError):
        load_weight_file(model, path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file.visititems(lambda name, item: _spoil(item))
    with pytest.raises(WeightsError, match="not numbers"):
        load_weight_file(model, path)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def _spoil(item):
    if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
        item[...] = np.nan


def test_files_of_a_manifest_that_lie_elsewhere(manifest, tmp_path):
    for name in ("../a.onnx", "/etc/passwd", "a\0b", ["a"], 1):
        next(iter(manifest["weights"].values()))["files"]["onnx"]["file"] = name
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(WeightsError):
            weight_file(get_card("lenet5", tmp_path), "onnx", tmp_path)


def test_the_official_form_is_far_from_the_limits(tmp_path):
    path = write_zip(tmp_path / "faces.zip", cmu_photos(scales=(4,)))
    with Archive(path) as archive:
        unpacked = sum(len(read()) for _, read in archive.walk())
    assert unpacked < 2 * path.stat().st_size


def test_onnxruntime_is_told_to_send_nothing(monkeypatch):
    from facezoo.runtime import library

    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    library()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
