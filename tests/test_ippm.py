"""The pyramid pooling module: the literal formula and the cheap form are one function."""

import keras
import numpy as np
import pytest
from builders import precision

from facezoo.errors import FacezooError
from facezoo.models.ippm import InceptionPyramidPooling


def feature_maps(shape=(2, 5, 7, 6)):
    return np.random.default_rng(0).normal(size=shape).astype("float32")  # negative ones, too


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize(
    ("factors", "kernel_sizes"), [((1, 2, 4), (1, 3, 5)), ((3,), (3,)), ((2, 2), (1, 1))]
)
def test_literal_and_cheap_form_are_equal(factors, kernel_sizes, activation):
    arguments = {"filters": 4, "factors": factors, "kernel_sizes": kernel_sizes}
    literal = InceptionPyramidPooling(**arguments, activation=activation, literal=True)
    cheap = InceptionPyramidPooling(**arguments, activation=activation)
    x = feature_maps()
    expected = numbers(literal(x))
    cheap.build(x.shape)
    cheap.set_weights(literal.get_weights())
    assert expected.shape == (2, 5, 7, 4 * len(factors)) == cheap.compute_output_shape(x.shape)
    np.testing.assert_array_equal(numbers(cheap(x)), expected)


def test_literal_form_is_the_formula():
    """Upsampling by s, max pooling of size s, convolution, written down in NumPy."""
    layer = InceptionPyramidPooling(2, (3,), (1,), activation=None, literal=True)
    x = feature_maps((1, 2, 3, 4))
    got = numbers(layer(x))
    up = x.repeat(3, axis=1).repeat(3, axis=2)
    pooled = up.reshape(1, 2, 3, 3, 3, 4).max(axis=(2, 4))
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(got, pooled @ kernel[0, 0] + bias, atol=1e-5)


def test_levels_are_joined_in_order():
    layer = InceptionPyramidPooling(3, (1, 2), (1, 3), activation=None)
    x = feature_maps()
    layer.build(x.shape)
    weights = layer.get_weights()
    layer.set_weights([weights[0] * 0, weights[1] + 1, weights[2] * 0, weights[3] + 2])
    joined = numbers(layer(x))
    assert (joined[..., :3] == 1).all() and (joined[..., 3:] == 2).all()


def test_saved_and_loaded_it_is_the_same(tmp_path):
    inputs = keras.Input((5, 7, 6))
    layer = InceptionPyramidPooling(4, (1, 2), (3, 5), activation="tanh", literal=True)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == layer.get_config()
    np.testing.assert_array_equal(numbers(loaded(feature_maps())), numbers(model(feature_maps())))


def test_mixed_precision_reaches_the_convolutions():
    with precision("mixed_bfloat16"):
        layer = InceptionPyramidPooling(4)
    assert keras.backend.standardize_dtype(layer(feature_maps()).dtype) == "bfloat16"
    assert {weight.dtype for weight in layer.weights} == {"float32"}


@pytest.mark.parametrize(
    ("factors", "kernel_sizes"), [((1, 2), (1, 3, 5)), ((0, 1), (1, 3)), ((), ())]
)
def test_levels_that_cannot_be(factors, kernel_sizes):
    with pytest.raises(FacezooError, match="Give each level both"):
        InceptionPyramidPooling(4, factors, kernel_sizes)
