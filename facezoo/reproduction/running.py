"""`reproduce`: the plans of a study, trained one after the other, each kept when one stops."""

import dataclasses
import hashlib
import re
from pathlib import Path

import keras
import numpy as np

from facezoo.baseline import nearest_neighbour
from facezoo.datasets import same_photographs
from facezoo.datasets.base import pictures_alone
from facezoo.errors import FacezooError
from facezoo.evaluation import evaluate, own_data, write_evaluation, write_summary
from facezoo.files import locked
from facezoo.pooled import pool
from facezoo.reproduction.page import results_page, write_page
from facezoo.reproduction.results import read_results, store_result, writing
from facezoo.reproduction.studies import STUDIES, Plan, plans, study_of
from facezoo.runs import RunFolder
from facezoo.training import train
from facezoo.weights.loading import run_card


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    Args:
        plan: the `Plan`.
        run: its `RunFolder`, or None.
        row: what was stored in results/<study>.json, or None.
        refused: why there is no row, such as data that are not prepared; or "".
    """

    plan: Plan
    run: RunFolder | None = None
    row: dict | None = None
    refused: str = ""


def reproduce(
    study=None,
    *,
    profile="full",
    epochs=None,
    resume=False,
    runs=None,
    out=None,
    root=None,
    callbacks=(),
    begun=None,
):
    """Run the recipes of a study, or of all, and store a row of figures each.

    A plan that cannot be run, for want of data or weights or because it diverges, is passed
    over and says why. A killed reproduction goes on with `resume`: finished runs of the same
    recipe are taken as they are, a begun one goes on at its last epoch, and so does one of fewer
    epochs at a rate that does not depend on their number. Two processes that resume one study
    share its plans.

    Args:
        study: key of `STUDIES`, or the name of one of their recipes; None for all.
        profile: "full", or "quick": a few drawn faces, two epochs, one seed.
        epochs: at most so many a run; rows of such runs say so.
        resume: take up what lies under `runs`.
        runs: folder of the run folders; None for runs/reproduce, or runs/quick.
        out: folder of results/<study>.json and docs/results.md; None for the current one, or
            runs/quick.
        root: folder of prepared data sets; None for the default.
        callbacks: more Keras callbacks.
        begun: function of the `Plan` that is begun, for progress.

    Returns:
        list of `Outcome`, a plan each.

    Raises:
        UnknownName: no such study or profile.
        ResultsError: stored results that are damaged or of another version.
    """
    studies = STUDIES if study is None else (study,)
    chosen = [plan for each in studies for plan in plans(each, profile, epochs)]
    places = {"runs": runs, "out": out}
    try:
        return list(
            run_plans(
                chosen, profile, resume, **places, root=root, callbacks=callbacks, begun=begun
            )
        )
    except KeyboardInterrupt as error:
        error.__notes__ = [f"Go on with: {_command(study, profile, epochs, places)} --resume"]
        raise


def run_plans(chosen, profile, resume, *, runs=None, out=None, root=None, callbacks=(), begun=None):
    """Run some plans of a profile, as `reproduce` does; yield an `Outcome` each."""
    runs, out = places_of(profile, runs, out)
    results = out / "results"
    results_page(results, profile)  # a damaged file is told before hours of training
    with writing(runs):
        pass  # so is a folder that cannot be written
    for plan in chosen:
        if begun is not None:
            begun(plan)
        keras.utils.clear_session()
        options = {"root": root, "callbacks": callbacks}
        stored = {row["plan"]: row for row in read_results(study_of(plan), results)}
        outcome = _outcome(plan, runs, resume, stored.get(plan.name), options)
        if outcome.row is not None:
            order = [each.name for each in plans(study_of(plan), profile)]
            with writing(results):
                store_result(study_of(plan), outcome.row, order, results)
                write_page(out, profile)
        yield outcome


def places_of(profile, runs=None, out=None):
    """Return the folders of the runs, and of results/ and docs/, as Paths."""
    if profile == "quick":
        return Path(runs or "runs/quick"), Path(out or "runs/quick")
    return Path(runs or "runs/reproduce"), Path(out or ".")


def _command(study, profile, epochs, places):
    """The shell's word for a call."""
    given = {"profile": profile if profile == "quick" else None, "epochs": epochs, **places}
    options = [f"--{name} {value}" for name, value in given.items() if value is not None]
    return " ".join(["facezoo reproduce", *([study] if study else []), *options])


def _outcome(plan, runs, resume, stored, options):
    """Train one plan, or take up its run, and the row that was stored of it."""
    longer = stored is not None and stored["epochs_allowed"] > plan.recipe.epochs
    if longer and plan.cut_from:
        return Outcome(
            plan,
            refused=f"Got a run of {plan.recipe.epochs} epochs where one of "
            f"{stored['epochs_allowed']} is stored; expected no shorter one. Pass --out with "
            "another folder.",
        )
    try:
        with locked(runs / f".{plan.name}.lock", wait=False):
            run = find_run(plan, runs, shorter=True) if resume else None
            if run is None:
                run = train(plan.recipe, runs=runs, seeds=plan.seeds, **options)
            elif run.recipe.epochs < plan.recipe.epochs:
                run = train(resume=run.path, epochs=plan.recipe.epochs, **options)
            elif not (run.path / "metrics.json").exists():
                run = train(resume=run.path, **options)
            elif stored is not None and _whole(stored, run):
                return Outcome(plan, run, stored)
            return Outcome(plan, run, _row(plan, run, options["root"]))
    except BlockingIOError:
        return Outcome(plan, refused="another process is at it")
    except FacezooError as error:  # the other plans may well run
        return Outcome(plan, refused=str(error))


def _whole(row, run):
    """Whether a stored row is of that run, and nothing was missing when it was made."""
    refused = any("refused" in found for found in row["elsewhere"].values())
    same = row["run"] == run.path.name and row["epochs_allowed"] == run.recipe.epochs
    return same and "shown" in row and not refused


def find_run(plan, runs, *, shorter=False):
    """Return the newest run of a plan's recipe and seeds, or one to go on with, or None."""
    return RunFolder.find(runs, plan.recipe, plan.numbers, shorter=shorter)


def _row(plan, run, root):
    """Return what is stored of a finished run: figures, what was asked, where it ran."""
    seeds = run.seeds
    data = [own_data(run_card(seed), root) for seed in seeds]
    if any("right" not in seed.metrics for seed in seeds):  # written by an earlier facezoo
        for seed, one in zip(seeds, data, strict=True):
            write_evaluation(seed, one)
        write_summary(run)
    metrics, each = run.metrics, [seed.metrics for seed in seeds]
    test, rest = metrics["test"], [m["test"]["without_copies"] for m in each]
    parts = [_part(one) for one in data]
    neighbours = {part: nearest_neighbour(one) for part, one in zip(parts, data, strict=True)}
    nearest = [neighbours[part] for part in parts]
    return {
        "plan": plan.name,
        "run": run.path.name,
        "recipe": run.recipe.to_dict(),
        "changed": plan.changed,
        "protocol": metrics["protocol"],
        "target": metrics["target"],
        "note": metrics["note"],
        "reported": plan.recipe.reported,
        "seeds": metrics["seeds"],
        "pictures": {
            role: [len(getattr(one, role)) for one in data]
            for role in ("train", "validation", "test")
        },
        "epochs_asked": plan.asked,
        "epochs_allowed": run.recipe.epochs,
        "epochs": [m["epochs"] for m in each],
        "accuracy": test["accuracy"],
        "accuracy_interval": _mean_interval([m["test"]["accuracy_interval"] for m in each]),
        "validation_accuracy": metrics["validation"]["accuracy"],
        "without_copies": float(np.mean([r["accuracy"] for r in rest])) if all(rest) else None,
        "macro_f1": test["macro_f1"],
        "per_class": test["per_class"],
        "confusion_matrix": test["confusion_matrix"],
        "collapsed_at_epoch": [m.get("collapsed_at_epoch") for m in each],
        "nearest_neighbour": {
            "mean": float(np.mean(nearest)),
            "range": [min(nearest), max(nearest)],
        },
        "test_parts": parts,
        "right": [m["right"] for m in each],
        "elsewhere": {name: _elsewhere(seeds, name, root) for name in plan.elsewhere},
        "shown": {"report": each[0]["test"], "history": seeds[0].history.to_dict("list")},
        "seconds_per_epoch": float(np.median([m["seconds_per_epoch"] for m in each])),
        "environment": seeds[-1].read_json("environment.json"),
    }


def _mean_interval(intervals):
    return [round(float(bound), 4) for bound in np.mean(intervals, axis=0)]


def _part(data):
    """Return what tells a test part from every other, of the same set or another."""
    rows = hashlib.sha256(data.test.images.rows.astype(np.int64))
    rows.update(pictures_alone(data.fingerprint).encode())
    return rows.hexdigest()[:16]


def _elsewhere(seeds, dataset, root):
    """Return the pooled figures of other data, or {"refused": why}."""
    try:
        reports = [_on_other_data(run, dataset, root) for run in seeds]
    except FacezooError as error:
        return {"refused": re.split(r"[;.] ", str(error))[0]}
    pooled = pool(reports)
    return {
        "accuracy": pooled.accuracy,
        "accuracy_interval": _mean_interval([report.accuracy_interval for report in reports]),
        "macro_f1": pooled.macro_f1,
        "pictures": reports[0].n,
        "data": reports[0].data,
        "note": reports[0].note,
        "per_class": pooled.per_class,
    }


def _on_other_data(run, dataset, root):
    """Test on all pictures of another set; on its test part alone for FER+ after FER2013."""
    shared = same_photographs(run.recipe.dataset, dataset)
    return evaluate(run, dataset=dataset, whole=not shared, root=root)
