"""`evaluate`: a trained model meets pictures, and a `Report` says what it is worth.

Nothing opens the test part of a run's protocol while a model is fitted or chosen; what does
afterwards, a release too, answers through this file. Another protocol, or another data set with
the same photographs, is refused where its test pictures trained or selected the model.
"""

import dataclasses

import numpy as np
import pandas as pd

from facezoo import plots
from facezoo.calibration import fit_temperature, set_temperature
from facezoo.datasets import Pictures, Split, get_spec, load_dataset, same_photographs
from facezoo.datasets.audit import exact_copies
from facezoo.datasets.base import same_data
from facezoo.errors import (
    DatasetNotFound,
    FacezooError,
    LabelSetMismatch,
    ProtocolError,
    RunError,
)
from facezoo.labels import remap
from facezoo.pooled import pool
from facezoo.recipes import load_data
from facezoo.report import Report, evaluate_predictions
from facezoo.right_answers import pack_right
from facezoo.weights.loading import load_model, load_run

BATCH = 256


def evaluate(
    source, *, dataset=None, target=None, protocol=None, whole=False, merge=None, root=None
):
    """Evaluate a run's model on test pictures.

    Another data set's classes meet the model's by name. Pictures of a class that the model
    lacks are left out unless `merge` counts them as another; an answer of a class that the
    data lack is a mistake. The report's note says what was done.

    Photographs of another data set that made the model are counted as copies, and refused
    where they are more than half. They are told by their bytes: the same photograph at
    another size, or compressed anew, is not recognised. Shipped weights meet other data without
    the pictures that trained them, too; the note then says that nobody looked for copies.

    Args:
        source: name of shipped weights, or a `RunFolder`, or the path of one.
        dataset, target, protocol: what to test on; None for what the run was trained on.
        whole: test on all pictures of another data set, not on its test part alone.
        merge: optional `{class of the data: class of the model}`, such as
            {"contempt": "disgust"}.
        root: folder of prepared data sets; None for the default.

    Returns:
        Report. Nothing is written.

    Raises:
        RunError: no trained model there.
        DatasetNotFound: the pictures to test on are not prepared; or those that trained the
            model are not, and are needed.
        ProtocolError: the test pictures trained or selected this model.
        LabelSetMismatch: the classes have fewer than two names in common.
    """
    model = load_model(source)
    card = model.card
    (data, known), recipe = _training_data(card, dataset, root), card.recipe
    own = dataset in (None, recipe.dataset)
    if own and whole:
        raise ProtocolError(
            f"Got whole (--all) for {recipe.dataset!r}, whose pictures trained the model; expected "
            "another data set. Name it, or leave whole out."
        )
    if own and target is None and protocol is None:
        return test_report(model, data, data, merge, known)
    other = load_dataset(
        dataset or recipe.dataset,
        target=target or (recipe.target if own else _same_target(dataset, recipe.target)),
        protocol=protocol or (recipe.protocol if own else None),
        seed=recipe.drawn_with,
        root=root,
    )
    remap(other.label_set, model.label_set, merge=merge)  # no common classes: say that first
    if whole:
        other = all_tested(other)
    if data is not None:
        _refuse_seen(data, other)
    return test_report(model, other, data, merge, known)


def own_data(card, root=None):
    """Return the `FaceDataset` that weights were trained on, prepared as it was then.

    Raises:
        RunError: other pictures are prepared under that name.
    """
    data = load_data(card.recipe, root)
    if not same_data(card.fingerprint, data.fingerprint):
        raise RunError(
            f"Got another {card.recipe.dataset!r} than {card.name!r} was trained on; expected the "
            "same pictures with the same labels. Prepare it as it was, or train again."
        )
    return data


def _training_data(card, tested, root):
    """Return (`own_data`, ""); for shipped weights also other pictures, or None, and what to know.

    Args:
        card: of the weights.
        tested: name of the data set to test on, or None.
        root: folder of prepared data sets.
    """
    if not card.files:
        return own_data(card, root), ""
    trained_on = card.recipe.dataset
    try:
        data = load_data(card.recipe, root)
    except DatasetNotFound:
        if tested is None or same_photographs(tested, trained_on):
            raise
        told = f"{trained_on}, which trained {card.name}, is not prepared: copies not looked for"
        return None, told
    if same_data(card.fingerprint, data.fingerprint):
        return data, ""
    return data, f"{data.name} is prepared from other files than those that trained {card.name}"


def predict(model, images):
    """Uint8 (N, H, W, C) -> float32 (N, K) of a Keras model or `OnnxNetwork`, 256 at a time."""
    answer = getattr(model, "predict_on_batch", model.predict)
    batches = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
    return np.concatenate([np.asarray(answer(batch)) for batch in batches])


def report_on(model, split, *, copies=None, merge=None, probabilities=None):
    """Return the `Report` of a model with a label set on a `Split`.

    Args:
        model: Keras model with a `label_set`.
        split: `Split`, of the model's classes or others that meet them by name.
        copies: optional bool (N,), as `exact_copies` finds them.
        merge: as for `evaluate`.
        probabilities: (N, K), what `predict` returns for a split of the model's own classes,
            where that is at hand.

    Raises:
        LabelSetMismatch: no label set, or fewer than two classes in common.
    """
    if model.label_set is None:
        raise LabelSetMismatch(
            "Got a model without a label set; expected one that says what its outputs mean. "
            "Set model.label_set."
        )
    note = ""
    if merge or split.label_set.classes != model.label_set.classes:
        split, kept, note = in_classes_of(model.label_set, split, merge)
        copies = None if copies is None else copies[kept]
    if not len(split):
        raise FacezooError(
            "Got no picture to test on; expected some of the model's classes. Look at the data "
            "set's classes by split: facezoo audit."
        )
    if probabilities is None:
        probabilities = predict(model, split.images)
    files = split.table.get("file")
    return evaluate_predictions(
        probabilities,
        split.labels,
        model.label_set,
        files=None if files is None else list(files),
        copies=copies,
        note=note,
    )


def in_classes_of(label_set, split, merge):
    """Return (`Split` in another label set, bool (N,) pictures kept, what was done).

    Args:
        label_set: `LabelSet` of a model.
        split: `Split` of other classes.
        merge: as for `evaluate`, or None.
    """
    to = remap(split.label_set, label_set, merge=merge)
    labels = to[split.classes]
    kept = labels >= 0
    rest = split.take(kept)
    counts = split.counts()
    dropped = [n for n, k in zip(counts, to, strict=True) if k < 0 and counts[n]]
    lacking = [n for i, n in enumerate(label_set.classes) if i not in to]
    done = [f"{k} counted as {v}" for k, v in (merge or {}).items()]
    if dropped:
        count = int((~kept).sum())
        done.append(f"{count:,} pictures of {', '.join(dropped)} left out: the model lacks that")
    if lacking:
        done.append(f"the data have no {', '.join(lacking)}: such answers are mistakes")
    return Split(rest.images, labels[kept], rest.table, label_set), kept, "; ".join(done)


def write_evaluation(run, data, *, test=True):
    """Evaluate a finished run on its validation and test pictures; write what it shows.

    Writes metrics.json, report.md, curves.png and confusion_matrix.png (of the test
    pictures, or of the validation pictures without `test`).
    """
    model = load_run(run)
    answers = predict(model, data.validation.images)
    uncalibrated = report_on(model, data.validation, probabilities=answers)
    temperature = fit_temperature(answers, data.validation.labels)
    set_temperature(model, temperature)
    reports = {"validation": report_on(model, data.validation)}
    if test:
        answers = predict(model, data.test.images)
        reports["test"] = test_report(model, data, data, probabilities=answers)
    role, shown = list(reports.items())[-1]
    recipe, history = run.recipe, run.history
    memory = run.state["checkpoints"][0]["memory"]
    best = memory["early"]["best_epoch"] + 1
    collapsed = memory.get("collapse", {}).get("collapsed_at_epoch")
    title = f"{recipe.name} on {data.protocol}, seed {recipe.seed}"
    run.write_figure("confusion_matrix.png", plots.confusion_matrix(shown, title=title))
    run.write_figure("curves.png", plots.learning_curves(history, best_epoch=best))
    header = (
        f"Trained on {len(data.train):,} pictures of {data.protocol} (target {data.target}) for "
        f"{len(history)} epochs; epoch {best} was the best by {recipe.monitor} on "
        f"{len(data.validation):,} validation pictures and answers here for the {role} pictures."
    )
    lines = [shown.to_markdown(title=title), header]
    if data.note:
        lines.append(f"**Note: {data.note}.**")
    if collapsed:
        lines.append(
            f"**Warning: in epoch {collapsed} nearly every validation picture got the same "
            "answer.** history.csv has the largest class's share of every epoch."
        )
    if recipe.reported:
        lines.append(f"The study reported: {recipe.reported}.")
    lines.append("![confusion matrix](confusion_matrix.png)\n\n![curves](curves.png)")
    run.write_text("report.md", "\n\n".join(lines) + "\n")
    metrics = {
        "recipe": recipe.name,
        "protocol": data.protocol,
        "target": data.target,
        "seed": recipe.seed,
        "note": data.note,
        "reported": recipe.reported,
        "epochs": len(history),
        "best_epoch": best,
        "collapsed_at_epoch": collapsed,
        "seconds_per_epoch": float(history["seconds"].median()),
        "ema": recipe.ema_of(len(data.train)),
        "calibration": {"temperature": temperature, "validation_ece_before": uncalibrated.ece},
        **{name: report.to_dict() for name, report in reports.items()},
    }
    if test:
        metrics["right"] = pack_right(answers.argmax(axis=1) == data.test.classes)
    run.write_json("metrics.json", metrics)


def write_summary(run):
    """Pool the seeds of a run; write metrics.json, report.md and confusion_matrix.png."""
    metrics = [seed.metrics for seed in run.seeds]
    parts = [part for part in ("validation", "test") if all(part in m for m in metrics)]
    pooled = {part: pool([Report.from_dict(m[part]) for m in metrics]) for part in parts}
    shown = pooled[parts[-1]]  # the test pictures, where they were opened
    first = metrics[0]
    many = f"{len(metrics)} seeds: mean and range" if len(metrics) > 1 else "1 seed"
    title = f"{first['recipe']} on {first['protocol']}, {many}"
    run.write_figure("confusion_matrix.png", plots.confusion_matrix(shown, title=title))
    text = shown.to_markdown(title=title)
    if first["note"]:
        text += f"\n**Note: {first['note']}.**\n"
    collapsed = [m["seed"] for m in metrics if m.get("collapsed_at_epoch")]
    if collapsed:
        text += f"\n**Warning: seeds {collapsed} answered one class for nearly everything.**\n"
    run.write_text("report.md", text + "\n![confusion matrix](confusion_matrix.png)\n")
    shared = {key: first[key] for key in ("recipe", "protocol", "target", "note", "reported")}
    shared["collapsed_at_epoch"] = [m.get("collapsed_at_epoch") for m in metrics]
    figures = {part: report.to_dict() for part, report in pooled.items()}
    run.write_json("metrics.json", {**shared, "seeds": [m["seed"] for m in metrics], **figures})


def test_report(model, tested, data, merge=None, known="", probabilities=None):
    """Return the `Report` on the test part of a data set, copies of what made the model counted.

    Args:
        model: Keras model with a `label_set`.
        tested: `FaceDataset` whose test part is opened.
        data: `FaceDataset` that the model was trained on; None where it is not at hand.
        merge: as for `evaluate`.
        known: what the report's note shall say besides.
        probabilities: as for `report_on`.
    """
    comparable = data is not None and _comparable(tested.test, data)
    copies = _seen(tested.test, data) if comparable else None
    report = report_on(model, tested.test, copies=copies, merge=merge, probabilities=probabilities)
    fold = "" if tested.fold is None else f", fold {tested.fold}"
    told = f"{tested.protocol}, target {tested.target}, seed {tested.seed}{fold}"
    note = "; ".join(filter(None, (report.note, known)))
    return dataclasses.replace(report, data=told, note=note)


def all_tested(data):
    """Return a data set with all of its pictures, of whatever role, in the test part."""
    parts = (data.train, data.validation, data.test)
    whole = Split(
        Pictures(data.test.images.array, np.concatenate([part.images.rows for part in parts])),
        np.concatenate([part.labels for part in parts]),
        lambda: pd.concat([part.table for part in parts], ignore_index=True),
        data.label_set,
        "test",
    )
    return dataclasses.replace(data, test=whole, protocol=f"all of {data.name}")


def _comparable(test, data):
    return test.images.shape[1:] == data.train.images.shape[1:]


def _seen(test, data):
    """Bool (len(test),): pictures that are, byte for byte, ones that made the model."""
    return exact_copies(test, data.train) | exact_copies(test, data.validation)


def _refuse_seen(data, other):
    """Refuse test pictures that the model was fitted or selected on.

    Rows tell it of the same data set. Another set may hold the same photographs, as FER+
    does those of FER2013: a few copies are only counted, most of them are refused.
    """
    if other.name == data.name:
        rows = np.concatenate([data.train.images.rows, data.validation.images.rows])
        count, few = int(np.isin(other.test.images.rows, rows).sum()), 0
    elif _comparable(other.test, data):
        count, few = int(_seen(other.test, data).sum()), len(other.test) // 2
    else:
        return
    if count > few:
        raise ProtocolError(
            f"Got {other.protocol} to test a model of {data.protocol}: {count:,} of its "
            f"{len(other.test):,} test pictures trained or selected that model; expected others. "
            f"Train under {other.protocol}, or evaluate under {data.protocol}."
        )


def _same_target(dataset, target):
    """The run's target where the other data set has one of that name, else its first."""
    return target if target in get_spec(dataset).targets else None
