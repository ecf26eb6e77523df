"""What random augmentation is asked for, and its draws; `augment_layer` carries them out.

Every picture is flipped, rotated, sheared, zoomed and shifted, in this order and about its
centre, which only the shift moves. The five steps are multiplied into one matrix, so that
a picture is interpolated once, however many of them are on; then come brightness and erase.

The same numbers mean the same on every path (numpy, tf.data, a Keras layer on a device):
angles in degrees, counterclockwise positive as one sees the picture; shear leans the top of
the picture to the left; a zoom above 1 enlarges; shifts go right and down.
"""

import dataclasses
import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from facezoo.errors import RecipeError, unknown

FILLS = ("nearest", "reflect", "constant")  # what lies beyond the edge
COLUMNS = 11  # uniform numbers a picture: see Augmentation.from_uniform
LIMITS = {"rotate": 180, "shear": 89, "zoom": 0.99, "shift": 1, "brightness": 1, "erase": 1}


class Draws(NamedTuple):
    """What chance chose for a batch of n pictures; None where nothing is to be done.

    Attributes:
        matrices: float32 (n, 2, 3), output to input, as `affine_batch` takes them.
        gains: float32 (n,), the factor of every grey level.
        boxes: float32 (n, 4), whole pixels: left, top, right, bottom, the last two excluded.
    """

    matrices: Any = None
    gains: Any = None
    boxes: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far pictures may be changed at random; uint8 in, uint8 out. 0 or False is off.

    Args:
        flip: mirror every second picture, left to right.
        rotate: degrees, uniform in -rotate..rotate, at most 180.
        shear: degrees, uniform in -shear..shear, at most 89.
        zoom: fraction: pictures are enlarged by a factor uniform in 1-zoom..1+zoom, the
            same for both axes, at most 0.99.
        shift: fraction of the width and of the height, drawn apart, at most 1.
        fill: what lies beyond the edge: "nearest", "reflect" or "constant" (black).
        brightness: fraction: grey levels are multiplied by 1-brightness..1+brightness and
            cut off at 255, at most 1.
        erase: fraction of the area that one rectangle a picture may cover, at most 1; it is
            filled with the picture's mean colour. Its area is uniform in 0..erase, its
            sides up to 3:1 (random erasing: Zhong et al. 2017, arXiv:1708.04896).

    Raises:
        RecipeError: a field that is no number, or out of its range.

    Example:
        >>> Augmentation(flip=True, rotate=10).to_dict()["rotate"]
        10
    """

    flip: bool = False
    rotate: float = 0
    shear: float = 0
    zoom: float = 0
    shift: float = 0
    fill: str = "nearest"
    brightness: float = 0
    erase: float = 0

    def __post_init__(self):
        if not isinstance(self.flip, bool):
            raise RecipeError(f"Augmentation got flip={self.flip!r}; expected True or False.")
        if self.fill not in FILLS:
            raise RecipeError(
                f"Augmentation got fill={self.fill!r}; expected one of {', '.join(FILLS)}."
            )
        for name, limit in LIMITS.items():
            value = getattr(self, name)
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not number or not 0 <= value <= limit:  # NaN fails the comparison too
                raise RecipeError(
                    f"Augmentation got {name}={value!r}; expected a number in 0..{limit}. "
                    f"Ranges are symmetric: {name}=x draws from -x to x; 0 switches it off."
                )

    @property
    def moves(self):
        """Whether pictures are resampled at all."""
        return bool(self.flip or self.rotate or self.shear or self.zoom or self.shift)

    def draw(self, n, height, width, rng):
        """Draw for n pictures; the draws of a field do not depend on the other fields.

        Args:
            n: number of pictures.
            height, width: of the pictures, in pixels.
            rng: `numpy.random.Generator`.

        Returns:
            Draws: of ndarrays, None where a part is switched off.
        """
        return self.from_uniform(rng.random((n, COLUMNS), np.float32), height, width, np)

    def to_dict(self):
        """Return the fields, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields):
        """Inverse of `to_dict`; `UnknownName` for a field that does not exist."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in known:
                raise unknown("field of Augmentation", name, known)
        return cls(**fields)

    def from_uniform(self, uniform, height, width, xp):
        """float32 (n, COLUMNS) in 0..1 -> Draws; `xp` is numpy or keras.ops."""
        mirror, angle, lean, scale, across, along, light, area, sides, x, y = (
            uniform[:, i] for i in range(COLUMNS)
        )
        matrices = gains = boxes = None
        if self.moves:
            off = xp.zeros_like(mirror)
            matrices = affine_matrices(
                xp.where(mirror < 0.5, -1 - off, 1 + off) if self.flip else 1 + off,
                _spread(angle, self.rotate),
                _spread(lean, self.shear),
                1 + _spread(scale, self.zoom),
                _spread(across, self.shift * width),
                _spread(along, self.shift * height),
                (height, width),
                xp,
            )
        if self.brightness:
            gains = 1 + _spread(light, self.brightness)
        if self.erase:
            pixels = area * (self.erase * height * width)
            boxes = _boxes(pixels, sides, x, y, (height, width), xp)
        return Draws(matrices, gains, boxes)


def affine_matrices(mirror, rotate, shear, zoom, shift_x, shift_y, size, xp=np):
    """Multiply flip, rotation, shear, zoom and shift into one matrix a picture.

    A point p about the centre goes to zoom * shear @ rotation @ flip @ p + shift; returned
    is the way back, from the output to the input, as `affine_batch` takes it.

    Args:
        mirror: float32 (n,), -1 to flip left to right, 1 not to.
        rotate, shear: float32 (n,), degrees.
        zoom: float32 (n,), factor, above 1 enlarges.
        shift_x, shift_y: float32 (n,), pixels to the right and down.
        size: (height, width) in pixels.
        xp: numpy or keras.ops, of which the arrays are.

    Returns:
        float32 (n, 2, 3).
    """
    radians = rotate * (math.pi / 180)
    cosine, sine = xp.cos(radians) / zoom, xp.sin(radians) / zoom
    slope = xp.tan(shear * (math.pi / 180))
    a, b = mirror * cosine, mirror * (-cosine * slope - sine)
    c, d = sine, cosine - sine * slope
    x, y = (size[1] - 1) / 2, (size[0] - 1) / 2  # the centre stays where it is
    to_x, to_y = x + shift_x, y + shift_y
    first = xp.stack([a, b, x - a * to_x - b * to_y], axis=-1)
    second = xp.stack([c, d, y - c * to_x - d * to_y], axis=-1)
    return xp.stack([first, second], axis=1)


def _spread(uniform, limit):
    """Uniform in 0..1 -> uniform in -limit..limit."""
    return (2 * uniform - 1) * limit


def _boxes(pixels, sides, x, y, size, xp):
    """float32 (n,) areas and three uniform numbers -> boxes (n, 4) inside the picture.

    Sides are rounded down, so that no box is larger than its area.
    """
    ratio = xp.exp(_spread(sides, math.log(3)))  # width : height, 1:3 to 3:1
    width = xp.floor(xp.minimum(xp.sqrt(pixels * ratio), size[1]))
    height = xp.floor(xp.minimum(xp.sqrt(pixels / ratio), size[0]))
    left = xp.floor(x * (size[1] - width + 1))
    top = xp.floor(y * (size[0] - height + 1))
    return xp.stack([left, top, left + width, top + height], axis=-1)
