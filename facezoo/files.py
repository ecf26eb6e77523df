"""Files that are whole or absent: written beside their place and renamed, under locks.

And what of JSON may be believed before anybody has looked at it.
"""

import contextlib
import ctypes
import hashlib
import json
import math
import os
import sys
import tempfile
from pathlib import Path

MAX_JSON = 64 * 2**20  # bytes; the papers of a run have some 10,000

try:
    import fcntl
except ImportError:  # Windows: two writers at once are not kept apart there
    fcntl = None

BESIDE = ".writing-"  # how the names of files begin that are being written
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux' renameat2


@contextlib.contextmanager
def replacing(path):
    """Give a path to write to, in the same folder; rename it to `path` when all went well.

    The temporary name ends like `path`, for writers that go by the ending.
    """
    path = Path(path)
    handle, beside = tempfile.mkstemp(prefix=BESIDE, suffix=path.name, dir=path.parent)
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


def clear_beside(folder):
    """Remove what killed processes were writing; for who knows that no other one writes there."""
    for leftover in Path(folder).glob(f"{BESIDE}*"):
        leftover.unlink(missing_ok=True)


def exchanged(one, other):
    """Swap two folders in one step, with no moment between; False where the system cannot.

    Linux can, on its usual file systems.
    """
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # glibc has it since 2.28
    if rename is None:
        return False
    places = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other))
    return rename(*places, RENAME_EXCHANGE) == 0


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
