"""Drawn faces: reproducible, balanced, and neither trivial nor hopeless to learn."""

import inspect
import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from facezoo.datasets.drawing import draw_dataset, draw_face
from facezoo.errors import FacezooError, PixelError, UnknownName
from facezoo.labels import EXPRESSION_7, EYES, POSE


def difference(a, b):
    """Mean distance of two pictures in gray levels."""
    return np.abs(a.astype(int) - b.astype(int)).mean()


@pytest.mark.parametrize(
    "size, channels, shape",
    [(48, 1, (48, 48, 1)), ((60, 64), 1, (60, 64, 1)), (96, 3, (96, 96, 3)), (16, 3, (16, 16, 3))],
)
def test_size_and_channels(size, channels, shape):
    picture = draw_face(expression="happy", size=size, channels=channels)
    assert picture.dtype == np.uint8
    assert picture.shape == shape
    assert np.ptp(picture) > 60  # a face in light, not a flat patch


def test_every_combination_of_classes_is_another_picture():
    combinations = itertools.product(EXPRESSION_7.classes, POSE.classes, EYES.classes)
    pictures = {draw_face(expression=e, pose=p, eyes=s).tobytes() for e, p, s in combinations}
    assert len(pictures) == 7 * 4 * 2


def test_same_arguments_same_bytes():
    arguments = dict(expression="fear", pose="up", eyes="sunglasses", person=5, seed=2)
    first = draw_face(**arguments)
    draw_face(expression="sad", person=6)  # a generator shared by calls would move on
    assert np.array_equal(first, draw_face(**arguments))


@pytest.mark.parametrize("change", [dict(seed=1), dict(person=1), dict(person=1_000_000)])
def test_person_and_seed_change_the_picture(change):
    base = draw_face(expression="neutral")
    assert difference(base, draw_face(expression="neutral", **change)) > 5


def test_classes_change_the_face_and_leave_the_rest_of_the_picture():
    happy, angry = (
        draw_face(expression=name, person=1, seed=4, size=96).astype(int)
        for name in ("happy", "angry")
    )
    changed = np.abs(happy - angry)[:, :, 0] > 40
    assert 0.01 < changed.mean() < 0.25
    border = np.ones_like(changed)
    border[8:, 8:-8] = False  # the neck, below, follows the chin
    assert not changed[border].any()


def test_left_is_right_in_a_mirror():
    def mean(pose):
        faces = (draw_face(expression="neutral", pose=pose, person=i, seed=i) for i in range(40))
        return np.mean([face[:, :, 0] for face in faces], axis=0)

    turned = mean("left") - mean("right")  # the scenes are the same and cancel out
    assert np.corrcoef(turned.ravel(), -turned[:, ::-1].ravel())[0, 1] > 0.85


def test_left_turns_the_face_to_the_left_of_the_picture_and_up_lifts_it():
    def centre(pose):
        """Mean (row, column) of what an expression changes: where the face is."""
        weights = sum(
            np.abs(
                draw_face(expression="surprise", pose=pose, person=i, seed=i).astype(float)
                - draw_face(expression="neutral", pose=pose, person=i, seed=i)
            )[:, :, 0]
            for i in range(12)
        )
        rows, columns = np.indices(weights.shape)
        return np.average(rows, weights=weights), np.average(columns, weights=weights)

    (row, column), left, right, up = map(centre, ("straight", "left", "right", "up"))
    assert left[1] + 3 < column < right[1] - 3
    assert up[0] + 2 < row


def test_gray_is_the_luminance_of_the_colour_picture():
    arguments = dict(expression="disgust", pose="left", person=9, seed=3, size=64)
    gray = draw_face(**arguments)[:, :, 0].astype(float)
    colour = draw_face(**arguments, channels=3).astype(float)
    assert np.ptp(colour, axis=2).mean() > 10  # it has colours
    inside = ((colour > 0) & (colour < 255)).all(axis=2)  # clipping breaks the sum
    assert np.abs(gray - colour @ (0.299, 0.587, 0.114))[inside].max() < 1.5


def test_a_larger_picture_shows_the_same_face():
    small, large = (draw_face(expression="happy", person=3, size=n)[:, :, 0] for n in (48, 96))
    shrunk = large.reshape(48, 2, 48, 2).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (dict(expression="hapy"), UnknownName, "Did you mean 'happy'"),
        (dict(pose="down"), UnknownName, "No pose 'down'"),
        (dict(eyes="closed"), UnknownName, "No eyes 'closed'"),
        (dict(size=15), PixelError, "size 15"),
        (dict(size=48.0), PixelError, "size 48.0"),
        (dict(size=(48, 48, 1)), PixelError, "height, width"),
        (dict(size=(48, True)), PixelError, "height, width"),
        (dict(channels=2), PixelError, "channels=2"),
        (dict(person=-1), FacezooError, "person=-1"),
        (dict(seed=0.5), FacezooError, "seed=0.5"),
    ],
)
def test_refusals_of_draw_face(arguments, error, words):
    with pytest.raises(error, match=words) as caught:
        draw_face(**{"expression": "happy", **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (dict(people=0), FacezooError, "people=0"),
        (dict(people=1_000_001), FacezooError, "1 to 1000000"),
        (dict(pictures_per_person=0), FacezooError, "pictures_per_person=0"),
        (dict(seed=-3), FacezooError, "seed=-3"),
        (dict(size=0), PixelError, "size 0"),
        (dict(channels=4), PixelError, "channels=4"),
    ],
)
def test_refusals_of_draw_dataset(arguments, error, words):
    with pytest.raises(error, match=words):
        draw_dataset(**{"people": 2, "pictures_per_person": 1, **arguments})


def test_one_of_each_expression_and_pose_for_every_person():
    images, table = draw_dataset(people=4, size=16)
    assert images.shape == (112, 16, 16, 1)
    assert table.columns.tolist() == ["file", "subject", "expression", "pose", "eyes"]
    assert table.subject.unique().tolist() == [f"person-00{i}" for i in range(4)]
    assert (table.groupby(["subject", "expression", "pose"]).size() == 1).all()
    assert table.groupby(["expression", "pose", "eyes"]).size().tolist() == [2] * 56
    assert table.file.is_unique
    row = table.iloc[30]
    assert row.file == f"person-001/002-{row.expression}-{row.pose}-{row.eyes}"


def test_another_number_a_person_stays_balanced():
    _, table = draw_dataset(people=7, pictures_per_person=9, size=16)
    counts = table.groupby(["expression", "pose"]).size()
    assert len(counts) == 28
    assert counts.min() == 2 and counts.max() == 3
    assert table.eyes.value_counts().min() > 25


def test_dataset_is_a_function_of_its_arguments_and_seeds_share_nothing():
    arguments = dict(people=3, pictures_per_person=20, size=16)
    images, table = draw_dataset(**arguments, seed=1)
    again, same_table = draw_dataset(**arguments, seed=1)
    others, other_table = draw_dataset(**arguments, seed=2)
    assert np.array_equal(images, again)
    assert table.equals(same_table)
    assert len({picture.tobytes() for picture in (*images, *others)}) == 120
    assert not table.pose.equals(other_table.pose)


def test_a_row_can_be_drawn_again_at_another_size_as_documented():
    images, table = draw_dataset(people=2, pictures_per_person=3, size=32, channels=3, seed=4)
    row = table.iloc[5]
    labels = row[["expression", "pose", "eyes"]].to_dict()
    picture = draw_face(**labels, person=4_000_001, seed=2, size=32, channels=3)
    assert np.array_equal(images[5], picture)


def test_progress_counts_pictures():
    seen = []
    draw_dataset(people=2, pictures_per_person=3, size=16, progress=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_defaults_are_one_of_each_combination():
    defaults = inspect.signature(draw_dataset).parameters
    assert defaults["pictures_per_person"].default == len(EXPRESSION_7) * len(POSE)


def test_a_linear_model_learns_something_but_does_not_solve_expression():
    images, table = draw_dataset(people=32, size=24)
    pixels = images.reshape(len(images), -1).astype(np.float32)
    labels = EXPRESSION_7.encode(table.expression)
    known = (table.subject < "person-024").to_numpy()
    scaler = StandardScaler().fit(pixels[known])
    model = LogisticRegression(C=0.001, max_iter=100, tol=0.01)
    model.fit(scaler.transform(pixels[known]), labels[known])
    accuracy = model.score(scaler.transform(pixels[~known]), labels[~known])
    assert 0.18 < accuracy < 0.5  # chance is 0.14
