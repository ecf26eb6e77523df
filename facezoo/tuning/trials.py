"""A trial: one setting of the space, trained like any recipe and judged on validation pictures."""

import math
import random
import warnings

import keras
import optuna

from facezoo.errors import CollapseWarning, DatasetNotFound, RunError, StoreError, TuningError
from facezoo.training import train
from facezoo.tuning.claims import ASIDE, CELL, WHY, rivals
from facezoo.tuning.search import METRICS, encoded, suggest

SEARCHED = 10_000  # settings of a space that are looked through for one that was not tried
UNABLE = (  # what is wrong with this machine, not with the setting
    DatasetNotFound,
    StoreError,
    RunError,
    OSError,
    optuna.exceptions.StorageInternalError,
)


class SetAside(Exception):
    """A trial that is not to be trained."""


class Trials:
    """What Optuna calls for each trial of a search, in one worker.

    Args:
        search: `Search`.
        folder: of the study; run folders go to trials/ in it.
        root: folder of prepared data sets; None for the default.
        callbacks: more Keras callbacks for every training.
    """

    def __init__(self, search, folder, root=None, callbacks=()):
        self.search, self.root, self.callbacks = search, root, callbacks
        self.runs = folder / "trials"
        self.current = None  # number of the trial at work
        self.unable = None  # the error by which this machine cannot train any
        self.interrupted = False

    def __call__(self, trial):
        """Train a trial's setting; return its validation figure."""
        self.current = trial.number
        values = self._values(trial)
        try:
            return self._trained(trial, values)
        except optuna.TrialPruned:
            raise
        except UNABLE as error:
            self.unable = error
            raise
        except Exception as error:
            if self.interrupted:  # a library in which Ctrl-C became an error of its own
                raise KeyboardInterrupt from error
            trial.set_user_attr(WHY, " ".join(str(error).split())[:500] or type(error).__name__)
            raise

    def _trained(self, trial, values):
        metric = METRICS[self.search.metric]
        recipe = self.search.recipe.override({**values, "name": f"trial-{trial.number:04d}"})
        keras.utils.clear_session()
        watch = _Report(trial, metric.epoch, prune=self.search.pruner is not None)
        before = set(self._folders(recipe))
        try:
            with warnings.catch_warnings():
                # a search tries what collapses, too; history.csv has it
                warnings.simplefilter("ignore", CollapseWarning)
                run = train(
                    recipe,
                    runs=self.runs,
                    root=self.root,
                    evaluate=False,  # the test pictures are the winner's
                    callbacks=[watch, *self.callbacks],
                )
        finally:
            for path in set(self._folders(recipe)) - before:  # none, of one that broke at once
                trial.set_user_attr("run", str(path))
        value = run.metrics["validation"][self.search.metric]
        if not math.isfinite(value):
            raise TuningError(f"Got {self.search.metric} {value}; expected a number.")
        return value

    def _folders(self, recipe):
        return (self.runs / recipe.name).glob("*")

    def _values(self, trial):
        """Return the setting to train, or set the trial aside."""
        others = rivals(trial.study, trial.number)
        if self.search.method == "grid":
            cell = trial.user_attrs.get(CELL)
            if cell is None or cell not in self.search.cells:
                raise _aside(trial, "not a cell that was asked for")
            if any(other.user_attrs.get(CELL) == cell for other in others):
                raise _aside(trial, "another trial has this cell")
            return suggest(trial, self.search.space)
        if len(others) >= self.search.trials:
            raise _aside(trial, "one more than asked for")
        values = suggest(trial, self.search.space)
        if any(other.params == trial.params for other in others):
            self._queue_near(trial, [other.params for other in others])
            raise _aside(trial, "a setting that was tried before")
        return values

    def _queue_near(self, trial, tried):
        """Queue a setting that was not tried and differs in as few fields as may be.

        A sampler that knows where the best lies draws it again and again. Where the settings
        cannot be counted, or are very many, it soon draws another.
        """
        count = self.search.space.count()
        if count is None or count > SEARCHED:
            return
        cells = (encoded(self.search.space.cell(number)) for number in range(count))
        left = [cell for cell in cells if cell not in tried]
        if left:
            random.Random(trial.number).shuffle(left)  # among equals any
            near = max(left, key=lambda cell: len(cell.items() & trial.params.items()))
            trial.study.enqueue_trial(near)


class _Report(keras.callbacks.Callback):
    """Tell Optuna every epoch's figure, and end a training that lags behind."""

    def __init__(self, trial, figure, prune):
        super().__init__()
        self.trial, self.figure, self.prune = trial, figure, prune

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(float(logs[self.figure]), epoch + 1)
        if self.prune and self.trial.should_prune():
            raise optuna.TrialPruned


def _aside(trial, reason):
    trial.set_user_attr(ASIDE, reason)
    return SetAside(reason)
