"""`check_builder`: the one test that every builder goes through, on any Keras backend."""

import contextlib

import keras
import numpy as np
import pytest

from facezoo.errors import PixelError
from facezoo.models import build_model

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
JIT = False if ON_TENSORFLOW else "auto"  # XLA on a CPU compiles for longer than it saves


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
