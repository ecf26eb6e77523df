"""Stored results: `results/<study>.json`, a row a plan that was run."""

import contextlib
import json
from pathlib import Path

from facezoo.errors import ResultsError
from facezoo.files import locked, read_json, replacing
from facezoo.reproduction.rows import told_of, told_of_transfer

FORMAT = 2
FIELDS = {
    "plan": str,
    "run": str,
    "recipe": dict,
    "changed": str,
    "protocol": str,
    "note": str,
    "reported": str,
    "seeds": list,
    "pictures": dict,
    "epochs_asked": int,
    "epochs_allowed": int,
    "epochs": list,
    "accuracy": dict,
    "accuracy_interval": list,
    "macro_f1": dict,
    "per_class": dict,
    "confusion_matrix": list,
    "collapsed_at_epoch": list,
    "nearest_neighbour": dict,
    "test_parts": list,
    "right": list,
    "elsewhere": dict,
    "seconds_per_epoch": (int, float),
    "environment": dict,
}  # of a row, and their types; `running` writes them
TRANSFER = {
    "environment": dict,
    "network": str,
    "network_epochs": int,
    "network_accuracy": (int, float),
    "seeds": int,
    "accuracy": dict,
    "accuracy_interval": list,
    "per_class": dict,
    "confusion_matrix": list,
}  # of transfer.json; `benchmarks/transfer.py` writes them


def read_results(study, folder="results"):
    """Return the rows of a study, a list of dicts; empty where nothing was stored.

    Raises:
        ResultsError: the file is damaged, or of another version.
    """
    path = _path(study, folder)
    again = f"reproduce {study} again with --resume, in the same folders"
    expected = f"results of format {FORMAT}", again
    stored = _read(path, *expected)
    if stored is None:
        return []
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        version = stored.get("format") if isinstance(stored, dict) else None
        raise _refused(path, f"is of format {version}", *expected)
    rows = stored.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _refused(path, "holds no list of rows", *expected)
    for row in rows:
        _check_fields(path, row, FIELDS, *expected)
        with _whole(path, *expected):
            told_of(row)
    return rows


def read_transfer(folder="results"):
    """Return what `benchmarks/transfer.py` stored: study A's expressions by FER2013's features.

    Returns:
        dict with `TRANSFER`, or None before it was run.

    Raises:
        ResultsError: the file is damaged.
    """
    path = Path(folder) / "transfer.json"
    expected = "what benchmarks/transfer.py writes", "run it again"
    stored = _read(path, *expected)
    if stored is not None:
        _check_fields(path, stored, TRANSFER, *expected)
        with _whole(path, *expected):
            told_of_transfer(stored)
    return stored


def store_result(study, row, order, folder="results"):
    """Put a row in the place of the one of its plan, whole or not at all.

    Args:
        study: key of `STUDIES`.
        row: JSON-safe dict with `FIELDS`.
        order: names of the study's plans; rows of others are dropped.
        folder: of the result files, under `writing`.
    """
    rows = {old["plan"]: old for old in read_results(study, folder)}
    rows[row["plan"]] = row
    kept = [rows[name] for name in order if name in rows]
    text = json.dumps({"format": FORMAT, "rows": kept}, indent=1, ensure_ascii=False)
    with replacing(_path(study, folder)) as beside:
        beside.write_text(text + "\n", "utf-8")


@contextlib.contextmanager
def writing(folder):
    """Keep other reproductions from writing under `folder`; say in one line why it cannot be.

    Raises:
        ResultsError: the folder cannot be written.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with locked(Path(folder) / ".writing.lock", wait=True):
            yield
    except OSError as error:
        raise ResultsError(
            f"Got {error.strerror or error} while writing results to {str(folder)!r}; expected a "
            "folder with room that can be written. Pass --out with another one; the run is kept."
        ) from None


def _path(study, folder):
    return Path(folder) / f"{study}.json"


def _read(path, *expected):
    """What a file holds, or None where there is none."""
    try:
        return read_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _refused(path, f"cannot be read ({error})", *expected) from None


@contextlib.contextmanager
def _whole(path, *expected):
    """Refuse a file whose values, though of the right kinds, cannot be told."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _refused(path, f"is damaged ({type(error).__name__}: {error})", *expected) from None


def _check_fields(path, row, fields, *expected):
    for name, kind in fields.items():
        if not isinstance(row, dict) or name not in row:
            raise _refused(path, f"lacks {name!r}", *expected)
        if not isinstance(row[name], kind):
            raise _refused(path, f"has {name}={row[name]!r:.40}", *expected)


def _refused(path, reason, expected, again):
    return ResultsError(
        f"Got {str(path)!r}, which {reason}; expected {expected}. Restore it, or move it away and "
        f"{again}."
    )
