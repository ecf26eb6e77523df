"""Data sets of faces behind one interface: `list_datasets`, `load_dataset`, `prepare`.

A file a data set; each states its `SPEC`. They are imported when first asked for.
"""

import dataclasses
import functools
import hashlib
import importlib
import re

import numpy as np

from facezoo.datasets.base import FaceDataset, Pictures, Split
from facezoo.datasets.spec import SplitRequest
from facezoo.datasets.store import PreparedSet, datasets_folder
from facezoo.errors import DatasetNotFound, FacezooError, ProtocolError, UnknownName, unknown

DATASETS = {
    "affectnet": "facezoo.datasets.affectnet",
    "ckplus": "facezoo.datasets.ckplus",
    "cmu_faces": "facezoo.datasets.cmu_faces",
    "expw": "facezoo.datasets.expw",
    "fer2013": "facezoo.datasets.fer2013",
    "ferplus": "facezoo.datasets.ferplus",
    "fer2013plus_cleaned": "facezoo.datasets.fer2013plus_cleaned",
    "folder": "facezoo.datasets.folder",
    "synthetic": "facezoo.datasets.synthetic",
}
OF_FER2013 = {"fer2013", "ferplus", "fer2013plus_cleaned"}  # the same photographs
DRAWN = "drawn"  # the fingerprint of what is drawn in memory, always the same
OWN_NAME = r"[\w-]+"  # after the colon, as in folder:mine


def list_datasets():
    """Return the names of all data sets, and of those prepared under names of one's own."""
    families = "|".join(DATASETS)
    folders = (path.name for path in datasets_folder().glob("*@*") if path.is_dir())
    own = (name for name in folders if re.fullmatch(rf"({families})@{OWN_NAME}", name))
    return sorted([*DATASETS, *(name.replace("@", ":") for name in own)])


def check_name(name):
    """Raise `UnknownName` unless `name` is a data set's, or "<data set>:<own name>"."""
    family, colon, own = str(name).partition(":")
    if family not in DATASETS:
        raise unknown("data set", name, DATASETS)
    if colon and not re.fullmatch(OWN_NAME, own):
        raise UnknownName(
            f"Got {own!r} as a name of your own for {family!r}; expected letters, digits, - and _ "
            f"alone. Write such as {family}:mine."
        )


def same_photographs(one, other):
    """Whether two data sets, also under names of one's own, are known to share photographs."""
    families = {name.partition(":")[0] for name in (one, other)}
    return families <= OF_FER2013 or (len(families) == 1 and families != {"folder"})


def get_spec(name):
    """Return the `DatasetSpec` of a data set; `UnknownName` lists those that exist.

    "folder:mine" gives that of "folder" under this name.
    """
    check_name(name)
    family, colon, _ = name.partition(":")
    spec = importlib.import_module(DATASETS[family]).SPEC
    return dataclasses.replace(spec, name=name, in_memory=None) if colon else spec


def open_prepared(name, root=None):
    """Return a prepared set's (`DatasetSpec`, `PreparedSet`).

    The spec has the targets and protocols that the set itself tells of, as those of one's
    own pictures.

    Raises:
        DatasetNotFound: it was not prepared; the message has the page and the command.
        StoreError: it is damaged.
    """
    spec = get_spec(name)
    prepared = _prepared(spec, root)
    return _adapted(spec, prepared), prepared


def load_dataset(name, *, target=None, protocol=None, seed=0, fold=None, root=None):
    """Load a prepared data set, divided by a protocol.

    Args:
        name: such as "cmu_faces", or "folder:mine" as it was prepared; "synthetic" needs
            no preparation.
        target: what to tell, such as "pose"; None for the set's first.
        protocol: how to divide, such as "random80" or "cmu_faces/random80"; None for the
            set's first.
        seed: int >= 0 that drives every draw of the protocol.
        fold: for protocols with folds; None lets the seed choose.
        root: folder of prepared sets; None for `$FACEZOO_HOME/datasets`.

    Returns:
        FaceDataset: pictures uint8 (N, height, width, channels), memory-mapped; labels
        int64 (N,) or float32 (N, K).

    Raises:
        DatasetNotFound: it was not prepared; the message has the page and the command.
        UnknownName: no such data set, target or protocol.
        ProtocolError: the protocol does not fit the target.

    Example:
        >>> data = load_dataset("synthetic", target="pose")
        >>> data.protocol, data.label_set.classes
        ('synthetic/people', ('left', 'right', 'straight', 'up'))
    """
    spec = get_spec(name)
    if spec.adapt is not None:
        spec, _ = open_prepared(name, root)
    target_name, target = _target(spec, target)
    protocol_name, rule = _protocol(spec, protocol)
    images, columns, whole_table, fingerprint = _source(spec, root)

    labels = target.labels(columns(target.columns))
    has_label = labels >= 0 if labels.ndim == 1 else labels.sum(axis=1) > 0
    rows = np.flatnonzero(has_label)
    labels = labels[rows]
    classes = labels if labels.ndim == 1 else labels.argmax(axis=1)
    table = columns(rule.columns).iloc[rows].reset_index(drop=True)
    roles = rule.divide(SplitRequest(table, classes, target_name, seed, fold))

    def split(role):
        chosen = getattr(roles, role)
        table = functools.partial(_rows_of, whole_table, rows[chosen])
        return Split(Pictures(images, rows[chosen]), labels[chosen], table, target.label_set, role)

    parts = {role: split(role) for role in ("train", "validation", "test")}
    return FaceDataset(
        name=name,
        protocol=f"{name}/{protocol_name}",
        target=target_name,
        seed=seed,
        fold=fold,
        label_set=target.label_set,
        **parts,
        note="; ".join(filter(None, (rule.note, roles.note))),
        fingerprint=f"{fingerprint}+{_digest(parts.values())}" if fingerprint else DRAWN,
    )


def _digest(parts):
    """Hexadecimal digest of which pictures are in which part, and of their labels."""
    digest = hashlib.sha256()
    for split in parts:
        digest.update(f"{split.name} {len(split)} ".encode())
        digest.update(split.images.rows.astype("<i8").tobytes())
        digest.update(split.labels.astype("<f4").tobytes())
    return digest.hexdigest()


def _rows_of(whole_table, rows):
    return whole_table().iloc[rows].reset_index(drop=True)


def _target(spec, name):
    if name is None:
        name = next(iter(spec.targets))
    if name in spec.targets:
        return name, spec.targets[name]
    if spec.dynamic_target is not None and (target := spec.dynamic_target(name)) is not None:
        return name, target
    raise unknown(f"target of {spec.name!r}", name, spec.targets)


def _protocol(spec, name):
    if name is None:
        name = next(iter(spec.protocols))
    owner, _, short = name.rpartition("/")
    if owner not in ("", spec.name):
        raise ProtocolError(
            f"Got protocol {name!r} for data set {spec.name!r}; expected one of its own: "
            f"{', '.join(f'{spec.name}/{p}' for p in spec.protocols)}. Choose one of them."
        )
    if short not in spec.protocols:
        raise unknown(f"protocol of {spec.name!r}", name, spec.protocols)
    return short, spec.protocols[short]


def _prepared(spec, root):
    try:
        return PreparedSet(spec.name, root)
    except DatasetNotFound as error:
        path = " PATH" if spec.needs_archive else ""
        official = spec.page and spec.needs_archive
        todo = f"Download it from {spec.page} ({spec.license}) and run" if official else "Run"
        raise DatasetNotFound(f"{error} {todo}: facezoo prepare {spec.name}{path}") from None


def _adapted(spec, prepared):
    if spec.adapt is None:
        return spec
    try:
        return spec.adapt(spec, prepared.info)
    except (FacezooError, KeyError, TypeError, AttributeError) as error:
        raise prepared.damaged(f"dataset.json: {error}") from None


def _source(spec, root):
    """Return (images, function of columns, function of the whole table, images' sha256 or None)."""
    try:
        prepared = _prepared(spec, root)
    except DatasetNotFound:
        if spec.in_memory is None:
            raise
        images, table = spec.in_memory()
        return images, lambda names: table[list(names)], lambda: table, None
    whole_table = functools.cache(prepared.table)
    return prepared.images, prepared.columns, whole_table, prepared.info["images_sha256"]


__all__ = [
    "FaceDataset",
    "Pictures",
    "Split",
    "get_spec",
    "list_datasets",
    "load_dataset",
    "open_prepared",
]
