"""`TuningResult`: what a search found, as a table, figures and a recipe that can be trained."""

import dataclasses
import json
import warnings
from pathlib import Path

import matplotlib
import optuna
import pandas as pd
from matplotlib import pyplot
from optuna.trial import TrialState

from facezoo.files import replacing
from facezoo.recipes import Recipe
from facezoo.runs import RunFolder
from facezoo.tuning.claims import WHY, finished
from facezoo.tuning.search import setting


@dataclasses.dataclass(frozen=True, eq=False)
class TuningResult:
    """What a search found.

    Args:
        study: its name.
        metric: "accuracy" or "log_loss", of the validation pictures.
        value: the best trial's.
        best: `{field: value}` of the best trial.
        recipe: the `Recipe` with that setting.
        trials: DataFrame, a row a trial that counts: number, state, value, seconds, run folder,
            why it failed, and a column a field of the space.
        folder: Path of trials.csv, best_recipe.json, the figures and the run folders.
        winner: `RunFolder` of the best setting trained over several seeds and tested once, or
            None where that was not asked for.
    """

    study: str
    metric: str
    value: float
    best: dict
    recipe: Recipe
    trials: pd.DataFrame
    folder: Path
    winner: RunFolder | None = None


def trials_table(study, search):
    """Return the trials that count as a DataFrame, in the order in which they were begun."""
    rows = []
    for trial in finished(study):
        taken = trial.duration.total_seconds() if trial.duration else None
        row = {
            "number": trial.number,
            "state": trial.state.name.lower(),
            search.metric: None if trial.state == TrialState.PRUNED else trial.value,
            "seconds": taken,
            "run": trial.user_attrs.get("run"),
            "why": trial.user_attrs.get(WHY, ""),
        }
        rows.append({**row, **setting(trial.params, search.space)})
    return pd.DataFrame(rows)


def write_result(study, search, table, recipe, folder):
    """Write trials.csv, best_recipe.json and the figures, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "trials.csv") as beside:
        table.to_csv(beside, index=False)
    with replacing(folder / "best_recipe.json") as beside:
        beside.write_text(json.dumps(recipe.to_dict(), indent=1) + "\n", "utf-8")
    for name in drawn():
        figure = draw(study, search, name)
        if figure is not None:
            with replacing(folder / f"{name}.png") as beside:
                figure.savefig(beside, format="png", dpi=120, bbox_inches="tight")


def drawn():
    """Return `{name: Optuna's function}` of the figures."""
    plots = optuna.visualization.matplotlib
    return {
        "history": plots.plot_optimization_history,
        "importance": plots.plot_param_importances,
        "parallel": plots.plot_parallel_coordinate,
        "slice": plots.plot_slice,
    }


def draw(study, search, name):
    """Return one of `drawn()` as a matplotlib Figure; None where the trials are too few for it."""
    named = {} if name == "importance" else {"target_name": f"validation {search.metric}"}
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")
        try:
            axes = drawn()[name](study, **named)
        except (ValueError, RuntimeError):  # fewer than two trials, or all alike
            return None
    first = axes.flat[0] if hasattr(axes, "flat") else axes
    pyplot.close(first.figure)
    return first.figure
