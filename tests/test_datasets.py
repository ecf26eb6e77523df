import numpy as np
import pytest

from facezoo.datasets import Pictures, Split, list_datasets, load_dataset, splits
from facezoo.errors import DatasetNotFound, PixelError, ProtocolError, UnknownName
from facezoo.labels import POSE

PROTOCOLS = ["random80", "leave-people-out", "leave-pose-out", "all-sizes"]


def parts(data):
    return data.train, data.validation, data.test


def people(split):
    return set(split.table["subject"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("target", ["expression", "pose", "eyes", "identity", "is:mitchell"])
def test_no_picture_has_two_roles_and_labels_are_the_table_s(cmu, target, protocol):
    column = {"identity": "subject", "is:mitchell": "subject"}.get(target, target)
    try:
        data = load_dataset("cmu_faces", target=target, protocol=protocol, seed=3)
    except ProtocolError:
        assert (protocol, target) in {
            ("leave-people-out", "identity"),
            ("leave-people-out", "is:mitchell"),
            ("leave-pose-out", "pose"),
        }
        return
    files = [file for split in parts(data) for file in split.table["file"]]
    assert len(files) == len(set(files)) == (1280 if protocol == "all-sizes" else 640)
    names = [data.label_set.classes[c] for c in data.test.labels]
    wanted = list(data.test.table[column])
    if target == "is:mitchell":
        wanted = ["mitchell" if name == "mitchell" else "other" for name in wanted]
    assert names == wanted
    assert data.protocol == f"cmu_faces/{protocol}"


def test_random80_is_stratified_and_seeded(cmu):
    data = load_dataset("cmu_faces", target="pose", seed=1)
    assert [len(s) for s in parts(data)] == [460, 52, 128]
    assert set(data.test.counts().values()) == {32}
    again = load_dataset("cmu_faces", target="pose", seed=1)
    other = load_dataset("cmu_faces", target="pose", seed=2)
    assert list(again.test.table["file"]) == list(data.test.table["file"])
    assert list(other.test.table["file"]) != list(data.test.table["file"])


def test_leave_people_out_tests_everybody_once_over_five_seeds(cmu):
    tested = []
    for seed in range(5):
        data = load_dataset("cmu_faces", target="pose", protocol="leave-people-out", seed=seed)
        groups = [people(s) for s in parts(data)]
        assert [len(g) for g in groups] == [14, 2, 4]
        assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
        tested += groups[2]
    assert len(tested) == len(set(tested)) == 20


def test_leave_pose_out_tests_every_pose_once_over_four_seeds(cmu):
    tested = set()
    for seed in range(4):
        data = load_dataset("cmu_faces", target="eyes", protocol="leave-pose-out", seed=seed)
        (pose,) = set(data.test.table["pose"])
        assert pose not in set(data.train.table["pose"]) | set(data.validation.table["pose"])
        tested.add(pose)
    assert tested == set(POSE.classes)


def test_all_sizes_leaks_and_says_so(cmu):
    data = load_dataset("cmu_faces", protocol="all-sizes")
    photo = data.test.table["file"].str.replace(r"_[24]\.pgm", "", regex=True)
    seen = data.train.table["file"].str.replace(r"_[24]\.pgm", "", regex=True)
    assert photo.isin(seen).mean() > 0.5
    assert "leaks" in data.note
    assert load_dataset("cmu_faces").note == ""


def test_unknown_names_list_what_there_is(cmu):
    with pytest.raises(UnknownName, match="cmu_faces"):
        load_dataset("cmu_face")
    with pytest.raises(UnknownName, match="Did you mean 'pose'"):
        load_dataset("cmu_faces", target="poses")
    with pytest.raises(UnknownName, match="Did you mean 'mitchell'"):
        load_dataset("cmu_faces", target="is:mitchel")
    with pytest.raises(UnknownName, match="leave-people-out"):
        load_dataset("cmu_faces", protocol="leave-person-out")
    with pytest.raises(ProtocolError, match="cmu_faces/random80"):
        load_dataset("cmu_faces", protocol="fer2013/public")


def test_a_set_that_was_not_prepared_says_where_it_is_had():
    with pytest.raises(DatasetNotFound, match="archive.ics.uci.edu.*facezoo prepare cmu_faces"):
        load_dataset("cmu_faces")


def test_synthetic_needs_no_preparation_and_keeps_people_apart():
    data = load_dataset("synthetic", target="pose", seed=1)
    train, validation, test = map(people, parts(data))
    assert (len(train), len(validation), len(test)) == (84, 12, 24)
    assert not (train & test or train & validation or validation & test)
    assert "synthetic" in list_datasets()


def test_limited_keeps_a_seeded_few(cmu):
    data = load_dataset("cmu_faces", target="pose")
    few = data.limited(7, seed=1)
    assert [len(s) for s in parts(few)] == [7, 7, 7]
    assert set(few.train.table["file"]) <= set(data.train.table["file"])
    assert "7 pictures" in few.note


def test_pictures_slice_like_the_array():
    array = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2, 1)
    pictures = Pictures(array, [5, 0, 3])
    np.testing.assert_array_equal(pictures[:], array[[5, 0, 3]])
    np.testing.assert_array_equal(pictures[1], array[0])
    np.testing.assert_array_equal(pictures[[2, 0]], array[[3, 5]])
    np.testing.assert_array_equal(pictures[np.array([True, False, True])], array[[5, 3]])
    assert pictures.shape == (3, 2, 2, 1)
    pictures[:][...] = 0
    assert array[5, 0, 0, 0] == 20  # what is given is a copy


def test_a_split_refuses_what_does_not_fit():
    with pytest.raises(PixelError, match="float64"):
        Split(np.zeros((2, 4, 4, 1)), [0, 1], None, POSE)
    with pytest.raises(PixelError, match="2 pictures and 3 labels"):
        Split(np.zeros((2, 4, 4, 1), np.uint8), [0, 1, 2], None, POSE)


def test_take_keeps_pictures_labels_and_table_together(cmu):
    split = load_dataset("cmu_faces", target="pose").train
    some = split.take(split.classes == POSE.index("up"))
    assert set(some.table["pose"]) == {"up"}
    assert some.counts() == {"left": 0, "right": 0, "straight": 0, "up": len(some)}
    first = np.flatnonzero(split.classes == POSE.index("up"))[0]
    np.testing.assert_array_equal(some.images[0], split.images[first])


def test_stratified_keeps_proportions_and_refuses_too_few():
    classes = np.array([0] * 90 + [1] * 10)
    rest, part = splits.stratified(np.arange(100), classes, 0.2, seed=0)
    assert (classes[part] == 1).sum() == 2 and len(part) == 20
    assert sorted([*rest, *part]) == list(range(100))
    with pytest.raises(ProtocolError, match="at least two"):
        splits.stratified(np.arange(4), np.array([0, 0, 0, 1]), 0.5, seed=0)


def test_folds_partition_the_groups_and_refuse_what_is_not_there():
    groups = list("aabbccddee")
    held = [splits.folds_of(groups, 5, seed=7, fold=f)[0] for f in range(5)]
    assert sorted(g for fold in held for g in fold) == list("abcde")
    with pytest.raises(ProtocolError, match="fold 5"):
        splits.folds_of(groups, 5, seed=0, fold=5)
    with pytest.raises(ProtocolError, match="5 groups for 6 folds"):
        splits.folds_of(groups, 6, seed=0)


def test_official_photographs_at_two_sizes_are_one_photograph(official):
    from facezoo.datasets.prepare import prepare

    prepare("cmu_faces", official("cmu_faces/faces.zip"))
    data = load_dataset("cmu_faces", target="pose", protocol="random80")
    assert sum(map(len, parts(data))) == 624
    assert data.train.images[:].max() < 200  # these photographs are dark; no one rescaled them
