"""Quicker kernels: the same function, the same weights after a step, the same files."""

import keras
import numpy as np
import pytest
from keras import layers

from facezoo.kernels import quicken

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="they are TensorFlow's"
)


def network(policy="float32", padding="same", size=3, channels=32):
    keras.utils.set_random_seed(0)
    x = pixels = keras.Input((6, 5, 16))
    x = layers.Conv2D(channels, size, padding=padding, use_bias=False, dtype=policy, name="conv")(x)
    x = layers.BatchNormalization(dtype=policy, momentum=0.5, name="norm")(x)
    x = layers.ReLU(dtype=policy)(x)
    x = layers.Dense(3, dtype="float32", name="dense")(
        layers.GlobalAveragePooling2D(dtype="float32")(x)
    )
    return keras.Model(pixels, x)


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
    assert_alike(trained(quick()), trained(network()), 1e-4)


@pytest.mark.parametrize(
    ("padding", "size"), [("same", 3), ("same", 1), ("same", (2, 5)), ("valid", 3)]
)
def test_steps_in_bfloat16_are_those_of_keras_but_for_rounding(padding, size):
    options = {"policy": "mixed_bfloat16", "padding": padding, "size": size}
    assert_alike(trained(quick(**options)), trained(network(**options)), 0.02)


def test_a_model_inside_a_model_is_gone_into():
    def nested(model):
        pixels = keras.Input(model.input_shape[1:])
        return keras.Model(pixels, model(pixels))

    outer = nested(network())
    quicken(outer)
    assert "call" in vars(outer.layers[1].get_layer("norm"))
    assert_alike(trained(outer), trained(nested(network())), 1e-4)


def test_layers_that_it_would_slow_or_change_are_left_alone():
    narrow = quick(channels=24)  # not whole vectors
    renormed = keras.Sequential([keras.Input((4, 4, 16)), layers.BatchNormalization(renorm=True)])
    bare = keras.Sequential([keras.Input((4, 4, 16)), layers.BatchNormalization(scale=False)])
    flat = keras.Sequential([keras.Input((16,)), layers.BatchNormalization()])
    for model in (renormed, bare, flat):
        quicken(model)
        assert "call" not in vars(model.layers[0])
    assert "call" not in vars(narrow.get_layer("norm"))
    assert "convolution_op" not in vars(narrow.get_layer("conv"))  # float32


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
