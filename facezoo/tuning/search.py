"""`Search`: what is searched and how; and the Optuna study that keeps it and its trials."""

import dataclasses
import functools
import importlib.util
import json
import random
import secrets
import time

import numpy as np
import optuna

from facezoo.datasets.base import same_data
from facezoo.errors import TuningError, unknown
from facezoo.recipes import Recipe, Space
from facezoo.tuning.claims import CELL, cells_taken, finished, live, waiting

FORMAT = 1
METHODS = ("bayes", "grid", "random", "gp")
PRUNERS = ("median", "hyperband")
TRIALS = 20
KEY = "facezoo"  # user attribute of the study that holds the search
SHUFFLED = 100_000  # cells
MOST_CELLS = 1_000_000  # of a grid: each is a training
WAIT = 5  # seconds that a worker gives the one that has just made the study


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure of the validation pictures.

    Args:
        direction: "maximize" or "minimize".
        epoch: name of the figure that an epoch ends with, for pruning.
    """

    direction: str
    epoch: str


METRICS = {
    "accuracy": Metric("maximize", "val_accuracy"),
    "log_loss": Metric("minimize", "val_loss"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """What a study searches.

    Args:
        recipe: the `Recipe` that is varied.
        space: `Space` of its fields.
        method: "bayes" (multivariate TPE), "grid", "random", or "gp" (Gaussian process, which
            wants PyTorch).
        trials: settings to try; None for 20, or for all cells of a grid.
        metric: "accuracy" or "log_loss", of the validation pictures.
        pruner: None, "median" or "hyperband": stops trials that lag behind.
        fingerprint: of the data, so that all workers have the same.

    Raises:
        UnknownName: no such method, metric, pruner or field.
        TuningError: no trials, or figures that pruning cannot compare.
        RecipeError: a value of the space that the recipe cannot take.
    """

    recipe: Recipe
    space: Space
    method: str = "bayes"
    trials: int | None = None
    metric: str = "accuracy"
    pruner: str | None = None
    fingerprint: str = ""

    def __post_init__(self):
        for kind, known in (("method", METHODS), ("metric", METRICS), ("pruner", PRUNERS)):
            value = getattr(self, kind)
            if value not in known and (kind, value) != ("pruner", None):
                raise unknown(kind, value, known)
        whole = isinstance(self.trials, int) and not isinstance(self.trials, bool)
        if self.trials is not None and not (whole and self.trials >= 1):
            raise TuningError(
                f"Got trials={self.trials!r}; expected a whole number of at least 1. Change it."
            )
        self.space.check(self.recipe)
        if self.pruner and self.metric == "log_loss" and "label_smoothing" in self.space.fields:
            raise TuningError(
                "Got pruning by log_loss with label_smoothing in the space; expected losses of one "
                "scale, which smoothing changes. Search by accuracy, or without pruning."
            )
        if self.method == "grid":
            self.space.cell(0)  # refuses what has no grid
        cells = self.space.count()
        if self.method == "grid" and cells > MOST_CELLS:
            raise TuningError(
                f"Got a grid of more than {MOST_CELLS:,} settings; expected fewer. Write wider "
                "steps, or search with bayes or random."
            )
        trials = self.trials or (cells if self.method == "grid" else TRIALS)
        object.__setattr__(self, "trials", trials if cells is None else min(trials, cells))

    def to_dict(self):
        """Return the fields as JSON holds them."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        nested = {"recipe": self.recipe.to_dict(), "space": self.space.to_dict()}
        return {"format": FORMAT, **fields, **nested}

    @classmethod
    def from_dict(cls, stored, study):
        """Inverse of `to_dict`.

        Raises:
            TuningError: another version's, or not facezoo's.
        """
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise TuningError(
                f"Got study {study!r}, which was not made by this version of facezoo; expected one "
                "that was. Choose another name."
            )
        fields = {k: v for k, v in stored.items() if k != "format"}
        fields["recipe"] = Recipe.from_dict(fields["recipe"])
        fields["space"] = Space.from_dict(fields["space"])
        return cls(**fields)

    @functools.cached_property
    def cells(self):
        """`{number: cell}` of the grid's cells in the order in which they are tried."""
        count, draw = self.space.count(), random.Random(self.recipe.seed)
        # of a grid that fits into memory more trials are the same ones and others
        most = count if count <= SHUFFLED else self.trials
        order = draw.sample(range(count), most)[: self.trials]
        return {number: self.space.cell(number) for number in order}


def open_study(name, storage, search=None, trials=None, alone=False):
    """Make a study, or join the one of that name.

    Args:
        name: of the study.
        storage: Optuna's.
        search: what to search; None to join whatever the study searches.
        trials: when joining, another number of settings to try; None for the study's.
        alone: no other worker draws settings now.

    Returns:
        (optuna.Study, `Search`).

    Raises:
        TuningError: no such study to join, or one of another recipe, space, data, method or
            metric.
    """
    made = False
    if search is not None:
        try:
            direction = METRICS[search.metric].direction
            study = optuna.create_study(study_name=name, storage=storage, direction=direction)
            made = True
        except optuna.exceptions.DuplicatedStudyError:
            pass
    if not made:
        try:
            study = optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            known = sorted(optuna.study.get_all_study_names(storage))
            there = f" There are: {', '.join(known)}." if known else ""
            raise TuningError(
                f"Got study {name!r}, which the storage does not hold; expected one to join."
                f"{there} Name a recipe to begin it."
            ) from None
        stored = _stored(study, search is None)
        if stored is not None:
            stored = Search.from_dict(stored, name)
            if search is not None:
                _refuse_another(stored, search, name)
            search = search or stored
            if trials is not None:
                search = dataclasses.replace(search, trials=trials)
    if made or stored is None or search != stored:
        study.set_user_attr(KEY, search.to_dict())  # those that join learn it
    study.sampler, study.pruner = _sampler(search, study, made or alone), _pruner(search)
    return study, search


def fill(study, search):
    """Queue the cells of a grid that are neither done nor queued."""
    taken = cells_taken(study)
    for number, cell in search.cells.items():
        if number not in taken:
            study.enqueue_trial(encoded(cell), user_attrs={CELL: number})


def complete(study, search):
    """Return whether every setting that was asked for has been tried."""
    counted = finished(study)
    if search.method == "grid":
        return set(search.cells) <= {t.user_attrs.get(CELL) for t in counted}
    return len(counted) >= search.trials


def wanted(study, search):
    """Return whether there is a trial to begin."""
    if search.method == "grid":
        return bool(waiting(study))
    return len(finished(study)) + len(live(study)) < search.trials


def suggest(trial, space):
    """Return `{field: value}` that a trial is to try."""
    for name, choices in space.fields.items():
        if isinstance(choices, tuple):
            trial.suggest_categorical(name, [_text(choice) for choice in choices])
        elif choices.whole:
            step = {} if choices.log else {"step": choices.step or 1}
            trial.suggest_int(name, choices.low, choices.high, log=choices.log, **step)
        else:
            range_ = {"log": choices.log, "step": choices.step}
            trial.suggest_float(name, choices.low, choices.high, **range_)
    return setting(trial.params, space)


def setting(params, space):
    """Return `{field: value}` of a trial's parameters."""
    values = {}
    for name, choices in space.fields.items():
        texts = {_text(choice): choice for choice in choices} if isinstance(choices, tuple) else {}
        if name in params:
            values[name] = texts.get(params[name], params[name])
    return values


def encoded(cell):
    """Return a setting as Optuna stores it: lists and objects as text."""
    return {name: _text(value) for name, value in cell.items()}


def _text(value):
    return json.dumps(value) if isinstance(value, list | dict) else value


def _stored(study, joining):
    """Return the search that a study holds; None where its maker died before it wrote it."""
    end = time.monotonic() + WAIT
    while KEY not in study.user_attrs and time.monotonic() < end:
        time.sleep(0.2)
    if KEY not in study.user_attrs and (joining or study.get_trials(deepcopy=False)):
        return {}  # not facezoo's
    return study.user_attrs.get(KEY)


def _refuse_another(stored, search, name):
    for field in ("recipe", "space", "method", "metric", "fingerprint"):
        had, got = (getattr(each, field) for each in (stored, search))
        if field == "recipe":
            had, got = had.trained.to_dict(), got.trained.to_dict()
            differ = {k: had[k] for k in had if had[k] != got[k]}
            had, got = differ, {k: got[k] for k in differ}
        if had != got and not (field == "fingerprint" and same_data(had, got)):
            what = "data" if field == "fingerprint" else field
            told = "" if field in ("space", "fingerprint") else f" ({had} there, {got} here)"
            raise TuningError(
                f"Got study {name!r}, which exists with another {what}{told}; expected the same. "
                f"Choose another --study, or join it as it is: --study {name} without a recipe."
            )


def _sampler(search, study, alone):
    """The sampler of a method; one that is alone draws the same each time."""
    known = len(study.get_trials(deepcopy=False))
    alone = alone or (known and not live(study))
    worker = 0 if alone else secrets.randbits(32)
    seed = int(np.random.SeedSequence([search.recipe.seed, known, worker]).generate_state(1)[0])
    if search.method == "gp":
        if importlib.util.find_spec("torch") is None:  # Optuna says so after ten trials
            raise TuningError(
                "Got method 'gp', which wants PyTorch; expected it to be installed. Install "
                "torch, or search with bayes."
            )
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True)
    if search.method == "bayes":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(search):
    if search.pruner == "median":
        return optuna.pruners.MedianPruner(n_warmup_steps=search.recipe.epochs // 5)
    if search.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=search.recipe.epochs)
    return optuna.pruners.NopPruner()
