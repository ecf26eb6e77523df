"""What a stopped run goes on from: the facts it began with, and its newest whole checkpoint."""

import operator
import warnings

from facezoo.callbacks import EarlyStopping, ReduceOnPlateau, RunKeeper
from facezoo.datasets.base import same_data
from facezoo.distillation import teacher_sha256
from facezoo.errors import ParallelError, RunError
from facezoo.files import sha256
from facezoo.models.blocks import H5_ERRORS
from facezoo.runs import FORMAT


def facts_of(data, recipe):
    """What must be the same when a run goes on."""
    teacher = {"teacher": teacher_sha256(data, recipe)} if recipe.teacher else {}
    return {
        **teacher,
        "format": FORMAT,
        "protocol": data.protocol,
        "target": data.target,
        "label_set": data.label_set.to_dict(),
        "input_shape": list(data.input_shape),
        "fingerprint": data.fingerprint,
        "pictures": {s.name: len(s) for s in (data.train, data.validation, data.test)},
    }


def keeping(run, recipe, facts, state, watch):
    """Make the callbacks that remember, and the one that writes."""
    never = recipe.epochs + 1
    early = EarlyStopping(monitor=recipe.monitor, patience=recipe.patience or never)
    others = {"early": early, "collapse": watch}
    if recipe.schedule.kind == "plateau":
        others["plateau"] = ReduceOnPlateau(
            monitor=recipe.monitor,
            factor=recipe.schedule.factor,
            patience=recipe.schedule.patience,
            min_lr=recipe.schedule.floor,
        )
    entries = state["checkpoints"] if state is not None else ()
    return early, others, RunKeeper(run, facts, early, others, entries=entries)


def check_state(facts, run, state):
    """Refuse other data than those that a run was started with."""
    if state is not None and (changed := _changed(state, facts)):
        raise RunError(
            f"Got another {changed[0]} than the run {str(run.path)!r} was started with; expected "
            "the same data. Prepare that data set again, or start a new run."
        )


def check_facts(facts, run, state, parallel):
    """Refuse other data than those that a run was started with, or than host 0's."""
    check_state(facts, run, state)
    first = parallel.share(facts)
    if changed := _changed(first, facts):
        raise ParallelError(
            f"Got another {changed[0]} than host 0 has; expected the same data on every host. "
            "Prepare that data set from the same archive."
        )


def _changed(before, facts):
    same = {"fingerprint": same_data}
    return [k for k in facts if not same.get(k, operator.eq)(before.get(k), facts[k])]


def take_up(run, model, keeper, others, parallel):
    """Load the newest whole checkpoint; return the number of epochs done, and whether to stop."""
    if parallel.leads:
        _drop_damaged(run, keeper)
        done = keeper.entries[0]["epoch"] if keeper.entries else 0
        keeper.history = run.history.iloc[:done].to_dict("records")
    entry = parallel.share(keeper.entries[0] if keeper.entries else None)
    if entry is None:
        return 0, False
    path = run.path / entry["checkpoint"] if parallel.leads else None
    with parallel.shared_file(path) as whole:
        load_checkpoint(model, whole)
    for key, each in others.items():
        each.recall(entry["memory"].get(key, {}))
    return entry["epoch"], entry["stopped"]


def _drop_damaged(run, keeper):
    """Forget the checkpoints that are not whole."""
    for number, entry in enumerate(keeper.entries):
        path, best = run.path / entry["checkpoint"], run.path / entry["best"]
        digests = {path: entry["sha256"], best: entry.get("best_sha256")}
        damaged = [
            name
            for name, digest in digests.items()
            if not name.is_file() or digest not in (None, sha256(name))
        ]
        if not damaged:
            keeper.entries = keeper.entries[number:]
            return
        warnings.warn(
            f"{damaged[0]} is damaged or missing; going on from the one before.", stacklevel=2
        )
    if keeper.entries:
        raise RunError(
            f"Got no whole checkpoint in {str(run.path)!r}; expected one of "
            f"{[e['checkpoint'] for e in keeper.entries]}. Start a new run."
        )


def load_checkpoint(model, path):
    """Load a checkpoint whose sha256 is right, whatever it holds."""
    try:
        model.load_weights(path)
    except H5_ERRORS:
        raise RunError(
            f"Got {str(path)!r}, which does not hold this recipe's weights; expected a checkpoint "
            "of its own. Start a new run."
        ) from None
