"""Workers on this machine, a process each, that join a study by its name.

TensorFlow keeps some megabytes of every model that Keras fitted until its process ends
(github.com/keras-team/keras/issues/17458), so a process makes room for a new one now and then.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

POLL = 1.0  # seconds between two looks at what other workers do
PATIENCE = 60  # seconds that interrupted workers get to put their trials back
SHIFT = 32  # trials that one process runs
AGAIN = 75  # exit status of a process that leaves trials to the next one


def run_workers(count, given, tell):
    """Run so many worker processes at a time until all is done; interrupt them where this is.

    Args:
        count: of processes.
        given: arguments of `work`, JSON-safe.
        tell: called about once a second.
    """
    share = str(max(1, (os.cpu_count() or 1) // count))
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    shares = {**dict.fromkeys(threads, share), "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    workers = []
    ends = time.monotonic() + given["timeout"] if given["timeout"] is not None else None

    def start():
        left = None if ends is None else max(0.0, ends - time.monotonic())
        worker = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            env={**shares, **os.environ},
            start_new_session=True,  # Ctrl-C reaches it through this process alone
        )
        workers.append(worker)
        # no argument, which any user may list; open as long as this process lives
        worker.stdin.write(
            json.dumps({**given, "timeout": left, "at_most": SHIFT, "alone": count == 1}).encode()
            + b"\n"
        )
        worker.stdin.flush()

    try:
        for _ in range(count):
            start()
        while any(worker.poll() in (None, AGAIN) for worker in workers):
            tell()
            time.sleep(POLL)
            for worker in [one for one in workers if one.poll() == AGAIN]:
                worker.stdin.close()
                workers.remove(worker)
                start()
    finally:
        for worker in workers:
            worker.stdin.close()
        for worker in workers:
            try:
                worker.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def work(study, storage, folder, at_most, **options):
    """Run trials of a study that exists; return whether all are done or the time is up."""
    from facezoo.terminal import starting_keras

    with starting_keras():
        from facezoo.tuning.searching import joined
    with joined(study, storage, Path(folder), **options) as worker:
        return worker.work(at_most)


def main():
    """Do what the first line of stdin says; stop when stdin ends, with the process that asked."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its hints at many short trainings
    signal.signal(signal.SIGINT, signal.default_int_handler)
    given = json.loads(sys.stdin.readline())

    def follow():
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=follow, daemon=True).start()
    from facezoo.errors import FacezooError

    try:
        done = work(**given)
    except KeyboardInterrupt:
        sys.exit(130)
    except FacezooError as error:
        print(f"facezoo: a worker ended: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if done else AGAIN)


if __name__ == "__main__":
    main()
