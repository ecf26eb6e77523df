import json
import os
import unicodedata

import numpy as np
import pytest

from conftest import picture_bytes, write_zip
from facezoo.datasets import get_spec, list_datasets, load_dataset
from facezoo.datasets.folder import Layout
from facezoo.datasets.prepare import prepare
from facezoo.datasets.store import PreparedSet
from facezoo.errors import (
    ArchiveError,
    DatasetNotFound,
    ProtocolError,
    StoreError,
    UnknownName,
)
from facezoo.labels import EXPRESSION_7
from facezoo.recipes import Recipe

CLASSES = ("cat", "dog", "Ärger")


def photo(value):
    return picture_bytes(np.full((20, 30), value, np.uint8), "PNG")


def pictures(prefix="", classes=CLASSES, each=20):
    return {
        f"{prefix}{name}/{k}.png": photo((10 * i + k) % 256)
        for i, name in enumerate(classes)
        for k in range(each)
    }


def unpack(folder, members):
    for name, data in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def parts(data):
    return data.train, data.validation, data.test


@pytest.mark.parametrize("prefix", ["", "mine/", "a/b/"])
@pytest.mark.parametrize("zipped", [True, False])
def test_class_folders_become_the_label_set(tmp_path, prefix, zipped):
    members = pictures(prefix)
    path = (
        write_zip(tmp_path / "mine.zip", members) if zipped else unpack(tmp_path / "mine", members)
    )
    info = prepare("folder", path)
    assert info["label_sets"]["class"]["classes"] == ["cat", "dog", "Ärger"]
    data = load_dataset("folder")
    assert (data.protocol, data.target) == ("folder/random", "class")
    assert [len(s) for s in parts(data)] == [48, 6, 6]
    assert set(data.test.counts().values()) == {2}
    names = [data.label_set.classes[c] for c in data.test.labels]
    assert names == list(data.test.table["class"])
    value = int(data.test.table["file"][0].rpartition("/")[2].removesuffix(".png"))
    assert (data.test.images[0] == 10 * data.test.labels[0] + value).all()
    assert "one person" in data.note


def test_the_folders_splits_are_kept(tmp_path):
    members = (
        pictures("set/train/") | pictures("set/valid/", each=3) | pictures("set/TEST/", each=5)
    )
    prepare("folder", write_zip(tmp_path / "mine.zip", members))
    data = load_dataset("folder")
    assert data.protocol == "folder/given"
    assert [len(s) for s in parts(data)] == [60, 9, 15]
    for split, folder in zip(parts(data), ("train", "valid", "TEST"), strict=True):
        assert all(file.startswith(f"set/{folder}/") for file in split.table["file"])
    assert sum(map(len, parts(load_dataset("folder", protocol="random")))) == 84


def test_without_validation_a_tenth_of_train_selects(tmp_path):
    members = pictures("train/") | pictures("test/", each=5)
    prepare("folder", write_zip(tmp_path / "mine.zip", members))
    data = load_dataset("folder", seed=2)
    assert [len(s) for s in parts(data)] == [54, 6, 15]
    assert set(data.validation.counts().values()) == {2}
    assert not any(file.startswith("test/") for file in data.validation.table["file"])


@pytest.mark.parametrize("other", ["test/{}.png", "val/{}.png"])
def test_unlabelled_splits_are_rejected_and_never_become_classes(tmp_path, other):
    members = pictures("train/") | {other.format(k): photo(k) for k in range(3)}
    info = prepare("folder", write_zip(tmp_path / "mine.zip", members))
    assert info["rejected"]["count"] == 3
    data = load_dataset("folder")
    assert data.label_set.classes == ("cat", "dog", "Ärger") and data.protocol == "folder/random"
    with pytest.raises(UnknownName, match="random"):
        load_dataset("folder", protocol="given")


def test_messy_folders_name_what_they_pass_over(tmp_path):
    bad = {
        "cat/.hidden.png": photo(1),
        ".git/dog/1.png": photo(1),
        "__MACOSX/cat/._1.png": b"\0\5\x16\7",
        "cat/Thumbs.db": b"x",
        "notes.txt": b"x",
        "loose.png": photo(1),
        "dog/broken.png": b"\x89PNG",
        "dog/empty.jpg": b"",
    }
    good = pictures(each=2) | {"cat/more/deep/1.png": photo(1), "cat/UPPER.PNG": photo(2)}
    info = prepare("folder", write_zip(tmp_path / "mine.zip", good | bad))
    assert {r["file"] for r in info["rejected"]["files"]} == set(bad)
    assert info["counts"]["class"] == {"cat": 4, "dog": 2, "Ärger": 2}
    why = {r["file"]: r["reason"] for r in info["rejected"]["files"]}
    assert why["loose.png"] == "not in the folder of a class"
    assert why["cat/.hidden.png"] == why[".git/dog/1.png"] == "hidden file"
    assert "by its ending" in why["notes.txt"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (pictures(classes=["cat"]), "one class only, 'cat'"),
        (pictures("mine/", ["cat"]), "one class only, 'cat'"),
        ({"1.png": photo(1)}, "no class"),
        ({"cat/a.txt": b"x", "dog/b.txt": b"x"}, "no class"),
    ],
)
def test_fewer_than_two_classes_are_refused(tmp_path, members, said):
    with pytest.raises(ArchiveError, match=said):
        prepare("folder", write_zip(tmp_path / "mine.zip", members))


def test_many_and_odd_class_names_survive(tmp_path):
    names = [*map(str, range(70)), "NA", "a,b", 'say "x"', "笑"]
    info = prepare("folder", write_zip(tmp_path / "mine.zip", pictures(classes=names, each=10)))
    assert info["label_sets"]["class"]["classes"] == sorted(names)
    data = load_dataset("folder")
    assert len(data.label_set) == 74
    table = data.train.table
    assert [data.label_set.classes[c] for c in data.train.labels] == list(table["class"])


def test_accents_written_in_two_ways_are_one_class(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Ärger") for form in ("NFC", "NFD"))
    members = pictures("train/", ["cat", composed]) | pictures("test/", ["cat", decomposed])
    info = prepare("folder", write_zip(tmp_path / "mine.zip", members))
    assert info["label_sets"]["class"]["classes"] == ["cat", composed]


def test_a_file_name_that_is_no_utf8_is_read_all_the_same(tmp_path):
    folder = unpack(tmp_path / "mine", pictures(each=2))
    try:
        (folder / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(photo(7))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    info = prepare("folder", folder)
    assert info["pictures"] == 7 and info["rejected"]["count"] == 0
    assert "cat/caf\\udce9.png" in set(PreparedSet("folder").table()["file"])


def test_names_of_one_s_own_keep_sets_apart(tmp_path, home):
    prepare("folder:cats", write_zip(tmp_path / "cats.zip", pictures(classes=["tabby", "tiger"])))
    prepare("folder", write_zip(tmp_path / "mine.zip", pictures()))
    data = load_dataset("folder:cats", protocol="folder:cats/random")
    assert data.label_set.classes == ("tabby", "tiger") and data.protocol == "folder:cats/random"
    assert len(load_dataset("folder").label_set) == 3
    assert "folder:cats" in list_datasets() and get_spec("folder:cats").name == "folder:cats"
    assert not [p for p in (home / "datasets").iterdir() if ":" in p.name]
    assert Recipe(name="x", builder="lenet5", dataset="folder:cats").dataset == "folder:cats"
    for name in ("folder:", "folder:a/b", "folder:../x", "folders:cats"):
        with pytest.raises(UnknownName):
            prepare(name, tmp_path / "cats.zip")
    with pytest.raises(DatasetNotFound, match="Run: facezoo prepare folder:dogs PATH"):
        load_dataset("folder:dogs")


def test_a_recipe_moves_to_a_folder_with_its_own_target(tmp_path):
    recipe = Recipe(name="x", builder="lenet5", dataset="synthetic", target="pose")
    moved = recipe.on_dataset("folder:mine")  # also before it is prepared
    assert (moved.dataset, moved.target, moved.protocol) == ("folder:mine", None, None)


def test_a_dataset_json_without_classes_says_prepare_again(tmp_path, home):
    prepare("folder", write_zip(tmp_path / "mine.zip", pictures()))
    path = home / "datasets" / "folder" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "label_sets": {}}))
    with pytest.raises(StoreError, match="Prepare it again"):
        load_dataset("folder")


def test_fer2013plus_cleaned_refuses_other_classes(tmp_path):
    archive = write_zip(tmp_path / "mine.zip", pictures("ONE-SET/"))
    with pytest.raises(ArchiveError, match="expected expressions.*Prepare it as folder"):
        prepare("fer2013plus_cleaned", archive)


def test_a_test_folder_of_broken_pictures_is_no_test(tmp_path):
    members = pictures("train/") | {"test/cat/1.png": b"x", "test/dog/1.png": b"x"}
    prepare("folder", write_zip(tmp_path / "mine.zip", members))
    with pytest.raises(ProtocolError, match="no picture under test/"):
        load_dataset("folder")


def test_classes_named_like_splits_need_both_levels():
    plain = Layout.of(["train/1.png", "plane/1.png", "test/1.png"])
    assert plain.classes == ("plane", "test", "train") and plain.roles == ()


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (("Anger", "happiness", "sadness"), ("angry", "happy", "sad")),
        (EXPRESSION_7.classes, EXPRESSION_7.classes),
    ],
)
def test_fer2013plus_cleaned_speaks_our_names_and_tells_its_leak(tmp_path, folders, classes):
    archive = write_zip(tmp_path / "archive.zip", pictures("ONE-SET/", folders))
    prepare("fer2013plus_cleaned", archive)
    data = load_dataset("fer2013plus_cleaned")
    assert data.label_set.classes == classes and data.target == "expression"
    assert data.label_set.name == ("expression-7" if len(classes) == 7 else "fer2013plus_cleaned")
    names = [data.label_set.classes[c] for c in data.test.labels]
    assert names == list(data.test.table["expression"])
    assert "augmented copies" in data.note
