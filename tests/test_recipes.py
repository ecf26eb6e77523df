import dataclasses
import json

import pytest

from facezoo import Augmentation, get_recipe, list_recipes
from facezoo.errors import RecipeError, UnknownName
from facezoo.models import BUILDERS
from facezoo.recipes import Recipe, Schedule

BASE = dict(name="x", builder="lenet5", dataset="synthetic")


@pytest.mark.parametrize("name", list_recipes())
def test_recipes_survive_json_and_keep_their_name(name):
    recipe = get_recipe(name)
    assert recipe.name == name
    assert recipe.summary
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_misspelt_field_is_a_type_error():
    with pytest.raises(TypeError, match="learning_rat"):
        Recipe(**BASE, learning_rat=0.1)


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        get_recipe("cmu-lenet5-pose").epochs = 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", "fast"),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("batch_size", True),
        ("epochs", 0),
        ("patience", 0),
        ("limit", 0),
        ("seed", -1),
        ("label_smoothing", 1),
        ("ema", 1),
        ("optimizer", "adamm"),
        ("monitor", "test_accuracy"),
        ("precision", "float8"),
        ("class_weight", "heavy"),
        ("builder_args", [1]),
        ("augmentation", "strong"),
        ("schedule", "cosine"),
        ("target", ["pose"]),
        ("protocol", 5),
        ("name", "../elsewhere"),
        ("name", ""),
        ("seed", 10**30),
        ("deterministic", 1),
        ("teacher", 5),
        ("teacher", []),
        ("teacher", ["facezoo_base", None]),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(field, value):
    with pytest.raises(RecipeError, match=f"Got {field}="):
        Recipe(**{**BASE, field: value})


def test_unknown_builders_and_data_sets_list_what_there_is():
    with pytest.raises(UnknownName, match="Did you mean 'lenet5'"):
        Recipe(**{**BASE, "builder": "lenet"})
    with pytest.raises(UnknownName, match="cmu_faces"):
        Recipe(**{**BASE, "dataset": "cmu"})


def test_schedules_are_checked():
    with pytest.raises(RecipeError, match="schedule.kind"):
        Schedule(kind="linear")
    for changes, said in (
        ({"schedule": Schedule(kind="cosine", floor=0.1)}, "schedule.floor=0.1"),
        ({"schedule": Schedule(kind="cosine", warmup_epochs=3), "epochs": 3}, "warmup_epochs=3"),
    ):
        with pytest.raises(RecipeError, match=said):
            Recipe(**{**BASE, **changes})
    with pytest.raises(RecipeError, match="cosine"):
        Schedule(kind="plateau", warmup_epochs=2)


def test_override_reaches_into_nested_fields():
    recipe = get_recipe("cmu-lenet5-pose").override(
        {
            "batch_size": 16,
            "augmentation.rotate": 3,
            "builder_args.dropout": 0.4,
            "schedule.kind": "constant",
        }
    )
    assert recipe.batch_size == 16
    assert recipe.augmentation.rotate == 3 and recipe.augmentation.zoom > 0
    assert recipe.builder_args["dropout"] == 0.4
    assert recipe.schedule.kind == "constant"
    bare = Recipe(**BASE).override({"augmentation.flip": True})
    assert bare.augmentation == Augmentation(flip=True)
    assert recipe.override({"augmentation": None}).augmentation is None


@pytest.mark.parametrize(
    "field", ["batchsize", "augmentation.rotat", "schedule.typ", "epochs.x", "optimiser.name"]
)
def test_override_refuses_fields_that_do_not_exist(field):
    with pytest.raises(UnknownName):
        get_recipe("cmu-lenet5-pose").override({field: 1})


def test_on_dataset_keeps_a_target_that_both_have():
    assert get_recipe("cmu-lenet5-pose").on_dataset("synthetic").target == "pose"
    identity = get_recipe("cmu-lenet5-identity")
    with pytest.raises(UnknownName, match="No target 'identity' of 'synthetic'"):
        identity.on_dataset("synthetic")
    assert identity.on_dataset("synthetic", "eyes").target == "eyes"
    expression = get_recipe("cmu-lenet5-expression")
    assert expression.reported and not expression.on_dataset("synthetic").reported


def test_a_mirrored_pose_is_another_pose():
    assert not get_recipe("cmu-lenet5-pose").augmentation.flip


def test_recipes_from_files(tmp_path):
    recipe = get_recipe("cmu-lenet5-pose")
    path = tmp_path / "best_recipe.json"
    path.write_text(json.dumps(recipe.to_dict()))
    assert get_recipe(str(path)) == recipe
    path.write_text(json.dumps({**recipe.to_dict(), "epoch": 3}))
    with pytest.raises(UnknownName, match="Did you mean 'epochs'"):
        get_recipe(str(path))
    for text in ("{", "[]", '{"name": "x"}', '{"name": 1, "builder": "lenet5", "dataset": 2}'):
        path.write_text(text)
        with pytest.raises((RecipeError, UnknownName)):
            get_recipe(str(path))
    with pytest.raises(RecipeError, match="missing.json"):
        get_recipe(str(tmp_path / "missing.json"))
    with pytest.raises(UnknownName, match="Did you mean 'cmu-lenet5-pose'"):
        get_recipe("cmu-lenet5-poses")


def test_smoke_is_small():
    small = get_recipe("cmu-lenet5-pose").smoke()
    assert small.epochs == 1 and small.limit == 32 and small.builder in BUILDERS
