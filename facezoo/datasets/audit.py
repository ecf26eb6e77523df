"""What a data set hides from its own figures: pictures that occur twice.

Exact copies are the same bytes. Near copies are one photograph, brightened, compressed or
marked anew, or frames that are alike to the eye; they are told by a fingerprint of 16x16.
"""

import dataclasses
import hashlib
import itertools
import math

import numpy as np
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from facezoo.errors import FacezooError, PixelError

CHUNK = 4096  # pictures held at a time: 9 MB of 48x48 gray ones
QUERIES = 512  # fingerprints looked up at a time; each may have every other as a neighbour
SIDE = 16  # pixels of a fingerprint
NEAR = 0.99  # see near_copies
FAINT = 2.0  # gray levels of deviation below which a picture shows nothing to compare
ROLES = ("train", "validation", "test")
COMPARED = (  # pictures of the first part of which the other parts hold a copy
    ("train", ("train",)),
    ("validation", ("validation",)),
    ("test", ("test",)),
    ("validation", ("train",)),
    ("test", ("train",)),
    ("test", ("validation",)),
    ("test", ("train", "validation")),
)


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


def near_copies(test, train, *, threshold=NEAR):
    """Say which of `test`'s pictures are nearly, or wholly, one of `train`'s.

    Pictures are compared by `fingerprints`. Measured on FER2013: 5 gray levels of
    brightness leave a correlation of 0.999 or more, JPEG of quality 30 0.992, half the size
    0.98. A shift by one pixel costs 0.04, so other crops are missed, and so are mirrored
    pictures.

    The threshold was chosen by looking at pairs. FER2013: of 130 from 0.96 up every one was
    one photograph (logos, crops, compression), below 0.955 some were two people. CK+: 553 of
    the 554 from 0.99 up are frames of one sequence; below, one person with two expressions
    begins. CMU Face Images: the 1,711 from 0.99 up are one person in one pose before one
    background, hard to tell apart but not always one photograph. So 0.99 rather misses a
    copy than accuses two pictures. It finds 34 of PublicTest's pictures beyond the 280 exact
    copies, 0.96 finds 183: pass that for a set of photographs from the web.

    Args:
        test: `Split` to look for copies in.
        train: `Split` that they may be copies of; its pictures may have another size.
        threshold: least correlation of two fingerprints, above 0 and below 1.

    Returns:
        bool (len(test),): True where a picture is a near or an exact copy. One without
        contrast, such as a black one, is never a copy.

    Raises:
        FacezooError: an impossible threshold.
    """
    found = np.zeros(len(test), bool)
    prints = [_of_all(split.images) for split in (test, train)]
    for rows, _, _ in near_pairs(*prints, threshold=threshold):
        found[rows] = True
    return found


def fingerprints(images):
    """Pictures, made small and freed of brightness and contrast.

    Args:
        images: uint8 (N, height, width, channels).

    Returns:
        float32 (N, 256), rows of mean 0 and length 1: their product is a correlation. Rows
        of pictures without contrast are zero.
    """
    gray = images.mean(axis=3, dtype=np.float32)
    small = np.empty((len(gray), SIDE * SIDE), np.float32)
    for row, picture in zip(small, gray, strict=True):
        reduced = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX)
        row[:] = np.asarray(reduced).ravel()
    small -= small.mean(axis=1, keepdims=True)
    length = np.linalg.norm(small, axis=1, keepdims=True)
    clear = length >= FAINT * SIDE
    return np.where(clear, small / np.where(clear, length, 1), 0).astype(np.float32)


def near_pairs(prints, others=None, *, threshold=NEAR, progress=None):
    """Yield pairs of fingerprints that are alike, some hundred rows at a time.

    Args:
        prints: float32 (N, 256) of `fingerprints`.
        others: float32 (M, 256) to find them in; None for `prints` themselves, where every
            pair comes once, the earlier row first.
        threshold: least correlation, above 0 and below 1.
        progress: optional function called with the rows done.

    Yields:
        (int (P,) rows of `prints`, int (P,) rows of `others`, float (P,) correlations).

    Raises:
        FacezooError: an impossible threshold.
    """
    if not 0 < threshold < 1:
        raise FacezooError(
            f"Got {threshold!r} as least correlation of near copies; expected a number between 0 "
            f"and 1. Pass such as {NEAR}."
        )
    inside = prints if others is None else others
    rows, columns = (np.flatnonzero(p.any(axis=1)) for p in (prints, inside))
    if len(rows) == 0 or len(columns) == 0:
        return
    radius = math.sqrt(2 - 2 * threshold)  # of points on a sphere
    index = NearestNeighbors(radius=radius, algorithm="brute").fit(inside[columns])
    for start in range(0, len(rows), QUERIES):
        asked = rows[start : start + QUERIES]
        distances, neighbours = index.radius_neighbors(prints[asked])
        first = np.repeat(asked, [len(found) for found in neighbours])
        second = columns[np.concatenate(neighbours)]
        kept = first < second if others is None else np.ones(len(first), bool)
        yield first[kept], second[kept], 1 - np.concatenate(distances)[kept] ** 2 / 2
        if progress is not None:
            progress(start + len(asked))


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two pictures that are copies: positions in the parts joined, and their correlation."""

    first: int
    second: int
    similarity: float
    exact: bool


@dataclasses.dataclass(frozen=True)
class Copies:
    """What `find_copies` found.

    Args:
        counts: a dict for every line of `COMPARED`: "pictures of", "with a copy in",
            "exact", "exact, other label", "near", "near, other label": pictures of the first
            part with such a copy in the other, and those of them of whose copies none has
            their label. "near" leaves out pictures with an exact copy there.
        exact: pictures beyond the first of the same bytes.
        near: pairs of distinct pictures that are near copies.
        conflicts: `{"pictures", "rows"}`: distinct pictures that have more than one label,
            and how many times these occur.
        pairs: some `Pair`s of each kind, those across parts and of two labels first.
    """

    counts: list
    exact: int
    near: int
    conflicts: dict
    pairs: list


def find_copies(parts, *, threshold=NEAR, listed=200, progress=None):
    """Find the copies within and across the parts of a data set.

    A fingerprint (1 kB) of every distinct picture is held, beside one chunk of pictures;
    time grows with the square of their number: about 25 s on two cores for FER2013's 32,298.

    Args:
        parts: `{"train": Split, "validation": Split, "test": Split}`.
        threshold: least correlation of near copies.
        listed: pairs to name of each kind.
        progress: optional function called with the steps done and the number of all.

    Returns:
        Copies.
    """
    roles = np.repeat(range(len(ROLES)), [len(parts[role]) for role in ROLES])
    labels = np.concatenate([parts[role].classes for role in ROLES])
    steps = 2 * len(roles)
    tell = progress or (lambda done, total: None)
    groups, prints = _distinct(parts, lambda done: tell(done, steps))
    census = _Census(groups, roles, labels, listed)
    share = len(roles) / max(len(prints), 1)  # of a step that a distinct picture is
    for found in near_pairs(
        prints,
        threshold=threshold,
        progress=lambda done: tell(len(roles) + int(done * share), steps),
    ):
        census.add(*found)
    tell(steps, steps)
    return census.copies()


class _Census:
    """Counts copies by part and label without keeping the pairs.

    A code stands for a distinct picture, a part and a label; `codes` are those of the
    rows, `near_codes` those of the near copies of every distinct picture.
    """

    def __init__(self, groups, roles, labels, listed):
        self.groups, self.roles, self.labels, self.listed = groups, roles, labels, listed
        self.classes = labels.max(initial=0) + 1
        _, self.first = np.unique(groups, return_index=True)  # row of every distinct picture
        self.number = np.zeros((len(self.first), len(ROLES)), np.int64)
        np.add.at(self.number, (groups, roles), 1)
        code = self._code(groups, roles, labels)
        self.codes, self.code_number = np.unique(code, return_counts=True)
        self.near, self.near_codes = 0, np.empty(0, np.int64)
        self.near_best = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    def _code(self, group, role, label):
        return (group * len(ROLES) + role) * self.classes + label

    def _codes_of(self, group):
        """Parts and labels of distinct pictures -> (positions in `group`, code of group 0)."""
        per_group = len(ROLES) * self.classes
        starts, ends = np.searchsorted(self.codes, (group * per_group, (group + 1) * per_group))
        number = ends - starts
        position = np.repeat(np.arange(len(group)), number)
        within = np.arange(len(position)) - np.repeat(np.cumsum(number) - number, number)
        return position, self.codes[starts[position] + within] % per_group

    def add(self, one, other, similarity):
        """Count near copies: pairs of distinct pictures."""
        for a, b in ((one, other), (other, one)):
            position, code = self._codes_of(b)
            new = a[position] * len(ROLES) * self.classes + code
            self.near_codes = np.union1d(self.near_codes, new)
        self.near += len(one)
        found = (self.first[one], self.first[other], similarity)
        joined = tuple(map(np.concatenate, zip(self.near_best, found, strict=True)))
        self.near_best = self._most_telling(*joined)

    def _most_telling(self, a, b, similarity):
        """The pairs to name: test against the rest first, then of two labels, then alike."""
        across = self.roles[a] != self.roles[b]
        with_test = across & (self.roles[b] == ROLES.index("test"))
        conflict = self.labels[a] != self.labels[b]
        order = np.lexsort((-similarity, ~conflict, ~across, ~with_test))[: self.listed]
        return a[order], b[order], similarity[order]

    def copies(self):
        """Return the `Copies`."""
        again = np.flatnonzero(self.first[self.groups] != np.arange(len(self.groups)))
        firsts = self.first[self.groups[again]]
        exact = self._most_telling(firsts, again, np.ones(len(again)))
        found = itertools.chain(
            ((*pair, True) for pair in zip(*exact, strict=True)),
            ((*pair, False) for pair in zip(*self.near_best, strict=True)),
        )
        labels_of = np.unique(np.stack([self.groups, self.labels]), axis=1)[0]
        torn = np.bincount(labels_of, minlength=len(self.first)) > 1
        rows = int(self.number[torn].sum())
        return Copies(
            counts=[self._count(part, others) for part, others in COMPARED],
            exact=len(again),
            near=self.near,
            conflicts={"pictures": int(torn.sum()), "rows": rows},
            pairs=[Pair(int(a), int(b), float(s), e) for a, b, s, e in found],
        )

    def _count(self, part, others):
        """One line of `Copies.counts`."""
        mine = self.roles == ROLES.index(part)
        group, label = self.groups[mine], self.labels[mine]
        itself = part in others
        columns = [ROLES.index(other) for other in others]
        codes = [self._code(group, column, label) for column in columns]
        near_parts = np.zeros(self.number.shape, bool)
        near_parts.ravel()[self.near_codes // self.classes] = True
        exact = self.number[group][:, columns].sum(axis=1) > itself
        same_label = sum(map(self._rows_of, codes)) > itself
        near = ~exact & near_parts[group][:, columns].any(axis=1)
        near_same_label = np.any([np.isin(code, self.near_codes) for code in codes], axis=0)
        return {
            "pictures of": part,
            "with a copy in": " or ".join(others),
            "exact": int(exact.sum()),
            "exact, other label": int((exact & ~same_label).sum()),
            "near": int(near.sum()),
            "near, other label": int((near & ~near_same_label).sum()),
        }

    def _rows_of(self, code):
        """How many rows have each of these codes."""
        if len(self.codes) == 0:
            return np.zeros(len(code), np.int64)
        place = np.minimum(np.searchsorted(self.codes, code), len(self.codes) - 1)
        return np.where(self.codes[place] == code, self.code_number[place], 0)


def _distinct(parts, tell):
    """-> int (N,) number of every row's bytes, by first occurrence; their fingerprints."""
    numbers, groups, prints = {}, [], [np.empty((0, SIDE * SIDE), np.float32)]
    for role in ROLES:
        for pictures in _chunks(parts[role].images):
            known = len(numbers)
            found = [numbers.setdefault(d, len(numbers)) for d in map(_hash, pictures)]
            _, new = np.unique(found, return_index=True)
            prints.append(fingerprints(pictures[[i for i in new if found[i] >= known]]))
            groups += found
            tell(len(groups))
    return np.array(groups, np.int64), np.concatenate(prints)


def _of_all(images):
    empty = np.empty((0, SIDE * SIDE), np.float32)
    return np.concatenate([empty, *map(fingerprints, _chunks(images))])


def _chunks(images):
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK]


def _hashes(images):
    return (_hash(picture) for pictures in _chunks(images) for picture in pictures)


def _hash(picture):
    """16 bytes for a picture; among a million a chance collision has odds of 1 in 1e26."""
    return hashlib.blake2b(picture, digest_size=16).digest()
