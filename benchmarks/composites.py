"""Photographs composed of heads, so that it is known where faces are; and which boxes hold them."""

import numpy as np
from PIL import Image

from facezoo import load_dataset

WIDTH, HEIGHT, HEAD = 640, 480, (128, 120)
WALL = 128


def composites(count, heads):
    """Return [(uint8 (480, 640, 3), [box of every head's photograph, ...])]."""
    data = load_dataset("cmu_faces", target="pose", protocol="random80")
    straight = data.label_set.index("straight")
    pool = data.test.images[np.flatnonzero(data.test.classes == straight)]
    rng = np.random.default_rng(heads)
    columns, rows = WIDTH // HEAD[0], HEIGHT // HEAD[1]
    made = []
    for _ in range(count):
        picture = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
        cells = rng.choice(columns * rows, heads, replace=False)
        corners = [(int(c % columns) * HEAD[0], int(c // columns) * HEAD[1]) for c in cells]
        for (left, top), head in zip(corners, rng.choice(len(pool), heads), strict=True):
            face = Image.fromarray(pool[head][..., 0]).resize(HEAD, Image.Resampling.BICUBIC)
            picture[top : top + HEAD[1], left : left + HEAD[0]] = np.asarray(face)[..., None]
        made.append((picture, [(*corner, *HEAD) for corner in corners]))
    return made


def found(boxes, faces, sized=False):
    """Return (faces found, boxes that hold none).

    A face is found if the middle of a box lies in the middle half of its own box; with `sized`,
    only by a box that is half to twice as wide.

    Args:
        boxes, faces: lists of (left, top, width, height).
    """
    meets = [[_meets(box, face, sized) for box in boxes] for face in faces]
    return sum(map(any, meets)), len(boxes) - sum(map(any, zip(*meets, strict=True)))


def _meets(box, face, sized):
    (x, y, across, down), (left, top, width, height) = box, face
    near = abs(x + across / 2 - left - width / 2) < width / 4
    near = near and abs(y + down / 2 - top - height / 2) < height / 4
    return near and (not sized or width / 2 <= across <= 2 * width)
