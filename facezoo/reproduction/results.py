"""Stored results: `results/<study>.json`, a row a plan that was run."""

import contextlib
import json
from pathlib import Path

from facezoo.errors import ResultsError
from facezoo.files import locked, read_json, replacing

FORMAT = 2
FIELDS = {
    "plan",
    "run",
    "recipe",
    "changed",
    "protocol",
    "note",
    "reported",
    "seeds",
    "pictures",
    "epochs_asked",
    "epochs_allowed",
    "epochs",
    "accuracy",
    "accuracy_interval",
    "macro_f1",
    "per_class",
    "confusion_matrix",
    "collapsed_at_epoch",
    "nearest_neighbour",
    "test_parts",
    "right",
    "elsewhere",
    "seconds_per_epoch",
    "environment",
}  # of a row; `running` writes them


def read_results(study, folder="results"):
    """Return the rows of a study, a list of dicts; empty where nothing was stored.

    Raises:
        ResultsError: the file is damaged, or of another version.
    """
    path = _path(study, folder)
    try:
        stored = read_json(path)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise _refused(path, f"cannot be read ({error})", study) from None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        version = stored.get("format") if isinstance(stored, dict) else None
        raise _refused(path, f"is of format {version}", study)
    rows = stored.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _refused(path, "holds no rows", study)
    for row in rows:
        if lacking := FIELDS - row.keys():
            raise _refused(path, f"lacks {min(lacking)!r} in a row", study)
    return rows


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


def _refused(path, reason, study):
    return ResultsError(
        f"Got {str(path)!r}, which {reason}; expected results of format {FORMAT}. Restore it, or "
        f"move it away and run: facezoo reproduce {study} --resume"
    )
