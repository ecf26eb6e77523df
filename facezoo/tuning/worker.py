"""`Worker`: what runs the trials of a study in one process."""

import contextlib
import math
import signal
import threading
import time

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from facezoo.tuning import storage
from facezoo.tuning.claims import ASIDE, WHY, finished, live, queue_again
from facezoo.tuning.processes import POLL
from facezoo.tuning.search import complete, fill, wanted
from facezoo.tuning.trials import Trials


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
        self.counted = 0  # trials done, when last looked at
        self._first_seen = {}

    def tell(self):
        """Say how far the search is."""
        self.counted = len(finished(self.study))
        if self.told is not None:
            try:
                best = self.study.best_value
            except ValueError:  # no trial is done
                best = None
            self.told(self.counted, self.search.trials, best)

    def work(self, at_most=math.inf):
        """Run trials until all are done, the time is up, or `at_most` were run.

        Waits for the trials of other workers, and runs those again whose worker died.

        Returns:
            bool: False where there may be more to do.
        """
        with self._heeding_ctrl_c():
            return self._work(at_most)

    def _work(self, at_most):
        while True:
            self._recover()
            self.tell()
            if complete(self.study, self.search) or time.monotonic() >= self.limit:
                return True
            if at_most <= 0:
                return False
            if wanted(self.study, self.search):
                self._run_one()
                at_most -= 1
            elif live(self.study):
                time.sleep(POLL)
            elif self.search.method == "grid":
                fill(self.study, self.search)  # at first, and what a death left out

    @contextlib.contextmanager
    def _heeding_ctrl_c(self):
        """Remember that Ctrl-C was pressed, whatever becomes of the exception on its way."""
        before = signal.getsignal(signal.SIGINT)
        main = threading.current_thread() is threading.main_thread()
        if not main or before is not signal.default_int_handler:
            yield
            return

        def heed(*_):
            self.trials.interrupted = True
            raise KeyboardInterrupt

        signal.signal(signal.SIGINT, heed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _run_one(self):
        self.trials.current = self.trials.unable = None
        try:
            self.study.optimize(self.trials, n_trials=1, catch=(Exception,))
        except KeyboardInterrupt:
            self._put_back()
            raise
        except Exception:
            if self._state() in (None, TrialState.RUNNING):
                raise
            # it was silent for so long, such as on a machine asleep, that another took it over
        if self.trials.unable is not None:
            self._put_back()
            raise self.trials.unable

    def _state(self):
        """State of the trial at work."""
        number = self.trials.current
        return None if number is None else self.study.get_trials(deepcopy=False)[number].state

    def _put_back(self):
        """Queue the setting of the trial at work, which did not end."""
        number = self.trials.current
        if number is None:
            return
        trial = self.study.get_trials(deepcopy=False)[number]
        if not {WHY, ASIDE} & trial.user_attrs.keys():
            if trial.state == TrialState.RUNNING:
                self.study.tell(number, state=TrialState.FAIL)
            queue_again(self.study, trial)

    def _recover(self):
        """Queue the trials again whose workers died."""
        optuna.storages.fail_stale_trials(self.study)
        now = time.monotonic()
        for trial in live(self.study):
            # one that died between its claim and its first sign of life is never stale
            seen = self._first_seen.setdefault(trial.number, now)
            if not trial.params and now - seen > 2 * storage.GRACE:
                with contextlib.suppress(ValueError, UpdateFinishedTrialError):  # another did
                    self.study.tell(trial.number, state=TrialState.FAIL)
                    queue_again(self.study, trial)
