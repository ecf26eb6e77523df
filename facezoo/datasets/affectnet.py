"""AffectNet: faces from web searches, eight expressions, in the two forms people have.

Source: Mollahosseini, Hasani and Mahoor, IEEE TAC 2017, arXiv:1708.03985.

1. The Kaggle archive noamsegal/affectnet-training-data: 96x96 RGB, `<class>/*.png|jpg` and
   `labels.csv` (`,pth,label,relFCs`). Its folders and labels.csv disagree about some
   pictures: option `label` says which counts, "csv" by default or "folder"; columns
   `folder` and `csv` keep both, and a note in dataset.json says how many differ.
2. The official archive: `<number>/<hash>.jpg` and CSVs with `subDirectory_filePath`,
   `face_x`, `face_y`, `face_width`, `face_height` and `expression`, a code from 0 (neutral)
   to 10. The face is cut out by its box; codes 8 to 10 (none, uncertain, no face) are
   rejected.

Target `expression-7` leaves contempt out. Who is on a picture is not known, so protocol
`random` may have a person in training and test.
"""

import dataclasses
import functools

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
    known_only,
    size_and_channels,
)
from facezoo.errors import ArchiveError, RecipeError
from facezoo.labels import AFFECTNET_EXPRESSION, EXPRESSION_7, EXPRESSION_8, canonical
from facezoo.pictures import decode

PICTURES = (".jpg", ".jpeg", ".png")
LABELS = ("csv", "folder")
NO_EXPRESSION = {"8": "none", "9": "uncertain", "10": "no face"}
CODES = {str(i): name for i, name in enumerate(AFFECTNET_EXPRESSION.classes)}
BOX = ("face_x", "face_y", "face_width", "face_height")


@dataclasses.dataclass(frozen=True, slots=True)
class Annotation:
    """What a CSV says of a picture: an expression or why it has none, and a box or None."""

    expression: str
    reason: str
    box: Box | None


def _picture_shape(options):
    if options["label"] not in LABELS:
        raise RecipeError(
            f"Got label {options['label']!r}; expected 'csv' or 'folder': whose word counts where "
            "they differ. Pass --label csv, as the archive's author advises."
        )
    return size_and_channels(options)


def _read(archive, options):
    """Yield every labelled picture, what is passed over, and how many labels differ."""
    from_csv = options["label"] == "csv"
    annotations, rejected = _annotations(archive)
    if from_csv and not annotations:
        raise ArchiveError(
            f"Got {archive.path.name!r} without a usable CSV of labels; expected labels.csv with "
            "pth and label, or the official CSV with subDirectory_filePath and expression. Pass "
            "--label folder to take the folders' names."
        )
    yield from rejected
    both = differing = 0
    for name, read in archive.walk(lambda name: name.lower().endswith(PICTURES)):
        folder = canonical(name.split("/")[-2]) if "/" in name else ""
        folder = folder if folder in EXPRESSION_8.classes else ""
        annotation = annotations.pop(_key(name), None)
        csv = annotation.expression if annotation else ""
        if folder and csv:
            both += 1
            differing += folder != csv
        if expression := csv if from_csv else folder:
            row = {"file": name, "expression": expression, "folder": folder, "csv": csv}
            yield Item(row, read, _decoder(annotation, options))
        elif from_csv:
            yield Rejected(name, annotation.reason if annotation else "no row in the CSV")
        else:
            yield Rejected(name, "its folder is none of the eight expressions")
    for key in annotations:
        yield Rejected(key, "in the CSV, but not in the archive")
    if both:
        yield Note(
            f"{differing:,} of {both:,} pictures lie in the folder of another class than the CSV "
            f"gives; the label is the {options['label']}'s"
        )


def _key(path):
    """What CSV and archive have in common: folder and name of a picture."""
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def _annotations(archive):
    """All CSVs -> ({folder/name: Annotation}, rejected rows)."""
    annotations, rejected = {}, []
    for source in archive.names:
        if not source.lower().endswith(".csv") or source.rpartition("/")[2].startswith("."):
            continue
        for number, fields in archive.csv_rows(source, ()):
            place = f"{source}:{number + 2}"  # line 1 has the names of the columns
            if isinstance(fields, str):
                rejected.append(Rejected(place, fields))
            elif "pth" in fields and "label" in fields:
                expression = canonical(fields["label"])
                known = expression in EXPRESSION_8.classes
                reason = f"unknown label {fields['label'][:20]!r}"
                found = Annotation(expression if known else "", reason, None)
                _enter(annotations, rejected, place, fields["pth"], found)
            elif "subdirectory_filepath" in fields and "expression" in fields:
                found = _official(fields)
                _enter(annotations, rejected, place, fields["subdirectory_filepath"], found)
            else:
                rejected.append(Rejected(source, "a CSV without labels of pictures"))
                break
    return annotations, rejected


def _enter(annotations, rejected, place, path, annotation):
    key = _key(path.strip())
    if key in annotations:
        rejected.append(Rejected(place, f"a second row of {key}"))
    else:
        annotations[key] = annotation


def _official(fields):
    """A row of the official CSV -> Annotation."""
    code = fields["expression"].strip()
    if code in NO_EXPRESSION:
        return Annotation("", f"annotated as {NO_EXPRESSION[code]}", None)
    if code not in CODES:
        return Annotation("", f"unknown expression {code[:20]!r}", None)
    numbers = [fields.get(column, "").strip() for column in BOX]
    if not any(numbers):
        return Annotation(CODES[code], "", None)
    try:
        x, y, width, height = (int(float(number)) for number in numbers)
        return Annotation(CODES[code], "", Box(x, y, x + width, y + height))
    except (ValueError, OverflowError):
        return Annotation("", f"a face box of {', '.join(numbers)[:60]}", None)


def _decoder(annotation, options):
    *size, channels = size_and_channels(options)
    if annotation is None or annotation.box is None:
        return functools.partial(decode, channels=channels, size=size)
    return lambda data: decode_face(data, box=annotation.box, size=size, channels=channels)[0]


def _random(request):
    return Roles(*splits.eighty_ten_ten(request.classes, request.seed))


SPEC = DatasetSpec(
    name="affectnet",
    title="AffectNet",
    page="https://www.kaggle.com/datasets/noamsegal/affectnet-training-data",
    license="research, on request",
    citation="Mollahosseini et al., IEEE Transactions on Affective Computing, 2017",
    layout="<class>/*.png and labels.csv, or <number>/*.jpg and the official CSVs",
    options={"size": 96, "channels": 3, "label": "csv"},
    picture_shape=_picture_shape,
    read=_read,
    columns=("file", "expression", "folder", "csv"),
    targets={
        "expression-8": Target(EXPRESSION_8, ("expression",)),
        "expression-7": known_only(EXPRESSION_7, "expression"),
    },
    protocols={
        "random": Protocol(
            _random, (), "seeded, stratified: 80% train, 10% select, 10% test; people unknown"
        )
    },
)
