"""Expression in-the-Wild: 91,793 faces in pictures from web searches, seven expressions.

Source: Zhang et al., From Facial Expression Recognition to Interpersonal Relation
Prediction, IJCV 2018, arXiv:1609.06426. The archive holds `image/<name>.jpg` and
`label/label.lst`, a line a face: `name face_id top left right bottom confidence label`,
where the confidence is the face detector's, 0 to 100 for most and 125.6 at most here.

A picture may show several faces, and they wear one mood: protocol `grouped` keeps a
picture's faces on one side. Each face is cut out by its box, stretched to a square. Our
choices: margin 0, the box as published; every confidence; a box that leaves its picture
is cut off there (column `clipped`), and rejected if less than half of it is left.
"""

import collections
import functools
import math

import numpy as np

from facezoo.datasets import splits
from facezoo.datasets.boxes import Box, decode_face
from facezoo.datasets.spec import (
    DatasetSpec,
    Item,
    Note,
    Protocol,
    Rejected,
    Roles,
    Target,
    size_and_channels,
)
from facezoo.errors import ArchiveError, PictureError, ProtocolError, RecipeError
from facezoo.labels import EXPRESSION_7

FIELDS = "name face_id top left right bottom confidence label"
PICTURES = (".jpg", ".jpeg", ".png")


def _picture_shape(options):
    _check("margin", options["margin"], 0, 2, "a fraction of the box", 0.2)
    _check("min_confidence", options["min_confidence"], 0, 1000, "the detector's confidence", 20)
    return size_and_channels(options)


def _check(option, value, low, high, what, example):
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        raise RecipeError(
            f"Got {option} {value!r}; expected {what}, {low} to {high}. Pass such as {example}."
        )


def _read(archive, options):
    """Yield every face of every labelled picture, and what is passed over."""
    faces, rejected = faces_by_picture(archive, options["min_confidence"])
    yield Note(
        "a box that leaves its picture is cut off there (column clipped), or rejected if less "
        "than half of it is left: of half a face nobody tells the expression"
    )
    yield from rejected
    for name, read in archive.walk(lambda name: name.lower().endswith(PICTURES)):
        picture = name.rpartition("/")[2]
        if picture.startswith("."):
            yield Rejected(name, "hidden file")
        elif picture not in faces:
            yield Rejected(name, "no face of it is left in label.lst, or it is there twice")
        else:
            read_once = functools.cache(read)
            for row, box in faces.pop(picture):
                yield _item(row, box, read_once, options)
    for picture in faces:
        yield Rejected(picture, "in label.lst, but not in the archive")


def _label_file(archive):
    found = [name for name in archive.names if name.rpartition("/")[2] == "label.lst"]
    if len(found) != 1:
        raise ArchiveError(
            f"Got {archive.path.name!r} with {len(found)} files label.lst; expected one, and the "
            f"pictures: {SPEC.layout}. Check that it is the archive of {SPEC.page}, or pass the "
            "folder that holds both."
        )
    return found[0]


def faces_by_picture(archive, min_confidence=0):
    """label.lst -> ({picture: [(row, Box)]}, rejected lines)."""
    source = _label_file(archive)
    faces, rejected = collections.defaultdict(list), []
    try:
        text = archive.read(source).decode("utf-8-sig", "replace")
    except PictureError as error:
        raise ArchiveError(
            f"Got {archive.path.name!r}, whose {source!r} is {error}; expected it whole. Download "
            "the archive again."
        ) from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row, box = _face(line)
        except ValueError as error:
            rejected.append(Rejected(f"{source}:{number}", str(error)))
            continue
        if row["confidence"] < min_confidence:
            reason = f"confidence {row['confidence']:g}, under {min_confidence:g}"
            rejected.append(Rejected(f"{row['file']} (face {row['face']})", reason))
        else:
            faces[row["file"]].append((row, box))
    return dict(faces), rejected


def _face(line):
    """A line of label.lst -> (row, Box); `ValueError` says what is wrong with it."""
    fields = line.rsplit(maxsplit=7)  # from the right: a name may hold a blank
    if len(fields) != 8:
        raise ValueError(f"{len(fields)} fields; expected {FIELDS}")
    name, (face, top, left, right, bottom, label) = fields[0], (*fields[1:6], fields[7])
    try:
        face, top, left, right, bottom, label = map(int, (face, top, left, right, bottom, label))
        confidence = float(fields[6])
    except ValueError:
        raise ValueError(f"not numbers: {' '.join(fields[1:])!r}") from None
    if not 0 <= label < len(EXPRESSION_7):
        raise ValueError(f"unknown label {label}; expected 0 to {len(EXPRESSION_7) - 1}")
    if not math.isfinite(confidence):
        raise ValueError(f"confidence {confidence}")
    box = Box(left, top, right, bottom)
    if box.area == 0:
        raise ValueError(f"empty box: top {top}, left {left}, right {right}, bottom {bottom}")
    row = {"file": name, "face": face, "expression": EXPRESSION_7.classes[label]}
    row |= {"confidence": confidence, "left": left, "top": top, "right": right, "bottom": bottom}
    return row, box


def _item(row, box, read, options):
    *size, channels = size_and_channels(options)

    def to_pixels(data):
        face, clipped = decode_face(
            data, box=box, size=size, channels=channels, margin=options["margin"]
        )
        return face, {"clipped": "yes" if clipped else "no"}  # known with the picture's size

    return Item(row, read, to_pixels)


def _grouped(request):
    """Divide the pictures 70/10/20; a picture's faces go with it."""
    pictures = request.table["file"].astype("category").cat.codes.to_numpy()
    rows = np.arange(len(pictures))
    rest, test = _by_picture(rows, pictures, 0.2, request.seed)
    return Roles(*_by_picture(rest, pictures, 0.125, request.seed), test)


def _by_picture(rows, pictures, share, seed):
    from sklearn.model_selection import GroupShuffleSplit  # a second; preparing needs none

    splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    try:
        held_out = next(splitter.split(rows, groups=pictures[rows]))[1]
    except ValueError:
        raise ProtocolError(
            f"Got faces of {len(set(pictures[rows]))} pictures to divide; expected ten or more. "
            "Prepare the whole archive."
        ) from None
    return splits.by_group(rows, pictures, set(pictures[rows[held_out]]))


SPEC = DatasetSpec(
    name="expw",
    title="Expression in-the-Wild (ExpW)",
    page="http://mmlab.ie.cuhk.edu.hk/projects/socialrelation/index.html",
    license="research",
    citation="Zhang et al., IJCV, 2018, arXiv:1609.06426",
    layout="image/<name>.jpg and label/label.lst",
    options={"size": 48, "channels": 1, "margin": 0.0, "min_confidence": 0.0},
    picture_shape=_picture_shape,
    read=_read,
    columns=(
        "file",
        "face",
        "expression",
        "confidence",
        "left",
        "top",
        "right",
        "bottom",
        "clipped",
    ),
    targets={"expression": Target(EXPRESSION_7, ("expression",))},
    protocols={
        "grouped": Protocol(
            _grouped, ("file",), "pictures apart, seeded: 70% train, 10% select, 20% test"
        )
    },
    expected={
        "expression": {
            "angry": 3671,
            "disgust": 3995,
            "fear": 1088,
            "happy": 30537,
            "sad": 10559,
            "surprise": 7060,
            "neutral": 34883,
        }
    },
)
