"""What a data set hides from its own figures: pictures that occur twice."""

import hashlib

import numpy as np

from facezoo.errors import PixelError

CHUNK = 4096  # pictures held at a time: 9 MB of 48x48 gray ones


def exact_copies(test, train):
    """Say which of `test`'s pictures are, byte for byte, one of `train`'s.

    A model has seen those, perhaps with another label, so `evaluate_predictions` also
    reports its figures without them. FER2013 is the known case: 280 of PublicTest's
    3,589 pictures.

    Memory beyond one chunk of pictures is a 16-byte hash for every distinct one of `train`.

    Args:
        test: `Split` to look for copies in.
        train: `Split` that they may be copies of.

    Returns:
        bool (len(test),): True where a picture is a copy.

    Raises:
        PixelError: the two splits hold pictures of different shapes, whose bytes say
            nothing about whether they were one photograph.

    Example:
        >>> from facezoo.datasets.base import Split
        >>> from facezoo.labels import EYES
        >>> pictures = np.arange(3, dtype=np.uint8).repeat(4).reshape(3, 2, 2, 1)
        >>> train = Split(pictures, [0, 1, 0], None, EYES)
        >>> exact_copies(train.take([2, 0]), train.take([0, 1]))
        array([False,  True])
    """
    got, expected = test.images.shape[1:], train.images.shape[1:]
    if got != expected:
        raise PixelError(
            f"Got test pictures of {got} and training pictures of {expected}; expected one "
            "shape, to compare their bytes. Prepare both at the same size and channels."
        )
    seen = set(_hashes(train.images))
    return np.fromiter((digest in seen for digest in _hashes(test.images)), bool, len(test))


def _hashes(images):
    """Yield 16 bytes a picture; among a million a chance collision has odds of 1 in 1e26."""
    for start in range(0, len(images), CHUNK):
        for picture in images[start : start + CHUNK]:
            yield hashlib.blake2b(picture, digest_size=16).digest()
