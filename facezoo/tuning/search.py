"""`Search`: what is searched and how; and the Optuna study that keeps it and its trials."""

import dataclasses
import importlib.util
import json
import os
import random
import time

import numpy as np
import optuna
from optuna.trial import TrialState

from facezoo.errors import TuningError, unknown
from facezoo.recipes import Recipe, Space
from facezoo.tuning.storage import masked, open_storage

FORMAT = 1
METHODS = ("bayes", "grid", "random", "gp")
PRUNERS = (None, "median", "hyperband")
METRICS = {"accuracy": "maximize", "log_loss": "minimize"}  # of the validation pictures
KEY = "facezoo"  # user attribute of the study that holds the search
READY = "facezoo_ready"  # set once every cell of a grid waits
WAIT = 60  # seconds that a worker waits for the one that made the study to fill it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """What a study searches.

    Args:
        recipe: the `Recipe` that is varied.
        space: `Space` of its fields.
        method: "bayes" (multivariate TPE), "grid", "random", or "gp" (Gaussian process, which
            wants PyTorch).
        trials: settings to try; for a grid None is all cells.
        metric: "accuracy" or "log_loss", of the validation pictures.
        pruner: None, "median" or "hyperband": stops trials that lag behind.

    Raises:
        UnknownName: no such method, metric, pruner or field.
        TuningError: no trials.
        RecipeError: a value of the space that the recipe cannot take.
    """

    recipe: Recipe
    space: Space
    method: str = "bayes"
    trials: int | None = None
    metric: str = "accuracy"
    pruner: str | None = None

    def __post_init__(self):
        for kind, known in (("method", METHODS), ("pruner", PRUNERS), ("metric", METRICS)):
            if getattr(self, kind) not in known:
                raise unknown(kind, getattr(self, kind), filter(None, known))
        if self.trials is None and self.method != "grid":
            object.__setattr__(self, "trials", 20)
        if self.trials is not None and (not isinstance(self.trials, int) or self.trials < 1):
            raise TuningError(
                f"Got trials={self.trials!r}; expected a whole number of at least 1. Change it."
            )
        self.space.check(self.recipe)
        if self.method == "grid":
            cells = len(self.space.cells())
            object.__setattr__(self, "trials", min(self.trials or cells, cells))

    def to_dict(self):
        """Return the fields as JSON holds them."""
        nested = {"recipe": self.recipe.to_dict(), "space": self.space.to_dict()}
        return {"format": FORMAT, **vars(self), **nested}

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

    def cells(self):
        """Return the cells of the grid in the order in which they are tried, seeded."""
        cells = self.space.cells()
        random.Random(self.recipe.seed).shuffle(cells)
        return cells[: self.trials]


def open_study(name, url, search=None):
    """Make a study, or join the one of that name.

    Args:
        name: of the study.
        url: of the storage.
        search: what to search; None to join whatever the study searches.

    Returns:
        (optuna.Study, `Search`): with the trials that were asked for now.

    Raises:
        TuningError: no such study to join, or one of another recipe, space, method or metric.
    """
    storage = open_storage(url)
    names = optuna.study.get_all_study_names(storage)
    made = False
    if name not in names:
        if search is None:
            known = f" There are: {', '.join(names)}." if names else ""
            raise TuningError(
                f"Got study {name!r}, which {masked(url)} does not hold; expected one to join."
                f"{known} Name a recipe to begin it."
            )
        try:
            study = optuna.create_study(
                study_name=name, storage=storage, direction=METRICS[search.metric]
            )
            study.set_user_attr(KEY, search.to_dict())
            made = True
        except optuna.exceptions.DuplicatedStudyError:
            pass  # another worker was faster
    if not made:
        study = optuna.load_study(study_name=name, storage=storage)
        stored = Search.from_dict(_awaited(study, KEY), name)
        if search is not None:
            _refuse_another(stored, search, name)
        if search is not None and search != stored:  # more trials: those that join learn it
            study.set_user_attr(KEY, search.to_dict())
        search = search or stored
    if search.method == "grid":
        ready = 0 if made else _awaited(study, READY) or 0
        if ready < search.trials:
            for number, cell in enumerate(search.cells()):
                attributes = {"cell": number}
                study.enqueue_trial(_encoded(cell), user_attrs=attributes, skip_if_exists=not made)
            study.set_user_attr(READY, search.trials)
    study.sampler, study.pruner = _sampler(search, study), _pruner(search)
    return study, search


def suggest(trial, space):
    """Return `{field: value}` that a trial is to try."""
    values = {}
    for name, choices in space.fields.items():
        if isinstance(choices, tuple):
            texts = {_text(choice): choice for choice in choices}
            values[name] = texts[trial.suggest_categorical(name, list(texts))]
        elif choices.whole:
            step = {} if choices.log else {"step": choices.step or 1}
            values[name] = trial.suggest_int(
                name, choices.low, choices.high, log=choices.log, **step
            )
        else:
            values[name] = trial.suggest_float(
                name, choices.low, choices.high, log=choices.log, step=choices.step
            )
    return values


def setting(params, space):
    """Return `{field: value}` of a finished trial's parameters."""
    values = {}
    for name, choices in space.fields.items():
        texts = {_text(choice): choice for choice in choices} if isinstance(choices, tuple) else {}
        values[name] = texts.get(params[name], params[name])
    return values


def finished(study):
    """Return the trials that count: done, pruned, or failed for a reason of their own."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        or (trial.state == TrialState.FAIL and "why" in trial.user_attrs)
    ]


def running(study):
    """Return the trials that a worker is at, or was when it died."""
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _text(value):
    """A choice as Optuna can store it: lists and dicts as text."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _encoded(cell):
    return {name: _text(value) for name, value in cell.items()}


def _refuse_another(stored, search, name):
    for field in ("recipe", "space", "method", "metric"):
        if getattr(stored, field) != getattr(search, field):
            raise TuningError(
                f"Got study {name!r}, which exists with another {field}; expected the same. "
                "Choose another --study, or leave the recipe out to join it as it is."
            )


def _awaited(study, key):
    """Return a user attribute of the study once it is there, or None."""
    end = time.monotonic() + WAIT
    while key not in study.user_attrs and time.monotonic() < end:
        time.sleep(0.2)
    return study.user_attrs.get(key)


def _sampler(search, study):
    """The sampler of a method; what it draws differs from worker to worker and call to call."""
    known = len(study.get_trials(deepcopy=False))
    worker = os.getpid() if running(study) else 0  # alone, the same call draws the same
    seed = int(np.random.SeedSequence([search.recipe.seed, known, worker]).generate_state(1)[0])
    if search.method == "gp":
        if importlib.util.find_spec("torch") is None:  # Optuna says so after ten trials
            raise TuningError(
                "Got method 'gp', which wants PyTorch; expected it to be installed. Install "
                "torch, or search with bayes."
            )
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True)
    if search.method == "bayes":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True)
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(search):
    if search.pruner == "median":
        return optuna.pruners.MedianPruner(n_warmup_steps=search.recipe.epochs // 5)
    if search.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=search.recipe.epochs)
    return optuna.pruners.NopPruner()
