"""A pupil's labels: half its own and half its teacher's, from a teacher that knows no more."""

import dataclasses

import numpy as np
import pytest

from facezoo import evaluate, get_recipe, load_model, train
from facezoo.distillation import taught
from facezoo.errors import FacezooError, LabelSetMismatch, ProtocolError
from facezoo.recipes import load_data

pytestmark = pytest.mark.usefixtures("few_faces")
TINY = get_recipe("synthetic-lenet5-expression").smoke()


@pytest.fixture
def teacher(tmp_path):
    return str(train(TINY, runs=tmp_path / "runs", evaluate=False).path)


def pupil(teacher, **changes):
    return dataclasses.replace(TINY, teacher=teacher, **changes)


@pytest.mark.parametrize("flip", [False, True])
def test_labels_are_shared_between_the_pictures_own_and_the_teachers_answers(teacher, flip):
    recipe = pupil(teacher, teacher_share=0.25).override({"augmentation": {"flip": flip}})
    data = load_data(recipe)
    labels = taught(data, recipe)
    pixels = data.train.images[:]
    answers = load_model(teacher).predict(pixels, verbose=0)
    if flip:
        answers = (answers + load_model(teacher).predict(pixels[:, :, ::-1], verbose=0)) / 2
    own = np.eye(7)[data.train.labels]
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels - 0.75 * own, 0.25 * answers, atol=1e-6)


def test_a_taught_run_says_who_taught_it_and_learns_other_weights(teacher, tmp_path):
    alone = train(TINY, runs=tmp_path / "alone")
    run = train(pupil(teacher), runs=tmp_path / "taught")
    assert run.recipe.teacher == teacher
    assert evaluate(run).n == 32  # of hard labels, as without a teacher
    first, second = (load_model(each).get_weights()[0] for each in (alone, run))
    assert np.abs(first - second).max() > 1e-6


def test_a_pupil_may_compute_less_exactly_than_its_teacher(teacher):
    recipe = pupil(teacher, precision="mixed_bfloat16")
    labels = taught(load_data(recipe), recipe)
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("changes", [{"split_seed": 5}, {"seed": 5}])
def test_a_teacher_of_other_pictures_is_refused_and_no_run_stays(teacher, tmp_path, changes):
    with pytest.raises(ProtocolError, match="may know the answers"):
        train(pupil(teacher, **changes), runs=tmp_path / "taught")
    assert not list((tmp_path / "taught").glob("*/*"))


def test_a_teacher_of_other_classes_is_refused(teacher, tmp_path):
    with pytest.raises(LabelSetMismatch, match="expected left, right, straight, up"):
        train(pupil(teacher, target="pose"), runs=tmp_path / "taught")


@pytest.mark.parametrize("name", ["facezoo_bass", "no/such/run"])
def test_a_teacher_that_is_not_there_is_refused(name, tmp_path):
    with pytest.raises(FacezooError):
        train(pupil(name), runs=tmp_path / "taught")
    assert not list((tmp_path / "taught").glob("*/*"))


def test_another_data_set_has_no_teacher(teacher):
    assert pupil(teacher).on_dataset("cmu_faces", "expression").teacher is None
