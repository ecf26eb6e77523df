"""What remembering pictures is worth: a floor under every figure, and a hint at leaks."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

CHUNK = 4096  # pictures halved at a time


def nearest_neighbour(data):
    """Return the accuracy of the label of the nearest picture that is not tested.

    Pictures are compared at half size, where a photograph and its smaller copy are the same
    pixels. A figure far above what similar pictures of the same people would explain is a leak.

    Args:
        data: `FaceDataset`; its training and validation pictures are those remembered.

    Returns:
        float in 0-1 on the test part.
    """
    known = np.concatenate([_halves(data.train.images), _halves(data.validation.images)])
    labels = np.concatenate([data.train.classes, data.validation.classes])
    model = KNeighborsClassifier(1, algorithm="brute").fit(known, labels)
    return float(model.score(_halves(data.test.images), data.test.classes))


def _halves(images):
    """Uint8 (N, h, w, c) -> float32 (N, h / 2 * w / 2 * c): means of 2 x 2 pixels."""
    n, height, width, channels = images.shape
    high, wide = height // 2, width // 2
    halves = np.empty((n, high * wide * channels), np.float32)
    for start in range(0, n, CHUNK):
        even = images[start : start + CHUNK][:, : 2 * high, : 2 * wide]
        blocks = even.reshape(len(even), high, 2, wide, 2, channels)
        halves[start : start + CHUNK] = blocks.mean(axis=(2, 4)).reshape(len(even), -1)
    return halves
