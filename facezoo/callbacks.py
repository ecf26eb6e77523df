"""What happens at the borders of an epoch: re-seeding, memory, checkpoints.

A training can be killed at any moment and go on as if nothing had happened because
everything random is drawn anew from (seed, epoch) when an epoch begins, and everything
that remembers is written down when it ends: weights and optimizer in a checkpoint, the
callbacks' memory in state.json. Keras' own files keep neither a dropout generator nor
the memory of early stopping.
"""

import math
import time
import warnings

import keras
import numpy as np

from facezoo import backend
from facezoo.errors import CollapseWarning, TrainingDiverged
from facezoo.parallel import alone

KEPT = 2  # checkpoints: the newest, and the one before in case the newest is damaged
LEARNS = 0.2  # of the way from one answer for all to no mistake in training: weights do learn
SETTLED = 1000  # steps after which moving averages of momentum 0.99 have forgotten the start
REMEMBERED = 3  # times 1 / (1 - momentum): steps that an average of the weights remembers
FEWEST = 50  # validation pictures, and steps, from which CollapseWatch concludes anything


class Reseed(keras.callbacks.Callback):
    """Draw every random generator anew from (seed, epoch) when an epoch begins."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        """Seed Python, NumPy, the backend, and every `SeedGenerator` of the model."""
        words = np.random.SeedSequence([self.seed, epoch]).generate_state(3)
        backend.set_seeds(int(words[0]))
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        for number, state in enumerate(states):
            first = (int(words[1]) + number) % 2**32
            state.assign(np.array([first, int(words[2])], dtype="uint32"))


class Remembering:
    """Mixin for Keras callbacks that forget when training begins: `memory` survives it."""

    fields = ()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._recalled = {}

    @property
    def memory(self):
        """JSON-safe dict of what the callback has to know after a restart."""
        return {name: _plain(getattr(self, name)) for name in self.fields}

    def recall(self, memory):
        """Take up a `memory`; takes effect when training begins."""
        self._recalled = {name: memory[name] for name in self.fields if name in memory}

    def on_train_begin(self, logs=None):
        """Begin as Keras does, then take up what was recalled."""
        super().on_train_begin(logs)
        for name, value in self._recalled.items():
            setattr(self, name, value)


class EarlyStopping(Remembering, keras.callbacks.EarlyStopping):
    """Keras' early stopping with a memory; it also tells which epoch is the best."""

    fields = ("wait", "best", "best_epoch", "stopped_epoch")


class ReduceOnPlateau(Remembering, keras.callbacks.ReduceLROnPlateau):
    """Keras' plateau schedule with a memory."""

    fields = ("wait", "best", "cooldown_counter")


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Put the optimizer's moving average of the weights into the model between epochs.

    Validation answers with it and checkpoints hold it, with the last weights in its place in
    the optimizer; the next epoch begins with the last weights again. The statistics of
    BatchNormalization, which are averages already, are left alone.

    Args:
        loaded: whether the weights are those of a checkpoint, hence the average.
    """

    def __init__(self, *, loaded):
        super().__init__(swap_on_epoch=True)
        self._ema_weights_in_model = loaded


class LargestShare(keras.metrics.Metric):
    """Share of the answers that name the most frequent class: 1.0 where all are the same.

    Args:
        num_classes: width of the answers.
        **kwargs: of `keras.metrics.Metric`.
    """

    def __init__(self, num_classes, name="largest_share", **kwargs):
        super().__init__(name=name, **kwargs)
        self.counts = self.add_variable((num_classes,), initializer="zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count the answers, floats (batch, num_classes), but those of no weight at all."""
        answers = keras.ops.argmax(y_pred, axis=-1)
        named = keras.ops.one_hot(answers, self.counts.shape[0], dtype=self.counts.dtype)
        if sample_weight is not None:
            counted = keras.ops.reshape(keras.ops.convert_to_tensor(sample_weight) > 0, (-1, 1))
            named = named * keras.ops.cast(counted, named.dtype)
        self.counts.assign(self.counts + keras.ops.sum(named, axis=0))

    def result(self):
        """Return a scalar in 0-1."""
        total = keras.ops.maximum(keras.ops.sum(self.counts), 1.0)
        return keras.ops.max(self.counts) / total


class CollapseWatch(Remembering, keras.callbacks.Callback):
    """Warn once when a model answers one class for nearly all validation pictures.

    Study E's EfficientNet did so for 65 epochs and nobody was told: its pixels were scaled
    twice. Costs no pass over the pictures: `answers`, a metric to compile the model with,
    counts what `fit` predicts anyway. The first epoch does not count, for many a network
    begins with one class; nor do the first 50 steps, nor fewer than 50 validation pictures:
    a sound network has one answer for all, too, after the few steps of a trial. A network that
    learns in training is given 1,000 steps, for its normalisation to catch up, and more where its
    weights are averaged over more.

    Writes "val_largest_share" into the logs of every epoch, and so into history.csv.

    Args:
        classes: int (N,), the labels of the validation pictures.
        label_set: their `LabelSet`.
        share: of the answers in one class from which on this is a collapse.
        label_share: of the labels in that class, from which on it is none: where nearly
            all pictures are of one class, answering it may be right.

    Attributes:
        answers: `LargestShare`, for `model.compile(metrics=[...])`.
        collapsed_at_epoch: number of the epoch, from 1, that was warned of, or None.

    Warns:
        CollapseWarning: once, at the end of the second epoch or of a later one.
    """

    fields = ("collapsed_at_epoch",)

    def __init__(self, classes, label_set, *, share=0.95, label_share=0.8):
        super().__init__()
        self.classes = np.asarray(classes)
        self.label_set = label_set
        self.share = share
        self.label_share = label_share
        self.answers = LargestShare(len(label_set))
        self.collapsed_at_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        """Look at the answers that the validation has just counted."""
        # the training pictures' share mixes all the weights of an epoch: it tells nothing
        (logs or {}).pop(self.answers.name, None)
        steps = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        early = epoch == 0 or min(steps, len(self.classes)) < FEWEST
        if early or self.collapsed_at_epoch is not None:
            return
        # moving averages, of a normalisation or of the weights, lag behind weights that learn;
        # they alone may make one answer of all, until they have caught up
        commonest = np.bincount(self.classes).max() / len(self.classes)
        learned = (logs or {}).get("accuracy", 0) - commonest
        if learned > LEARNS * (1 - commonest) and steps < self._settled():
            return
        counts = keras.ops.convert_to_numpy(self.answers.counts)
        answered = int(counts.argmax())
        share = counts[answered] / counts.sum()
        labelled = np.mean(self.classes == answered)
        if share >= self.share and labelled < self.label_share:
            self.collapsed_at_epoch = epoch + 1
            warnings.warn(
                f"Got the answer {self.label_set.classes[answered]!r} for {share:.0%} of the "
                f"validation pictures in epoch {epoch + 1}, while {labelled:.0%} are labelled so; "
                "expected several classes by now. If it stays so, look for pixels that are scaled "
                "twice, a learning rate that is too high or too low, or a frozen backbone.",
                CollapseWarning,
                stacklevel=2,
            )

    def _settled(self):
        """Steps after which the averages have forgotten how the training began."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of mixed_float16
        averaged = REMEMBERED / (1 - optimizer.ema_momentum) if optimizer.use_ema else 0
        return max(SETTLED, averaged)


class RunKeeper(keras.callbacks.Callback):
    """Write history, checkpoint and state of a run at the end of every epoch.

    Keeps the newest two checkpoints and the best one.

    Args:
        run: `RunFolder`; None on a host that writes nothing, and only looks at the figures.
        facts: JSON-safe dict that joins state.json: label set, data, shapes.
        early: `EarlyStopping`, which knows the best epoch; must come before this.
        remembering: callbacks whose memory is kept, by name.
        history: rows of the epochs already done, list of dicts.
        entries: state.json's checkpoints so far, newest first.
    """

    def __init__(self, run, facts, early, remembering, history=(), entries=()):
        super().__init__()
        self.run = run
        self.facts = facts
        self.early = early
        self.remembering = remembering
        self.history = list(history)
        self.entries = list(entries)

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Write everything that the next epoch needs, in an order that survives a kill."""
        seconds = time.perf_counter() - self._began
        figures = {name: float(value) for name, value in (logs or {}).items()}
        bad = [name for name, value in figures.items() if not math.isfinite(value)]
        if bad:
            raise _diverged(epoch, bad[0], figures[bad[0]])
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row = {"epoch": epoch + 1, **figures, "learning_rate": rate}
        self.history.append({**row, "seconds": round(seconds, 3)})
        if self.run is not None:
            with alone():
                self._write(epoch)

    def _write(self, epoch):
        self.run.write_history(self.history)
        name = f"checkpoints/epoch-{epoch + 1:04d}.weights.h5"
        digest = self.run.write_file(name, self.model.save_weights)
        better = self.early.best_epoch == epoch
        before = {"best": name, "best_sha256": digest} if better else self.entries[0]
        memory = {key: each.memory for key, each in self.remembering.items()}
        entry = {
            "epoch": epoch + 1,
            "checkpoint": name,
            "sha256": digest,
            "best": before["best"],
            "best_sha256": before.get("best_sha256"),  # runs begun earlier lack it
            "stopped": bool(self.model.stop_training),
            "memory": memory,
        }
        self.entries = [entry, *self.entries][:KEPT]
        self.run.write_json("state.json", {**self.facts, "checkpoints": self.entries})
        needed = {e["checkpoint"] for e in self.entries} | {e["best"] for e in self.entries}
        for old in (self.run.path / "checkpoints").glob("epoch-*.weights.h5"):
            if f"checkpoints/{old.name}" not in needed:
                old.unlink(missing_ok=True)


def _diverged(epoch, name, value):
    good = f"the last good checkpoint is of epoch {epoch}" if epoch else "no epoch went well"
    return TrainingDiverged(
        f"Got {name}={value} in epoch {epoch + 1}; expected a finite number; {good}. Lower the "
        "rate, such as --set learning_rate=0.0003."
    )


def _plain(value):
    """NumPy scalars and one-element arrays -> Python numbers; None stays."""
    return value if value is None or isinstance(value, (int, str)) else float(value)
