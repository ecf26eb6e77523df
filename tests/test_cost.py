"""Multiply-adds, held against figures counted by hand and those of the papers."""

import keras
import pytest
from builders import build
from test_models import SMALL

from facezoo.errors import FacezooError
from facezoo.models import BUILDERS, STUDIES, describe_models, get_builder, list_models
from facezoo.models.cost import count_multiply_adds, measure_file, measure_milliseconds
from facezoo.models.ippm import InceptionPyramidPooling

ORIGINAL_LENET5 = {"input_shape": (32, 32, 1), "num_classes": 10}


def test_lenet5_of_1998_by_hand():
    counted = count_multiply_adds(build("lenet5", **ORIGINAL_LENET5))
    first = 28 * 28 * 6 * (5 * 5 * 1)
    second = 10 * 10 * 16 * (5 * 5 * 6)
    assert counted == first + second + 400 * 120 + 120 * 84 + 84 * 10 == 416_520


def network(layer, shape=(8, 6, 4)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (keras.layers.Conv2D(10, 3), 6 * 4 * 10 * 9 * 4),
        (keras.layers.Conv2D(10, 3, strides=2, padding="same"), 4 * 3 * 10 * 9 * 4),
        (keras.layers.Conv2D(10, 3, groups=2, padding="same"), 8 * 6 * 10 * 9 * 2),
        (keras.layers.Conv2D(10, 3, dilation_rate=2), 4 * 2 * 10 * 9 * 4),
        (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), 6 * 4 * 4 * 2 * 9),
        (keras.layers.SeparableConv2D(10, 3), 6 * 4 * (4 * 9 + 4 * 10)),
        (keras.layers.Dense(5), 8 * 6 * 4 * 5),
        (keras.layers.BatchNormalization(), 0),
        (keras.layers.MaxPooling2D(), 0),
        (InceptionPyramidPooling(2, (1, 2), (1, 3)), 8 * 6 * 4 * 2 * (1 + 9)),
        (InceptionPyramidPooling(2, (1, 2), (1, 3), literal=True), 8 * 6 * 4 * 2 * (1 + 9)),
    ],
)
def test_layers_by_hand(layer, expected):
    assert count_multiply_adds(network(layer)) == expected


def test_inner_models_and_layers_called_twice_count_as_often():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, activation="relu")])
    inputs = keras.Input((4,))
    assert count_multiply_adds(keras.Model(inputs, inner(inner(inputs)))) == 2 * 16
    dense = keras.layers.Dense(4)
    model = keras.Model(inputs, dense(dense(inputs)))
    dense(keras.Input((4,)))  # a call outside of the model
    assert count_multiply_adds(model) == 2 * 16


def test_frozen_layers_count():
    model = network(keras.layers.Conv2D(10, 3))
    model.trainable = False
    assert count_multiply_adds(model) == 6 * 4 * 10 * 9 * 4


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(FacezooError, match="Conv2DTranspose.*multiply_adds"):
        count_multiply_adds(network(keras.layers.Conv2DTranspose(10, 3)))
    with pytest.raises(FacezooError, match="expected known sizes"):
        count_multiply_adds(network(keras.layers.Conv2D(10, 3), (None, None, 4)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # He et al. 2016, figure 3: 19.6 billion, less the two layers of 4,096 of VGG's head
        ("vgg19", 19.6e9 - 512 * 49 * 4096 - 4096 * 4096),
        ("resnet50", 3.8e9),  # He et al. 2016, table 1
        ("mobilenetv3_small", 56e6),  # Howard et al. 2019, table 3; a layer more in its head
        ("efficientnetb0", 0.39e9),  # Tan and Le 2019, table 2
    ],
)
def test_published_figures(name, expected):
    model = build(name, input_shape=(224, 224, 3), num_classes=1000)
    assert count_multiply_adds(model) == pytest.approx(expected, rel=0.02)


def test_measured_figures_are_of_the_model_that_was_given(tmp_path):
    model = build("lenet5")
    taken = measure_milliseconds(model, (2, 3), rounds=3, seconds=0.01)
    assert list(taken) == [2, 3]
    assert all(0 < t["lowest"] <= t["median"] <= t["highest"] for t in taken.values())
    model.save(tmp_path / "lenet5.keras")
    size = (tmp_path / "lenet5.keras").stat().st_size
    assert measure_file(model) == pytest.approx(size, rel=1e-3) and size > 4 * 168_971


def test_every_network_has_a_study_and_a_cost():
    rows = describe_models()
    assert [row["name"] for row in rows] == list_models()
    assert set(STUDIES) == set(BUILDERS)
    assert {row["study"] for row in rows} <= {"A", "B", "C", "D", "E", "field", "ours"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in SMALL else pytest.mark.slow) for n in list_models()]
)
def test_stored_costs_are_those_of_the_networks(name):
    (row,) = (row for row in describe_models() if row["name"] == name)
    model = build(name)
    assert row["weights"] == model.count_params()
    assert row["multiply_adds"] == count_multiply_adds(model)
    assert row["input_shape"] == list(model.input_shape[1:])
    assert row["what_it_is"] == get_builder(name).__doc__.splitlines()[0]
