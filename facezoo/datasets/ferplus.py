"""FER+: ten annotators' votes for every face of FER2013, eight expressions.

Source: Barsoum et al. 2016, arXiv:1608.01041; github.com/microsoft/FERPlus, MIT.
`fer2013new.csv` has the votes and no pictures, and its row n speaks of row n of
`fer2013.csv`. Names do not join the two: from row 60 on `Image name` is out of step with
the row number, it is empty where the authors made no picture (no face: 148 rows of
Training, 10 of PublicTest; these are rejected here) and some names occur twice.

Option `fer2013` says where the pictures are: `fer2013.csv` in any form; the picture
archive, with `rows` naming a CSV `row,usage,file`; or a prepared folder. Without it the
prepared set "fer2013" is used, if it knows its rows.

What the targets make of the votes, after Microsoft's `src/ferplus.py`:
1. an entry with a single vote is an outlier and becomes 0, unknown and NF (not a face) too;
2. `majority`: the leading entry is the label if it has more than half of the rest and is
   one of the eight; all else has no label;
3. `votes`: the eight over their sum. No label where unknown or NF leads all eight, or
   nothing is left. Microsoft's own "probability" mode also cuts the tail of the votes
   off; here they stay, so that a model's distribution is compared with all of them.
Every row with a majority has votes, and there they agree about the class.

Protocols are those of FER2013 and go with either target.
"""

import contextlib
import functools
from pathlib import Path

import numpy as np

from facezoo.datasets import fer2013
from facezoo.datasets.archives import Archive
from facezoo.datasets.spec import DatasetSpec, Item, Rejected, Target, size_and_channels
from facezoo.datasets.store import PreparedSet
from facezoo.errors import ArchiveError, DatasetNotFound, StoreError
from facezoo.labels import EXPRESSION_8, canonical

FILE = "fer2013new.csv"
OUT = ("unknown", "NF")
COLUMNS = (*EXPRESSION_8.classes, *OUT)


def _read(archive, options):
    """Yield the faces of FER2013 with their votes, joined by row."""
    votes = _votes(archive)
    voted = {usage for usage, _ in votes}
    taken, without_row, beyond, lost = {}, 0, 0, 0
    with _faces(options) as (faces, lost_before):
        for face in faces:
            if isinstance(face, Rejected):
                lost += 1
                yield face
                continue
            file, split, row = (face.row[column] for column in ("file", "split", "row"))
            if row < 0:
                without_row += 1
                yield Rejected(file, "its row in fer2013.csv is not known")
            elif row in taken:
                yield Rejected(file, f"row {row} is that of another picture too")
            elif split not in voted:
                yield Rejected(file, f"no votes for {split}")
            elif row >= len(votes):
                beyond += 1
            else:
                taken[row] = split
                yield _joined(face, archive.path.name, votes[row])
    if not taken and without_row:
        raise _no_rows(without_row)
    parts = set(taken.values())
    unmet = sum(usage in parts and row not in taken for row, (usage, _) in enumerate(votes))
    if beyond or unmet > lost + lost_before + without_row:
        raise ArchiveError(
            f"Got {len(votes):,} rows of votes, {beyond:,} pictures beyond the last of them and "
            f"{unmet:,} rows without a picture; expected a row of votes a picture "
            f"({len(taken) + beyond:,}). Pass {FILE} and FER2013 whole, both as published."
        )


def _joined(face, source, vote):
    usage, counts = vote
    file, split, row = (face.row[column] for column in ("file", "split", "row"))
    if usage != split:
        raise ArchiveError(
            f"Got row {row} as {usage!r} in {source!r} and as {split!r} in FER2013; expected the "
            "same part in both, or votes would go to other pictures. Pass both as published."
        )
    if isinstance(counts, str):
        return Rejected(file, counts)
    return Item({"file": file, "split": split, "row": row} | counts, face.read, face.decode)


def _votes(archive):
    """[(Usage, `{column: votes}`, or the reason why there are none)], by row."""
    names = [n for n in archive.names if n.rpartition("/")[2].lower() == FILE]
    if archive.kind == "file":
        names = archive.names
    if not names:
        raise ArchiveError(
            f"Got {archive.path.name!r} without {FILE}; expected the votes of FER+. Download it "
            f"from {SPEC.page}; the pictures go into --fer2013."
        )
    file_columns = {canonical(name): name for name in FILE_COLUMNS}
    votes = []
    for number, fields in archive.csv_rows(names[0], ("usage", "image name", *FILE_COLUMNS)):
        if isinstance(fields, str):
            raise ArchiveError(
                f"Got {names[0]!r} with {fields} in line {number + 2}; expected Usage, Image name "
                "and ten votes, since rows after it may be out of step. Download it again."
            )
        texts = {c: fields[file_columns[c.lower()]].strip() for c in COLUMNS}
        votes.append((fields["usage"].strip(), _counts(fields["image name"].strip(), texts)))
    return votes


def _counts(name, texts):
    if not name:
        return "no picture in FER+ (not a face)"
    for column, text in texts.items():
        if not (text.isascii() and text.isdecimal() and len(text) < 4):
            return f"{text[:20]!r} votes for {column}"
    return {column: int(text) for column, text in texts.items()}


FILE_COLUMNS = (  # the file's own spelling; the order of classes is EXPRESSION_8's alone
    *("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    *("nf", "unknown"),
)


@contextlib.contextmanager
def _faces(options):
    """Open FER2013; gives (items and rejections, how many were rejected before)."""
    path = options["fer2013"] and Path(options["fer2013"]).expanduser()
    prepared = path is None or Path(path, "dataset.json").is_file()
    if not prepared:
        with Archive(path) as archive:
            kept = {option: options[option] for option in fer2013.SPEC.options}
            yield fer2013.read(archive, kept), 0
        return
    if options["rows"]:
        raise ArchiveError(
            f"Got rows={options['rows']!r} with a prepared FER2013, which has its own; expected it "
            "with the picture archive. Pass --fer2013 ARCHIVE too."
        )
    source = _prepared(path)
    if not {"split", "row"} <= set(source.info["columns"]):
        raise ArchiveError(
            f"Got the prepared set {str(source.folder)!r} for the pictures; expected FER2013. Pass "
            "--fer2013 fer2013.csv, or the folder of a prepared fer2013."
        )
    yield _prepared_faces(source, size_and_channels(options)), source.info["rejected"]["count"]


def _prepared(path):
    try:
        if path is None:
            return PreparedSet("fer2013")
        folder = path.absolute()
        return PreparedSet(folder.name, folder.parent)
    except DatasetNotFound as error:
        raise DatasetNotFound(
            f"{error} FER+ has votes only, so it needs FER2013's pictures. Pass --fer2013 "
            "fer2013.csv (or another form of it)."
        ) from None


def _prepared_faces(source, shape):
    """Yield every picture of a prepared FER2013, in another shape if asked for."""
    as_gray = functools.partial(
        _gray_from_bytes, stored=tuple(source.info["picture_shape"]), shape=shape
    )
    for position, row in enumerate(source.table().to_dict("records")):
        read = functools.partial(_bytes_of, source.images, position)
        yield Item(row, read, as_gray)


def _bytes_of(images, position):
    return images[position].tobytes()


def _gray_from_bytes(data, *, stored, shape):
    pixels = np.frombuffer(data, np.uint8).reshape(stored)
    return fer2013.fitted(pixels[..., 0], shape)  # FER2013 is gray: its channels are alike


def _no_rows(count):
    return ArchiveError(
        f"Got {count:,} pictures of FER2013 whose rows in fer2013.csv are not known; expected "
        "rows, since votes join by row and the pictures' names do not tell it. Pass --fer2013 "
        "fer2013.csv, or the picture archive and --rows with a CSV row,usage,file."
    )


def _cleaned(table):
    """DataFrame -> int64 (N, 10) votes without single ones."""
    try:
        votes = np.stack([table[c].astype(np.int64).to_numpy() for c in COLUMNS], axis=1)
    except (ValueError, OverflowError) as error:
        raise StoreError(
            f"Got a prepared FER+ with votes that are no numbers ({error}); expected those of "
            "`facezoo prepare`. Prepare it again."
        ) from None
    return np.where(votes > 1, votes, 0)


def _majority(table):
    """DataFrame -> int64 (N,), -1 where no expression has more than half."""
    votes = _cleaned(table)
    leader = votes.argmax(axis=1)
    clear = 2 * votes.max(axis=1) > votes.sum(axis=1)
    return np.where(clear & (leader < len(EXPRESSION_8)), leader, -1)


def _distribution(table):
    """DataFrame -> float32 (N, 8), rows sum to 1, or to 0 for one without a label."""
    votes = _cleaned(table)
    known = votes[:, : len(EXPRESSION_8)].astype(np.float32)
    out = votes[:, len(EXPRESSION_8) :].max(axis=1) > known.max(axis=1)
    known[out] = 0
    return known / np.maximum(known.sum(axis=1, keepdims=True), 1)


SPEC = DatasetSpec(
    name="ferplus",
    title="FER+",
    page="https://github.com/microsoft/FERPlus",
    license="MIT (votes); pictures as FER2013",
    citation="Barsoum et al., ICMI, 2016, arXiv:1608.01041",
    layout=f"{FILE}, with --fer2013 for the pictures",
    options={"fer2013": None, "rows": None, "size": fer2013.SIDE, "channels": 1},
    picture_shape=size_and_channels,
    read=_read,
    columns=("file", "split", "row", *COLUMNS),
    targets={
        "majority": Target(EXPRESSION_8, COLUMNS, _majority),
        "votes": Target(EXPRESSION_8, COLUMNS, _distribution),
    },
    protocols={"public": fer2013.PUBLIC, "official": fer2013.OFFICIAL},
    # rows with a picture; the folders that Microsoft's script writes hold 3 fewer of
    # Training, where two rows share a name
    expected={"split": {"Training": 28561, "PublicTest": 3579}},
)
