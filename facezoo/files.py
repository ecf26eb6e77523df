"""Files that are whole or absent: written beside their place and renamed, under locks.

And what of JSON may be believed before anybody has looked at it.
"""

import contextlib
import hashlib
import json
import math
import os
import tempfile
from pathlib import Path

MAX_JSON = 64 * 2**20  # bytes; the papers of a run have some 10,000

try:
    import fcntl
except ImportError:  # Windows: two writers at once are not kept apart there
    fcntl = None


@contextlib.contextmanager
def replacing(path):
    """Give a path to write to, in the same folder; rename it to `path` when all went well.

    The temporary name ends like `path`, for writers that go by the ending.
    """
    path = Path(path)
    handle, beside = tempfile.mkstemp(prefix=".writing-", suffix=path.name, dir=path.parent)
    os.close(handle)
    try:
        yield Path(beside)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(path, *, wait):
    """Hold the lock file `path`; the system lets go of it if the process is killed.

    Raises:
        BlockingIOError: another process holds it, and `wait` is False.
        OSError: it cannot be made.
    """
    with open(path, "w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def sha256(path):
    """Return the hexadecimal sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path):
    """Return what a JSON file holds.

    Raises:
        OSError: it cannot be opened.
        ValueError: more than `MAX_JSON`, or no JSON.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise ValueError(f"more than {MAX_JSON:,} bytes")
    return parse_json(data.decode("utf-8"))


def parse_json(text):
    """Return what a JSON text holds; `ValueError` for any that cannot be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists within lists, too deep to be read") from None


def is_number(value):
    """Whether a value of JSON is a finite number that a float can hold, and no bool."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False
