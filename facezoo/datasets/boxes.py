"""Faces cut out of larger pictures by the boxes that a data set gives."""

import dataclasses

import numpy as np
from PIL import Image

from facezoo.errors import PictureError
from facezoo.pictures import decode

LEAST_INSIDE = 0.5  # our choice: of less than half a face nobody tells the expression
FARTHEST = 1_000_000  # pixels from a picture's corner; no photograph has a side that long


@dataclasses.dataclass(frozen=True)
class Box:
    """A face in pixels of its picture; right and bottom lie just outside of it.

    Raises:
        PictureError: an edge that lies in no photograph.
    """

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self):
        far = max(map(abs, dataclasses.astuple(self)))
        if far > FARTHEST:
            raise PictureError(f"box with an edge at {far}; expected {FARTHEST:,} at most")

    @property
    def area(self):
        """Pixels in the box; 0 where it is turned inside out."""
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)

    def within(self, width, height):
        """Return the part of the box that lies in a picture of this size."""
        return Box(
            max(0, self.left), max(0, self.top), min(width, self.right), min(height, self.bottom)
        )

    def grown(self, margin):
        """Return the box with `margin` of its width and height added on every side."""
        across = round((self.right - self.left) * margin)
        down = round((self.bottom - self.top) * margin)
        return Box(self.left - across, self.top - down, self.right + across, self.bottom + down)


def decode_face(data, *, box, size, channels, margin=0.0):
    """Decode a picture and cut one face out of it.

    What lies outside the picture is cut off, the margin too; the rest is stretched to
    `size`.

    Args:
        data: bytes of a picture.
        box: `Box` of the face.
        size: (height, width) of the result.
        channels: 1 for gray, 3 for RGB.
        margin: fraction of the box that is added on every side.

    Returns:
        (face, clipped): uint8 (height, width, channels), 0-255, and whether the box itself
        left the picture.

    Raises:
        PictureError: no picture, or less than half of the box lies in it.
    """
    pixels = decode(data, channels=channels)
    height, width = pixels.shape[:2]
    inside = box.within(width, height)
    if inside.area == 0 or inside.area < LEAST_INSIDE * box.area:
        share = inside.area / box.area if box.area else 0
        raise PictureError(
            f"box {dataclasses.astuple(box)}, of which {share:.0%} lies in the picture "
            f"({width} x {height}); expected half or more"
        )
    cut = box.grown(margin).within(width, height)
    face = pixels[cut.top : cut.bottom, cut.left : cut.right]
    if face.shape[:2] != tuple(size):
        picture = Image.fromarray(face[..., 0] if channels == 1 else face)
        face = np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    return face.reshape(*size, channels), inside != box
