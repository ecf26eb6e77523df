"""Reports: what a model's answers on a split are worth, in scikit-learn's figures.

`evaluate_predictions` turns probabilities and labels into a `Report`. Nothing here draws
(`plots.py` does) or writes a file; `pooled.py` sums up the reports of several seeds.
"""

import dataclasses
import warnings

import numpy as np
from scipy import stats
from sklearn import metrics

from facezoo.errors import FacezooError, LabelSetMismatch
from facezoo.files import is_number
from facezoo.labels import LabelSet
from facezoo.tables import markdown_table

ECE_BINS = 15  # Guo et al. 2017, arXiv:1706.04599
AGREEMENT_EDGES = (0.0, 0.5, 0.7, 0.9, 1.0)  # ours: FER+ has ten voters, so steps of 0.1
MEASURES = ("precision", "recall", "f1", "support")  # of a class
FIGURES = ("accuracy", "macro_f1", "balanced_accuracy", "ece", "log_loss")
REST = {"accuracy": None, "n": 0}  # of a report of which nobody looked for copies
ROWS = {  # figures in the rows of what a report lists
    "per_class": MEASURES,
    "without_copies": ("accuracy", "n"),
    "worst": ("index", "confidence"),
    "reliability": ("low", "high", "n", "confidence", "accuracy"),
    "accuracy_by_agreement": ("low", "high", "n", "share", "accuracy"),
}
WORST = 10  # mistakes that a report names
SUM_TOLERANCE = 1e-3  # what a softmax in half precision may be off by


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """What a model's answers on one split are worth; made by `evaluate_predictions`.

    Fractions lie in 0-1. Compare two reports by `to_dict()`.

    Args:
        label_set: `LabelSet` of the K classes, in the order of the confusion matrix.
        n: pictures.
        accuracy: fraction answered rightly.
        accuracy_interval: [low, high], 95 % interval of the accuracy, see
            `evaluate_predictions`.
        macro_f1: mean F1 of the classes that occur among labels or answers.
        balanced_accuracy: mean recall of the classes that occur among the labels.
        ece: expected calibration error, see `evaluate_predictions`.
        log_loss: mean negative log likelihood of the true class, in nats.
        per_class: `{class: {"precision", "recall", "f1", "support"}}`; 0 where a figure
            would divide by zero, such as a never answered class's precision.
        confusion_matrix: int64 (K, K); rows are true, columns predicted classes.
        copies: pictures that are copies of training ones; None if nobody looked.
        without_copies: `{"accuracy", "n"}` of the other pictures, accuracy None if there
            are none; None as a whole without copies.
        worst: top ten mistakes, `{"index", "file", "true", "predicted", "confidence"}`.
        reliability: filled bins `{"low", "high", "n", "confidence", "accuracy"}`.
        kl_to_votes: mean Kullback-Leibler divergence of the answers from the votes, in
            nats; None for hard labels.
        accuracy_by_agreement: filled bins of the largest vote share,
            `{"low", "high", "n", "share", "accuracy"}`; None for hard labels.
        note: what a reader of the figures must know, such as classes left out; or "".
        data: what was tested on, such as "cmu_faces/random80, target pose, seed 0"; or "".
    """

    label_set: LabelSet
    n: int
    accuracy: float
    accuracy_interval: list
    macro_f1: float
    balanced_accuracy: float
    ece: float
    log_loss: float
    per_class: dict
    confusion_matrix: np.ndarray
    copies: int | None
    without_copies: dict | None
    worst: list
    reliability: list
    kl_to_votes: float | None = None
    accuracy_by_agreement: list | None = None
    note: str = ""
    data: str = ""

    @property
    def headline(self):
        """What a figure of this report says above itself."""
        low, high = self.accuracy_interval
        return (
            f"accuracy {self.accuracy:.1%} ({low:.1%} to {high:.1%})\n"
            f"macro F1 {self.macro_f1:.1%}, {self.n:,} pictures"
        )

    def to_dict(self):
        """Return the fields as JSON holds them: the body of a run's metrics.json."""
        label_set, matrix = self.label_set.to_dict(), self.confusion_matrix.tolist()
        return {**vars(self), "label_set": label_set, "confusion_matrix": matrix}

    @classmethod
    def from_dict(cls, fields):
        """Inverse of `to_dict`; keys that a report does not have are left alone.

        Raises:
            FacezooError: a figure that every report has is missing, or is no figure.
        """
        if not isinstance(fields, dict):
            raise FacezooError(
                f"Got {str(fields)[:60]!r} as a report; expected an object of figures. Pass one "
                'split of metrics.json, as metrics["test"].'
            )
        needed = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
        if needed - fields.keys():
            raise FacezooError(
                f"Got a report without {', '.join(sorted(needed - fields.keys()))}; expected what "
                'Report.to_dict() returns. Pass one split of metrics.json, as metrics["test"].'
            )
        values = {f.name: fields[f.name] for f in dataclasses.fields(cls) if f.name in fields}
        values["label_set"] = LabelSet.from_dict(fields["label_set"])
        try:
            matrix = np.array(fields["confusion_matrix"], dtype=np.int64)
        except (TypeError, ValueError, OverflowError):
            matrix = None
        if wrong := _not_as_made({**values, "confusion_matrix": matrix}):
            raise FacezooError(
                f"Got a report with {wrong}={str(fields[wrong])[:60]!r}; expected what "
                "Report.to_dict() returns. Evaluate again."
            )
        return cls(**{**values, "confusion_matrix": matrix})

    def to_markdown(self, *, title="Evaluation"):
        """Return the report as Markdown: headline, tables and the worst mistakes."""
        low, high = self.accuracy_interval
        classes, bins = self.label_set.classes, self.accuracy_by_agreement
        per_class = [(name, *map(self.per_class[name].get, MEASURES)) for name in classes]
        matrix = zip(classes, self.confusion_matrix.tolist(), strict=True)
        worst = [
            (m["file"] or f"picture {m['index']}", m["true"], m["predicted"], m["confidence"])
            for m in self.worst
        ]
        paragraphs = [
            f"# {title}",
            *((f"Tested on {self.data}.",) if self.data else ()),
            f"**Accuracy {self.accuracy:.1%}** (95% interval {low:.1%} to {high:.1%}) on "
            f"{self.n:,} pictures.",
            f"Macro F1 {self.macro_f1:.1%}, balanced accuracy {self.balanced_accuracy:.1%}, "
            f"expected calibration error {self.ece:.1%}, log loss {self.log_loss:.3f}.",
            _copies_line(self.copies, self.without_copies),
            *((f"**Note: {self.note}.**",) if self.note else ()),
            "## Classes",
            markdown_table(("class", "precision", "recall", "F1", "pictures"), per_class),
            "## Confusion matrix (rows true, columns predicted)",
            markdown_table(("true", *classes), [(name, *counts) for name, counts in matrix]),
            *(() if bins is None else _agreement(self.kl_to_votes, bins)),
            "## Most confident mistakes",
            markdown_table(("file", "true", "predicted", "confidence"), worst)
            if worst
            else "None.",
        ]
        return "\n\n".join(paragraphs) + "\n"


def evaluate_predictions(
    probabilities,
    labels,
    label_set,
    *,
    files=None,
    copies=None,
    note="",
    data="",
    seed=0,
    resamples=1000,
):
    """Measure a model's answers against the labels.

    The interval resamples pictures, so it knows nothing of other seeds or other people;
    photographs of few people vary more than it says. Where all or none are right it would
    have no width, and is Clopper and Pearson's (1934) instead.

    The expected calibration error is Guo et al.'s (2017): 15 equally wide bins of the
    likeliest class's probability, open below and closed above; the mean gap between
    accuracy and confidence, weighted by pictures.

    Args:
        probabilities: float (N, K), every row sums to 1.
        labels: integers (N,), or float vote distributions (N, K): their class is the
            likeliest (the first of equals), and they add the report's last two figures.
        label_set: `LabelSet` of K classes.
        files: optional names of the N pictures, for `worst`.
        copies: optional bool (N,), True for copies of training pictures, as
            `facezoo.datasets.audit.exact_copies` finds them.
        note: what a reader of the figures must know.
        data: what is tested on.
        seed, resamples: of the bootstrap.

    Returns:
        Report.

    Raises:
        LabelSetMismatch: K is not the label set's, or a label lies outside it.
        FacezooError: no pictures, lengths that differ, or rows that are no distributions.
    """
    probabilities = _distributions(probabilities, label_set, "probabilities")
    labels, votes = _classes(labels, label_set)
    n = len(probabilities)
    copies = None if copies is None else np.asarray(copies, dtype=bool)
    _check_lengths(n, labels=labels, files=files, copies=copies)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    figures = _scikit_figures(labels, predicted, probabilities)
    reliability = _bins("confidence", confidence, right, np.linspace(0, 1, ECE_BINS + 1))
    agreement = votes if votes is None else _bins("share", votes.max(1), right, AGREEMENT_EDGES)
    return Report(
        label_set=label_set,
        n=n,
        accuracy=float(right.mean()),
        accuracy_interval=_interval(right, seed, resamples),
        ece=sum(b["n"] * abs(b["accuracy"] - b["confidence"]) for b in reliability) / n,
        per_class=per_class_figures(figures["confusion_matrix"], label_set),
        copies=None if copies is None else int(copies.sum()),
        without_copies=_without(copies, right),
        worst=_worst(labels, predicted, confidence, files, label_set),
        reliability=reliability,
        kl_to_votes=None if votes is None else _divergence(votes, probabilities),
        accuracy_by_agreement=agreement,
        note=note,
        data=data,
        **figures,
    )


def _distributions(values, label_set, what):
    """Return float64 (N, K) whose rows sum to 1, or refuse."""
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != len(label_set):
        raise LabelSetMismatch(
            f"Got {what} of shape {values.shape}; expected (pictures, {len(label_set)}) for the "
            f"classes of {label_set.name!r}. Pass the label set that the model was trained with."
        )
    if not len(values):
        raise FacezooError(f"Got no {what}; expected one row or more. Evaluate a filled split.")
    values = values.astype(np.float64)
    sums = values.sum(axis=1)
    bad = ~((np.abs(sums - 1) <= SUM_TOLERANCE) & (values >= 0).all(axis=1))  # NaN is bad too
    if bad.any():
        raise FacezooError(
            f"Got {what} {np.round(values[bad][0], 4).tolist()} in row {bad.argmax()}, and "
            f"{bad.sum()} such rows in all; expected numbers in 0-1 that sum to 1. "
            "Apply softmax to logits; NaN comes from a training that diverged."
        )
    return values / sums[:, None]


def _classes(labels, label_set):
    """Return (int64 (N,) classes, float64 (N, K) votes or None)."""
    labels = np.asarray(labels)
    if labels.ndim == 2:
        votes = _distributions(labels, label_set, "vote distributions")
        return votes.argmax(axis=1), votes
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise FacezooError(
            f"Got labels of {labels.dtype} {labels.shape}; expected integers (pictures,) or "
            f"vote distributions (pictures, {len(label_set)}). Pass a Split's labels."
        )
    outside = (labels < 0) | (labels >= len(label_set))
    if outside.any():
        raise LabelSetMismatch(
            f"Got label {labels[outside][0]} for {label_set.name!r}; expected 0 to "
            f"{len(label_set) - 1}. Drop or remap those pictures, see labels.remap."
        )
    return labels.astype(np.int64), None


def _check_lengths(n, **arrays):
    for name, array in arrays.items():
        if array is not None and len(array) != n:
            raise FacezooError(
                f"Got {n} rows of probabilities and {len(array)} {name}; expected as many of "
                "one as of the other. Pass those of the same split."
            )


def _scikit_figures(labels, predicted, probabilities):
    """The figures that scikit-learn computes, by the names of `Report`'s fields."""
    classes = range(probabilities.shape[1])
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        # of answers that are no label, and of 16 people on 30 pictures, "a regression"
        macro_f1 = metrics.f1_score(labels, predicted, average="macro", zero_division=0)
        return {
            "macro_f1": float(macro_f1),
            "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, predicted)),
            "log_loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
            "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=classes),
        }


def per_class_figures(matrix, label_set):
    """Confusion matrix -> `{class: {"precision", "recall", "f1", "support"}}`."""
    true, predicted = np.indices(matrix.shape)  # every cell is an answer, weighted by its count
    columns = metrics.precision_recall_fscore_support(
        true.ravel(),
        predicted.ravel(),
        labels=range(len(label_set)),
        sample_weight=matrix.ravel(),
        zero_division=0,
    )
    return {
        name: dict(zip(MEASURES, (float(p), float(r), float(f), int(s)), strict=True))
        for name, p, r, f, s in zip(label_set.classes, *columns, strict=True)
    }


def _interval(right, seed, resamples):
    """Return [low, high], the 95 % interval of the mean of `right`.

    Drawing n of n pictures with replacement and counting the right ones IS a binomial
    draw, so no picture needs to be drawn.
    """
    if right.all() or not right.any():
        exact = stats.binomtest(int(right.sum()), len(right)).proportion_ci(method="exact")
        return [float(exact.low), float(exact.high)]
    means = np.random.default_rng(seed).binomial(len(right), right.mean(), resamples) / len(right)
    return np.percentile(means, (2.5, 97.5)).tolist()


def _bins(name, values, right, edges):
    """Filled bins of `values`, open below and closed above; `name` is their mean's key."""
    # less a hair: the float32 of a share of 0.6 lies above 0.6 and belongs on the edge
    index = np.digitize(values - 1e-6, edges[1:-1])
    return [
        {
            "low": float(edges[i]),
            "high": float(edges[i + 1]),
            "n": int((index == i).sum()),
            name: float(values[index == i].mean()),
            "accuracy": float(right[index == i].mean()),
        }
        for i in np.unique(index)
    ]


def _without(copies, right):
    if copies is None or not copies.any():
        return None
    rest = right[~copies]
    return {"accuracy": float(rest.mean()) if len(rest) else None, "n": len(rest)}


def _worst(labels, predicted, confidence, files, label_set):
    """The most confident mistakes, worst first; of equals the first in the split."""
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:WORST]
    files = None if files is None else list(files)  # a table's column counts by its own index
    return [
        {
            "index": int(i),
            "file": None if files is None else str(files[i]),
            "true": label_set.classes[labels[i]],
            "predicted": label_set.classes[predicted[i]],
            "confidence": float(confidence[i]),
        }
        for i in wrong
    ]


def _divergence(votes, probabilities):
    """Mean KL(votes || probabilities) in nats; 0 log 0 is 0."""
    floor = np.finfo(np.float64).eps  # where scikit-learn's log_loss clips too
    ratio = np.where(votes > 0, votes, 1) / np.maximum(probabilities, floor)
    return float((votes * np.log(ratio)).sum(axis=1).mean())


def _copies_line(copies, rest):
    if not copies:
        return "Copies of training pictures: " + ("not looked for." if copies is None else "none.")
    accuracy = f"accuracy {rest['accuracy']:.1%}" if rest["n"] else "no accuracy"
    return f"Copies of training pictures: {copies:,}. Without them: {accuracy} on {rest['n']:,}."


def _agreement(kl_to_votes, bins):
    rows = [(f"{b['low']:.0%}-{b['high']:.0%}", b["n"], b["accuracy"]) for b in bins]
    return (
        "## Agreement among the voters",
        f"Divergence from the votes (KL): {kl_to_votes:.3f} nats.",
        markdown_table(("largest share of the votes", "pictures", "accuracy"), rows),
    )


def _not_as_made(values):
    """Return the name of a figure that is of another kind than a report's, or None."""
    classes, matrix = values["label_set"].classes, values["confusion_matrix"]
    if matrix is None or matrix.shape != (len(classes), len(classes)):
        return "confusion_matrix"
    rows = {
        "per_class": [values["per_class"]],
        "without_copies": [values["without_copies"] or REST],
    }
    if isinstance(values["per_class"], dict):
        rows["per_class"] = [values["per_class"].get(name) for name in classes]
    rows |= {name: values[name] for name in ("worst", "reliability")}
    rows["accuracy_by_agreement"] = values.get("accuracy_by_agreement") or []
    for name, listed in rows.items():
        if not isinstance(listed, list) or not all(_holds(row, ROWS[name]) for row in listed):
            return name
    interval = values["accuracy_interval"]
    if not isinstance(interval, list) or len(interval) != 2 or not all(map(_is_figure, interval)):
        return "accuracy_interval"
    kinds = dict.fromkeys(FIGURES, int | float) | {"note": str, "data": str, "n": int}
    kinds |= {"copies": int | None, "kl_to_votes": int | float | None}
    figures = [values[name] for name in (*FIGURES, "n")] + [values.get("kl_to_votes") or 0]
    if not all(map(_is_figure, figures)):
        return "accuracy"
    given = ((name, kind) for name, kind in kinds.items() if name in values)
    wrong = (name for name, kind in given if not isinstance(values[name], kind))
    return next(wrong, None)


def _holds(row, figures):
    """Whether a row is an object with these figures; a share of no picture is None."""
    if not isinstance(row, dict):
        return False
    nothing = row.get("n") == 0
    return all(_is_figure(row.get(f)) or (nothing and f == "accuracy") for f in figures)


def _is_figure(value):
    """Whether a value of JSON is a number that a float holds, NaN and infinity among them."""
    return isinstance(value, float) or is_number(value)
