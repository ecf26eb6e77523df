"""A folder (zip, tar) of one's own pictures, by class: `<class>/*.jpg`.

`root/<class>/*.jpg` is divided at random (protocol `random`); `root/<split>/<class>/*.jpg`
with train/ and test/, and val/ (valid/, validation/) if there is one, as it says (protocol
`given`). Folders around all of it do not matter, and deeper ones belong to the class
above them. The classes are the folders' names in sorted order; dataset.json keeps them.

Keep several sets under names of your own: `facezoo prepare folder:cats PATH`, and then
`--dataset folder:cats` or `load_dataset("folder:cats")`. Pictures are stretched to a
square of `--size`.
"""

import dataclasses
import functools
import os
import unicodedata

import numpy as np

from facezoo.datasets import splits
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
from facezoo.errors import ArchiveError, PictureError, ProtocolError
from facezoo.labels import LabelSet
from facezoo.pictures import decode

ENDINGS = (".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".bmp", ".gif", ".webp", ".tif", ".tiff")
ROLES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where in the paths of an archive the split and the class lie.

    Args:
        depth: folders around everything.
        roles: the splits that have folders ("train", "test" ...), or () for none.
        classes: names of the classes, sorted.
    """

    depth: int
    roles: tuple[str, ...]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, names):
        """Find the layout of an archive by the names of its pictures."""
        folders = {_parts(name)[:-1] for name in names if _why_not(name) is None} - {()}
        depth = len(os.path.commonprefix(sorted(folders))) if folders else 0
        if len(folders) == 1:
            depth -= 1  # the only folder is a class, not one around the classes
        below = {folder[depth:] for folder in folders if len(folder) > depth}
        split = {f for f in below if f[0].lower() in ROLES}
        roles = {ROLES[f[0].lower()] for f in split if len(f) > 1}
        classes = {f[1] for f in split if len(f) > 1}
        if "train" in roles and len(classes) > 1 and (len(roles) > 1 or split == below):
            return cls(depth, tuple(sorted(roles)), tuple(sorted(classes)))
        return cls(depth, (), tuple(sorted({f[0] for f in below})))

    def place(self, name):
        """Return (split or "", class) of a file; `PictureError` says why it has none."""
        if reason := _why_not(name):
            raise PictureError(reason)
        folders = _parts(name)[self.depth : -1]
        if not self.roles:
            if not folders:
                raise PictureError("not in the folder of a class")
            return "", folders[0]
        if len(folders) < 2 or folders[0].lower() not in ROLES:
            raise PictureError("not in the folder of a class under train/, validation/ or test/")
        return ROLES[folders[0].lower()], folders[1]


def _parts(name):
    return tuple(unicodedata.normalize("NFC", name).split("/"))  # macOS writes e and its accent


def _why_not(name):
    """Why a file is no picture of this set, by its name; None if it may be one."""
    if name.startswith((".", "__MACOSX/")) or "/." in name or "/__MACOSX/" in name:
        return "hidden file"
    if not name.lower().endswith(ENDINGS):
        return f"not a picture by its ending; expected {', '.join(ENDINGS)}"
    return None


def survey(archive, _options):
    """Return the classes and splits of an archive, as dataset.json keeps them.

    Raises:
        ArchiveError: fewer than two classes.
    """
    layout = Layout.of(archive.names)
    if len(layout.classes) < 2:
        what = f"one class only, {layout.classes[0]!r}" if layout.classes else "no class"
        raise ArchiveError(
            f"Got {archive.path.name!r} with {what}; expected two folders of pictures or more: "
            f"{SPEC.layout}. Pass the folder that holds them."
        )
    classes = {"name": "folder", "classes": list(layout.classes)}
    return {"label_sets": {"class": classes}, "roles": list(layout.roles)}


def adapt(spec, facts):
    """Return `spec` with the target and protocols that `survey` found."""
    target = Target(LabelSet.from_dict(facts["label_sets"]["class"]), ("class",))
    given = {"train", "test"} <= set(facts["roles"])
    protocols = {"given": GIVEN, "random": RANDOM} if given else {"random": RANDOM}
    return dataclasses.replace(spec, targets={"class": target}, protocols=protocols)


def read(archive, options):
    """Yield every picture of a class, what is passed over, and which layout was seen."""
    *size, channels = size_and_channels(options)
    to_pixels = functools.partial(decode, channels=channels, size=size)
    layout = Layout.of(archive.names)
    few = layout.classes[:20]
    listed = ", ".join(few) + (", ..." if len(layout.classes) > len(few) else "")
    splits_seen = f"the splits {', '.join(layout.roles)}" if layout.roles else "no splits"
    yield Note(f"the folders have {len(layout.classes)} classes ({listed}) and {splits_seen}")
    for name, read_bytes in archive.walk():
        try:
            split, class_name = layout.place(name)
        except PictureError as error:
            yield Rejected(name, str(error))
        else:
            yield Item({"file": name, "class": class_name, "split": split}, read_bytes, to_pixels)


def _given(request):
    split = request.table["split"].astype(str).to_numpy()
    train, validation, test = (
        np.flatnonzero(split == role) for role in ("train", "validation", "test")
    )
    for role, rows in (("train", train), ("test", test)):
        if len(rows) == 0:
            raise ProtocolError(
                f"Got no picture under {role}/; expected some. Look into dataset.json for what "
                "was rejected, or use protocol random."
            )
    if len(validation) == 0:
        share = splits.VALIDATION_SHARE
        train, validation = splits.stratified(train, request.classes, share, request.seed)
    return Roles(train, validation, test)


def _random(request):
    return Roles(*splits.eighty_ten_ten(request.classes, request.seed))


GIVEN = Protocol(
    _given,
    ("split",),
    "as the folders say; without validation/ a stratified tenth of train/ selects",
)
RANDOM = Protocol(
    _random,
    (),
    "seeded, stratified: 80% train, 10% select, 10% test",
    note="pictures of one person may lie in training and test",
)

SPEC = DatasetSpec(
    name="folder",
    title="pictures of your own",
    page="",
    license="your own",
    citation="",
    layout="<class>/*.jpg or <split>/<class>/*.jpg",
    options={"size": 48, "channels": 1},
    picture_shape=size_and_channels,
    read=read,
    columns=("file", "class", "split"),
    targets={},
    protocols={"given": GIVEN, "random": RANDOM},
    survey=survey,
    adapt=adapt,
)
