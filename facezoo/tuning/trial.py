"""A trial: one setting of the space, trained like any recipe and judged on validation pictures."""

import keras
import optuna

from facezoo.errors import FacezooError
from facezoo.training import train
from facezoo.tuning.search import finished, running, suggest

REPORTED = {"accuracy": "val_accuracy", "log_loss": "val_loss"}  # an epoch, for pruning
COPIES = 50  # settings drawn in a row that were tried before: the space is searched through


class Unwanted(Exception):
    """A trial that is not to be trained: one too many, or a setting that was tried before."""


class Trials:
    """What Optuna calls for each trial of a search, in one worker.

    Args:
        search: `Search`.
        folder: of the study; run folders go to trials/ in it.
        root: folder of prepared data sets; None for the default.
        callbacks: more Keras callbacks for every training.
    """

    caught = (FacezooError, Unwanted, ArithmeticError, RuntimeError, TypeError)

    def __init__(self, search, folder, root=None, callbacks=()):
        self.search, self.root, self.callbacks = search, root, callbacks
        self.runs = folder / "trials"
        self.copies = 0
        self.spent = False  # the space is searched through

    def __call__(self, trial):
        """Train a trial's setting; return its validation figure."""
        values = self._values(trial)
        recipe = self.search.recipe.override({**values, "name": f"trial-{trial.number:04d}"})
        keras.utils.clear_session()
        watch = _Report(trial, REPORTED[self.search.metric], prune=self.search.pruner is not None)
        try:
            run = train(
                recipe,
                runs=self.runs,
                root=self.root,
                evaluate=False,  # the test pictures are the winner's
                callbacks=[watch, *self.callbacks],
            )
            return run.metrics["validation"][self.search.metric]
        except optuna.TrialPruned:
            raise
        except KeyboardInterrupt:
            _again(trial)
            raise
        except Exception as error:
            trial.set_user_attr("why", " ".join(str(error).split())[:500] or type(error).__name__)
            raise
        finally:
            made = sorted((self.runs / recipe.name).glob("*"))
            if made:
                trial.set_user_attr("run", str(made[-1]))

    def _values(self, trial):
        """Return the setting to train, or refuse one that is not to be."""
        if self.search.method == "grid" and "cell" not in trial.user_attrs:
            self.spent = True
            raise self._unwanted(trial, "no cell is left")
        values = suggest(trial, self.search.space)
        taken = [t for t in (*finished(trial.study), *running(trial.study)) if not _aside(t)]
        if sum(t.number < trial.number for t in taken) >= self.search.trials:
            raise self._unwanted(trial, "one more than asked for")
        same = [t for t in taken if t.number < trial.number and t.params == trial.params]
        if same and self.search.method != "grid":
            self.copies += 1
            self.spent = self.copies >= COPIES
            said = f"the setting of trial {same[0].number}"
            raise self._unwanted(trial, said, stop=self.spent)
        self.copies = 0
        return values

    def _unwanted(self, trial, said, stop=True):
        trial.set_user_attr("aside", said)
        if stop:
            trial.study.stop()
        return Unwanted(said)


class _Report(keras.callbacks.Callback):
    """Tell Optuna every epoch's figure, and end a training that lags behind."""

    def __init__(self, trial, figure, prune):
        super().__init__()
        self.trial, self.figure, self.prune = trial, figure, prune

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(float(logs[self.figure]), epoch + 1)
        if self.prune and self.trial.should_prune():
            raise optuna.TrialPruned


def _aside(trial):
    return "aside" in trial.user_attrs


def _again(trial):
    """Queue an interrupted trial's setting anew."""
    study = trial.study
    study.enqueue_trial(
        dict(trial.params), user_attrs={k: v for k, v in trial.user_attrs.items() if k == "cell"}
    )
