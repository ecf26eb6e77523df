"""What bad pictures cost: accuracy on test pictures that were blurred, darkened, covered ...

The pictures are spoilt as cameras and archives spoil them.
"""

import io

import numpy as np
from PIL import Image, ImageFilter

from facezoo.datasets import Split
from facezoo.errors import unknown
from facezoo.evaluation import report_on

BLUR = 1.0  # pixels, standard deviation
JPEG = 30  # quality of 100
NOISE = 20.0  # gray levels, standard deviation
COVERED = 0.5  # of height and width: a quarter of the picture
DARK = 0.35  # of the light is left


def spoilt(images, how, seed=0):
    """Return a copy of pictures, spoilt in one way.

    Args:
        images: uint8 (N, H, W, C), 0-255.
        how: "blur" (Gaussian, 1 pixel), "half resolution" (and back), "jpeg" (quality 30),
            "noise" (standard deviation of 20 gray levels), "occlusion" (a quarter covered by the
            mean gray, anywhere) or "darkness" (35 % of the light).
        seed: of noise and places.

    Returns:
        uint8 (N, H, W, C).

    Raises:
        UnknownName: another word.
    """
    if how not in SPOILT:
        raise unknown("way to spoil pictures", how, SPOILT)
    return SPOILT[how](np.asarray(images), np.random.default_rng(seed))


def robustness(model, split, seed=0):
    """Return the `Report` of a model on a split spoilt in each way.

    Args:
        model: Keras model with a `label_set`.
        split: `Split` of test pictures.
        seed: of noise and places.

    Returns:
        `{way: Report}`, with "as they are" first.
    """
    reports = {"as they are": report_on(model, split)}
    for how in SPOILT:
        images = spoilt(split.images[:], how, seed)
        reports[how] = report_on(model, Split(images, split.labels, split.table, split.label_set))
    return reports


def _each(change):
    """Function of a Pillow picture -> function of (images, rng)."""

    def change_all(images, rng):
        planes = [Image.fromarray(i[..., 0] if i.shape[-1] == 1 else i) for i in images]
        return np.stack([np.asarray(change(plane)) for plane in planes]).reshape(images.shape)

    return change_all


def _halve(picture):
    width, height = picture.size
    small = picture.resize((width // 2, height // 2), Image.Resampling.BOX)
    return small.resize((width, height), Image.Resampling.BILINEAR)


def _compress(picture):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG)
    return Image.open(file)


def _noisy(images, rng):
    noise = rng.normal(0, NOISE, images.shape).astype(np.float32)
    return np.clip(np.round(images + noise), 0, 255).astype(np.uint8)


def _covered(images, rng):
    images = images.copy()
    height, width = (round(side * COVERED) for side in images.shape[1:3])
    tops = rng.integers(0, images.shape[1] - height + 1, len(images))
    lefts = rng.integers(0, images.shape[2] - width + 1, len(images))
    for image, top, left in zip(images, tops, lefts, strict=True):
        gray = np.round(image.mean(axis=(0, 1)))
        image[top : top + height, left : left + width] = gray
    return images


def _dark(images, rng):
    return np.round(images * np.float32(DARK)).astype(np.uint8)


SPOILT = {
    "blur": _each(lambda picture: picture.filter(ImageFilter.GaussianBlur(BLUR))),
    "half resolution": _each(_halve),
    "jpeg": _each(_compress),
    "noise": _noisy,
    "occlusion": _covered,
    "darkness": _dark,
}
