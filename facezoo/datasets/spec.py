"""`DatasetSpec`: what a data set's file states about it, and nothing else.

A file under `datasets/` reads one data set's official form and says which targets and
protocols it has; `prepare.py` and `load_dataset` do with it what is the same for all.
"""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from facezoo.datasets.archives import Archive
from facezoo.datasets.drawing import checked_shape
from facezoo.labels import LabelSet

MOST = 0.75  # of the published pictures


@dataclasses.dataclass(frozen=True)
class Item:
    """A picture that a reader found: its table row, and how to get its pixels.

    Args:
        row: `{column: value}`; "file" names the picture.
        read: () -> bytes; called in the reader's order.
        decode: bytes -> uint8 (height, width, channels), or that and a dict of columns that
            only the pixels tell. Called in any process: it reaches nothing of this one. Both
            raise `PictureError` for a picture that must be rejected.
    """

    row: dict
    read: Callable[[], bytes]
    decode: Callable[[bytes], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Rejected:
    """A file that a reader passes over, and why; it is counted and named in dataset.json."""

    file: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Note:
    """What a reader has to say about the whole archive; a line of "notes" in dataset.json."""

    text: str


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model is to tell: a label set and how it is read from the table.

    Args:
        label_set: names the labels.
        columns: columns of the table that `encode` needs.
        encode: DataFrame of these columns -> int64 (N,) indices, -1 for a row without
            this label, or float32 (N, K) distributions, all zero for a row without one.
            None encodes the only column by name.
    """

    label_set: LabelSet
    columns: tuple[str, ...]
    encode: Callable[[pd.DataFrame], np.ndarray] | None = None

    def labels(self, table):
        """Labels of every row of `table`."""
        if self.encode is not None:
            return self.encode(table)
        values = table[self.columns[0]].astype("category")  # one lookup a class, not a row
        return self.label_set.encode(values.cat.categories)[values.cat.codes]


def known_only(label_set, column):
    """Return the `Target` of `column` in which classes outside `label_set` have no label."""

    def encode(table):
        values = table[column].astype("category")
        lookup = {name: i for i, name in enumerate(label_set.classes)}
        codes = [lookup.get(name, -1) for name in values.cat.categories]
        return np.array(codes, np.int64)[values.cat.codes]

    return Target(label_set, (column,), encode)


def size_and_channels(options):
    """Options "size" (a number or (height, width)) and "channels" -> (height, width, channels).

    Raises:
        PixelError: an impossible size or number of channels.
    """
    return (*checked_shape(options["size"], options["channels"]), options["channels"])


@dataclasses.dataclass(frozen=True)
class SplitRequest:
    """What a protocol divides: the rows that have a label, and what is known of them.

    `table` holds the protocol's columns and `classes` int64 (N,) the labels of the same
    rows; a protocol answers with positions in them.
    """

    table: pd.DataFrame
    classes: np.ndarray
    target: str
    seed: int
    fold: int | None


@dataclasses.dataclass(frozen=True)
class Roles:
    """Rows of a data set by role: int arrays; no row has two roles.

    `note` says what only the rows could tell, and joins the protocol's own note.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A named way to divide a data set.

    Args:
        divide: `SplitRequest` -> `Roles`.
        columns: columns of the table that `divide` needs.
        summary: one line for tables.
        note: what a reader of its figures must know, such as that it leaks; or "".
    """

    divide: Callable[[SplitRequest], Roles]
    columns: tuple[str, ...]
    summary: str
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A data set: where it comes from, how it is read, what can be asked of it.

    Args:
        name: as typed by users.
        title, page, license, citation: for tables and error messages.
        layout: one line: what an archive of it looks like inside.
        options: `{option of prepare: default}`.
        picture_shape: options -> (height, width, channels) of the prepared pictures.
        read: (archive or None, options) -> items, rejections and notes.
        columns: columns of the table, "file" first.
        targets: `{name: Target}`, the first being the default.
        protocols: `{name: Protocol}`, the first being the default.
        expected: `{column: {value: count}}` as published; the key "split/expression" counts
            pairs, such as {"Training/angry": 3995}.
        dynamic_target: optional name -> `Target` or None, for families such as
            "is:<userid>".
        in_memory: optional () -> (images, table): for a set that needs no archive.
        needs_archive: whether `prepare` must be given a path.
        survey: optional (archive, options) -> facts that only the archive knows, such as
            {"label_sets": ...}; JSON-safe, kept in dataset.json.
        adapt: optional (spec, facts) -> spec: with the targets and protocols that these
            facts, or a whole dataset.json, tell.
    """

    name: str
    title: str
    page: str
    license: str
    citation: str
    layout: str
    options: dict
    picture_shape: Callable[[dict], tuple[int, int, int]]
    read: Callable[[Archive | None, dict], Iterable[Item | Rejected | Note]]
    columns: tuple[str, ...]
    targets: dict[str, Target]
    protocols: dict[str, Protocol]
    expected: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    dynamic_target: Callable[[str], Target | None] | None = None
    in_memory: Callable[[], tuple[np.ndarray, pd.DataFrame]] | None = None
    needs_archive: bool = True
    survey: Callable[[Archive, dict], dict] | None = None
    adapt: Callable[["DatasetSpec", dict], "DatasetSpec"] | None = None

    @property
    def published(self):
        """Number of pictures with an expression in the set as published; 0 where not known."""
        return sum(self.expected.get("expression", {}).values())

    def is_whole(self, pictures):
        """Whether so many pictures are the set as published, or most of it."""
        return pictures >= MOST * self.published
