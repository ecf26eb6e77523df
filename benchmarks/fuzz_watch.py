"""What a worker of fuzz.py sees of itself: answers, time, memory, and what it did besides."""

import os
import pathlib
import resource
import sys
import time
import warnings

ALLOWED = 2**30  # bytes that reading an input may take
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn")
TELLS = {*STARTS, "socket.connect", "socket.bind", "pickle.find_class", "webbrowser.open"}
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod"}
BESIDE = CHANGES - {"os.chmod"}  # those whose last argument is a folder, opened, or -1
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Attempts to read, and what they did that reading must not do.

    Args:
        place: folder of this worker; files outside its `case` and temporary files are not to be
            touched.
    """

    def __init__(self, place):
        self.place = pathlib.Path(place).resolve()
        self._case = str(self.place / "case")
        self._did = None  # a list while an attempt lasts
        sys.addaudithook(self._heard)

    def attempt(self, read, case):
        """Return `{"kind": "read", "refused" or "other", "ms", "said", "did"}` of read(case)."""
        from facezoo.errors import FacezooError

        before = self._listing()
        self._did, began, said = [], time.process_time(), ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = read(case)
            kind, said = "read", result if isinstance(result, str) else ""
        except FacezooError as error:
            kind, said = _judged(error)
        except Exception as error:
            kind, said = "other", f"{type(error).__name__}: {str(error)[:300]}"
        did, self._did = self._did, None
        ms = 1000 * (time.process_time() - began)
        if beside := sorted(self._listing() ^ before):
            did.append(f"files beside its own: {', '.join(beside)}")
        return {"kind": kind, "ms": round(ms, 1), "said": said, "did": did}

    def memory(self):
        """Return the highest memory of this process so far, in MB."""
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)

    def _listing(self):
        """What lies around the case, but for names that only `tempfile` draws."""
        found = [*os.listdir(self.place), *os.listdir(self.place.parent)]
        return {name for name in found if not name.startswith("tmp")}

    def _heard(self, event, arguments):
        if self._did is None:
            return
        if event in TELLS:
            self._did.append(f"{event} {str(arguments)[:100]}")
        elif event == "marshal.loads" and "importlib" not in sys._getframe(1).f_code.co_filename:
            self._did.append(event)
        elif event == "open":
            path, mode, flags = arguments
            writing = set(mode or "") & set("wax+") or (flags or 0) & WRITES
            if writing and not isinstance(path, int) and not self._own(path):
                self._did.append(f"wrote {path}")
        elif event in CHANGES:
            changed = arguments[1] if event in ("os.link", "os.symlink") else arguments[0]
            if isinstance(arguments[-1], int) and arguments[-1] >= 0 and event in BESIDE:
                folder = os.readlink(f"/proc/self/fd/{arguments[-1]}")
                changed = os.path.join(folder, os.fsdecode(changed))
            if not self._own(changed):
                self._did.append(f"{event} {changed}")

    def _own(self, path):
        """Whether a path lies in the case, or is of a name that only `tempfile` draws here."""
        full = os.path.realpath(os.fsdecode(path))
        inside = full.startswith(self._case + os.sep) or full == self._case
        return inside or full.startswith(str(self.place / "tmp")) or full == "/dev/null"


def _judged(error):
    """A refusal is one line, and not for want of memory."""
    text = str(error)
    chain, seen = error, []
    while chain is not None:
        seen.append(chain)
        chain = chain.__cause__ or chain.__context__
    if any(isinstance(each, MemoryError) for each in seen) or "MemoryError" in text:
        return "other", f"out of memory: {text[:300]}"
    if "\n" in text or not text:
        return "other", f"not one line: {text[:300]!r}"
    return "refused", text[:300]


def limit_memory():
    """Let this process take `ALLOWED` more than it has; return its memory in MB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)
