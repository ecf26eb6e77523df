"""A command, run at a terminal of its own and watched: time, processor, memory, bar."""

import os
import pathlib
import pty
import re
import subprocess
import threading
import time


def megabytes(pid, field):
    """Return a field of /proc/<pid>/status, 0 once the process has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) / 1000 if found else 0


def descendants(pid):
    """Return the ids of the living children of a process, and of theirs."""
    found = []
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            own = children.read_text().split()
        except OSError:
            continue
        for child in own:
            found += [int(child), *descendants(child)]
    return found


def watch(words, environment):
    """Run a command with its stderr at a terminal and return what it took.

    The peak is the larger of VmHWM, which the kernel keeps of the process itself, and the
    largest sum of VmRSS over it and its children, seen every 20 ms; the sum counts pages
    that processes share once for each.
    """
    ours, theirs = pty.openpty()
    start, streams = time.perf_counter(), {"stdout": subprocess.PIPE, "stderr": theirs}
    process = subprocess.Popen(words, env=environment, text=True, **streams)
    os.close(theirs)
    shown = []
    reader = threading.Thread(target=_read_all, args=(ours, shown), daemon=True)
    reader.start()
    try:
        return _watched(process, words, shown, reader, start)
    finally:
        process.kill()  # nothing where it has ended
        os.close(ours)


def _watched(process, words, shown, reader, start):
    own, together, processes, pid = 0, 0, 1, 0
    while not pid:
        own = max(own, megabytes(process.pid, "VmHWM"))
        others = descendants(process.pid)
        processes = max(processes, 1 + len(others))
        together = max(together, sum(megabytes(p, "VmRSS") for p in (process.pid, *others)))
        time.sleep(0.02)
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    told = process.stdout.read()
    reader.join(timeout=5)
    text = b"".join(shown).decode("utf-8", "replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}: {told}{text}")
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "cores_used": round(cpu / seconds, 2),
        "processes": processes,
        "peak_mb": round(max(own, together), 1),
        "bar_steps": len(set(re.findall(r"(\d+)/\d+\b", text))),
        "told": told,
    }


def _read_all(file, into):
    try:
        while data := os.read(file, 65536):
            into.append(data)
    except OSError:  # the other side is closed
        pass
