"""The prepared form of a data set on disk: written whole or not at all, read by mapping.

`<home>/datasets/<name>/` holds `images.npy` (uint8 (N, H, W, C)), `table.csv` (a row a
picture) and `dataset.json` (format, label sets, source, counts, what was rejected). It
is written beside its place and renamed; a lock makes writers of one set take turns, and
what a killed writer left behind is cleared by the next.
"""

import collections
import contextlib
import csv
import hashlib
import json
import os
import shutil
import tempfile
import tokenize
from pathlib import Path

import numpy as np
import pandas as pd

from facezoo.errors import DatasetNotFound, StoreError
from facezoo.files import exchanged, locked, read_json

FORMAT = 1
FILES = ("images.npy", "table.csv", "dataset.json")
KINDS = {  # of dataset.json's fields that are read again
    "pictures": int,
    "picture_shape": list,
    "columns": list,
    "rejected": dict,
    "images_sha256": str,
}
REJECTED_LISTED = 1000  # of more rejected files only the number is kept


def home():
    """Return the folder of everything that facezoo keeps: `$FACEZOO_HOME` or the cache."""
    return Path(os.environ.get("FACEZOO_HOME") or Path.home() / ".cache" / "facezoo")


def datasets_folder(root=None):
    """Return where prepared sets lie: `root`, or `<home>/datasets`."""
    return Path(root) if root is not None else home() / "datasets"


def set_folder(name, root=None):
    """Return the folder of a prepared set; that of "folder:mine" is "folder@mine"."""
    return datasets_folder(root) / name.replace(":", "@")  # no colon in names on Windows


@contextlib.contextmanager
def writing(name, picture_shape, columns, root=None):
    """Write a prepared set: `with writing(...) as writer: ...; writer.finish(facts)`.

    Without `finish`, or on any exception (Ctrl-C too), nothing is left behind and an
    older set stays as it was.

    Args:
        name: of the set.
        picture_shape: (height, width, channels).
        columns: of the table.
        root: folder of prepared sets; None for the default.

    Yields:
        StoreWriter.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    place = set_folder(name, root)
    folder, short = place.parent, place.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f".{short}.lock", wait=True):
            for leftover in folder.glob(f".{short}.*.partial"):
                shutil.rmtree(leftover, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix=f".{short}.", suffix=".partial", dir=folder))
            partial.chmod(0o755)  # a shared FACEZOO_HOME is read by others too
            try:
                with StoreWriter(partial, picture_shape, columns) as writer:
                    yield writer
                if writer.finished:
                    _replace(place, partial)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"Got {error.strerror!r} while writing {name!r} under {str(folder)!r}; expected a "
            "folder with room that can be written. Free some space, or set FACEZOO_HOME to "
            "another disk. Nothing was left half-written."
        ) from None


def _replace(place, partial):
    """Put the finished folder in its place: whoever looks there finds the old set or the new.

    Only where the system cannot swap two folders is there a moment with neither.
    """
    if not place.exists():
        partial.rename(place)
        return
    if not place.is_symlink() and exchanged(partial, place):
        return  # the old set bears partial's name now, and goes as partial folders do
    old = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
    place.rename(old / "old")
    partial.rename(place)
    shutil.rmtree(old, ignore_errors=True)


class StoreWriter:
    """Appends pictures and rows, whatever their number, in a constant amount of memory."""

    def __init__(self, folder, picture_shape, columns):
        self.folder = Path(folder)
        self.picture_shape = tuple(picture_shape)
        self.columns = tuple(columns)
        self.count = 0
        self.rejected = []
        self.rejected_count = 0
        self.counts = {c: collections.Counter() for c in self.columns if c != "file"}
        self.finished = False
        self._digest = hashlib.sha256()

    def __enter__(self):
        self._images = open(self.folder / "images.npy", "wb")
        self._write_header()
        self._table = open(self.folder / "table.csv", "w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._table, lineterminator="\n")
        self._rows.writerow(self.columns)
        return self

    def __exit__(self, *_):
        self._images.close()
        self._table.close()

    def _write_header(self):
        """Write numpy's header; it is padded so that a longer length fits its place."""
        self._images.seek(0)
        shape = (self.count, *self.picture_shape)
        fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._images, fields)
        return self._images.tell()

    def add(self, picture, row):
        """Append a picture (uint8, of the set's shape) and its row (`{column: value}`)."""
        if picture.shape != self.picture_shape or picture.dtype != np.uint8:
            raise StoreError(
                f"Got a picture of {picture.dtype} {picture.shape} for {row.get('file')!r}; "
                f"expected uint8 {self.picture_shape}. The data set's reader must resize it."
            )
        data = picture.tobytes()
        self._images.write(data)
        self._digest.update(data)
        values = [row.get(column, "") for column in self.columns]
        self._rows.writerow(values)
        for column, counter in self.counts.items():
            if len(counter) <= 64:  # such as classes; not boxes or votes
                counter[str(row.get(column, ""))] += 1
        self.count += 1

    def reject(self, file, reason):
        """Note a file that was passed over, and why."""
        self.rejected_count += 1
        if len(self.rejected) < REJECTED_LISTED:
            self.rejected.append({"file": file, "reason": reason})

    def finish(self, facts):
        """Complete the set: fix the length, write dataset.json, flush everything to disk.

        Args:
            facts: JSON-safe dict that joins what the writer itself knows.

        Returns:
            dict: the whole of dataset.json.
        """
        end = self._write_header()
        size = os.fstat(self._images.fileno()).st_size
        if size != end + self.count * int(np.prod(self.picture_shape)):
            raise StoreError(
                f"Got {size:,} bytes for {self.count:,} pictures in images.npy; expected another "
                "number. Prepare the set again."
            )
        info = {
            "format": FORMAT,
            **facts,
            "pictures": self.count,
            "picture_shape": list(self.picture_shape),
            "columns": list(self.columns),
            "counts": {c: dict(sorted(k.items())) for c, k in self.counts.items() if len(k) <= 64},
            "rejected": {"count": self.rejected_count, "files": self.rejected},
            "images_sha256": self._digest.hexdigest(),
        }
        text = json.dumps(info, indent=1, ensure_ascii=False)
        with open(self.folder / "dataset.json", "w", encoding="utf-8") as file:
            file.write(text + "\n")
            _flush(file)
        _flush(self._table)
        _flush(self._images)
        self.finished = True
        return info


def _flush(file):
    file.flush()
    os.fsync(file.fileno())


def _mapped(path):
    """Return the array of a .npy file, memory-mapped; never one of Python's objects.

    Raises:
        OSError: it cannot be opened.
        ValueError: no such file, or one that is shorter than its header says.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except (ValueError, TypeError, OverflowError, SyntaxError, tokenize.TokenError) as error:
        raise ValueError(f"images.npy: {error}") from None
    except (MemoryError, RecursionError) as error:  # how Python refuses brackets in brackets
        raise ValueError(f"images.npy with a header of {type(error).__name__}") from None


class PreparedSet:
    """A prepared set, opened: `info` (dataset.json), `images` (mapped), `columns(...)`.

    Args:
        name: of the set.
        root: folder of prepared sets; None for the default.

    Raises:
        DatasetNotFound: it was not prepared.
        StoreError: it is damaged or of another format version.
    """

    def __init__(self, name, root=None):
        self.folder = set_folder(name, root)
        if not self.folder.is_dir():
            raise DatasetNotFound(f"{name!r} is not prepared under {str(self.folder.parent)!r}.")
        try:
            info = read_json(self.folder / "dataset.json")
            self.info, version = info, info["format"]
            if version != FORMAT:
                raise self.damaged(f"format {version!r}, not {FORMAT}")
            self._check_info()
            wanted = (info["pictures"], *info["picture_shape"])
            self.images = _mapped(self.folder / "images.npy")
            if self.images.dtype != np.uint8 or self.images.shape != wanted:
                raise self.damaged(f"images.npy of {self.images.dtype} {self.images.shape}")
        except StoreError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self.damaged(str(error) or type(error).__name__) from None

    def _check_info(self):
        """Refuse a dataset.json whose fields, as far as they are read, are of another kind."""
        for field, kind in KINDS.items():
            if not isinstance(self.info[field], kind):
                raise self.damaged(f"dataset.json with {field}={str(self.info[field])[:60]!r}")
        if not isinstance(self.info["rejected"].get("count"), int):
            raise self.damaged("dataset.json without the number of rejected files")

    def columns(self, names):
        """Return a DataFrame of some columns of the table; text as categories.

        Args:
            names: columns; an empty list gives just the index.
        """
        numbers = {"scale", "native"}
        names = list(names)
        if not names:
            return pd.DataFrame(index=range(len(self.images)))
        if missing := [name for name in names if name not in self.info["columns"]]:
            raise self.damaged(f"a table without column {missing[0]!r}")
        dtype = {n: "int64" if n in numbers else "category" for n in names}
        return self._read_table(usecols=names, dtype=dtype)

    def table(self):
        """Return the whole table as a DataFrame."""
        return self._read_table()

    def _read_table(self, **options):
        try:
            table = pd.read_csv(self.folder / "table.csv", keep_default_na=False, **options)
        except (OSError, ValueError, OverflowError) as error:
            raise self.damaged(str(error)) from None
        if len(table) != len(self.images):
            raise self.damaged(f"{len(table)} rows for {len(self.images)} pictures")
        return table

    def damaged(self, what):
        """Return the `StoreError` that says what is wrong with this set and what to do."""
        return StoreError(
            f"Got a prepared set in {str(self.folder)!r} that cannot be used ({what}); expected "
            f"{', '.join(FILES)} as `facezoo prepare` writes them. Prepare it again."
        )
