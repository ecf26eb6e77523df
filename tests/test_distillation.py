"""A pupil's labels: half its own and half its teacher's, from a teacher that knows no more."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from facezoo import evaluate, get_recipe, load_model, train, training
from facezoo.distillation import taught
from facezoo.errors import FacezooError, LabelSetMismatch, ProtocolError, RunError
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


def test_several_teachers_share_the_teaching_equally(teacher, tmp_path):
    second = str(train(dataclasses.replace(TINY, batch_size=16), runs=tmp_path).path)
    data = load_data(TINY)
    one, other, both = (taught(data, pupil(t)) for t in (teacher, second, [teacher, second]))
    assert np.abs(one - other).max() > 1e-3
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-6)
    run = train(pupil([teacher, second]), runs=tmp_path / "taught", evaluate=False)
    assert len(run.state["teacher"]) == 2


def test_every_teacher_is_looked_at(teacher, tmp_path):
    other = str(train(dataclasses.replace(TINY, split_seed=5), runs=tmp_path).path)
    with pytest.raises(ProtocolError, match=f"teacher='{other}', trained on"):
        train(pupil([teacher, other]), runs=tmp_path / "taught")


def test_a_taught_run_says_who_taught_it_and_learns_other_weights(teacher, tmp_path):
    alone = train(TINY, runs=tmp_path / "alone")
    run = train(pupil(teacher), runs=tmp_path / "taught")
    assert run.recipe.teacher == teacher
    assert evaluate(run).n == 32  # of hard labels, as without a teacher
    first, second = (load_model(each).get_weights()[0] for each in (alone, run))
    assert np.abs(first - second).max() > 1e-6


def test_a_pupil_may_compute_less_exactly_than_its_teacher(teacher, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(training, "taught", lambda *args: given.append(taught(*args)) or given[-1])
    for precision in ("float32", "mixed_bfloat16"):
        train(pupil(teacher, precision=precision), runs=tmp_path / "taught", evaluate=False)
    np.testing.assert_array_equal(*given)


def test_a_run_goes_on_with_the_teacher_that_it_began_with(teacher, tmp_path):
    run = train(pupil(teacher), runs=tmp_path / "taught", evaluate=False)
    model = Path(teacher) / "model.keras"
    other = train(dataclasses.replace(TINY, batch_size=16), runs=tmp_path, evaluate=False)
    shutil.copy(other.path / "model.keras", model)
    with pytest.raises(RunError, match="another teacher"):
        train(resume=run.path)


@pytest.mark.parametrize("changes", [{"split_seed": 5}, {"seed": 5}])
def test_a_teacher_of_other_pictures_is_refused_and_no_run_stays(teacher, tmp_path, changes):
    with pytest.raises(ProtocolError, match="may know the answers"):
        train(pupil(teacher, **changes), runs=tmp_path / "taught")
    assert not (tmp_path / "taught").exists()


def test_seeds_that_draw_parts_of_their_own_are_refused_before_the_first(teacher, tmp_path):
    with pytest.raises(ProtocolError, match="drawn by seed 1"):
        train(pupil(teacher), seeds=2, runs=tmp_path / "taught")
    assert not (tmp_path / "taught").exists()


def test_a_teacher_of_other_classes_is_refused(teacher, tmp_path):
    with pytest.raises(LabelSetMismatch, match="expected left, right, straight, up"):
        train(pupil(teacher, target="pose"), runs=tmp_path / "taught")


@pytest.mark.parametrize("name", ["facezoo_bass", "no/such/run"])
def test_a_teacher_that_is_not_there_is_refused(name, tmp_path):
    with pytest.raises(FacezooError):
        train(pupil(name), runs=tmp_path / "taught")
    assert not (tmp_path / "taught").exists()
