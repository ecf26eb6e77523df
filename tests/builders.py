"""`check_builder`: the one test that every builder goes through, on any Keras backend."""

import contextlib

import keras
import numpy as np
import pytest
from keras import layers

from facezoo.errors import PixelError
from facezoo.labels import LabelSet
from facezoo.models import build_model
from facezoo.models.pixels import PixelModel, pixel_input

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
JIT = False if ON_TENSORFLOW else "auto"  # XLA on a CPU compiles for longer than it saves

SPOTS = LabelSet("spots", ("bright", "dark"))


class Batches(keras.utils.PyDataset):
    """Pictures and labels as one batch of a `keras.utils.PyDataset`."""

    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.images, self.labels


def pictures(count, shape, num_classes):
    """Pictures that a network can learn: a bright bar, at a place that tells the class.

    Returns:
        uint8 (count, *shape) and int64 (count,).
    """
    labels = np.arange(count) % num_classes
    images = np.random.default_rng(0).integers(0, 100, (count, *shape), dtype=np.uint8)
    width = shape[1] // num_classes
    for image, label in zip(images, labels, strict=True):
        image[:, label * width : (label + 1) * width] += 150
    return images, labels


def compiled(model, learning_rate=1e-3, eager=False):
    """Return `model`, compiled for integer labels."""
    model.compile(
        keras.optimizers.Adam(learning_rate),
        "sparse_categorical_crossentropy",
        jit_compile=False if eager else JIT,
        run_eagerly=eager,
    )
    return model


def entries(model, good, labels):
    """Every way into a compiled model: `{name: function of the pictures}`."""
    return {
        "call": model,
        "fit": lambda x: model.fit(x, labels, verbose=0),
        "fit on a PyDataset": lambda x: model.fit(Batches(x, labels), verbose=0),
        "fit with validation": lambda x: model.fit(
            good, labels, validation_data=(x, labels), verbose=0
        ),
        "evaluate": lambda x: model.evaluate(x, labels, verbose=0),
        "predict": lambda x: model.predict(x, verbose=0),
        "train_on_batch": lambda x: model.train_on_batch(x, labels),
        "test_on_batch": lambda x: model.test_on_batch(x, labels),
        "predict_on_batch": model.predict_on_batch,
    }


def answers(model, images):
    """Float ndarray of what a model answers, without tracing a predict function."""
    return keras.ops.convert_to_numpy(model(images, training=False))


@contextlib.contextmanager
def precision(policy):
    """Build under another dtype policy, and back."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build(name, **arguments):
    """Build a network with fresh layer names and random weights that repeat."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    return build_model(name, **arguments)


def check_builder(name, folder, *, learning_rate=1e-3, **arguments):
    """Hold a builder to its contract.

    Args:
        name: key of `BUILDERS`.
        folder: an empty folder.
        learning_rate: one with which the network learns from its first steps.
        **arguments: of the builder, without input_shape and num_classes.
    """
    model = compiled(build(name, **arguments), learning_rate)
    images, labels = pictures(14, model.input_shape[1:], model.output_shape[-1])
    before = answers(model, images)
    assert before.dtype == np.float32 and before.shape == (14, 7)
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-5)
    for entry, function in entries(model, images, labels).items():
        with pytest.raises(PixelError, match="Got float32"):
            function((images / 255).astype("float32"))
            pytest.fail(f"{name} took floats by {entry}")
    np.testing.assert_array_equal(answers(model, images), before)
    _check_learning(model, images, labels)
    _check_files(name, model, images, folder, arguments)
    _check_variations(name, arguments)


def _check_learning(model, images, labels):
    """Every weight moves in one step, and some steps lower the loss."""
    before = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    losses = model.fit(images, labels, verbose=0, shuffle=False).history["loss"]
    still = [
        weight.path
        for weight, old in zip(model.trainable_weights, before, strict=True)
        if np.array_equal(keras.ops.convert_to_numpy(weight), old)
    ]
    assert not still, f"no gradient reaches {still}"
    losses += model.fit(images, labels, verbose=0, shuffle=False, epochs=14).history["loss"]
    assert np.mean(losses[-3:]) < 0.8 * losses[0], losses


def _check_files(name, model, images, folder, arguments):
    """Saved and loaded, whole or weights alone, a model answers the same."""
    expected = answers(model, images)
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    np.testing.assert_allclose(answers(loaded, images), expected, atol=1e-6)
    with pytest.raises(PixelError):
        loaded.predict(images / 255, verbose=0)
    model.save_weights(folder / "own.weights.h5")
    again = build(name, weights=folder / "own.weights.h5", **arguments)
    np.testing.assert_allclose(answers(again, images), expected, atol=1e-6)
    assert again.get_config() == build(name, **arguments).get_config()


def _check_variations(name, arguments):
    """Other classes, sizes and colours; logits; float32 under mixed precision."""
    shape = (64, 56, 3)
    images, _ = pictures(2, shape, 4)
    other = build(name, input_shape=shape, num_classes=4, **arguments)
    assert answers(other, images).shape == (2, 4)
    logits = build(name, classifier_activation=None, input_shape=shape, **arguments)
    assert not np.allclose(answers(logits, images).sum(axis=1), 1)
    with precision("mixed_bfloat16"):
        mixed = build_model(name, input_shape=shape, **arguments)  # `build` would reset it
        assert mixed.layers[-2].compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(mixed(images).dtype) == "float32"


def spots(*, nested=None, activation="softmax", scale=20.0, softmax_layer=False):
    """Two classes by two channels, set by hand: how much is brighter, how much darker than gray.

    `nested` puts the convolution into an inner model of that kind.
    """
    pixels = pixel_input((24, 24, 1))
    x = layers.Rescaling(2 / 255, offset=-1.0, name="rescale")(pixels)
    convolution = layers.Conv2D(2, 1, use_bias=False, activation="relu", name="conv")
    pool = layers.AveragePooling2D(2, name="pool2")
    if nested == "sequential":
        x = keras.Sequential([convolution, pool], name="inner")(x)
    elif nested == "functional":
        inside = keras.Input((24, 24, 1))
        inner = keras.Model(inside, pool(convolution(inside)), name="inner")
        outside = keras.Input((24, 24, 1))
        x = keras.Model(outside, inner(outside), name="outer")(x)
    else:
        x = pool(convolution(x))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    last = None if softmax_layer else activation
    dense = layers.Dense(2, activation=last, dtype="float32", name="predictions")
    x = dense(x)
    if softmax_layer:
        x = layers.Softmax(dtype="float32")(x)
    convolution.set_weights([np.float32([[[[1, -1]]]])])
    dense.set_weights([np.float32(np.eye(2) * scale), np.zeros(2, np.float32)])
    return PixelModel(pixels, x, name="spots", label_set=SPOTS)


def spotted():
    """A gray picture with a bright spot at the top left, a dark one at the bottom right."""
    image = np.full((24, 24, 1), 128, np.uint8)
    image[2:8, 2:8] = 255
    image[16:22, 16:22] = 0
    return image
