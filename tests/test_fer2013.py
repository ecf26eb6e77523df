import csv
import io
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest

from conftest import picture_bytes, write_zip
from facezoo.datasets import fer2013, get_spec, load_dataset
from facezoo.datasets.archives import MAX_LINE, Archive
from facezoo.datasets.prepare import prepare
from facezoo.datasets.spec import SplitRequest
from facezoo.datasets.store import PreparedSet
from facezoo.errors import ArchiveError, PixelError, ProtocolError
from facezoo.labels import EXPRESSION_7

PARTS = {"Training": 70, "PublicTest": 14, "PrivateTest": 14}
LABELS = np.arange(98) % 7
PIXELS = np.random.default_rng(0).integers(0, 256, (98, 48, 48), dtype=np.uint8)
USAGES = [usage for usage, count in PARTS.items() for _ in range(count)]


def csv_lines(header="emotion,pixels,Usage"):
    """fer2013.csv of 98 faces of noise as a list of lines, the header first."""
    texts = (" ".join(map(str, pixels.ravel())) for pixels in PIXELS)
    rows = zip(LABELS, texts, USAGES, strict=True)
    return [header, *(f"{label},{text},{usage}" for label, text, usage in rows)]


LINES = csv_lines()
CSV = "\n".join([*LINES, ""]).encode()


def pictures(name="{usage}_{number}.jpg", usages=USAGES):
    """The same faces in the form of the Kaggle archive, without loss; numbers are no rows."""
    members = {}
    for row, usage in enumerate(usages):
        folder = "train" if usage == "Training" else "test"
        file = name.format(usage=usage, number=(row * 37) % 1000 + 1000)
        label = EXPRESSION_7.classes[LABELS[row]]
        members[f"{folder}/{label}/{file}"] = picture_bytes(PIXELS[row], "PNG")
    return members


def rows_csv(members):
    lines = (f"{row},{USAGES[row]},{file}" for row, file in enumerate(members))
    return "\n".join(["row,usage,file", *lines]).encode()


def write(path, data):
    path.write_bytes(data)
    return path


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def unpack(path, members):
    with zipfile.ZipFile(write_zip(path / "archive.zip", members)) as archive:
        archive.extractall(path / "unpacked")
    return path / "unpacked"


def quoted(lines):
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(line.split(",") for line in lines)
    return stream.getvalue().encode()


CSV_FORMS = {
    "plain": lambda d: write(d / "fer2013.csv", CSV),
    "another name": lambda d: write(d / "faces.CSV", CSV),
    "zip": lambda d: write_zip(d / "a.zip", {"fer2013.csv": CSV, "train.csv": b"emotion,pixels\n"}),
    "tar.gz": lambda d: write_tar(
        d / "fer2013.tar.gz", {"fer2013/README": b"x", "fer2013/fer2013.csv": CSV}
    ),
    "folder": lambda d: unpack(d, {"fer2013/fer2013.csv": CSV}),
    "icml": lambda d: write(
        d / "icml_face_data.csv",
        "\n".join(
            ",".join([line.split(",")[0], line.split(",")[2], line.split(",")[1]])
            for line in csv_lines("emotion, pixels, Usage")
        ).encode(),
    ),
    "BOM, CRLF, blank lines": lambda d: write(
        d / "fer2013.csv", b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n\r\n")
    ),
    "quoted": lambda d: write(d / "fer2013.csv", quoted(LINES)),
}


@pytest.mark.parametrize("form", CSV_FORMS)
def test_every_form_of_the_csv_gives_the_same_set(tmp_path, form):
    info = prepare("fer2013", CSV_FORMS[form](tmp_path))
    prepared = PreparedSet("fer2013")
    table = prepared.table()
    assert info["rejected"]["count"] == 0
    np.testing.assert_array_equal(prepared.images[..., 0], PIXELS)
    assert list(table["row"]) == list(range(98)) and list(table["split"]) == USAGES
    assert list(EXPRESSION_7.encode(table["expression"])) == list(LABELS)
    assert table["file"].is_unique


def test_train_csv_is_training_but_no_other_csv_may_lack_usage(tmp_path):
    data = "\n".join(line.rpartition(",")[0] for line in LINES).encode()
    info = prepare("fer2013", write(tmp_path / "train.csv", data))
    assert info["counts"]["split"] == {"Training": 98}
    with pytest.raises(ArchiveError, match="usage is missing"):
        prepare("fer2013", write(tmp_path / "fer2013.csv", data))


@pytest.mark.parametrize(
    "header", ["emotion,pixel,Usage", "label,pixels,Usage", "", "\x00\x00,,", "0,70 80,Training"]
)
def test_a_missing_column_is_named(tmp_path, header):
    data = "\n".join([header, *LINES[1:]]).encode()
    with pytest.raises(ArchiveError, match="(emotion|pixels) is missing"):
        prepare("fer2013", write(tmp_path / "fer2013.csv", data))


def changed(line, column, old, new):
    fields = line.split(",")
    fields[column] = fields[column].replace(old, new, 1)
    return ",".join(fields)


BAD = {
    3: (lambda line: line.split(",")[0], "1 columns, not 3"),
    8: (lambda line: line.replace(" ", ",", 1), "4 columns, not 3"),
    13: (lambda line: changed(line, 1, " ", ""), "2,303 pixels, not 2,304"),
    14: (lambda line: changed(line, 1, " ", " 7 "), "2,305 pixels"),
    21: (lambda line: f"0,{'256 ' * 2304},Training", "a pixel of 256"),
    22: (lambda line: f"0,{'9' * 30 + ' 1' * 2303},Training", "a pixel of 9"),
    30: (lambda line: changed(line, 1, " ", " x "), "'x', not numbers"),
    31: (lambda line: changed(line, 1, " ", " -1 "), "'-', not numbers"),
    32: (lambda line: "0,,Training", "0 pixels"),
    33: (lambda line: "0, ,Training", "0 pixels"),
    40: (lambda line: "7" + line[1:], "unknown emotion '7'"),
    41: (lambda line: "sad" + line[1:], "unknown emotion 'sad'"),
    50: (lambda line: line.replace("Training", "training"), "unknown Usage 'training'"),
    60: (lambda line: "0," + "1 " * MAX_LINE + ",Training", "a line of more than"),
    61: (lambda line: '"' + line, "1 columns, not 3"),
    62: (lambda line: line.replace(" ", " \udcff", 1), "not numbers"),
}


def test_bad_rows_are_rejected_by_number_and_reason_and_the_rest_goes_on(tmp_path):
    lines = list(LINES)
    for row, (spoil, _) in BAD.items():
        lines[row + 1] = spoil(lines[row + 1])
    data = "\n".join(lines).encode("utf-8", "surrogateescape")
    info = prepare("fer2013", write(tmp_path / "fer2013.csv", data))
    reasons = {r["file"]: r["reason"] for r in info["rejected"]["files"]}
    assert set(reasons) == {f"fer2013.csv#{row}" for row in BAD}
    for row, (_, reason) in BAD.items():
        assert reason in reasons[f"fer2013.csv#{row}"]
    prepared = PreparedSet("fer2013")
    rows = prepared.table()["row"]
    assert list(rows) == [row for row in range(98) if row not in BAD]
    np.testing.assert_array_equal(prepared.images[..., 0], PIXELS[rows])


def test_a_damaged_csv_in_an_archive_is_refused_whole(tmp_path, home):
    path = tmp_path / "fer.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fer2013.csv", CSV)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    with pytest.raises(ArchiveError, match="fer.zip.*cannot be read"):
        prepare("fer2013", write(path, data))
    assert not (home / "datasets" / "fer2013").exists()


def test_a_csv_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "fer.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("fer2013.csv", "\n".join([LINES[0], *LINES[1:] * 20, "1 " * 9_000_000]))
    with Archive(path) as archive:
        tracemalloc.start()
        count = sum(1 for _ in fer2013.read(archive, get_spec("fer2013").options))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 98 * 20 + 1
    assert peak < 3_000_000  # of 36 MB


def test_progress_of_a_csv_has_no_total(tmp_path):
    seen = []
    prepare("fer2013", CSV_FORMS["plain"](tmp_path), progress=lambda *state: seen.append(state))
    assert seen == [(64, None), (98, None)]


@pytest.mark.parametrize("wrap", [write_zip, lambda path, members: unpack(path.parent, members)])
def test_pictures_have_the_role_of_their_name_or_else_of_their_folder(tmp_path, wrap):
    members = {f"fer/{name}": data for name, data in pictures().items()}
    members["fer/test/Happy/im0.png"] = picture_bytes(PIXELS[0], "PNG")
    members["fer/train/anger/im7.PNG"] = picture_bytes(PIXELS[1], "PNG")
    info = prepare("fer2013", wrap(tmp_path / "fer.zip", members))
    assert info["counts"]["split"] == {**PARTS, "Training": 71, "test": 1}
    prepared = PreparedSet("fer2013")
    table = prepared.table().set_index("file")
    assert set(table["row"]) == {-1}
    assert table.loc["fer/test/Happy/im0.png", "expression"] == "happy"
    assert table.loc["fer/train/anger/im7.PNG", "expression"] == "angry"
    place = table.index.get_loc("fer/" + list(pictures())[5])
    np.testing.assert_array_equal(prepared.images[place, ..., 0], PIXELS[5])


def test_pictures_that_are_out_of_place_are_rejected_by_name(tmp_path):
    out = {
        "train/confused/Training_1.jpg": "none of the seven",
        "other/happy/im1.png": "neither under train/ or test/",
        "im2.png": "neither under train/ or test/",
        "train/happy/Training_3.jpg": "not a picture",
        "train/happy/Training_4.jpg": "zero bytes",
    }
    data = {name: b"" if "4" in name else b"broken" for name in out}
    info = prepare("fer2013", write_zip(tmp_path / "fer.zip", {**pictures(), **data}))
    reasons = {r["file"]: r["reason"] for r in info["rejected"]["files"]}
    assert info["pictures"] == 98 and set(reasons) == set(out)
    for name, reason in out.items():
        assert reason in reasons[name]


def test_the_archive_of_another_set_is_refused(tmp_path):
    other = {"CK+48/happy/S010_004_00000017.png": picture_bytes(PIXELS[0], "PNG")}
    with pytest.raises(ArchiveError, match="expected train/<class>.*kaggle.com"):
        prepare("fer2013", write_zip(tmp_path / "CK+48.zip", other))


def test_rows_tell_the_rows_and_the_half_of_test(tmp_path):
    members = pictures("im{number}.png")
    rows = write(tmp_path / "rows.csv", rows_csv(members))
    prepare("fer2013", write_zip(tmp_path / "fer.zip", members), rows=rows)
    prepared = PreparedSet("fer2013")
    table = prepared.table()
    assert sorted(table["row"]) == list(range(98))
    np.testing.assert_array_equal(prepared.images[..., 0], PIXELS[table["row"]])
    assert list(table["split"]) == [USAGES[row] for row in table["row"]]


@pytest.mark.parametrize(
    "old, new",
    [(b"\n5,", b"\n4,"), (b"\n5,", b"\n-5,"), (b"Training,", b"Train,"), (b"Training,", b"")],
)
def test_rows_that_cannot_be_trusted_are_refused(tmp_path, old, new):
    members = pictures()
    rows = write(tmp_path / "rows.csv", rows_csv(members).replace(old, new, 1))
    with pytest.raises(ArchiveError, match="rows.csv.* in line [27]"):
        prepare("fer2013", write_zip(tmp_path / "fer.zip", members), rows=rows)
    with pytest.raises(ArchiveError, match="Leave it out"):
        prepare("fer2013", CSV_FORMS["plain"](tmp_path), rows=rows)


def test_size_and_channels(tmp_path):
    path = CSV_FORMS["plain"](tmp_path)
    assert prepare("fer2013", path, size=64, channels=3)["picture_shape"] == [64, 64, 3]
    images = PreparedSet("fer2013").images
    assert (images[..., :1] == images).all()
    assert abs(images[0].mean() - PIXELS[0].mean()) < 3
    with pytest.raises(PixelError, match="channels=2"):
        prepare("fer2013", path, channels=2)


def test_differences_count_by_part_and_by_class_of_training(tmp_path):
    info = prepare("fer2013", CSV_FORMS["plain"](tmp_path))
    assert "split PrivateTest: 14, published 3,589" in info["differences"]
    assert "split/expression Training/disgust: 10, published 436" in info["differences"]


def parts(data):
    return [set(split.table["file"]) for split in (data.train, data.validation, data.test)]


@pytest.mark.parametrize(
    "protocol, sizes, tested",
    [
        ("public", [63, 7, 14], {"PublicTest"}),
        ("official", [70, 14, 14], {"PrivateTest"}),
        ("kaggle", [63, 7, 28], {"PublicTest", "PrivateTest"}),
    ],
)
def test_protocols_keep_the_official_roles(tmp_path, protocol, sizes, tested):
    prepare("fer2013", CSV_FORMS["plain"](tmp_path))
    data = load_dataset("fer2013", protocol=protocol, seed=1)
    assert [len(files) for files in parts(data)] == sizes
    assert len(set.union(*parts(data))) == sum(sizes)
    assert set(data.train.table["split"]) == {"Training"}
    assert set(data.test.table["split"]) == tested
    selecting = "PublicTest" if protocol == "official" else "Training"
    assert set(data.validation.table["split"]) == {selecting}
    assert set(data.validation.counts().values()) == {sizes[1] // 7}
    other = load_dataset("fer2013", protocol=protocol, seed=2)
    assert (parts(other)[1] == parts(data)[1]) == (protocol == "official")
    assert parts(other)[2] == parts(data)[2]


def test_an_absent_part_is_a_protocol_error_that_says_so(tmp_path):
    without_private = pictures(usages=USAGES[:84])
    prepare("fer2013", write_zip(tmp_path / "fer.zip", without_private))
    assert (
        len(load_dataset("fer2013").test)
        == len(load_dataset("fer2013", protocol="kaggle").test)
        == 14
    )
    with pytest.raises(ProtocolError, match="no PrivateTest picture; expected those that test"):
        load_dataset("fer2013", protocol="official")
    prepare("fer2013", write_zip(tmp_path / "fer.zip", pictures("im{number}.png")))
    with pytest.raises(ProtocolError, match="no PublicTest picture, and 28 of test/"):
        load_dataset("fer2013")
    assert len(load_dataset("fer2013", protocol="kaggle").test) == 28
    prepare("fer2013", write_zip(tmp_path / "fer.zip", pictures(usages=USAGES[:70])))
    with pytest.raises(ProtocolError, match="no test picture"):
        load_dataset("fer2013", protocol="kaggle")


def test_kaggle_notes_how_many_it_tests_on():
    spec = get_spec("fer2013")
    table = pd.DataFrame({"split": pd.Categorical(USAGES)})
    request = SplitRequest(table, LABELS, "expression", 0, None)
    note = spec.protocols["kaggle"].divide(request).note
    assert "all 28 pictures of test/ (14 PrivateTest, 14 PublicTest)" in note


def test_the_official_archive_has_its_parts_and_classes(official):
    spec = get_spec("fer2013")
    with Archive(official("fer2013/archive.zip")) as archive:
        items = list(spec.read(archive, spec.options))
        counts = {}
        for item in items:
            key = f"{item.row['split']}/{item.row['expression']}"
            counts[key] = counts.get(key, 0) + 1
        pixels = items[-1].decode(items[-1].read())
    training = spec.expected["split/expression"]
    assert {key: n for key, n in counts.items() if key in training} == training
    assert sum(training.values()) == spec.expected["split"]["Training"]
    assert sum(n for key, n in counts.items() if key.startswith("PublicTest")) == 3589
    assert pixels.shape == (48, 48, 1)
