"""`evaluate`: a trained model meets pictures, and a `Report` says what it is worth.

The test part of a run's own protocol is opened here and nowhere else. Another protocol
of the same data set is refused where its test pictures trained or selected the model.
"""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np

from facezoo import plots
from facezoo.datasets import Split, load_dataset
from facezoo.datasets.audit import exact_copies
from facezoo.errors import LabelSetMismatch, ProtocolError, RunError
from facezoo.labels import LabelSet, remap
from facezoo.models import get_builder
from facezoo.recipes import load_data
from facezoo.report import Report, evaluate_predictions, markdown_table, pool
from facezoo.runs import RunFolder

BATCH = 256


def evaluate(source, *, dataset=None, target=None, protocol=None, root=None):
    """Evaluate a run's model on test pictures.

    Args:
        source: `RunFolder`, or the path of one.
        dataset, target, protocol: what to test on; None for what the run was trained on.
            Another data set's classes meet the model's by name; pictures of a class that
            the model lacks are left out, and the report's n says how many are left.
        root: folder of prepared data sets; None for the default.

    Returns:
        Report. Nothing is written.

    Raises:
        RunError: no trained model there.
        ProtocolError: the test pictures trained or selected this model.
        LabelSetMismatch: the classes have fewer than two names in common.
    """
    run = source if isinstance(source, RunFolder) else RunFolder(Path(source))
    model, data = load_run(run), own_data(run, root)
    if dataset is None and target is None and protocol is None:
        return _test_report(model, data)
    recipe = run.recipe
    own = dataset in (None, recipe.dataset)
    other = load_dataset(
        dataset or recipe.dataset,
        target=target or (recipe.target if own else _same_target(dataset, recipe.target)),
        protocol=protocol or (recipe.protocol if own else None),
        seed=recipe.seed,
        root=root,
    )
    if own:
        _refuse_seen(data, other)
    return _test_report(model, other)


def load_run(run):
    """Return a run's Keras model, with its `label_set`.

    Raises:
        RunError: the run has not finished, holds several seeds, or its model is damaged.
    """
    path = run.path / "model.keras"
    if not path.is_file():
        if run.seeds:
            raise RunError(
                f"Got {str(run.path)!r}, a run of {len(run.seeds)} seeds; expected one of them. "
                f"Use {run.seeds[0].path}; metrics.json has the figures of all."
            )
        raise RunError(
            f"Got {str(run.path)!r}, which holds no model.keras; expected a finished run. Go on "
            f"with: facezoo train --resume {run.path}"
        )
    get_builder(run.recipe.builder)  # Keras finds a network's own layers once imported
    try:
        return keras.models.load_model(path, safe_mode=True)
    except Exception as error:  # Keras raises anything on a damaged file
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise RunError(
            f"Got {str(path)!r}, which cannot be loaded ({reason}); expected a whole Keras file. "
            f"Delete it and run: facezoo train --resume {run.path}"
        ) from None


def own_data(run, root=None):
    """Return the `FaceDataset` that a run was trained on, as its state recalls it."""
    recipe, data = run.recipe, load_data(run.recipe, root)
    if run.state is not None and run.state["fingerprint"] != data.fingerprint:
        raise RunError(
            f"Got another {recipe.dataset!r} than {str(run.path)!r} was trained on; expected the "
            "same prepared pictures. Prepare it as it was, or train again."
        )
    return data


def predict(model, images):
    """Uint8 (N, H, W, C) -> float32 (N, K) probabilities, by batches of 256."""
    batches = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
    return np.concatenate([np.asarray(model.predict_on_batch(batch)) for batch in batches])


def report_on(model, split, *, copies=None):
    """Return the `Report` of a model with a label set on a `Split`.

    Raises:
        LabelSetMismatch: no label set, or fewer than two classes in common.
    """
    if model.label_set is None:
        raise LabelSetMismatch(
            "Got a model without a label set; expected one that says what its outputs mean. "
            "Set model.label_set."
        )
    if split.label_set.classes != model.label_set.classes:
        labels = remap(split.label_set, model.label_set)[split.classes]
        kept = labels >= 0
        copies = None if copies is None else copies[kept]
        split = Split(
            split.take(kept).images, labels[kept], split.take(kept).table, model.label_set
        )
    probabilities = predict(model, split.images)
    files = split.table.get("file")
    return evaluate_predictions(
        probabilities,
        split.labels,
        model.label_set,
        files=None if files is None else list(files),
        copies=copies,
    )


def write_evaluation(run, data, *, test=True):
    """Evaluate a finished run on its validation and test pictures; write what it shows.

    Writes metrics.json, report.md, curves.png and confusion_matrix.png (of the test
    pictures, or of the validation pictures without `test`).
    """
    model = load_run(run)
    reports = {"validation": report_on(model, data.validation)}
    if test:
        reports["test"] = _test_report(model, data)
    role, shown = list(reports.items())[-1]
    recipe, history = run.recipe, run.history
    best = run.state["checkpoints"][0]["memory"]["early"]["best_epoch"] + 1
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
        "seconds_per_epoch": float(history["seconds"].median()),
        **{name: report.to_dict() for name, report in reports.items()},
    }
    run.write_json("metrics.json", metrics)


def write_summary(run):
    """Pool the seeds of a run; write metrics.json, report.md and confusion_matrix.png."""
    metrics = [seed.metrics for seed in run.seeds]
    parts = [part for part in ("validation", "test") if all(part in m for m in metrics)]
    pooled = {part: pool([Report.from_dict(m[part]) for m in metrics]) for part in parts}
    shown = pooled[parts[-1]]  # the test pictures, where they were opened
    first = metrics[0]
    title = f"{first['recipe']} on {first['protocol']}, {len(metrics)} seeds: mean and range"
    matrix = np.array(shown["confusion_matrix"])
    drawn = SimpleNamespace(  # what the figure of one report reads, for all of them
        label_set=LabelSet.from_dict(shown["label_set"]),
        confusion_matrix=matrix,
        n=int(matrix.sum()),
        accuracy=shown["accuracy"]["mean"],
        accuracy_interval=shown["accuracy"]["range"],
        macro_f1=shown["macro_f1"]["mean"],
    )
    run.write_figure("confusion_matrix.png", plots.confusion_matrix(drawn, title=title))
    text = _pooled_markdown(shown, title)
    if first["note"]:
        text += f"\n**Note: {first['note']}.**\n"
    run.write_text("report.md", text + "\n![confusion matrix](confusion_matrix.png)\n")
    shared = {key: first[key] for key in ("recipe", "protocol", "target", "note", "reported")}
    run.write_json("metrics.json", {**shared, "seeds": [m["seed"] for m in metrics], **pooled})


def _pooled_markdown(pooled, title):
    accuracy, f1 = pooled["accuracy"], pooled["macro_f1"]
    spread = "" if accuracy["std"] is None else f" ± {accuracy['std']:.1%}"
    rows = [
        (name, c["precision"], c["recall"], c["f1"], c["support"])
        for name, c in pooled["per_class"].items()
    ]
    low, high = accuracy["range"]
    return (
        "\n\n".join(
            (
                f"# {title}",
                f"**Accuracy {accuracy['mean']:.1%}**{spread} (mean and standard deviation; "
                f"{low:.1%} to {high:.1%}), macro F1 {f1['mean']:.1%}.",
                "## Classes, all seeds pooled",
                markdown_table(("class", "precision", "recall", "F1", "pictures"), rows),
            )
        )
        + "\n"
    )


def _test_report(model, data):
    copies = exact_copies(data.test, data.train) | exact_copies(data.test, data.validation)
    return report_on(model, data.test, copies=copies)


def _refuse_seen(data, other):
    """Refuse test pictures that the model was fitted or selected on."""
    seen = np.concatenate([data.train.images.rows, data.validation.images.rows])
    count = int(np.isin(other.test.images.rows, seen).sum())
    if count:
        raise ProtocolError(
            f"Got {other.protocol} to test a model of {data.protocol}: {count} of its "
            f"{len(other.test):,} test pictures trained or selected that model; expected none. "
            f"Train under {other.protocol}, or evaluate under {data.protocol}."
        )


def _same_target(dataset, target):
    """The run's target where the other data set has one of that name, else its first."""
    from facezoo.datasets import get_spec

    return target if target in get_spec(dataset).targets else None
