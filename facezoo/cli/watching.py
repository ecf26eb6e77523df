"""One of several hosts, watched: what the others' end does to it is told in one line.

JAX ends a process that lost another host by a signal, which no Python code there can answer.
So the command trains in a process of its own, and this one says what has happened.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys

from facezoo.errors import LOST_HOST, ParallelError
from facezoo.terminal import WARNED

_WATCHED = "FACEZOO_WATCHED"
# what JAX's native code says before it ends a process
_NATIVE = re.compile(r"[EF]\d{4} .*(coordination|distributed)")


def is_watched():
    """Return whether this is the process that trains; it then ends with the one that watches."""
    watched = os.environ.get(_WATCHED) == "1"
    if watched and sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    return watched


def _repeat(lines):
    """Print the lines of the other process to their end; return whether one was a refusal."""
    quiet = told = False
    for line in lines:
        quiet = quiet or _NATIVE.match(line) is not None
        if not quiet and not line.startswith("[Gloo]"):
            print(line, end="", file=sys.stderr, flush=True)
        told = told or (line.startswith("facezoo: ") and not line.startswith(WARNED))
    return told


def watch():
    """Run this command again in a process of its own; return its exit code.

    Raises:
        ParallelError: it was ended by a signal.
    """
    command = [sys.executable, "-m", "facezoo", *sys.argv[1:]]
    environment = {**os.environ, _WATCHED: "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        told = False
        while True:
            try:
                told = _repeat(process.stderr) or told
                break
            except KeyboardInterrupt:  # the other process got it as well, and ends by itself
                continue
    if process.returncode < 0 and not told:
        raise ParallelError(LOST_HOST)
    return 2 if told else process.returncode
