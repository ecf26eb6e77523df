"""Stored results: `results/<study>.json`, a row a plan that was run."""

import json
from pathlib import Path

from facezoo.errors import ResultsError
from facezoo.files import locked, replacing

FORMAT = 2
FIELDS = {"plan", "recipe", "seeds", "accuracy", "epochs", "epochs_asked", "right", "test_parts"}


def read_results(study, folder="results"):
    """Return the rows of a study, a list of dicts; empty where nothing was stored.

    Raises:
        ResultsError: the file is damaged, or of another version.
    """
    path = _path(study, folder)
    try:
        stored = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise _refused(path, f"cannot be read ({error})", study) from None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        version = stored.get("format") if isinstance(stored, dict) else None
        raise _refused(path, f"is of format {version}", study)
    rows = stored.get("rows")
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and row.keys() >= FIELDS for row in rows
    ):
        raise _refused(path, "lacks fields", study)
    return rows


def store_result(study, row, order, folder="results"):
    """Put a row in the place of the one of its plan, whole or not at all.

    Args:
        study: key of `STUDIES`.
        row: JSON-safe dict with "plan".
        order: names of the study's plans; rows of others are dropped.
        folder: of the result files.
    """
    path = _path(study, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock"), wait=True):
        rows = {old["plan"]: old for old in read_results(study, folder)}
        rows[row["plan"]] = row
        kept = [rows[name] for name in order if name in rows]
        text = json.dumps({"format": FORMAT, "rows": kept}, indent=1, ensure_ascii=False)
        with replacing(path) as beside:
            beside.write_text(text + "\n", "utf-8")


def _path(study, folder):
    return Path(folder) / f"{study}.json"


def _refused(path, reason, study):
    return ResultsError(
        f"Got {str(path)!r}, which {reason}; expected results of format {FORMAT}. Restore it, or "
        f"move it away and run: facezoo reproduce {study} --resume"
    )
