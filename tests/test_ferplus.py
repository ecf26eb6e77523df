import numpy as np
import pandas as pd
import pytest
from test_fer2013 import CSV, CSV_FORMS, PIXELS, USAGES, pictures, rows_csv, write

from conftest import write_zip
from facezoo.datasets import get_spec, load_dataset
from facezoo.datasets.archives import Archive
from facezoo.datasets.prepare import prepare
from facezoo.datasets.store import PreparedSet
from facezoo.errors import ArchiveError, DatasetNotFound, ProtocolError
from facezoo.labels import EXPRESSION_8

HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)
COLUMNS = [*EXPRESSION_8.classes, "unknown", "NF"]
NO_FACE = 7  # a row that has no picture in FER+


def counts_of(row):
    """Ten votes that tell the row: a clear leader, row % 7 + 1, and two that spell the number."""
    votes = [0] * 10
    votes[row % 7 + 1] = 200
    votes[8], votes[9] = row // 10 + 2, row % 10 + 2
    return votes


def vote_lines(rows=98):
    """fer2013new.csv with its quirks: an empty name, names out of step, a name twice."""
    lines = [HEADER]
    for row in range(rows):
        name = f"fer{row - (row > 60) - (row > 80):07d}.png"
        votes = [0] * 9 + [10] if row == NO_FACE else counts_of(row)
        name = "" if row == NO_FACE else name
        lines.append(",".join([USAGES[row], name, *map(str, votes)]))
    return lines


@pytest.fixture
def votes(tmp_path):
    return write(tmp_path / "fer2013new.csv", "\n".join(vote_lines()).encode())


@pytest.fixture
def faces(tmp_path):
    return write(tmp_path / "fer2013.csv", CSV)


def from_csv(folder):
    return {"fer2013": CSV_FORMS["tar.gz"](folder)}


def from_pictures(folder):
    members = pictures("im{number}.png")
    rows = write(folder / "rows.csv", rows_csv(members))
    return {"fer2013": write_zip(folder / "fer.zip", members), "rows": rows}


def from_prepared(folder):
    prepare("fer2013", write(folder / "fer2013.csv", CSV))
    return {}


def from_prepared_elsewhere(folder):
    source = from_pictures(folder)
    prepare("fer2013", source["fer2013"], rows=source["rows"], root=folder, channels=3)
    return {"fer2013": folder / "fer2013"}


@pytest.mark.parametrize(
    "source", [from_csv, from_pictures, from_prepared, from_prepared_elsewhere]
)
def test_votes_join_by_row_whatever_the_pictures_come_from(tmp_path, votes, source):
    info = prepare("ferplus", votes, **source(tmp_path))
    prepared = PreparedSet("ferplus")
    table = prepared.table()
    assert sorted(table["row"]) == [row for row in range(98) if row != NO_FACE]
    assert [r["reason"] for r in info["rejected"]["files"]] == ["no picture in FER+ (not a face)"]
    np.testing.assert_array_equal(prepared.images[..., 0], PIXELS[table["row"]])
    assert table[COLUMNS].to_numpy().tolist() == [counts_of(row) for row in table["row"]]
    assert list(table["split"]) == [USAGES[row] for row in table["row"]]


@pytest.mark.parametrize("wrap", [lambda d, m: write_zip(d / "FERPlus.zip", m), None])
def test_the_vote_file_may_lie_in_the_repository_s_zip_or_folder(tmp_path, votes, faces, wrap):
    path = votes.parent
    if wrap is not None:
        path = wrap(tmp_path, {"FERPlus-master/fer2013new.csv": votes.read_bytes()})
    assert prepare("ferplus", path, fer2013=faces)["pictures"] == 97


def test_size_and_channels_of_a_prepared_source(tmp_path, votes):
    from_prepared(tmp_path)
    info = prepare("ferplus", votes, size=32, channels=3)
    assert info["picture_shape"] == [32, 32, 3]
    image = PreparedSet("ferplus").images[0]
    assert abs(image.mean() - PIXELS[0].mean()) < 3 and image.std() > 10


def test_without_pictures_the_option_is_named(votes):
    with pytest.raises(DatasetNotFound, match="--fer2013"):
        prepare("ferplus", votes)


def test_pictures_without_rows_are_refused(tmp_path, votes):
    path = write_zip(tmp_path / "fer.zip", pictures())
    with pytest.raises(ArchiveError, match="98 pictures.*whose rows.*--rows"):
        prepare("ferplus", votes, fer2013=path)
    prepare("fer2013", path)
    with pytest.raises(ArchiveError, match="98 pictures.*whose rows"):
        prepare("ferplus", votes)
    with pytest.raises(ArchiveError, match="Pass --fer2013 ARCHIVE too"):
        prepare("ferplus", votes, rows=tmp_path / "rows.csv")


def test_another_prepared_set_is_not_taken_for_the_pictures(votes, cmu, home):
    with pytest.raises(ArchiveError, match="cmu_faces.*expected FER2013"):
        prepare("ferplus", votes, fer2013=home / "datasets" / "cmu_faces")


def test_another_archive_is_not_taken_for_the_votes(faces, tmp_path):
    with pytest.raises(ArchiveError, match="without fer2013new.csv"):
        prepare("ferplus", write_zip(tmp_path / "a.zip", {"fer2013.csv": CSV}), fer2013=faces)
    with pytest.raises(ArchiveError, match="image name is missing"):
        prepare("ferplus", faces, fer2013=faces)


@pytest.mark.parametrize(
    "keep, message",
    [
        (lambda lines: lines[:-3], "95 rows of votes, 3 pictures beyond .*[(]98[)]"),
        (lambda lines: lines + lines[-2:], "100 rows of votes.* 2 rows without.*[(]98[)]"),
        (lambda lines: lines[:5] + lines[6:], "row 69 as 'PublicTest'.*'Training' in FER2013"),
        (lambda lines: [*lines[:5], lines[5][:20], *lines[6:]], "columns, not 12 in line 6"),
    ],
)
def test_votes_that_are_out_of_step_are_refused(tmp_path, faces, home, keep, message):
    path = write(tmp_path / "fer2013new.csv", "\n".join(keep(vote_lines())).encode())
    with pytest.raises(ArchiveError, match=message):
        prepare("ferplus", path, fer2013=faces)
    assert not (home / "datasets" / "ferplus").exists()


def test_a_part_that_either_side_lacks_is_left_out(tmp_path, votes, faces):
    short = write(tmp_path / "short.csv", "\n".join(vote_lines(84)).encode())
    info = prepare("ferplus", short, fer2013=faces)
    assert info["counts"]["split"] == {"Training": 69, "PublicTest": 14}
    assert info["rejected"]["files"][-1]["reason"] == "no votes for PrivateTest"
    members = dict(list(pictures().items())[:84])
    rows = write(tmp_path / "rows.csv", rows_csv(members))
    path = write_zip(tmp_path / "fer.zip", members)
    assert prepare("ferplus", votes, fer2013=path, rows=rows)["pictures"] == 83
    with pytest.raises(ProtocolError, match="no PrivateTest picture"):
        load_dataset("ferplus", protocol="official")


def test_bad_rows_of_either_side_are_rejected_and_put_nothing_out_of_step(tmp_path):
    lines = vote_lines()
    for row, bad in ((20, "x"), (21, "-1"), (22, "")):
        fields = lines[row + 1].split(",")
        lines[row + 1] = ",".join([*fields[:4], bad, *fields[5:]])
    path = write(tmp_path / "fer2013new.csv", "\n".join(lines).encode())
    faces = CSV.split(b"\n")
    faces[31] = b"0,1 2 3,Training"
    info = prepare("ferplus", path, fer2013=write(tmp_path / "fer2013.csv", b"\n".join(faces)))
    reasons = {r["file"].partition("#")[2]: r["reason"] for r in info["rejected"]["files"]}
    assert set(reasons) == {str(NO_FACE), "20", "21", "22", "30"}
    assert reasons["21"] == "'-1' votes for surprise"
    prepared = PreparedSet("ferplus")
    np.testing.assert_array_equal(prepared.images[..., 0], PIXELS[prepared.table()["row"]])


CASES = [  # ten votes -> the class with a majority, and the shares of the eight
    ([6, 1, 1, 1, 1, 0, 0, 0, 0, 0], "neutral", {"neutral": 1}),
    ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], None, {"neutral": 0.5, "happy": 0.5}),
    ([0, 0, 5, 3, 2, 0, 0, 0, 0, 0], None, {"surprise": 0.5, "sad": 0.3, "angry": 0.2}),
    ([0, 0, 0, 0, 6, 4, 0, 0, 0, 0], "angry", {"angry": 0.6, "disgust": 0.4}),
    ([0, 0, 0, 0, 0, 0, 1, 9, 0, 0], "contempt", {"contempt": 1}),
    ([0, 0, 0, 0, 0, 0, 5, 0, 3, 2], None, {"fear": 1}),
    ([0, 0, 0, 0, 0, 0, 6, 0, 3, 0], "fear", {"fear": 1}),
    ([0, 0, 0, 4, 0, 2, 0, 0, 4, 0], None, {"sad": 4 / 6, "disgust": 2 / 6}),
    ([0, 3, 0, 0, 0, 0, 0, 0, 7, 0], None, {}),
    ([4, 0, 0, 0, 0, 0, 0, 0, 0, 5], None, {}),
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], None, {}),
    ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None, {}),
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None, {}),
]


def test_targets_follow_microsoft_s_rule():
    table = pd.DataFrame([votes for votes, _, _ in CASES], columns=COLUMNS)
    table = table.astype(str).astype("category")  # as a prepared set gives them
    targets = get_spec("ferplus").targets
    majority, shares = (targets[name].labels(table) for name in ("majority", "votes"))
    names = [EXPRESSION_8.classes[c] if c >= 0 else None for c in majority]
    assert names == [name for _, name, _ in CASES] and majority.dtype == np.int64
    wanted = [[share.get(name, 0) for name in EXPRESSION_8.classes] for _, _, share in CASES]
    np.testing.assert_allclose(shares, wanted, atol=1e-7)
    assert shares.dtype == np.float32


def test_either_target_goes_with_either_protocol(tmp_path, faces):
    lines = vote_lines()
    lines[1] = "Training,fer0000000.png,0,0,0,0,0,0,0,0,10,0"
    lines[2] = "Training,fer0000001.png,0,5,5,0,0,0,0,0,0,0"
    prepare(
        "ferplus",
        write(tmp_path / "fer2013new.csv", "\n".join(lines).encode()),
        fer2013=faces,
    )
    for protocol, tested in (("public", "PublicTest"), ("official", "PrivateTest")):
        clear = load_dataset("ferplus", protocol=protocol)
        shared = load_dataset("ferplus", target="votes", protocol=f"ferplus/{protocol}")
        assert clear.label_set is shared.label_set is EXPRESSION_8
        assert clear.protocol == shared.protocol == f"ferplus/{protocol}"
        rows = [
            {row for split in (data.train, data.validation) for row in split.table["row"]}
            for data in (clear, shared)
        ]
        assert rows[1] - rows[0] == {1} and 0 not in rows[1]
        for data in (clear, shared):
            assert set(data.test.table["split"]) == {tested} and len(data.test) == 14
            assert list(data.test.classes) == [row % 7 + 1 for row in data.test.table["row"]]


def test_the_official_votes_give_microsoft_s_majorities(official):
    spec = get_spec("ferplus")
    sources = {
        "fer2013": official("fer2013/archive.zip"),
        "rows": official("fer2013/rows.csv"),
    }
    with Archive(official("ferplus/fer2013new.csv")) as archive:
        items = list(spec.read(archive, {**spec.options, **sources}))
    table = pd.DataFrame([item.row for item in items if hasattr(item, "row")])
    assert len(items) - len(table) == 158
    assert table["split"].value_counts().to_dict() == spec.expected["split"]
    majority, shares = (spec.targets[name].labels(table) for name in ("majority", "votes"))
    assert table["split"][majority >= 0].value_counts().to_dict() == {
        "Training": 25060,
        "PublicTest": 3199,
    }
    told = majority >= 0
    assert (shares[told].argmax(axis=1) == majority[told]).all()
    assert (shares.sum(axis=1) > 0).sum() == 28389 + 3553
