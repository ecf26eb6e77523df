"""`audit`: what a prepared data set holds and hides, as tables, figures and a report."""

import collections
import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np

from facezoo import plots
from facezoo.datasets import FaceDataset, get_spec, load_dataset
from facezoo.datasets.audit import NEAR, ROLES, find_copies
from facezoo.datasets.store import PreparedSet
from facezoo.errors import DatasetNotFound, FacezooError
from facezoo.files import replacing
from facezoo.tables import markdown_table

LISTED = 200  # pairs named of each kind
REASONS = 20  # reasons of rejection named
GROUPS = ("subject", "sequence", "file")  # columns that tell which pictures belong together
SAMPLES = 8  # drawn of every class, and in a row
CLASSES = 40  # of more the samples show the first
DRAWN = 16  # pairs drawn of each kind
FIGURES = {
    "samples.png": "samples of the training pictures, as many of each class",
    "classes.png": "pictures by class and split",
    "mean_faces.png": "mean training picture of every class",
    "duplicates.png": "some of the pairs",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Audit:
    """What a data set holds and hides under a protocol; made by `audit`.

    Args:
        dataset: `FaceDataset` that was looked at; not in `to_dict`.
        prepared: pictures of the prepared set, with or without a role.
        counts: `{split: {class: pictures}}`.
        published: `{"what", "prepared", "published"}` for every count that was published.
        rejected: `{"count", "reasons": {reason: files}}` of `prepare`, the commonest first.
        threshold: least correlation of near copies.
        copies: lines of `facezoo.datasets.audit.Copies.counts`.
        totals: `{"exact", "near", "conflicts"}` of the same.
        groups: a dict for every column that says what belongs together: "column", the
            groups in each split, "of test elsewhere too" (groups of the test pictures that
            train or validate too) and "test pictures" of these.
        pairs: at most 200 copies of each kind, `{"kind", "similarity", "first", "second"}`,
            where a picture is `{"split", "index", "file", "class"}`.
    """

    dataset: FaceDataset = dataclasses.field(repr=False)
    prepared: int
    counts: dict
    published: list
    rejected: dict
    threshold: float
    copies: list
    totals: dict
    groups: list
    pairs: list

    def to_dict(self):
        """Return everything but the pictures, as JSON holds it."""
        data = self.dataset
        named = {key: getattr(data, key) for key in ("name", "protocol", "target", "seed", "note")}
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**named, **{k: v for k, v in fields.items() if k != "dataset"}}

    def summary(self):
        """Return lines of text: what was looked at, and what matters most of it."""
        data, seen = self.dataset, self.copies[-1]
        used, tested = sum(len(getattr(data, role)) for role in ROLES), len(data.test)
        few = "" if used == self.prepared else "; the others were not looked at"
        conflicts = self.totals["conflicts"]
        lines = [
            f"{data.protocol}, target {data.target}, seed {data.seed}: {used:,} of "
            f"{self.prepared:,} prepared pictures have a role{few}.",
            f"{seen['exact']:,} of {tested:,} test pictures are exact copies of training or "
            f"validation pictures, {seen['exact, other label']:,} of them of another label only; "
            f"{seen['near']:,} more are near copies, one photograph or frames alike (correlation "
            f"{self.threshold:g} or more).",
            f"In all splits {self.totals['exact']:,} pictures repeat another's bytes, and "
            f"{self.totals['near']:,} pairs are near copies. {conflicts['pictures']:,} pictures "
            f"occur with more than one label ({conflicts['rows']:,} times).",
        ]
        lines += [f"Note: {data.note}."] if data.note else []
        if any(group["test pictures"] for group in self.groups):
            lines.append("Some groups are both tested and trained or selected on, see below.")
        return lines

    def tables(self):
        """Return [(heading, rows)]: dicts of texts and whole numbers, for any printer."""
        classes = self.dataset.label_set.classes
        by_class = [{"class": c, **{r: self.counts[r][c] for r in ROLES}} for c in classes]
        total = {"class": "all", **{role: sum(self.counts[role].values()) for role in ROLES}}
        found = [
            ("Pictures", [*by_class, total]),
            ("Published counts", self.published),
            (
                f"Rejected files ({self.rejected['count']:,})",
                [{"reason": r, "files": n} for r, n in self.rejected["reasons"].items()],
            ),
            ("Pictures with a copy", self.copies),
            ("Groups", self.groups),
        ]
        return [(heading, rows) for heading, rows in found if rows]

    def to_markdown(self, *, figures=()):
        """Return the report as Markdown; `figures` are names of pictures beside it."""
        paragraphs = [f"# Audit of {self.dataset.name}", *self.summary()]
        for heading, rows in self.tables():
            paragraphs += [f"## {heading}", _table(rows)]
        if self.pairs:
            paragraphs += [f"## Pairs ({len(self.pairs):,} listed)", _table(_flat(self.pairs))]
        paragraphs += [f"![{FIGURES[name]}]({name})" for name in figures]
        return "\n\n".join(paragraphs) + "\n"

    def figures(self):
        """Yield (file name, Figure); "duplicates.png" only where there are copies."""
        data = self.dataset
        yield "samples.png", _samples(data)
        yield "classes.png", plots.class_histogram(self.counts)
        yield "mean_faces.png", plots.mean_faces(data.train)
        if self.pairs:
            yield "duplicates.png", _duplicates(data, self.pairs)


def audit(name, *, target=None, protocol=None, seed=0, root=None, threshold=NEAR, progress=None):
    """Look for what spoils figures on a data set: copies, torn labels, shared people.

    Only pictures that have a role under the protocol are looked at.

    Args:
        name: data set, as for `load_dataset`.
        target, protocol, seed, root: as for `load_dataset`; None for the set's first.
        threshold: least correlation of near copies, see
            `facezoo.datasets.audit.near_copies`.
        progress: optional function called with the steps done and the number of all.

    Returns:
        Audit.

    Raises:
        DatasetNotFound, UnknownName, ProtocolError: as for `load_dataset`.
        FacezooError: an impossible threshold.

    Example:
        >>> found = audit("synthetic")
        >>> found.copies[-1]["exact"], found.groups[0]["of test elsewhere too"]
        (0, 0)
    """
    data = load_dataset(name, target=target, protocol=protocol, seed=seed, root=root)
    parts = {role: getattr(data, role) for role in ROLES}
    copies = find_copies(parts, threshold=threshold, listed=LISTED, progress=progress)
    try:
        prepared = PreparedSet(name, root)
    except DatasetNotFound:  # drawn into memory
        prepared = None
    return Audit(
        dataset=data,
        prepared=len(data.train.images.array),
        counts={role: split.counts() for role, split in parts.items()},
        published=_published(get_spec(name), prepared),
        rejected=_rejected(prepared),
        threshold=threshold,
        copies=copies.counts,
        totals={"exact": copies.exact, "near": copies.near, "conflicts": copies.conflicts},
        groups=_groups(parts),
        pairs=_named(parts, copies.pairs),
    )


def write_audit(found, folder):
    """Write report.md, audit.json and the figures, each whole or not at all.

    Args:
        found: `Audit`.
        folder: where to; it is made if need be. An older audit in it is replaced.

    Returns:
        list of the paths written.

    Raises:
        FacezooError: it cannot be written.
    """
    folder = Path(folder)
    check_folder(folder)
    made = not folder.exists()
    try:
        return _write(found, folder)
    except BaseException as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise _unwritable(folder, error.strerror or error) from None


def check_folder(folder):
    """Raise `FacezooError` where `folder` is sure not to be writable; write nothing."""
    parent = next(p for p in (Path(folder), *Path(folder).absolute().parents) if p.exists())
    if not parent.is_dir():
        raise _unwritable(folder, f"the file {str(parent)!r}")
    if not os.access(parent, os.W_OK):
        raise _unwritable(folder, "no permission")


def _unwritable(folder, what):
    return FacezooError(
        f"Got {what} while writing the audit to {str(folder)!r}; expected a folder with room that "
        "can be written. Pass --out with another one."
    )


def _write(found, folder):
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, figure in found.figures():
        with replacing(folder / name) as beside:
            figure.savefig(beside, format="png")
        names.append(name)
    for name in FIGURES.keys() - set(names):
        (folder / name).unlink(missing_ok=True)  # of an older audit
    texts = {
        "audit.json": json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n",
        "report.md": found.to_markdown(figures=names),
    }
    for name, text in texts.items():
        with replacing(folder / name) as beside:
            beside.write_text(text, "utf-8")
    return [folder / name for name in ("report.md", "audit.json", *names)]


def _published(spec, prepared):
    """Published counts beside those of the prepared set, as the set's `SPEC` states them."""
    if prepared is None:
        return []
    rows = []
    for key, wanted in spec.expected.items():
        columns = key.split("/")
        table = prepared.columns(columns)
        counts = collections.Counter("/".join(map(str, row)) for row in table.to_numpy())
        rows += [
            {"what": f"{key} {value}", "prepared": counts[value], "published": number}
            for value, number in wanted.items()
        ]
    return rows


def _rejected(prepared):
    if prepared is None:
        return {"count": 0, "reasons": {}}
    rejected = prepared.info["rejected"]
    reasons = collections.Counter(file["reason"] for file in rejected["files"])
    return {"count": rejected["count"], "reasons": dict(reasons.most_common(REASONS))}


def _groups(parts):
    """Groups that are tested and seen before; "file" only where pictures share one."""
    rows = []
    tables = {role: split.table for role, split in parts.items()}
    for column in GROUPS:
        if any(column not in table for table in tables.values()):
            continue
        groups = {role: set(table[column]) for role, table in tables.items()}
        if column == "file" and all(len(groups[r]) == len(tables[r]) for r in ROLES):
            continue
        seen = groups["train"] | groups["validation"]
        rows.append(
            {
                "column": column,
                **{role: len(groups[role]) for role in ROLES},
                "of test elsewhere too": len(groups["test"] & seen),
                "test pictures": int(tables["test"][column].isin(seen).sum()),
            }
        )
    return rows


def _named(parts, pairs):
    """`Pair`s -> dicts that say which pictures they are."""
    starts = np.cumsum([0, *(len(parts[role]) for role in ROLES)])
    files = {
        role: list(split.table.get("file", [""] * len(split))) for role, split in parts.items()
    }

    def picture(position):
        i = int(np.searchsorted(starts, position, side="right")) - 1
        role, index = ROLES[i], int(position - starts[i])
        label = parts[role].label_set.classes[parts[role].classes[index]]
        return {"split": role, "index": index, "file": str(files[role][index]), "class": label}

    return [
        {
            "kind": "exact" if pair.exact else "near",
            "similarity": round(pair.similarity, 5),
            "first": picture(pair.first),
            "second": picture(pair.second),
        }
        for pair in pairs
    ]


def _table(rows):
    return markdown_table(list(rows[0]), [list(row.values()) for row in rows])


def _flat(pairs):
    """Pairs as rows of a table of texts."""
    return [
        {
            "first": pair["first"]["file"],
            "second": pair["second"]["file"],
            "splits": f"{pair['first']['split']}, {pair['second']['split']}",
            "classes": f"{pair['first']['class']}, {pair['second']['class']}",
            "kind": pair["kind"],
            "correlation": f"{pair['similarity']:.4f}",
        }
        for pair in pairs
    ]


def _samples(data):
    """As many training pictures of every class, drawn by the data set's seed."""
    classes = data.train.classes
    filled, counts = (found[:CLASSES] for found in np.unique(classes, return_counts=True))
    number = min(SAMPLES, counts.min())
    rng = np.random.default_rng(data.seed)
    drawn = [rng.choice(np.flatnonzero(classes == k), number, replace=False) for k in filled]
    titles = [data.label_set.classes[k] for k in filled for _ in range(number)]
    return plots.sample_grid(data.train.images[np.concatenate(drawn)], titles, columns=SAMPLES)


def _duplicates(data, pairs):
    """Pairs side by side; of the near ones some from the most to the least alike."""
    exact, near = ([p for p in pairs if p["kind"] == kind] for kind in ("exact", "near"))
    near.sort(key=lambda pair: -pair["similarity"])
    spread = np.linspace(0, len(near) - 1, min(DRAWN, len(near))).round().astype(int)
    shown = exact[:DRAWN] + [near[i] for i in spread]
    images, titles = [], []
    for pair in shown:
        for picture in (pair["first"], pair["second"]):
            images.append(getattr(data, picture["split"]).images[picture["index"]])
            titles.append(f"{picture['split']}\n{picture['class']}\n")
        titles[-2] += "exact" if pair["kind"] == "exact" else f"near, {pair['similarity']:.4f}"
    return plots.sample_grid(np.stack(images), titles, columns=8)
