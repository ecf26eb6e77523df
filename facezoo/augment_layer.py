"""`Augmentation` carried out on the active Keras backend: on a batch, and as a layer.

One resampling for all that moves pixels, then brightness, then erase; uint8 in and out.
"""

import keras
import numpy as np

from facezoo.augment import COLUMNS, Augmentation
from facezoo.backend import affine_batch, check_pixels


def apply(augmentation, images, draws):
    """Change a batch as drawn.

    Args:
        augmentation: `Augmentation`.
        images: uint8 (n, height, width, channels), 0-255; ndarray or tensor.
        draws: `Draws` for n pictures of this size.

    Returns:
        The backend's tensor, uint8 of the same shape.

    Raises:
        PixelError: pictures that are not uint8 with four axes.
    """
    check_pixels(images)
    images = keras.ops.convert_to_tensor(images)
    if draws.matrices is not None:
        images = affine_batch(images, draws.matrices, augmentation.fill)
    if draws.gains is not None:
        images = _brighten(images, keras.ops.convert_to_tensor(draws.gains))
    if draws.boxes is not None:
        images = _erase(images, keras.ops.convert_to_tensor(draws.boxes))
    return images


def augmented(images, augmentation, seed=0):
    """Return a copy of an array of pictures, changed at random.

    Args:
        images: uint8 (n, height, width, channels), 0-255.
        augmentation: `Augmentation`.
        seed: int; the same seed gives the same pictures.

    Returns:
        uint8 ndarray of the same shape.

    Raises:
        PixelError: pictures that are not uint8 with four axes.
    """
    check_pixels(images)
    draws = augmentation.draw(*images.shape[:3], np.random.default_rng(seed))
    return keras.ops.convert_to_numpy(apply(augmentation, images, draws))


@keras.saving.register_keras_serializable(package="facezoo")
class RandomAugmentation(keras.layers.Layer):
    """`Augmentation` as a layer: uint8 in, uint8 out, active only with `training=True`.

    Args:
        augmentation: `Augmentation`, or its `to_dict()`.
        seed: of the layer's `seed_generator`; setting that generator's state draws again.
        **kwargs: Keras' own, such as `name`.

    Raises:
        PixelError: pictures that are not uint8 with four axes.
    """

    def __init__(self, augmentation, seed=0, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(augmentation, Augmentation):
            augmentation = Augmentation.from_dict(augmentation)
        self.augmentation = augmentation
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        """uint8 (batch, height, width, channels) -> the same shape, changed in training."""
        check_pixels(images)
        if not training:
            return images
        height, width = images.shape[1:3]
        shape = (keras.ops.shape(images)[0], COLUMNS)
        uniform = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        draws = self.augmentation.from_uniform(uniform, height, width, keras.ops)
        return apply(self.augmentation, images, draws)

    def compute_output_spec(self, images, training=False):
        """Return the input's shape as uint8; Keras would guess its own float type."""
        return keras.KerasTensor(images.shape, dtype="uint8")

    def get_config(self):
        """Return what `from_config` needs."""
        fields = self.augmentation.to_dict()
        return {**super().get_config(), "augmentation": fields, "seed": self.seed}


def _brighten(images, gains):
    """uint8 (n, h, w, c) times float32 (n,), rounded and cut off at 255."""
    grey = keras.ops.cast(images, "float32") * gains[:, None, None, None]
    return keras.ops.cast(keras.ops.minimum(keras.ops.floor(grey + 0.5), 255.0), "uint8")


def _erase(images, boxes):
    """Fill boxes (n, 4) of uint8 (n, h, w, c) with each picture's mean colour."""
    height, width = images.shape[1:3]
    columns = keras.ops.arange(width, dtype="float32")[None, None, :, None]
    rows = keras.ops.arange(height, dtype="float32")[None, :, None, None]
    # two steps: TensorFlow's optimizer loses the new axes of a slice [:, i, None] of a stack
    left, top, right, bottom = (boxes[:, i][:, None, None, None] for i in range(4))
    across = keras.ops.logical_and(columns >= left, columns < right)
    inside = keras.ops.logical_and(across, keras.ops.logical_and(rows >= top, rows < bottom))
    # whole numbers: a sum of floats would depend on how threads share it
    total = keras.ops.sum(keras.ops.cast(images, "int32"), axis=(1, 2), keepdims=True)
    mean = (total + height * width // 2) // (height * width)
    return keras.ops.where(inside, keras.ops.cast(mean, "uint8"), images)
