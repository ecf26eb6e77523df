import numpy as np
import pytest

from conftest import picture_bytes, write_zip
from facezoo.datasets import load_dataset
from facezoo.datasets.prepare import prepare
from facezoo.datasets.store import PreparedSet
from facezoo.errors import ArchiveError, PixelError, ProtocolError
from facezoo.pictures import decode

FOLDERS = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")


def frames(prefix="CK+48/", people=20):
    """Three near-equal frames of a sequence a class and person, in the archive's form."""
    rng = np.random.default_rng(0)
    members = {}
    for person in range(10, 10 + people):
        for number, folder in enumerate(FOLDERS, 1):
            pixels = rng.integers(0, 250, (48, 48), dtype=np.uint8)
            for frame in range(3):
                name = f"{prefix}{folder}/S{person:03}_{number:03}_{frame + 8:08}.png"
                members[name] = picture_bytes(pixels + np.uint8(frame), "PNG")
    return members


@pytest.fixture
def archive(tmp_path):
    return write_zip(tmp_path / "CK+48.zip", frames())


@pytest.mark.parametrize("prefix", ["CK+48/", ""])
def test_every_frame_is_kept_with_our_class_names(tmp_path, prefix):
    members = frames(prefix, people=2)
    info = prepare("ckplus", write_zip(tmp_path / "ck.zip", members))
    assert info["pictures"] == 42 and info["rejected"]["count"] == 0
    assert info["counts"]["expression"]["angry"] == info["counts"]["expression"]["sad"] == 6
    assert "expression contempt: 6, published 54" in info["differences"]
    prepared = PreparedSet("ckplus")
    table = prepared.table()
    row = table.index[table["file"] == f"{prefix}sadness/S011_006_00000009.png"][0]
    assert table.loc[row, ["subject", "sequence"]].tolist() == ["S011", "S011_006"]
    np.testing.assert_array_equal(prepared.images[row], decode(members[table["file"][row]]))


def test_the_unpacked_folder_gives_the_same_pictures(tmp_path):
    members = frames(people=1)
    for name, data in members.items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    zipped = prepare("ckplus", write_zip(tmp_path / "ck.zip", members))
    unpacked = prepare("ckplus", tmp_path / "unpacked")
    assert unpacked["images_sha256"] == zipped["images_sha256"]


def test_no_person_has_two_roles_and_ten_seeds_test_and_select_everybody_once(archive):
    prepare("ckplus", archive)
    tested, selecting = [], []
    for seed in range(10):
        data = load_dataset("ckplus", seed=seed)
        people = [set(s.table["subject"]) for s in (data.train, data.validation, data.test)]
        assert [len(p) for p in people] == [16, 2, 2]
        assert len(set.union(*people)) == 20
        tested += people[2]
        selecting += people[1]
    assert len(set(tested)) == len(set(selecting)) == 20
    assert data.protocol == "ckplus/10fold-subject"


def test_fold_and_seed_name_the_same_folds(archive):
    prepare("ckplus", archive)
    by_seed = load_dataset("ckplus", seed=13).test.table["file"]
    by_fold = load_dataset("ckplus", seed=1, fold=3).test.table["file"]
    assert list(by_seed) == list(by_fold)
    with pytest.raises(ProtocolError, match="fold 10"):
        load_dataset("ckplus", fold=10)


def test_expression_6_leaves_contempt_out(archive):
    prepare("ckplus", archive)
    data = load_dataset("ckplus", target="expression-6")
    assert data.label_set.classes == ("angry", "disgust", "fear", "happy", "sad", "surprise")
    for split in (data.train, data.validation, data.test):
        names = [data.label_set.classes[c] for c in split.labels]
        assert names == list(split.table["expression"]) and "contempt" not in names
    whole = load_dataset("ckplus")
    assert whole.test.counts()["contempt"] == 6


def test_what_is_no_frame_is_rejected_and_the_rest_goes_on(tmp_path):
    good = frames(people=1)
    picture = next(iter(good.values()))
    bad = {
        "CK+48/neutral/S010_001_00000001.png": picture,
        "CK+48/happy/copy of S010.png": picture,
        "__MACOSX/CK+48/happy/._S010_005_00000008.png": b"\0\5\x16\7",
        "CK+48/happy/S099_001_00000001.png": b"",
    }
    info = prepare("ckplus", write_zip(tmp_path / "ck.zip", good | bad))
    assert info["pictures"] == len(good)
    reasons = {r["file"]: r["reason"] for r in info["rejected"]["files"]}
    assert set(reasons) == set(bad)
    assert "'neutral'" in reasons["CK+48/neutral/S010_001_00000001.png"]
    with pytest.raises(ArchiveError, match="S<subject>_<sequence>_<frame>.png"):
        prepare("ckplus", write_zip(tmp_path / "bad.zip", bad))


def test_size_and_channels_are_options(archive):
    assert prepare("ckplus", archive, size=32, channels=3)["picture_shape"] == [32, 32, 3]
    with pytest.raises(PixelError, match="channels=2"):
        prepare("ckplus", archive, channels=2)


def test_a_second_preparation_under_an_own_name_stands_beside_the_first(archive):
    prepare("ckplus", archive)
    prepare("ckplus:small", archive, size=24)
    assert load_dataset("ckplus").input_shape == (48, 48, 1)
    data = load_dataset("ckplus:small", protocol="ckplus:small/10fold-subject")
    assert data.input_shape == (24, 24, 1) and data.name == "ckplus:small"


def test_the_real_archive(official):
    info = prepare("ckplus", official("ckplus/CK+48.zip"))
    assert info["pictures"] == sum(info["counts"]["expression"].values()) >= 696
    assert info["rejected"]["count"] == 0 and info["counts"]["expression"]["contempt"] >= 39
    data = load_dataset("ckplus")
    assert not set(data.train.table["subject"]) & set(data.test.table["subject"])
