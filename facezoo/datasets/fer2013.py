"""FER2013: 35,887 faces of 48x48 gray pixels, seven expressions, three official parts.

Source: Goodfellow et al. 2013, arXiv:1307.0414, the ICML 2013 Kaggle challenge. People
have it in two forms. As pictures: `train/<class>/Training_<id>.jpg` and `test/<class>/
PublicTest_<id>.jpg`, `PrivateTest_<id>.jpg`, or with names such as `im0.png` that no
longer tell PublicTest from PrivateTest. As a CSV with `emotion`, `pixels` and `Usage`:
`fer2013.csv`, `icml_face_data.csv` (names with leading blanks) or `train.csv` (no
`Usage`: all Training), plain, in a zip or in a tar.gz.

Column `row` is the row in `fer2013.csv`, 0 first, by which FER+ is joined; the names of
the pictures do not tell it, so it is -1 there unless option `rows` names a CSV with
`row,usage,file`. Measured: 280 of PublicTest's 3,589 pictures are exact copies of
training ones, 7 of them with another label.
"""

import functools
import re

import numpy as np
from PIL import Image

from facezoo.datasets import splits
from facezoo.datasets.archives import Archive
from facezoo.datasets.spec import (
    DatasetSpec,
    Item,
    Protocol,
    Rejected,
    Roles,
    Target,
    size_and_channels,
)
from facezoo.errors import ArchiveError, PictureError, ProtocolError
from facezoo.labels import EXPRESSION_7, canonical
from facezoo.pictures import decode

USAGES = ("Training", "PublicTest", "PrivateTest")
UNKNOWN_TEST = "test"  # of `test/`, but neither name nor `rows` says which half
SIDE = 48
CSV_NAMES = ("fer2013.csv", "icml_face_data.csv", "train.csv")  # the first one there is read
PICTURE = re.compile(
    r"(?:.*/)?(?P<folder>[^/]+)/(?P<expression>[^/]+)/(?P<name>[^/]+)\.(?:jpe?g|png)", re.IGNORECASE
)
PREFIX = re.compile(rf"({'|'.join(USAGES)})_")


def read(archive, options):
    """Yield every face of an archive in any of its forms, and what is passed over.

    Args:
        archive: `Archive`.
        options: "size", "channels", and "rows": a CSV `row,usage,file`, or None.

    Raises:
        ArchiveError: a column is missing, or `rows` was given where it is not needed or
            cannot be trusted.
    """
    *size, channels = size_and_channels(options)
    source = _csv_name(archive)
    if source is None:
        rows = _row_map(options["rows"]) if options["rows"] else {}
        yield from _pictures(archive, rows, functools.partial(decode, channels=channels, size=size))
        return
    if options["rows"]:
        raise ArchiveError(
            f"Got rows={options['rows']!r} beside {source!r}, whose rows are known; expected it "
            "with the picture archive only. Leave it out."
        )
    yield from _csv_faces(archive, source, functools.partial(_from_text, shape=(*size, channels)))


def fitted(pixels, shape):
    """uint8 (height, width) gray -> uint8 `shape` (height, width, channels)."""
    height, width, channels = shape
    if pixels.shape != (height, width):
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture)
    return np.repeat(pixels[..., None], channels, axis=2)


def _csv_name(archive):
    """The CSV to read, or None where the archive holds pictures."""
    if archive.kind == "file":
        return archive.names[0]
    found = {name.rpartition("/")[2].lower(): name for name in reversed(archive.names)}
    return next((found[name] for name in CSV_NAMES if name in found), None)


def _csv_faces(archive, source, to_pixels):
    base = source.rpartition("/")[2]
    columns = ["emotion", "pixels"]
    if base.lower() != "train.csv":  # a missing Usage elsewhere must not make test rows Training
        columns.append("usage")
    for number, fields in archive.csv_rows(source, columns):
        file = f"{base}#{number}"
        if isinstance(fields, str):
            yield Rejected(file, fields)
            continue
        label, usage = fields["emotion"].strip(), fields.get("usage", "Training").strip()
        if label not in LABELS:
            yield Rejected(file, f"unknown emotion {label[:20]!r}, not 0 to 6")
        elif usage not in USAGES:
            yield Rejected(file, f"unknown Usage {usage[:20]!r}")
        else:
            row = {"file": file, "split": usage, "expression": LABELS[label], "row": number}
            yield Item(row, functools.partial(str.encode, fields["pixels"]), to_pixels)


LABELS = {str(i): name for i, name in enumerate(EXPRESSION_7.classes)}


def _from_text(data, *, shape):
    """b"70 80 82 ..." -> uint8 `shape`."""
    if stray := data.translate(None, b"0123456789 "):  # fromstring would only warn, and stop
        raise PictureError(f"pixels with {stray[:8].decode('utf-8', 'replace')!r}, not numbers")
    values = np.fromstring(data, np.int64, sep=" ") if data.strip() else np.empty(0, np.int64)
    if values.size != SIDE * SIDE:
        raise PictureError(f"{values.size:,} pixels, not {SIDE * SIDE:,}")
    if values.max() > 255:
        raise PictureError(f"a pixel of {values.max()}; expected 0 to 255")
    return fitted(values.astype(np.uint8).reshape(SIDE, SIDE), shape)


def _pictures(archive, rows, to_pixels):
    for name, read_bytes in archive.walk(lambda n: n.lower().endswith((".jpg", ".jpeg", ".png"))):
        match = PICTURE.fullmatch(name)
        expression = canonical(match["expression"]) if match else ""
        number, usage = rows.get("/".join(name.split("/")[-3:]), (-1, None))
        if match and (prefix := PREFIX.match(match["name"])):
            usage = prefix[1]
        elif match and usage is None:
            usage = {"train": "Training", "test": UNKNOWN_TEST}.get(match["folder"].lower())
        if usage is None:
            yield Rejected(name, "neither under train/ or test/ nor named <Usage>_<id>")
        elif expression not in EXPRESSION_7.classes:
            yield Rejected(name, f"folder {match['expression']!r} is none of the seven expressions")
        else:
            row = {"file": name, "split": usage, "expression": expression, "row": number}
            yield Item(row, read_bytes, to_pixels)


def _row_map(path):
    """A CSV `row,usage,file` -> `{train/<class>/<name>: (row, usage)}`."""
    found, taken = {}, set()
    with Archive(path) as archive:
        if archive.kind != "file":
            raise ArchiveError(f"Got rows={str(path)!r}; expected a .csv file with row,usage,file.")
        for number, fields in archive.csv_rows(archive.names[0], ("row", "usage", "file")):
            reason = fields if isinstance(fields, str) else None
            if reason is None:
                row, usage = fields["row"].strip(), fields["usage"].strip()
                file = "/".join(fields["file"].strip().split("/")[-3:])
                number_like = row.isascii() and row.isdecimal() and len(row) < 10
                if not number_like or usage not in USAGES:
                    reason = f"row {row[:20]!r}, usage {usage[:20]!r}"
                elif row in taken or file in found:
                    reason = f"row {row} or its file for the second time"
            if reason is not None:
                raise ArchiveError(
                    f"Got {archive.path.name!r} with {reason} in line {number + 2}; expected every "
                    f"row and file once, with a Usage of {', '.join(USAGES)}. Correct it."
                )
            taken.add(row)
            found[file] = (int(row), usage)
    return found


def _rows_of(request, usage, wanted_for):
    """Rows of an official part; `ProtocolError` where there are none."""
    parts = request.table["split"].astype(str).to_numpy()
    rows = np.flatnonzero(parts == usage)
    if len(rows):
        return rows
    unknown = int((parts == UNKNOWN_TEST).sum())
    why = f", and {unknown:,} of test/ whose half is not known" if unknown else ""
    raise ProtocolError(
        f"Got no {usage} picture{why}; expected those that {wanted_for}. Prepare an archive that "
        "has them (fer2013.csv has all three parts), or choose another protocol."
    )


def _selecting_tenth(request):
    training = _rows_of(request, "Training", "train")
    return splits.stratified(training, request.classes, splits.VALIDATION_SHARE, request.seed)


def _public(request):
    return Roles(*_selecting_tenth(request), _rows_of(request, "PublicTest", "test"))


def _official(request):
    test = _rows_of(request, "PrivateTest", "test")
    return Roles(
        _rows_of(request, "Training", "train"), _rows_of(request, "PublicTest", "select"), test
    )


def _kaggle(request):
    parts = request.table["split"].astype(str).to_numpy()
    test = np.flatnonzero(parts != "Training")
    if len(test) == 0:
        _rows_of(request, UNKNOWN_TEST, "test")
    halves = ", ".join(f"{(parts == u).sum():,} {u}" for u in sorted(set(parts[test])))
    note = f"tests on all {len(test):,} pictures of test/ ({halves})"
    return Roles(*_selecting_tenth(request), test, note)


PUBLIC = Protocol(
    _public,
    ("split",),
    "a seeded stratified tenth of Training selects, the rest trains, PublicTest tests",
)
OFFICIAL = Protocol(_official, ("split",), "Training trains, PublicTest selects, PrivateTest tests")

SPEC = DatasetSpec(
    name="fer2013",
    title="FER2013",
    page="https://www.kaggle.com/datasets/msambare/fer2013",
    license="research, as given for the ICML 2013 challenge",
    citation="Goodfellow et al., Challenges in Representation Learning, 2013, arXiv:1307.0414",
    layout="train/<class>/*.jpg and test/<class>/*.jpg, or a CSV with emotion, pixels and Usage",
    options={"size": SIDE, "channels": 1, "rows": None},
    picture_shape=size_and_channels,
    read=read,
    columns=("file", "split", "expression", "row"),
    targets={"expression": Target(EXPRESSION_7, ("expression",))},
    protocols={
        "public": PUBLIC,
        "official": OFFICIAL,
        "kaggle": Protocol(
            _kaggle,
            ("split",),
            "a seeded stratified tenth of Training selects, all of test/ tests (3,589 or 7,178)",
        ),
    },
    expected={
        "split": {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589},
        "split/expression": {
            "Training/angry": 3995,
            "Training/disgust": 436,
            "Training/fear": 4097,
            "Training/happy": 7215,
            "Training/sad": 4830,
            "Training/surprise": 3171,
            "Training/neutral": 4965,
        },
    },
)
