"""docs/results.md: what the studies reported beside what came out here, from stored rows."""

import base64
import collections
from pathlib import Path

import numpy as np

from facezoo.files import replacing
from facezoo.report import markdown_table
from facezoo.reproduction.results import read_results
from facezoo.reproduction.studies import STUDIES, plans

HEAD = """<!-- Written by facezoo reproduce from results/*.json; do not edit. -->
# The five studies, reported and reproduced

Every row is a training that `facezoo reproduce` made and evaluated once on the test pictures;
nothing on them was chosen by those pictures. **Bold epochs** are fewer than the study's: such a
row shows how far that many epochs lead, not what the study's recipe is worth. *Nearest picture*
is the accuracy of the label of the most similar picture that is not tested: what remembering is
worth. Several seeds: mean and standard deviation; the interval is the mean of the seeds' 95 %
intervals over test pictures. `-plus` recipes are ours, at the study's own cost.
"""
PAIRS = (  # (one, other, what their difference tells)
    ("pooling-base-max", "pooling-base-average", "max against average pooling"),
    ("ippm-resnet50-ippm", "ippm-resnet50", "the pyramid module"),
    ("pooling-plus", "pooling-strongest", "improved recipe against the study's"),
    ("facex-plus", "facex-cnn", "improved recipe against the study's"),
    ("expw-plus", "expw-cnn", "improved recipe against the study's"),
    ("ippm-plus", "ippm-resnet50-ippm", "improved recipe against the study's"),
)
COLUMNS = (
    "recipe",
    "protocol",
    "reported",
    "reproduced",
    "95 % interval",
    "macro F1",
    "nearest picture",
    "epochs",
    "s an epoch",
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
    parts = [HEAD]
    for study, title in STUDIES.items():
        parts.append(f"## {title}\n\n{study_table(stored[study], plans(study, profile))}")
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
    lines = [_line(found[plan.name]) if plan.name in found else _missing(plan) for plan in wanted]
    text = markdown_table(COLUMNS, lines)
    if rows:
        made = sorted({_made(row) for row in rows})
        text += "\n\nTrained on: " + "; ".join(made) + "."
    return text


def _line(row):
    accuracy, seeds = row["accuracy"], len(row["seeds"])
    low, high = row["accuracy_interval"]
    spread = "" if accuracy["std"] is None else f" ± {accuracy['std']:.3f} ({seeds} seeds)"
    epochs = f"{min(row['epochs'])}-{max(row['epochs'])}"
    epochs = epochs.partition("-")[0] if len(set(row["epochs"])) == 1 else epochs
    if row["epochs_allowed"] < row["epochs_asked"]:
        epochs = f"**{epochs} of {row['epochs_asked']}**"
    elif max(row["epochs"]) < row["epochs_allowed"]:
        epochs += f" (stopped early, of {row['epochs_asked']})"
    return (
        _label(row["recipe"]["name"], row["changed"]),
        row["protocol"],
        row["reported"] or "-",
        f"{accuracy['mean']:.3f}{spread}",
        f"{low:.3f} to {high:.3f}",
        f"{row['macro_f1']['mean']:.3f}",
        f"{row['nearest_neighbour']['mean']:.3f}",
        epochs,
        f"{row['seconds_per_epoch']:.0f}" if row["seconds_per_epoch"] >= 10 else "under 10",
    )


def _missing(plan):
    recipe = plan.recipe
    where = f"{recipe.dataset}/{recipe.protocol or 'default'}"
    blank = ("not run yet", *["-"] * 5)
    return (_label(recipe.name, plan.changed), where, recipe.reported or "-", *blank)


def _label(name, changed):
    return f"`{name}` ({changed})" if changed else f"`{name}`"


def _made(row):
    made = row["environment"]
    return (
        f"{made['processor']}, Keras {made['keras']} on {made['backend']}, "
        f"{row['recipe']['precision']}, {made['date'][:10]}"
    )


def _differences(rows):
    """Return a table of paired differences on the same test pictures."""
    by_name = collections.defaultdict(dict)
    for row in rows:
        by_name[row["recipe"]["name"]][row["changed"]] = row
    lines = []
    for one, other, what in PAIRS:
        for changed in by_name[one].keys() & by_name[other].keys():
            difference = paired_difference(by_name[one][changed], by_name[other][changed])
            if difference is not None:
                mean, low, high = difference
                names = f"{_label(one, changed)} - {_label(other, changed)}"
                lines.append((what, names, f"{mean:+.3f}", f"{low:+.3f} to {high:+.3f}"))
    if not lines:
        return ""
    columns = ("what", "difference of accuracies", "mean", "95 % interval")
    return (
        markdown_table(columns, lines) + "\n\nPaired by test picture and averaged over seeds; the "
        "interval is that of the mean over pictures and does not know what other seeds would give."
    )


def paired_difference(one, other):
    """Return (difference, low, high) of two rows' accuracies on the same test pictures.

    A 95 % normal interval of the mean difference over test pictures. Seeds with one test part
    are averaged picture by picture, those with parts of their own laid end to end.

    Returns:
        three floats, or None where the rows were tested on different pictures.
    """
    parts = one["test_parts"]
    if len(set(parts + other["test_parts"])) == 1:
        difference = np.mean(_right(one), axis=0) - np.mean(_right(other), axis=0)
    elif parts == other["test_parts"]:
        difference = np.concatenate(_right(one)) - np.concatenate(_right(other))
    else:
        return None
    mean = difference.mean()
    half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    return float(mean), float(mean - half), float(mean + half)


def _right(row):
    """Return a float (n,) a seed: 1 for each test picture that it answers rightly."""
    return [
        np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=count).astype(float)
        for text, count in zip(row["right"], row["pictures"]["test"], strict=True)
    ]


def _elsewhere(rows):
    lines = []
    for row in rows:
        for name, found in row["elsewhere"].items():
            label = _label(row["recipe"]["name"], row["changed"])
            if "refused" in found:
                lines.append((label, name, "-", "-", "-", found["refused"]))
                continue
            low, high = found["accuracy_interval"]
            figures = f"{found['accuracy']['mean']:.3f}", f"{low:.3f} to {high:.3f}"
            count = f"{found['pictures']:,}"
            lines.append((label, name, *figures, count, found["note"] or "-"))
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
