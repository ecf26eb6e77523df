"""Quicker kernels: the same function, the same weights after a step, the same files."""

import keras
import numpy as np
import pytest
from keras import layers

from facezoo import kernels
from facezoo.kernels import quicken
from facezoo.models.ippm import InceptionPyramidPooling

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="they are TensorFlow's"
)


def network(policy="float32", channels=32, maps=(6, 5, 16), **conv):
    keras.utils.set_random_seed(0)
    conv = {"kernel_size": 3, "padding": "same", **conv}
    x = pixels = keras.Input(maps)
    x = layers.Conv2D(channels, use_bias=False, dtype=policy, name="conv", **conv)(x)
    x = layers.BatchNormalization(dtype=policy, momentum=0.5, name="norm")(x)
    x = layers.ReLU(dtype=policy)(x)
    x = layers.GlobalAveragePooling2D(dtype="float32")(x)
    return keras.Model(pixels, layers.Dense(3, dtype="float32", name="dense")(x))


def replaced(model, name):
    return {"call", "convolution_op"} & vars(model.get_layer(name)).keys()


def trained(model, steps=2):
    generator = np.random.default_rng(0)
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    for _ in range(steps):
        x = generator.normal(3, 2, (8, *model.input_shape[1:])).astype("float32")
        model.train_on_batch(x, generator.normal(size=(8, 3)).astype("float32"))
    return {v.path: keras.ops.convert_to_numpy(v) for v in model.variables}


def quick(**options):
    model = network(**options)
    quicken(model)
    return model


def assert_alike(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for path, values in expected.items():
        scale = np.abs(values).max()
        np.testing.assert_allclose(found[path], values, atol=tolerance * scale, err_msg=path)


def test_steps_are_those_of_keras():
    model = quick()
    assert replaced(model, "norm") and not replaced(model, "conv")
    assert_alike(trained(model), trained(network()), 1e-4)


@pytest.mark.parametrize(
    "conv",
    [
        {},
        {"kernel_size": 1},
        {"kernel_size": (2, 5)},
        {"padding": "valid"},
        {"strides": 2},
        {"dilation_rate": 2},
        {"groups": 2, "channels": 8},
        {"maps": (7, 6, 16)},
        {"maps": (6, 6, 8)},
    ],
)
def test_steps_in_bfloat16_are_those_of_keras_but_for_rounding(conv):
    options = {"policy": "mixed_bfloat16", **conv}
    assert_alike(trained(quick(**options)), trained(network(**options)), 0.005)


def test_a_kernel_over_small_maps_alone_is_replaced(monkeypatch):
    calls = []
    monkeypatch.setattr(kernels, "_kernel_gradient", lambda *_: calls.append(1) or 1 / 0)
    plain = [{"maps": (7, 6, 16)}, {"maps": (6, 6, 8)}, {"strides": 2}, {"groups": 2}]
    for conv in plain:
        trained(quick(policy="mixed_bfloat16", **conv))
    assert not calls
    with pytest.raises(ZeroDivisionError):
        trained(quick(policy="mixed_bfloat16"))


def test_layers_inside_models_and_layers_are_gone_into():
    def nested(model):
        pixels = keras.Input(model.input_shape[1:])
        return keras.Model(pixels, model(pixels))

    outer = nested(network())
    quicken(outer)
    assert replaced(outer.layers[1], "norm")
    assert_alike(trained(outer), trained(nested(network())), 1e-4)
    pyramid = InceptionPyramidPooling(filters=16, dtype="mixed_bfloat16")
    pixels = keras.Input((2, 2, 16))
    quicken(keras.Model(pixels, pyramid(pixels)))
    convs = [each for each in pyramid._flatten_layers() if isinstance(each, layers.Conv2D)]
    assert convs and all("convolution_op" in vars(conv) for conv in convs)


@pytest.mark.parametrize("maps", [(None, None, 16), (6, 6, 16)])
def test_maps_of_any_size_are_taken(maps):
    pixels = keras.Input(maps)
    x = layers.Conv2D(16, 3, dtype="mixed_bfloat16")(pixels)
    model = keras.Model(pixels, layers.GlobalAveragePooling2D(dtype="float32")(x))
    quicken(model)
    model.compile("sgd", "mse", jit_compile=False)
    loss = model.train_on_batch(np.ones((2, 6, 6, 16), "float32"), np.zeros((2, 16), "float32"))
    assert np.isfinite(loss)


@pytest.mark.parametrize(
    "settings",
    [{"renorm": True}, {"scale": False}, {"center": False}, {"synchronized": True}, {"axis": 1}],
)
def test_normalisations_that_it_would_change_are_left_alone(settings):
    model = keras.Sequential([keras.Input((16, 4, 16)), layers.BatchNormalization(**settings)])
    quicken(model)
    assert "call" not in vars(model.layers[0])


def test_normalisations_that_it_would_slow_are_left_alone():
    assert not replaced(quick(channels=24), "norm")  # not whole vectors
    flat = keras.Sequential([keras.Input((16,)), layers.BatchNormalization()])
    quicken(flat)
    assert "call" not in vars(flat.layers[0])


def test_frozen_and_answering_layers_use_what_training_kept():
    model = quick()
    trained(model)
    x = np.random.default_rng(1).normal(3, 2, (4, 6, 5, 16)).astype("float32")
    before = [np.array(v) for v in model.get_layer("norm").variables]
    answers = keras.ops.convert_to_numpy(model(x, training=False))
    model.get_layer("norm").trainable = False
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x, training=True)), answers)
    for variable, values in zip(model.get_layer("norm").variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), values)


def test_a_saved_model_is_keras_own(tmp_path):
    model = quick()
    trained(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert "call" not in vars(loaded.get_layer("norm"))
    x = np.random.default_rng(1).normal(3, 2, (4, 6, 5, 16)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), loaded.predict(x, verbose=0), atol=1e-6)
