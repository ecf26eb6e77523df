"""docs/results.md: what the studies reported beside what came out here, from stored rows."""

import collections
from pathlib import Path

from facezoo.files import replacing
from facezoo.reproduction.results import read_results, read_transfer
from facezoo.reproduction.rows import (
    collapse,
    copies_unknown,
    cut_short,
    epochs_run,
    interval,
    kept_epoch,
    known,
    of_the_one,
    paired_difference,
    part_at_hand,
    without_copies,
)
from facezoo.reproduction.studies import STUDIES, plans
from facezoo.tables import markdown_table

HEAD = """<!-- Written by facezoo reproduce from results/*.json; do not edit. -->
# The five studies, reported and reproduced
"""
KEY = """\
Every row with figures is a training of that recipe, its epoch chosen on validation pictures, and
its accuracy on test pictures that chose nothing. *Pictures*: of training / of test. **Bold
epochs** are fewer than the recipe's: such a row shows how far that many epochs lead, not what the
recipe is worth; a training that the recipe's own patience stopped is not cut short. *Kept* is the
epoch whose weights were tested: that of the lowest validation loss, for `-plus` recipes and the
row made to memorise of the highest validation accuracy; studies D and E tested the weights of
their last epoch. *Without copies* leaves out test pictures that are byte for byte among those
that trained or selected (*-*: there are none). *Nearest picture* is the accuracy of the label of
the most similar picture that is not tested: what remembering is worth. Several seeds: mean and
standard deviation, *kept* of the first; the interval is the mean of the seeds' 95 % intervals
over test pictures. `all-sizes` takes each photograph at every size that is at hand, hence half
the epochs. `-plus` recipes are ours: a network and the pictures of the study, for no more
computing than it allowed.
"""
QUICK = """<!-- Written by facezoo reproduce --profile quick. -->
# The five studies in the quick profile

A few drawn faces and two epochs: these figures show that everything runs, and nothing else.
"""
PAIRS = (  # (one, other, what their difference tells)
    ("pooling-base-max", "pooling-base-average", "max against average pooling"),
    ("ippm-resnet50-ippm", "ippm-resnet50", "the pyramid module"),
    ("pooling-plus", "pooling-strong", "improved recipe against the study's, the same network"),
    ("pooling-plus", "pooling-strongest", "improved recipe against the study's largest network"),
    ("facex-plus", "facex-cnn", "improved recipe against the study's"),
    ("expw-plus", "expw-cnn", "improved recipe against the study's"),
    ("ippm-plus", "ippm-resnet50-ippm", "improved recipe against the study's"),
)
SHORTEST = 0.2  # of a recipe's epochs, from which differences are told
COLUMNS = (
    "recipe",
    "protocol",
    "pictures",
    "reported",
    "accuracy here",
    "95 % interval",
    "macro F1",
    "without copies",
    "nearest picture",
    "epochs",
    "kept",
    "s an epoch",
    "trained on",
)


def write_page(out=".", profile="full"):
    """Write docs/results.md under `out` from the results there, whole or not at all."""
    docs = Path(out) / "docs"
    docs.mkdir(parents=True, exist_ok=True)
    with replacing(docs / "results.md") as beside:
        beside.write_text(results_page(Path(out) / "results", profile), "utf-8")


def results_page(folder="results", profile="full"):
    """Return docs/results.md as text.

    Args:
        folder: of the result files.
        profile: "full", or "quick" for results on drawn faces.

    Raises:
        ResultsError: a stored file is damaged or of another version.
    """
    stored = {study: read_results(study, folder) for study in STUDIES}
    parts = [QUICK] if profile == "quick" else [HEAD, KEY]
    for study, title in STUDIES.items():
        parts.append(f"## {title}\n\n{study_table(stored[study], plans(study, profile))}")
        if study == "cmu" and (transfer := read_transfer(folder)):
            parts.append(_transfer(transfer))
    every = [row for rows in stored.values() for row in rows]
    if differences := _differences(every):
        parts.append(f"## Differences\n\n{differences}")
    if elsewhere := _elsewhere(every):
        parts.append(f"## The same models on other data\n\n{elsewhere}")
    if every:
        parts.append("## Confusion matrices\n\n" + "\n\n".join(map(_matrix, every)))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def study_table(rows, wanted):
    """Return the table of a study as Markdown: a line a plan, also of those not run yet."""
    found = {row["plan"]: row for row in rows}
    lines = [
        _line(found[plan.name], plan) if plan.name in found else _missing(plan) for plan in wanted
    ]
    notes = [
        f"- {row['protocol']}: {note}."
        for row in rows
        for note in (row["note"], part_at_hand(row))
        if note
    ]
    table = markdown_table(COLUMNS, lines)
    return "\n".join([table, *(["", *dict.fromkeys(notes)] if notes else [])])


def _line(row, plan):
    mean, std = row["accuracy"]["mean"], row["accuracy"]["std"]
    spread = "" if std is None else f" ± {std:.3f} ({len(row['seeds'])} seeds)"
    accuracy, seconds = f"{mean:.3f}{spread}", row["seconds_per_epoch"]
    rest, same = without_copies(row), plan.within(row["epochs_allowed"]).trained_as(row)
    return (
        _label(row["recipe"]["name"], row["changed"]) + ("" if same else ", an earlier recipe"),
        row["protocol"],
        f"{row['pictures']['train'][0]:,} / {row['pictures']['test'][0]:,}",
        row["reported"] or "-",
        "; ".join(filter(None, (accuracy, of_the_one(row), collapse(row)))),
        interval(row),
        f"{row['macro_f1']['mean']:.3f}",
        f"{rest:.3f}" if rest is not None else "not stored" if copies_unknown(row) else "-",
        f"{row['nearest_neighbour']['mean']:.3f}",
        _epochs_in_bold(row),
        kept_epoch(row) or "not stored",
        f"{seconds:.0f}" if seconds >= 10 else "under 10",
        trained_on(row["environment"]),
    )


def _epochs_in_bold(row):
    """`epochs_run`, bold where the study's would have been more."""
    return f"**{epochs_run(row)}**" if cut_short(row) else epochs_run(row)


def _missing(plan):
    recipe = plan.recipe
    where = f"{recipe.dataset}/{recipe.protocol or 'default'}"
    blank = ("not run yet", *["-"] * 8)
    return (_label(recipe.name, plan.changed), where, "-", recipe.reported or "-", *blank)


def _label(name, changed):
    return f"`{name}` ({changed})" if changed else f"`{name}`"


def trained_on(environment):
    """Return the hardware, backend and day of a training as text."""
    devices = [device for device in environment["devices"] if not device.startswith("cpu")]
    hardware = ", ".join(devices) or environment["processor"]
    return f"{hardware}, {environment['backend']}, {environment['date'][:10]}"


def _transfer(found):
    """Return what benchmarks/transfer.py found out, in words."""
    accuracy, classes = found["accuracy"], found["per_class"]
    recalls = ", ".join(f"{name} {figures['recall']:.2f}" for name, figures in classes.items())
    return (
        f"Expressions by what FER2013 teaches: **{accuracy['mean']:.3f} ± {accuracy['std']:.3f}** "
        f"({found['seeds']} seeds; 95 % interval {interval(found)}; chance 0.25) on people left "
        f"out. A network of FER2013 (`{found['network']}`, {found['network_epochs']} epochs, "
        f"accuracy {found['network_accuracy']:.3f} there) that has seen no CMU photograph: heads "
        f"cut out, its last features, logistic regression. Recall: {recalls}. Made by `python "
        f"benchmarks/transfer.py`, {trained_on(found['environment'])}."
    )


def _differences(rows):
    """Return a table of paired differences on the same test pictures."""
    by_name = collections.defaultdict(dict)
    for row in rows:
        by_name[row["recipe"]["name"]][row["changed"]] = row
    lines = []
    for one, other, what in PAIRS:
        for changed in (each for each in by_name[one] if each in by_name[other]):
            pair = by_name[one][changed], by_name[other][changed]
            if any(row["epochs_allowed"] < SHORTEST * row["epochs_asked"] for row in pair):
                continue
            difference = paired_difference(*pair)
            if difference is not None:
                mean, low, high = difference
                names = f"{_label(one, changed)} - {_label(other, changed)}"
                epochs = " - ".join(dict.fromkeys(map(_epochs_in_bold, pair)))
                told = (f"{mean:+.3f}", f"{low:+.3f} to {high:+.3f}", epochs)
                lines.append((what, names, *told))
    if not lines:
        return ""
    columns = ("what", "difference of accuracies", "mean", "95 % interval", "epochs")
    return (
        markdown_table(columns, lines) + "\n\nAt the same number of epochs, or an improved recipe "
        f"and the study's in full; none of trainings under {SHORTEST:.0%} of their epochs; paired "
        "by test picture and averaged over seeds; the interval is that of the mean over pictures "
        "and does not know what other seeds would give. In bold epochs a difference is that of "
        "unfinished networks, and tells nothing of finished ones."
    )


def _elsewhere(rows):
    lines = []
    for row in rows:
        for name, found in row["elsewhere"].items():
            label = _label(row["recipe"]["name"], row["changed"])
            if "refused" in found:
                lines.append((label, name, "-", "-", "-", found["refused"]))
                continue
            accuracy, count = f"{found['accuracy']['mean']:.3f}", f"{found['pictures']:,}"
            lines.append((label, name, accuracy, interval(found), count, known(name, found) or "-"))
    if not lines:
        return ""
    columns = ("model", "tested on", "accuracy", "95 % interval", "pictures", "note")
    return markdown_table(columns, lines)


def _matrix(row):
    """Return a confusion matrix as a table that opens at a click; true classes are rows."""
    classes = list(row["per_class"])
    lines = []
    for name, counts in zip(classes, row["confusion_matrix"], strict=True):
        figures = row["per_class"][name]
        shares = (f"{figures[measure]:.2f}" for measure in ("precision", "recall", "f1"))
        lines.append((name, *counts, *shares))
    table = markdown_table(("true", *classes, "precision", "recall", "F1"), lines)
    changed = f", {row['changed']}" if row["changed"] else ""
    title = f"{row['recipe']['name']} on {row['protocol']}{changed}"
    return f"<details><summary>{title}</summary>\n\n{table}\n\n</details>"
