"""`tune`: search a recipe's hyperparameters, on one machine or on many that share a storage."""

import contextlib
import dataclasses
import math
import os
import socket
import time
import warnings
from pathlib import Path

import optuna

from facezoo.datasets.base import same_data
from facezoo.errors import TuningError
from facezoo.files import locked
from facezoo.recipes import Space, get_recipe, get_space, load_data
from facezoo.runs import RunFolder
from facezoo.training import check, train
from facezoo.tuning.processes import SHIFT, run_workers
from facezoo.tuning.result import TuningResult, trials_table, write_result
from facezoo.tuning.search import Search, complete, open_study, setting
from facezoo.tuning.storage import storage_at
from facezoo.tuning.worker import Worker

STORAGE = "FACEZOO_STORAGE"  # environment variable: the storage, so that no password lies in `ps`
WINNER = "facezoo_winner"  # user attribute of the study: where its best setting was tested


def tune(
    recipe=None,
    space=None,
    *,
    method=None,
    trials=None,
    timeout=None,
    study=None,
    storage=None,
    metric=None,
    pruner=None,
    jobs=1,
    seeds=5,
    runs="runs/tune",
    root=None,
    callbacks=(),
    told=None,
):
    """Search a recipe's hyperparameters by their validation figure.

    The same call goes on with what was begun: finished trials are kept, one whose process died
    is run again once it has given no sign of life for a minute. Other machines join by the
    study's name and storage. The test pictures are opened once, for the best setting; its seeds
    share the search's split, so that no picture that chose the setting is tested.

    Args:
        recipe: a `Recipe`, the name of one, or a .json file; None to join `study`.
        space: `Space`, or a dict of choices and ranges such as {"batch_size": [16, 32]}; None
            for the one that a study searched for this recipe.
        method: "bayes" (multivariate TPE; the default), "grid" (every cell once), "random", or
            "gp" (Gaussian process; wants PyTorch).
        trials: settings to try; None for 20, or for all cells of a grid.
        timeout: seconds after which no trial is begun any more; None for no limit.
        study: its name; None for `<recipe>-<method>`.
        storage: URL or path of the storage; None for the environment's FACEZOO_STORAGE, or
            an SQLite file in the study's folder.
        metric: "accuracy" (the default) or "log_loss" of the validation pictures.
        pruner: None, "median" or "hyperband": ends trials that lag behind others.
        jobs: worker processes on this machine; a search of more than 32 trials has one at least,
            so that its memory does not grow, unless `callbacks` want this process.
        seeds: train the best setting with so many seeds and test each once; 0 for none.
        runs: folder of the studies' folders.
        root: folder of prepared data sets; None for the default.
        callbacks: more Keras callbacks, for trainings in this process.
        told: function of (trials done, trials asked for, best figure or None).

    Returns:
        TuningResult.

    Raises:
        TuningError: a storage that does not answer, a study of another search, or no trial
            that succeeded.
        FacezooError: a recipe or space that cannot work.

    Example:
        result = facezoo.tune("cmu-lenet5-pose", trials=20)
        facezoo.train(result.recipe)
    """
    search = None
    if recipe is not None:
        search = _search(recipe, space, method, trials, metric, pruner, root)
        study = study or f"{search.recipe.name}-{search.method}"
    elif study is None:
        raise TuningError(
            "Got neither a recipe nor a study; expected a recipe to search, or the study to join. "
            "Name one of them."
        )
    elif any(given is not None for given in (space, method, metric, pruner)):
        raise TuningError(
            f"Got a space, method, metric or pruner for study {study!r} without a recipe; expected "
            "none, since a study that is joined has its own. Leave them out, or name the recipe."
        )
    folder = Path(runs) / study
    storage = str(storage or os.environ.get(STORAGE) or folder / "study.db")
    options = {"timeout": timeout, "root": root and str(root)}
    worker = None
    try:
        joining = joined(study, storage, folder, search, trials, callbacks, told, **options)
        with joining as worker:
            if jobs > 1 or (worker.search.trials > SHIFT and not callbacks):
                given = {"study": study, "storage": storage, "folder": str(folder)}
                run_workers(jobs, {**given, **options}, worker.tell)
            worker.work()  # with jobs, what dead workers left
            result = _result(worker.study, worker.search, folder)
            if seeds and complete(worker.study, worker.search):
                winner = _winner(worker.study, result, seeds, root, callbacks)
                result = dataclasses.replace(result, winner=winner)
            return result
    except KeyboardInterrupt as error:
        kept = f"{worker.counted} of {worker.search.trials} trials" if worker else "Trials"
        error.__notes__ = [f"{kept} are kept; the same command goes on."]
        raise


@contextlib.contextmanager
def joined(study, storage, folder, search=None, trials=None, callbacks=(), told=None, **options):
    """Give a `Worker` of a study, which is made where `search` says what to search.

    Args:
        study: its name.
        storage: URL or path.
        folder: Path of the study's folder.
        search, trials: as `open_study` takes them.
        callbacks, told: as `Worker` takes them.
        **options: `root`, `timeout` in seconds or None, and `alone` as `open_study` takes it.
    """
    timeout, root = options["timeout"], options["root"]
    with _quietly(), storage_at(storage) as opened:
        alone = options.get("alone", False)
        study, search = open_study(study, opened, search, trials, alone)
        check(search.recipe, root)
        _refuse_other_data(study, search, root)
        _prove_writable(folder)
        limit = math.inf if timeout is None else time.monotonic() + timeout
        yield Worker(study, search, folder, limit, root=root, callbacks=callbacks, told=told)


def _search(recipe, space, method, trials, metric, pruner, root):
    recipe = get_recipe(recipe)
    space = get_space(recipe) if space is None else space
    space = Space.from_dict(space) if isinstance(space, dict) else space
    given = {"method": method, "metric": metric, "trials": trials, "pruner": pruner}
    given = {name: value for name, value in given.items() if value is not None}
    search = Search(recipe=recipe, space=space, **given)
    check(recipe, root)
    return dataclasses.replace(search, fingerprint=load_data(recipe, root).fingerprint)


def _refuse_other_data(study, search, root):
    if not same_data(load_data(search.recipe, root).fingerprint, search.fingerprint):
        raise TuningError(
            f"Got another prepared {search.recipe.dataset!r} than study {study.study_name!r} "
            "searches on; expected the same pictures on every machine. Prepare it as it was there."
        )


def _prove_writable(folder):
    try:
        (folder / "trials").mkdir(parents=True, exist_ok=True)
        with locked(folder / ".writable.lock", wait=True):
            pass
    except OSError as error:
        raise TuningError(
            f"Got {error.strerror!r} for {str(folder)!r}; expected a folder with room that can be "
            "written. Pass --runs with another one."
        ) from None


def _result(study, search, folder):
    """Write and return what a search found so far."""
    table = trials_table(study, search)
    if table.empty or not (table["state"] == "complete").any():
        failed = [why for why in table.get("why", ()) if why]
        reason = f"the last said: {failed[-1]}" if failed else "none ended in time"
        raise TuningError(
            f"Got {len(table)} trials of {study.study_name!r}, and none succeeded ({reason}); "
            "expected at least one. Change the space or the recipe, or give it more time."
        )
    best = setting(study.best_trial.params, search.space)
    fields = {
        "name": f"{search.recipe.name}-tuned",
        "reported": "",
        "split_seed": search.recipe.drawn_with,
    }
    recipe = search.recipe.override({**best, **fields})
    write_result(study, search, table, recipe, folder)
    return TuningResult(
        study.study_name, search.metric, study.best_value, best, recipe, table, folder
    )


def _winner(study, result, seeds, root, callbacks):
    """Train the best setting over several seeds and test each once; None where another does."""
    here = {"host": socket.gethostname(), "folder": str(result.folder.resolve())}
    place = study.user_attrs.get(WINNER, here)
    if place != here:
        warnings.warn(
            f"The best setting of {study.study_name!r} is tested on {place['host']}, in "
            f"{place['folder']}, and not again here.",
            stacklevel=3,
        )
        return None
    study.set_user_attr(WINNER, here)
    runs, recipe = result.folder / "winner", result.recipe
    options = {"root": root, "callbacks": callbacks}
    with locked(result.folder / ".winner.lock", wait=True):
        run = RunFolder.find(runs, recipe, [recipe.seed + n for n in range(seeds)])
        if run is None:
            return train(recipe, runs=runs, seeds=seeds, **options)
        return run if (run.path / "metrics.json").exists() else train(resume=run.path, **options)


@contextlib.contextmanager
def _quietly():
    """Keep Optuna from logging every trial, and from calling what it has offered for years new."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
