"""`Split` and `FaceDataset`: what every data set looks like once it is loaded."""

import dataclasses

import numpy as np
import pandas as pd

from facezoo.errors import PixelError
from facezoo.labels import LabelSet


class Pictures:
    """Some rows of a picture array, sliced like the array itself and never copied whole.

    Over a memory-mapped array a slice reads only the pages it needs, and those are
    shared with the operating system's cache.

    Args:
        array: uint8 (M, height, width, channels), in memory or memory-mapped.
        rows: int (N,) rows of `array`, or None for all of them.

    Raises:
        PixelError: the array is not uint8 with four axes.
    """

    def __init__(self, array, rows=None):
        if array.dtype != np.uint8 or array.ndim != 4:
            raise PixelError(
                f"Got pictures of {array.dtype} {array.shape}; expected uint8 (N, height, "
                "width, channels) in 0-255. Convert them, such as "
                "np.round(x * 255).astype('uint8') for floats in 0-1."
            )
        self.array = array
        self.rows = np.arange(len(array)) if rows is None else np.asarray(rows, dtype=np.intp)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, key):
        """int, slice, mask or int array -> uint8 ndarray, as for an ndarray."""
        rows = self.rows[key]
        if rows.ndim == 0:
            return np.array(self.array[rows])
        order = np.argsort(rows, kind="stable")  # ascending reads: pages are met once
        out = np.empty((len(rows), *self.array.shape[1:]), np.uint8)
        out[order] = self.array[rows[order]]
        return out

    def __array__(self, dtype=None, copy=None):
        array = self[:]
        return array if dtype is None else array.astype(dtype, copy=False)

    @property
    def shape(self):
        """(N, height, width, channels)."""
        return (len(self), *self.array.shape[1:])

    @property
    def dtype(self):
        """Always uint8."""
        return self.array.dtype

    @property
    def ndim(self):
        """Always 4."""
        return 4


class Split:
    """Pictures with their labels: a part of a data set.

    Args:
        images: uint8 (N, height, width, channels), 0-255; an ndarray or `Pictures`.
        labels: int64 (N,) indices into `label_set`, or float32 (N, K) distributions.
        table: a row a picture (file, subject, pose ...): a DataFrame, or a function
            that reads one, called when the table is first asked for; None for none.
        label_set: `LabelSet` that names the labels.
        name: "train", "validation" or "test".

    Raises:
        PixelError: pictures of another dtype or shape, or not one label a picture.
    """

    def __init__(self, images, labels, table, label_set, name=""):
        self.images = images if isinstance(images, Pictures) else Pictures(images)
        self.labels = np.asarray(labels)
        self.label_set = label_set
        self.name = name
        self._table = table
        if len(self.images) != len(self.labels):
            raise PixelError(
                f"Got {len(self.images)} pictures and {len(self.labels)} labels; expected as "
                "many of one as of the other. Pass the labels of these pictures."
            )

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"Split({self.name!r}, images={self.images.shape}, labels={self.label_set.name!r})"

    @property
    def table(self):
        """DataFrame with a row a picture, in the order of `images`; read when asked for."""
        if self._table is None:
            self._table = pd.DataFrame(index=range(len(self)))
        elif callable(self._table):
            self._table = self._table()
        return self._table

    @property
    def classes(self):
        """int64 (N,): the labels, or the likeliest class of every distribution."""
        return self.labels if self.labels.ndim == 1 else self.labels.argmax(axis=1)

    def counts(self):
        """Return `{class name: pictures}` in the label set's order."""
        counts = np.bincount(self.classes, minlength=len(self.label_set))
        return dict(zip(self.label_set.classes, counts.tolist(), strict=True))

    def take(self, rows):
        """Return the `Split` of some rows (slice, mask or int array); copies no picture."""
        rows = np.arange(len(self))[rows]
        return Split(
            Pictures(self.images.array, self.images.rows[rows]),
            self.labels[rows],
            lambda: self.table.iloc[rows].reset_index(drop=True),
            self.label_set,
            self.name,
        )


@dataclasses.dataclass(frozen=True)
class FaceDataset:
    """A data set under a protocol: three splits that share a label set.

    `protocol` is the whole name, such as "cmu_faces/random80"; `note` says what a reader
    of its figures must know (that the protocol leaks, say), or is empty. `fingerprint` is of all
    pictures and, after a "+", of the parts and their labels: compare two with `same_data`.
    """

    name: str
    protocol: str
    target: str
    seed: int
    fold: int | None
    label_set: LabelSet
    train: Split
    validation: Split
    test: Split
    note: str = ""
    fingerprint: str = ""

    @property
    def input_shape(self):
        """(height, width, channels) of every picture."""
        return tuple(self.train.images.shape[1:])

    def limited(self, count, seed=0):
        """Return this data set with at most `count` pictures a split, drawn by `seed`."""

        def fewer(split):
            rows = np.random.default_rng(seed).permutation(len(split))[:count]
            return split.take(np.sort(rows))

        parts = {role: fewer(getattr(self, role)) for role in ("train", "validation", "test")}
        note = f"only {count} pictures of each split were used"
        return dataclasses.replace(self, **parts, note="; ".join(filter(None, (self.note, note))))


def same_data(one, other):
    """Whether two fingerprints are of the same data; an older one tells of pictures alone."""
    return all(a == b for a, b in zip(one.split("+"), other.split("+"), strict=False))


def pictures_alone(fingerprint):
    """The part of a fingerprint that is of the pictures, whatever their labels."""
    return fingerprint.partition("+")[0]
