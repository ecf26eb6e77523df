"""The run folder: everything that a training leaves, and the only code that writes it.

`runs/<recipe>/<time>/` holds `recipe.json environment.json history.csv state.json
checkpoints/ model.keras metrics.json report.md confusion_matrix.png curves.png`. Every
file is written beside its place and renamed, so that a killed process leaves whole files
only.
"""

import contextlib
import datetime
import errno
import json
import re
import shutil
import warnings
from pathlib import Path

import pandas as pd

from facezoo.errors import FacezooError, RunError
from facezoo.files import BESIDE, clear_beside, is_number, locked, read_json, replacing, sha256
from facezoo.labels import LabelSet
from facezoo.recipes import Recipe

FORMAT = 1
MADE = ("metrics.json", "model.keras", "report.md", "confusion_matrix.png", "curves.png")  # at last
STATE = {  # fields of state.json that are read again, and their kinds
    "fingerprint": str,
    "label_set": dict,
    "input_shape": list,
    "protocol": str,
    "checkpoints": list,
}
CHECKPOINT = {
    "epoch": int,
    "checkpoint": str,
    "sha256": str,
    "best": str,
    "stopped": bool,
    "memory": dict,
}


class RunFolder:
    """A run folder, opened or new; what lies in it is read when asked for.

    Args:
        path: a folder that holds recipe.json.

    Raises:
        RunError: no run folder there.
    """

    def __init__(self, path):
        self.path = Path(path)
        if not (self.path / "recipe.json").is_file():
            raise RunError(
                f"Got {str(path)!r}, which holds no recipe.json; expected a run folder. "
                "`facezoo train RECIPE` prints the folder that it makes."
            )

    def __fspath__(self):
        return str(self.path)

    def __repr__(self):
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, path, recipe, seeds=None):
        """Make a folder at `path` for a recipe.

        recipe.json comes last: a folder without it is what a killed process had begun, and is
        taken over.

        Args:
            path: of the folder.
            recipe: `Recipe`.
            seeds: list of the seeds of a run of several; None for a run of one.

        Raises:
            RunError: something lies there already, or it cannot be written.
        """
        path = Path(path)
        try:
            path.mkdir(parents=True, exist_ok=_only_begun(path))
            (path / "checkpoints").mkdir(exist_ok=True)
            several = {} if seeds is None else {"seeds.json": seeds}
            for name, value in {**several, "recipe.json": recipe.to_dict()}.items():
                with replacing(path / name) as beside:
                    beside.write_text(_json_text(value), "utf-8")
        except FileExistsError:
            raise RunError(
                f"Got {str(path)!r}, which exists; expected a new folder. Choose another, or go "
                f"on with: facezoo train --resume {path}"
            ) from None
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise RunError(
                f"Got {error.strerror!r} while making {str(path)!r}; expected a folder with room "
                "that can be written. Pass --runs with another folder."
            ) from None
        return cls(path)

    @classmethod
    def create_timed(cls, folder, recipe, seeds=None):
        """Make `<folder>/<recipe>/<UTC time>`, as `create` does."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
        place, number = Path(folder) / recipe.name / now, 2
        while place.exists():
            place, number = place.with_name(f"{now}-{number}"), number + 1
        return cls.create(place, recipe, seeds)

    @classmethod
    def find(cls, folder, recipe, seeds=None, *, shorter=False):
        """Return the newest run of a recipe under `folder`, done or begun; None without one.

        Words that change no training may differ; damaged folders are passed over with a warning.

        Args:
            folder: under which `create_timed` made runs.
            recipe: `Recipe`.
            seeds: list of the seeds of a run of several; None for a run of one.
            shorter: where there is none, take the one with most epochs done that can go on to the
                recipe's.
        """
        begun = []
        for path in sorted((Path(folder) / recipe.name).glob("*/recipe.json"), reverse=True):
            try:
                run = cls(path.parent)
                several = (run.path / "seeds.json").exists()
                found = run.read_json("seeds.json") if several else None
                if found != seeds:
                    continue
                if (asked := run.recipe).trained == recipe.trained:
                    return run
                if shorter and asked.begins(recipe):
                    begun.append((run._epochs_done(seeds), asked.epochs, run))
            except RunError as error:
                warnings.warn(f"{path.parent} is passed over: {error}", stacklevel=3)
        *_, longest = max(begun, key=lambda each: each[:2], default=(None,))
        return longest

    def _epochs_done(self, seeds):
        """How many epochs have ended; of the seed with the fewest, for a run of several."""
        folders = [self] if seeds is None else self.seeds
        whole = seeds is None or len(folders) == len(seeds)
        return min(len(each.history) for each in folders) if whole else 0

    @property
    def recipe(self):
        """The `Recipe` that the run was started with, or lengthened to."""
        try:
            return Recipe.from_dict(self.read_json("recipe.json"))
        except RunError:
            raise
        except FacezooError as error:
            raise self._damaged("recipe.json", error) from None

    @property
    def seeds(self):
        """Run folders of the seeds, for a run of several; else an empty list."""
        begun = [p.parent for p in self.path.glob("seed-*/recipe.json")]
        found = {p: re.fullmatch(r"seed-(\d+)", p.name) for p in begun}
        numbered = {p: int(match[1]) for p, match in found.items() if match}
        return [RunFolder(p) for p in sorted(numbered, key=numbered.get)]

    @property
    def state(self):
        """What state.json holds, or None before the first epoch ended."""
        if not (self.path / "state.json").exists():
            return None
        state = self.read_json("state.json")
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise self._damaged("state.json", f"not of format {FORMAT}")
        if not _has(state, STATE) or not state["checkpoints"]:
            raise self._damaged("state.json", "fields are missing or of another kind")
        if not all(map(_is_checkpoint, state["checkpoints"])):
            raise self._damaged("state.json", "a checkpoint's fields are not such as they were")
        shape = state["input_shape"]
        if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
            raise self._damaged("state.json", f"input_shape {shape!r}")
        try:
            LabelSet.from_dict(state["label_set"])
        except FacezooError as error:
            raise self._damaged("state.json", error) from None
        return state

    @property
    def metrics(self):
        """What metrics.json holds: recipe, protocol, validation and test figures."""
        metrics = self.read_json("metrics.json")
        roles = ("calibration", "validation", "test")
        if not isinstance(metrics, dict) or not all(
            isinstance(metrics.get(role, {}), dict) for role in roles
        ):
            raise self._damaged("metrics.json", "no object of figures")
        temperature = metrics.get("calibration", {}).get("temperature", 1.0)
        if not is_number(temperature) or temperature <= 0:
            raise self._damaged("metrics.json", f"temperature {temperature!r}")
        return metrics

    @property
    def history(self):
        """DataFrame, a row an epoch: epoch (from 1), loss, accuracy, val_loss ..."""
        try:
            table = pd.read_csv(self.path / "history.csv", dtype=str)
            # pandas' own parser was exact to the last bit in some versions only
            kinds = {name: int if name == "epoch" else float for name in table}
            return table.astype(kinds)
        except FileNotFoundError:
            return pd.DataFrame({"epoch": pd.Series(dtype="int64")})
        except (OSError, ValueError, OverflowError) as error:
            raise self._damaged("history.csv", error) from None

    def read_json(self, name):
        """Return what a JSON file of the folder holds; `RunError` if it cannot be read."""
        try:
            return read_json(self.path / name)
        except (OSError, ValueError) as error:
            raise self._damaged(name, error) from None

    def write_json(self, name, value):
        """Write a JSON file of the folder, whole or not at all."""
        self.write_text(name, _json_text(value))

    def write_text(self, name, text):
        """Write a text file of the folder, whole or not at all."""
        with self._writing(name) as beside:
            beside.write_text(text, "utf-8")

    def write_history(self, rows):
        """Write history.csv from a list of dicts, a dict an epoch."""
        self.write_text("history.csv", pd.DataFrame(rows).to_csv(index=False))

    def write_figure(self, name, figure):
        """Write a matplotlib Figure as PNG."""
        with self._writing(name) as beside:
            figure.savefig(beside, format="png")

    def write_file(self, name, save):
        """Write any file through `save(path)`; return its sha256."""
        with self._writing(name) as beside:
            try:
                save(str(beside))
            except RuntimeError as error:  # how h5py says that a disk is full
                raise OSError(errno.EIO, str(error).partition("\n")[0]) from None
            digest = sha256(beside)
        return digest

    @contextlib.contextmanager
    def _writing(self, name):
        try:
            with replacing(self.path / name) as beside:
                yield beside
        except OSError as error:
            raise RunError(
                f"Got {error.strerror or error} while writing {name} to {str(self.path)!r}; "
                "expected a folder with room that can be written. What was there is whole; make "
                f"room and go on with: facezoo train --resume {self.path}"
            ) from None

    @contextlib.contextmanager
    def locked(self):
        """Keep other trainings out of the folder; `RunError` where one is at work.

        Unfinished files of killed ones are removed.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(self.path / ".lock", wait=False))
            except BlockingIOError:
                raise RunError(
                    f"Got {str(self.path)!r}, into which another training writes; expected a "
                    "folder of its own. Wait for it, or start a new run."
                ) from None
            except OSError as error:
                raise RunError(
                    f"Got {error.strerror!r} for {str(self.path)!r}; expected a run folder that "
                    "can be written. Change its permissions, or start a new run."
                ) from None
            clear_beside(self.path)
            clear_beside(self.path / "checkpoints")
            yield

    def lengthen(self, epochs):
        """Ask more epochs of a run, and of its seeds; what was made of fewer is removed first.

        The checkpoints stay. Killed in between, the run goes on by `train(resume=...)`: to the old
        number where its own recipe.json, which is written first, still asks for that, or else to
        the new one with all its seeds.

        Raises:
            RecipeError: as `Recipe.lengthened`.
            RunError: another training writes there, or it cannot be written.
        """
        with contextlib.ExitStack() as held:
            folders = [self, *self.seeds]
            for each in folders:
                held.enter_context(each.locked())
            recipes = [each.recipe for each in folders]
            longer = [recipe.lengthened(epochs) for recipe in recipes]
            for each, before, after in zip(folders, recipes, longer, strict=True):
                if after != before:
                    each._remove(MADE)
                    each.write_json("recipe.json", after.to_dict())

    def _remove(self, names):
        try:
            for name in names:
                (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"Got {error.strerror!r} while removing files of {str(self.path)!r}; expected a "
                "run folder that can be written. Change its permissions, or start a new run."
            ) from None

    def discard(self):
        """Remove the folder that was made for a run with nothing to keep yet."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()  # only if empty

    def _damaged(self, name, error):
        return RunError(
            f"Got {str(self.path / name)!r}, which cannot be read ({error}); expected a file that "
            "facezoo wrote. Restore it, or train again."
        )


def _only_begun(path):
    """Whether a folder holds no more than `create` makes before recipe.json."""
    return path.is_dir() and all(
        found.name in ("checkpoints", "seeds.json") or found.name.startswith(BESIDE)
        for found in path.iterdir()
    )


def _json_text(value):
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _has(fields, kinds):
    """Whether an object of JSON has these fields, each of its kind."""
    return isinstance(fields, dict) and all(
        isinstance(fields.get(name), kind) for name, kind in kinds.items()
    )


def _is_checkpoint(entry):
    """Whether state.json tells of a checkpoint as `RunKeeper` does: files of this run alone."""
    if not _has(entry, CHECKPOINT) or entry["epoch"] < 1:
        return False
    files = (entry["checkpoint"], entry["best"])
    memories = entry["memory"].values()
    return (
        all(re.fullmatch(r"checkpoints/epoch-\d+\.weights\.h5", file) for file in files)
        and all(isinstance(memory, dict) for memory in memories)
        and all(v is None or isinstance(v, int | float) for m in memories for v in m.values())
        and isinstance(entry["memory"].get("early", {}).get("best_epoch"), int)
    )
