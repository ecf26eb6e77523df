"""`tune`: search a recipe's hyperparameters, on one machine or on many that share a storage."""

import contextlib
import dataclasses
import math
import os
import time
import warnings
from pathlib import Path

import optuna
from optuna.trial import TrialState

from facezoo.errors import TuningError
from facezoo.recipes import Space, get_recipe, get_space
from facezoo.runs import RunFolder
from facezoo.training import check, train
from facezoo.tuning.result import TuningResult, trials_table, write_result
from facezoo.tuning.search import Search, finished, open_study, setting
from facezoo.tuning.storage import masked
from facezoo.tuning.worker import Worker, run_workers

STORAGE = "FACEZOO_STORAGE"  # environment variable: the storage, so that no URL lies in `ps`


def tune(
    recipe=None,
    space=None,
    *,
    method="bayes",
    trials=None,
    timeout=None,
    study=None,
    storage=None,
    metric="accuracy",
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
    study's name and storage. The test pictures are opened once, for the best setting.

    Args:
        recipe: a `Recipe`, the name of one, or a .json file; None to join `study`.
        space: `Space`, or a dict of choices and ranges such as {"batch_size": [16, 32]}; None
            for the one that a study searched for this recipe.
        method: "bayes" (multivariate TPE), "grid" (every cell once), "random", or "gp"
            (Gaussian process; wants PyTorch).
        trials: settings to try; None for 20, or for all cells of a grid.
        timeout: seconds after which no trial is begun any more; None for no limit.
        study: its name; None for `<recipe>-<method>`.
        storage: URL or path of the storage; None for the environment's FACEZOO_STORAGE, or
            an SQLite file in the study's folder.
        metric: "accuracy" or "log_loss" of the validation pictures.
        pruner: None, "median" or "hyperband": ends trials that lag behind others.
        jobs: worker processes on this machine.
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
        recipe = get_recipe(recipe)
        space = get_space(recipe) if space is None else space
        space = Space.from_dict(space) if isinstance(space, dict) else space
        search = Search(
            recipe=recipe, space=space, method=method, trials=trials, metric=metric, pruner=pruner
        )
        check(recipe, root)
        study = study or f"{recipe.name}-{method}"
    elif study is None:
        raise TuningError(
            "Got neither a recipe nor a study; expected a recipe to search, or the study to join. "
            "Name one of them."
        )
    folder = Path(runs) / study
    storage = storage or os.environ.get(STORAGE) or folder / "study.db"
    given = {"study": study, "storage": str(storage), "runs": str(runs), "timeout": timeout}
    with _quietly():
        opened, search = open_study(study, storage, search)
        limit = math.inf if timeout is None else time.monotonic() + timeout
        worker = Worker(opened, search, folder, limit, root=root, callbacks=callbacks, told=told)
        try:
            if jobs > 1:
                run_workers(jobs, {**given, "root": root and str(root)}, worker.tell)
            worker.work()  # with jobs, what dead workers left
        except KeyboardInterrupt as error:
            error.add_note(
                f"{len(finished(opened))} of {search.trials} trials are kept. Go on with the same "
                f"command, or with: facezoo tune --study {study} --storage '{masked(storage)}'"
            )
            raise
        result = _result(opened, search, folder)
    if seeds and worker.done:
        winner = _winner(result, seeds, root, callbacks)
        return dataclasses.replace(result, winner=winner)
    return result


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


def _result(study, search, folder):
    """Write and return what a search found so far."""
    table = trials_table(study, search)
    if not any(trial.state == TrialState.COMPLETE for trial in finished(study)):
        failed = [why for why in table.get("why", ()) if why]
        reason = f"the last said: {failed[-1]}" if failed else "none ended in time"
        raise TuningError(
            f"Got {len(table)} trials of {study.study_name!r}, and none succeeded ({reason}); "
            "expected at least one. Change the space or the recipe, or give it more time."
        )
    best = setting(study.best_trial.params, search.space)
    fields = {"name": f"{search.recipe.name}-tuned", "reported": ""}
    recipe = search.recipe.override({**best, **fields})
    write_result(study, search, table, recipe, folder)
    return TuningResult(
        study.study_name, search.metric, study.best_value, best, recipe, table, folder
    )


def _winner(result, seeds, root, callbacks):
    """Train the best setting over several seeds and test each once; take up what was begun."""
    runs = result.folder / "winner"
    for path in sorted((runs / result.recipe.name).glob("*/seeds.json"), reverse=True):
        run = RunFolder(path.parent)
        if run.recipe == result.recipe and len(run.read_json("seeds.json")) == seeds:
            done = (run.path / "metrics.json").exists()
            return run if done else train(resume=run.path, root=root, callbacks=callbacks)
    return train(result.recipe, runs=runs, seeds=seeds, root=root, callbacks=callbacks)
