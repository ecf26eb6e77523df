"""What several families share: scaling, pooling, the classifier, weight files."""

import pathlib

import h5py
import keras
import numpy as np
from keras import layers, ops

from facezoo.errors import WeightsError, unknown
from facezoo.models.pixels import PixelModel

BGR_MEAN = (103.939, 116.779, 123.68)  # ImageNet's, as VGG and ResNet were trained with

# what h5py raises over damaged files: its own words are RuntimeError and OSError, the others come
# from what it makes of their contents
H5_ERRORS = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, OverflowError)

POOLINGS = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}
GLOBAL_POOLINGS = {
    "average": layers.GlobalAveragePooling2D,
    "flatten": layers.Flatten,
    "max": layers.GlobalMaxPooling2D,
}


def rescale(pixels, low=-1.0, high=1.0):
    """Uint8 (batch, h, w, c) in 0-255 -> float32, `low` for 0 and `high` for 255.

    In float32 also under mixed precision: one rounding instead of two.
    """
    scale = (high - low) / 255
    return layers.Rescaling(scale, offset=low, dtype="float32", name="rescale")(pixels)


def to_rgb(x):
    """(batch, h, w, 1 or 3) -> (batch, h, w, 3); the gray channel three times."""
    if x.shape[-1] == 3:
        return x
    return layers.Concatenate(name="gray_to_rgb")([x, x, x])


@keras.saving.register_keras_serializable(package="facezoo")
class BgrMinusMean(layers.Layer):
    """RGB in 0-255 -> float32 BGR minus ImageNet's mean, which VGG and ResNet expect."""

    def call(self, x):
        """Any dtype (batch, h, w, 3) -> float32 (batch, h, w, 3)."""
        return ops.flip(ops.cast(x, "float32"), axis=-1) - ops.array(BGR_MEAN, "float32")


def pool(x, kind, size=2, name=None):
    """(batch, h, w, c) -> (batch, h // size, w // size, c); `kind` "average" or "max"."""
    if kind not in POOLINGS:
        raise unknown("pooling", kind, POOLINGS)
    return POOLINGS[kind](size, name=name)(x)


def global_pool(x, kind):
    """(batch, h, w, c) -> (batch, c), or (batch, h * w * c) for `kind` "flatten"."""
    if kind not in GLOBAL_POOLINGS:
        raise unknown("pooling", kind, GLOBAL_POOLINGS)
    return GLOBAL_POOLINGS[kind](name="pool")(x)


def classifier(x, num_classes, classifier_activation="softmax"):
    """(batch, features) -> float32 (batch, num_classes), also under mixed precision."""
    return layers.Dense(
        num_classes, activation=classifier_activation, dtype="float32", name="predictions"
    )(x)


def finish(pixels, outputs, name, weights=None):
    """Return the `PixelModel` from `pixels` to `outputs`, its weights loaded if asked.

    Args:
        pixels: the symbolic input, see `pixels.pixel_input`.
        outputs: the symbolic output.
        name: name of the model: its key in `BUILDERS`.
        weights: None for random ones, or the path of a .weights.h5 file.

    Raises:
        WeightsError: see `load_weight_file`; also for "imagenet", which only networks
            of keras.applications have.
    """
    model = PixelModel(pixels, outputs, name=name)
    if weights == "imagenet":
        raise WeightsError(
            f"Got weights='imagenet' for {name}; expected None or the path of a .weights.h5, "
            "for nobody trained this network on ImageNet. Build with weights=None and train."
        )
    if weights is not None:
        load_weight_file(model, weights)
    return model


def load_weight_file(model, path):
    """Load a .weights.h5 file into `model`, whole or not at all.

    Raises:
        WeightsError: no such file, no .weights.h5, the weights of another network, or some that
            are no numbers.
    """
    path = pathlib.Path(path)
    if not path.name.endswith(".weights.h5"):
        raise WeightsError(
            f"Got weights {str(path)!r}; expected None, 'imagenet' where there are such, or a "
            "file ending in .weights.h5. Write one with model.save_weights(path)."
        )
    if not path.is_file():
        raise WeightsError(
            f"Got weights {path}; expected a file that exists. Check the path, or build with "
            "weights=None."
        )
    before = model.get_weights()
    try:
        # Keras reads what it knows by position and ignores the rest: count for ourselves
        count = _count_weights(path)
        if count != model.count_params():
            raise ValueError(f"{count:,} weights")
        model.load_weights(path)
        check_finite(model)
    except H5_ERRORS as error:
        model.set_weights(before)
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"Got {path} ({reason}); expected the {model.count_params():,} weights of "
            f"{model.name} {tuple(model.input_shape[1:])}. Build with the arguments that the "
            "file was trained with."
        ) from error


def check_finite(model):
    """Raise `WeightsError` for a model with a weight that is NaN or infinite."""
    for weight in model.weights:
        values = ops.convert_to_numpy(weight.value)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise WeightsError(
                f"Got weights of {model.name} that are not numbers, in {weight.path}; expected "
                "finite ones. Train again, at a lower learning rate."
            )


def _count_weights(path):
    """Number of weights in a file: of its layers, without states of random generators."""
    total = 0

    def add(name, item):
        nonlocal total
        of_layer = name.startswith("layers/") and "seed_generator" not in name
        if of_layer and isinstance(item, h5py.Dataset):
            total += item.size

    with h5py.File(path) as file:
        file.visititems(add)
    return total
