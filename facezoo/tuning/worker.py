"""Workers: what runs the trials of a study, in this process or in several."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import optuna
from optuna.trial import TrialState

from facezoo.tuning.search import finished, running
from facezoo.tuning.trial import Trials

POLL = 1.0  # seconds between two looks at what other workers do
PATIENCE = 60  # seconds that interrupted workers get to put their trials back


class Worker:
    """One process's share of a search.

    Args:
        study, search: as `open_study` returns them.
        folder: of the study.
        limit: moment of `time.monotonic()` after which no trial is begun.
        root: folder of prepared data sets; None for the default.
        callbacks: more Keras callbacks.
        told: optional function of (trials done, asked for, best figure or None).
    """

    def __init__(
        self, study, search, folder, limit=math.inf, *, root=None, callbacks=(), told=None
    ):
        self.study, self.search, self.limit, self.told = study, search, limit, told
        self.trials = Trials(search, folder, root, callbacks)

    def tell(self, *_):
        """Say how far the search is."""
        if self.told is not None:
            try:
                best = self.study.best_value
            except ValueError:  # no trial is done
                best = None
            self.told(len(finished(self.study)), self.search.trials, best)

    @property
    def done(self):
        """Whether nothing is left to try: the trials asked for, or the whole space."""
        enough = len(finished(self.study)) >= self.search.trials
        return enough or (self._spent() and not running(self.study))

    def work(self):
        """Run trials until all are done, the time is up, or nothing is left to try.

        Waits for the trials of other workers, and runs those again whose worker died.
        """
        while True:
            self.tell()
            optuna.storages.fail_stale_trials(self.study)  # and queue them again
            left = self.limit - time.monotonic()
            if self.done or left <= 0:
                return
            if self._taken() < self.search.trials and not self._spent():
                self.study.optimize(
                    self.trials,
                    timeout=None if left == math.inf else left,
                    catch=Trials.caught,
                    callbacks=[self._after],
                )
            else:  # others are at the last trials
                time.sleep(POLL)

    def _after(self, study, trial):
        self.tell()
        if self._taken() >= self.search.trials:
            study.stop()

    def _taken(self):
        return len(finished(self.study)) + len(running(self.study))

    def _spent(self):
        """Whether the space is searched through; a trial put back is still to be run."""
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return self.trials.spent and not waiting


def run_workers(count, given, tell):
    """Run worker processes until all have ended; interrupt them where this one is.

    Args:
        count: of processes.
        given: arguments of `tune` that join a study.
        tell: called about once a second.
    """
    threads = str(max(1, (os.cpu_count() or 1) // count))
    shares = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    environment = {**dict.fromkeys(shares, threads), **os.environ}
    workers = []
    try:
        for _ in range(count):
            worker = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,  # not its arguments, which any user may list
                env=environment,
                start_new_session=True,  # Ctrl-C reaches it through this process alone
            )
            worker.stdin.write(json.dumps(given).encode())
            worker.stdin.close()
            workers.append(worker)
        while any(worker.poll() is None for worker in workers):
            tell()
            time.sleep(POLL)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGINT)
        for worker in workers:
            try:
                worker.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()


def main():
    """Join a study as stdin says, run trials, and end."""
    given = json.load(sys.stdin)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from facezoo.terminal import starting_keras

    with starting_keras():
        from facezoo.tuning.tune import tune
    try:
        tune(**given, seeds=0)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
