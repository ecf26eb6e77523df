"""CK+ as 48x48 pictures: the last three frames of posed expressions, seven classes.

Source: Lucey et al., CVPR Workshops, 2010; the pictures are those of the much used
archive CK+48, `CK+48/<class>/S<subject>_<sequence>_<frame>.png`, also without its first
folder. Three frames of one sequence are near copies of each other and a person looks alike
in all of theirs: split by subject, never at random. There is no neutral class; contempt
is one that FER2013 lacks, so target `expression-6` leaves it out.
"""

import functools
import re

import numpy as np

from facezoo.datasets import splits
from facezoo.datasets.spec import (
    DatasetSpec,
    Item,
    Protocol,
    Rejected,
    Roles,
    Target,
    known_only,
    size_and_channels,
)
from facezoo.labels import CKPLUS_EXPRESSION, EXPRESSION_6, canonical
from facezoo.pictures import decode

FRAME = re.compile(
    r"(?:.*/)?(?P<expression>[^/]+)/(?P<subject>S\d+)_(?P<sequence>\d+)_(?P<frame>\d+)\.png",
    re.IGNORECASE,
)
FOLDS = 10


def _read(archive, options):
    """Yield every frame, and what is passed over."""
    *size, channels = size_and_channels(options)
    to_pixels = functools.partial(decode, channels=channels, size=size)
    for name, read in archive.walk():
        match = FRAME.fullmatch(name)
        if match is None:
            yield Rejected(name, "name is not <class>/S<subject>_<sequence>_<frame>.png")
            continue
        expression = canonical(match["expression"])
        if expression not in CKPLUS_EXPRESSION.classes:
            yield Rejected(name, f"unknown expression {match['expression']!r}")
            continue
        subject = match["subject"].upper()
        sequence = f"{subject}_{match['sequence']}"
        row = {"file": name, "expression": expression, "subject": subject, "sequence": sequence}
        yield Item(row, read, to_pixels)


def _ten_folds(request):
    """A fold of the subjects tests, the next one selects, eight train."""
    subjects = request.table["subject"].astype(str).to_numpy()
    seed, fold = request.seed, request.fold
    if fold is None:
        seed, fold = divmod(seed, FOLDS)
    tested, _ = splits.folds_of(subjects, FOLDS, seed, fold)
    selecting, _ = splits.folds_of(subjects, FOLDS, seed, (fold + 1) % FOLDS)
    rest, test = splits.by_group(np.arange(len(subjects)), subjects, tested)
    return Roles(*splits.by_group(rest, subjects, selecting), test)


SPEC = DatasetSpec(
    name="ckplus",
    title="CK+ (CK+48)",
    page="https://www.jeffcohn.net/Resources/",
    license="research, on request",
    citation="Lucey et al., The Extended Cohn-Kanade Dataset (CK+), CVPR Workshops, 2010",
    layout="CK+48/<class>/S<subject>_<sequence>_<frame>.png",
    options={"size": 48, "channels": 1},
    picture_shape=size_and_channels,
    read=_read,
    columns=("file", "expression", "subject", "sequence"),
    targets={
        "expression": Target(CKPLUS_EXPRESSION, ("expression",)),
        "expression-6": known_only(EXPRESSION_6, "expression"),
    },
    protocols={
        "10fold-subject": Protocol(
            _ten_folds,
            ("subject",),
            "one of ten folds of subjects tests, another selects; seeds 0-9 test everybody once",
        )
    },
    expected={
        "expression": {
            "angry": 135,
            "contempt": 54,
            "disgust": 177,
            "fear": 75,
            "happy": 207,
            "sad": 84,
            "surprise": 249,
        }
    },
)
