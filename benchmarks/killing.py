"""Commands that are killed (SIGKILL) at random moments, and what they have left."""

import csv
import hashlib
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile

FACEZOO = [sys.executable, "-m", "facezoo"]


class Killer:
    """Runs commands in processes of their own and kills them.

    Args:
        environment: of the processes.
        times: kills to make in all; commands that are run after the last one end by themselves.
        seed: of the moments.

    Attributes:
        seconds: how long the command took that was never killed.
        kills: how many processes were killed while they ran.
        told: stdout of the last process that ended by itself.
        began: moment of `time.time()` at which the last process was started.
    """

    def __init__(self, environment, times, seed):
        self.environment, self.times, self.random = environment, times, random.Random(seed)
        self.seconds, self.kills, self.began, self.told = 0.0, 0, 0.0, ""

    @property
    def left(self):
        """How many kills are still to be made."""
        return self.times - self.kills

    def whole(self, words):
        """Run the command that the others are compared with, unkilled."""
        start = time.perf_counter()
        self.ended(words)
        self.seconds = time.perf_counter() - start

    def strikes(self, words):
        """Start a command and kill it; return False where it ended before.

        The moment is drawn evenly from the time that the unkilled command took.
        """
        process = self._started(words)
        moment = self.random.uniform(0, self.seconds)
        try:
            told = process.communicate(timeout=moment if self.left else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # not waited for yet: the id is still its own
            told = process.communicate()
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            return True
        self._refuse_failure(process, words, told)
        return False

    def ended(self, words):
        """Run a command to its end; return its stderr."""
        process = self._started(words)
        told = process.communicate()
        self._refuse_failure(process, words, told)
        return told[1]

    def _started(self, words):
        self.began = time.time()
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        group = {"start_new_session": True}  # which a kill takes whole
        return subprocess.Popen(words, env=self.environment, **pipes, **group)

    def _refuse_failure(self, process, words, told):
        self.told, errors = told
        if process.returncode:
            raise SystemExit(f"{' '.join(words)} ended with {process.returncode}: {errors}")


def first_run(runs):
    """Return the run folder `<runs>/<recipe>/<time>`, or None before there is one."""
    return next((path.parent for path in sorted(runs.glob("*/*/recipe.json"))), None)


def result_of(run):
    """Return what a finished run came to, without timings: weights, figures, history."""
    import h5py

    with zipfile.ZipFile(run / "model.keras") as file:
        stored = io.BytesIO(file.read("model.weights.h5"))
    weights = {}

    def keep(name, found):
        if isinstance(found, h5py.Dataset):
            weights[name] = (str(found.dtype), found.shape, found[()].tobytes())

    with h5py.File(stored) as file:
        file.visititems(keep)
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    metrics.pop("seconds_per_epoch")
    with open(run / "history.csv", newline="", encoding="utf-8") as file:
        history = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return {"weights": weights, "metrics": metrics, "history": history}


def differing(one, other):
    """Return the names of what two results differ in."""
    return [name for name in one if one[name] != other[name]]


def reached(run, began, written, epochs):
    """Return where in a training a kill has hit: "starting", "training", "writing", "finishing".

    Args:
        run: run folder, or None.
        began: moment at which the process was started.
        written: names of unfinished files that lay there before.
        epochs: of the recipe.
    """
    if run is None or not (run / "environment.json").exists():
        return "starting"
    if unfinished(run) - written:
        return "writing"
    if (run / "environment.json").stat().st_mtime < began:
        return "starting"
    state = run / "state.json"
    done = json.loads(state.read_text("utf-8"))["checkpoints"][0]["epoch"] if state.exists() else 0
    return "training" if done < epochs else "finishing"


def unfinished(folder):
    """Return the paths of files that were being written."""
    return set(folder.rglob(".writing-*")) if folder is not None else set()


def digest_of_set(folder):
    """Return the sha256 of each file of a prepared set; None for no set."""
    if not folder.exists():
        return None
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def done_trials(database):
    """Return `{cell: [figure of every trial that is done]}` of a study's SQLite file."""
    if not database.exists():
        return {}
    found = {}
    connection = sqlite3.connect(database)
    try:
        rows = connection.execute(
            "SELECT value_json, value FROM trials JOIN trial_values USING (trial_id) "
            "JOIN trial_user_attributes USING (trial_id) WHERE state = 'COMPLETE' AND key = 'cell'"
        )
        for cell, value in rows:
            found.setdefault(int(cell), []).append(value)
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):  # killed before it made them
            raise
    finally:
        connection.close()
    return found
