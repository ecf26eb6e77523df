"""What is told of a stored row of `results/<study>.json`, and of two of them."""

import numpy as np

from facezoo.datasets import get_spec
from facezoo.right_answers import unpack_right

ROLES = ("train", "validation", "test")
COLLAPSED = 0.9  # share of one answer from which a row says so


def told_of(row):
    """Return all that is told of a row, so that one that cannot be told is found out."""
    made = row["environment"]
    return (
        *(row[measure][each] for measure in ("accuracy", "macro_f1") for each in ("mean", "std")),
        *(row["pictures"][role][0] for role in ROLES),
        *(found["support"] for found in row["per_class"].values()),
        *(row["recipe"][name] for name in ("name", "dataset", "protocol")),
        *(made[name] for name in ("backend", "date", "devices", "processor")),
        row["nearest_neighbour"]["mean"],
        [right.mean() for right in _right(row)],
        epochs_run(row),
        kept_epoch(row),
        without_copies(row),
        part_at_hand(row),
        interval(row),
        of_the_one(row),
        collapse(row),
        [known(name, found) for name, found in row["elsewhere"].items() if "refused" not in found],
    )


def told_of_transfer(found):
    """Return what is told of study A's transfer, as `told_of`."""
    recalls = [figures["recall"] for figures in found["per_class"].values()]
    return found["accuracy"]["mean"], found["accuracy"]["std"], interval(found), recalls


def epochs_run(row):
    """Return how many epochs were run, and why they were fewer than the study's if they were."""
    ran = "-".join(map(str, sorted({min(row["epochs"]), max(row["epochs"])})))
    if row["epochs_allowed"] < row["epochs_asked"]:
        ran += f" of {row['epochs_asked']}"
    if stopped_early(row):
        return f"{ran}, stopped by the recipe's patience"
    if min(row["epochs"]) < row["epochs_allowed"]:
        return f"{ran}, some seeds stopped by the recipe's patience"
    return ran


def stopped_early(row):
    """Whether the recipe's patience ended every training of a row, not the epochs allowed."""
    patience = row["recipe"]["patience"]
    if patience is None:
        return False
    if max(row["epochs"]) < row["epochs_allowed"]:
        return True
    kept = kept_epoch(row) if len(row["seeds"]) == 1 else None
    return kept is not None and row["epochs"][0] - kept >= patience


def cut_short(row):
    """Whether a row was allowed fewer epochs than the study, and would have used more."""
    return row["epochs_allowed"] < row["epochs_asked"] and not stopped_early(row)


def kept_epoch(row):
    """Return the epoch whose weights the first seed was tested with; None where not stored."""
    if "shown" not in row:
        return None
    history, monitor = row["shown"]["history"], row["recipe"]["monitor"]
    best = np.argmin if monitor == "val_loss" else np.argmax
    return int(history["epoch"][best(history[monitor])])


def without_copies(row):
    """Return the accuracy without copies of training pictures, the mean over seeds, or None."""
    shown = row.get("shown", {}).get("report", {}).get("without_copies")
    alone = shown["accuracy"] if shown and len(row["seeds"]) == 1 else None
    return row.get("without_copies", alone)


def copies_unknown(row):
    """Whether nothing is stored of copies of training pictures among a row's test pictures."""
    shown = row.get("shown", {}).get("report")
    return without_copies(row) is None and (shown is None or bool(shown.get("without_copies")))


def part_at_hand(row):
    """Return what is said of a row whose data set was not whole, or ""."""
    spec = get_spec(row["recipe"]["dataset"])
    prepared = sum(counts[0] for counts in row["pictures"].values())
    if spec.is_whole(prepared):
        return ""
    return f"{prepared:,} of the {spec.published:,} published pictures were at hand"


def interval(row):
    """Return the 95 % interval of a row's accuracy as text."""
    low, high = row["accuracy_interval"]
    return f"{low:.3f} to {high:.3f}"


def of_the_one(row):
    """Precision and recall of the class that one class against the rest is about, or ""."""
    if not row["recipe"]["target"] or not row["recipe"]["target"].startswith("is:"):
        return ""
    name = row["recipe"]["target"].removeprefix("is:")
    figures = row["per_class"][name]
    return f"{name}: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}"


def collapse(row):
    """Return what is said of a model that answers one class for nearly everything, or ""."""
    counts = np.array(row["confusion_matrix"])
    answered = int(counts.sum(axis=0).argmax())
    share = counts[:, answered].sum() / counts.sum()
    labelled = counts[answered].sum() / counts.sum()
    if share < COLLAPSED or labelled > share / 2:
        return ""
    return f"answers {list(row['per_class'])[answered]} for {share:.0%}"


def known(name, found):
    """Return what a reader must know of figures on another data set, or ""."""
    published = get_spec(name).published
    short = found["data"].startswith("all of") and not get_spec(name).is_whole(found["pictures"])
    told = f"the published set has {published:,}" if short else ""
    return "; ".join(filter(None, (found["note"], told)))


def paired_difference(one, other):
    """Return (difference, low, high) of two rows' accuracies on the same test pictures.

    A 95 % normal interval of the mean difference over test pictures. Seeds with one test part
    are averaged picture by picture; of seeds with parts of their own, which may overlap, the
    differences and the widths of their intervals are averaged.

    Returns:
        three floats, or None where the rows had different test pictures, or another number of
        epochs; that may differ between an improved recipe and the study's, both run in full.
    """
    if one["test_parts"] != other["test_parts"] or not _alike(one, other):
        return None
    differences = [a - b for a, b in zip(_right(one), _right(other), strict=True)]
    if len(set(one["test_parts"])) == 1:
        differences = [np.mean(differences, axis=0)]
    mean = np.mean([each.mean() for each in differences])
    half = np.mean([1.96 * each.std(ddof=1) / np.sqrt(len(each)) for each in differences])
    return float(mean), float(mean - half), float(mean + half)


def _alike(one, other):
    """Whether two rows were run for as long as makes them comparable."""
    whole = all(row["epochs_allowed"] == row["epochs_asked"] for row in (one, other))
    improved = one["recipe"]["name"].endswith("-plus")
    return one["epochs_allowed"] == other["epochs_allowed"] or (improved and whole)


def _right(row):
    """Return a float (n,) a seed: 1 for each test picture that it answers rightly."""
    return [
        unpack_right(text, count).astype(float)
        for text, count in zip(row["right"], row["pictures"]["test"], strict=True)
    ]
