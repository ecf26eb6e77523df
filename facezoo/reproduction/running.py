"""`reproduce`: the plans of a study, trained one after the other, each kept when one stops."""

import base64
import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np

from facezoo.baseline import nearest_neighbour
from facezoo.errors import DatasetNotFound, FacezooError, WeightsError
from facezoo.evaluation import evaluate, load_run, predict
from facezoo.files import locked
from facezoo.pooled import pool
from facezoo.recipes import load_data
from facezoo.reproduction.page import write_page
from facezoo.reproduction.results import read_results, store_result
from facezoo.reproduction.studies import STUDIES, Plan, plans, study_of
from facezoo.runs import RunFolder
from facezoo.training import train

WORDS = ("summary", "reported")  # fields of a recipe that change no training


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    Args:
        plan: the `Plan`.
        run: its `RunFolder`, or None.
        row: what was stored in results/<study>.json, or None.
        refused: why there is no run, such as data that are not prepared; or "".
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

    A plan whose data or weights are not at hand is passed over and says why. A killed
    reproduction goes on with `resume`: finished runs of the same recipe are taken as they
    are, a begun one goes on at its last epoch. Two processes of one study share its plans.

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
    try:
        return run_plans(
            chosen, profile, resume, runs=runs, out=out, root=root, callbacks=callbacks, begun=begun
        )
    except KeyboardInterrupt as error:
        error.__notes__ = [f"Go on with: {_command(study, profile, epochs)} --resume"]
        raise


def run_plans(chosen, profile, resume, *, runs=None, out=None, root=None, callbacks=(), begun=None):
    """Run some plans of a profile, as `reproduce` does; return an `Outcome` each."""
    runs, out = places(profile, runs, out)
    stored = {  # a damaged file is told before hours of training
        row["plan"]: row
        for study in dict.fromkeys(map(study_of, chosen))
        for row in read_results(study, out / "results")
    }
    runs.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for plan in chosen:
        if begun is not None:
            begun(plan)
        options = {"root": root, "callbacks": callbacks}
        outcome = _reproduced(plan, runs, resume, stored.get(plan.name), options)
        outcomes.append(outcome)
        if outcome.row is not None:
            order = [each.name for each in plans(study_of(plan), profile)]
            store_result(study_of(plan), outcome.row, order, out / "results")
            write_page(out, profile)
    return outcomes


def places(profile, runs=None, out=None):
    """Return the folders of the runs, and of results/ and docs/, as Paths."""
    if profile == "quick":
        return Path(runs or "runs/quick"), Path(out or "runs/quick")
    return Path(runs or "runs/reproduce"), Path(out or ".")


def _command(study, profile, epochs):
    """The shell's word for a call."""
    parts = ["facezoo reproduce", study, profile == "quick" and "--profile quick"]
    return " ".join(filter(None, [*parts, epochs and f"--epochs {epochs}"]))


def _reproduced(plan, runs, resume, stored, options):
    """Train one plan, or take up its run, and the row that was stored of it."""
    try:
        with locked(runs / f".{plan.name}.lock", wait=False):
            run = _found(plan, runs) if resume else None
            if run is None:
                run = train(plan.recipe, runs=runs, seeds=plan.seeds, **options)
            elif not (run.path / "metrics.json").exists():
                run = train(resume=run.path, **options)
            elif stored is not None and stored.get("run") == run.path.name:
                return Outcome(plan, run, stored)
            return Outcome(plan, run, _row(plan, run, options["root"]))
    except BlockingIOError:
        return Outcome(plan, refused="another process is at it")
    except (DatasetNotFound, WeightsError) as error:
        return Outcome(plan, refused=str(error))


def _found(plan, runs):
    """Return the newest run of a plan's recipe and seeds, or None."""
    wanted = _trained(plan.recipe)
    for path in sorted((Path(runs) / plan.recipe.name).glob("*/seeds.json"), reverse=True):
        run = RunFolder(path.parent)
        seeds = [plan.recipe.seed + n for n in range(plan.seeds)]
        if run.read_json("seeds.json") == seeds and _trained(run.recipe) == wanted:
            return run
    return None


def _trained(recipe):
    return dataclasses.replace(recipe, **dict.fromkeys(WORDS, ""))


def _row(plan, run, root):
    """Return what is stored of a finished run: figures, what was asked, where it ran."""
    metrics, seeds = run.metrics, run.seeds
    each = [seed.metrics for seed in seeds]
    test = metrics["test"]
    data = [load_data(seed.recipe, root) for seed in seeds]
    low, high = np.mean([m["test"]["accuracy_interval"] for m in each], axis=0)
    neighbours = [nearest_neighbour(one) for one in data]
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
        "accuracy_interval": [round(float(low), 4), round(float(high), 4)],
        "validation_accuracy": metrics["validation"]["accuracy"],
        "macro_f1": test["macro_f1"],
        "per_class": test["per_class"],
        "confusion_matrix": test["confusion_matrix"],
        "collapsed_at_epoch": metrics.get("collapsed_at_epoch"),
        "nearest_neighbour": {"mean": float(np.mean(neighbours)), "range": _range(neighbours)},
        "test_parts": [_part(one.test) for one in data],
        "right": [_right(seed, one.test) for seed, one in zip(seeds, data, strict=True)],
        "elsewhere": {name: _elsewhere(seeds, name, root) for name in plan.elsewhere},
        "seconds_per_epoch": float(np.median([m["seconds_per_epoch"] for m in each])),
        "environment": seeds[-1].read_json("environment.json"),
    }


def _range(values):
    return [float(min(values)), float(max(values))]


def _part(test):
    """Return what tells a test part from another of the same data set."""
    return hashlib.sha256(test.images.rows.astype(np.int64)).hexdigest()[:16]


def _right(run, test):
    """Which test pictures a run answers rightly: bits, in base64, in the order of the part."""
    answers = predict(load_run(run), test.images).argmax(axis=1)
    return base64.b64encode(np.packbits(answers == test.classes)).decode("ascii")


def _elsewhere(seeds, dataset, root):
    """Return the pooled figures of other data, or {"refused": why}."""
    try:
        reports = [_on_other_data(run, dataset, root) for run in seeds]
    except FacezooError as error:
        return {"refused": re.split(r"[;.] ", str(error))[0]}
    pooled = pool(reports)
    return {
        "accuracy": pooled.accuracy,
        "accuracy_interval": reports[0].accuracy_interval,
        "macro_f1": pooled.macro_f1,
        "pictures": reports[0].n,
        "data": reports[0].data,
        "note": reports[0].note,
        "per_class": pooled.per_class,
    }


def _on_other_data(run, dataset, root):
    """Test on all pictures of another set; on its test part alone for FER+ after FER2013."""
    shared = {run.recipe.dataset, dataset} == {"fer2013", "ferplus"}
    return evaluate(run, dataset=dataset, whole=not shared, root=root)
