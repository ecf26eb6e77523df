"""The reports of several seeds, summed up."""

import dataclasses
import statistics

import numpy as np

from facezoo.errors import FacezooError, LabelSetMismatch
from facezoo.labels import LabelSet
from facezoo.report import MEASURES, per_class_figures
from facezoo.tables import markdown_table

SPREAD = ("accuracy", "macro_f1", "ece")  # figures whose mean and spread are told


@dataclasses.dataclass(frozen=True, eq=False)
class PooledReport:
    """What several seeds of one recipe are worth; made by `pool`.

    Args:
        reports: how many.
        label_set: `LabelSet` of the K classes.
        accuracy, macro_f1, ece: each `{"mean", "std", "range": [low, high]}` over the
            reports, with the sample standard deviation (None for one report).
        confusion_matrix: int64 (K, K), the sum of all; rows are true classes.
        per_class: `{class: {"precision", "recall", "f1", "support"}}`, from that sum.
    """

    reports: int
    label_set: LabelSet
    accuracy: dict
    macro_f1: dict
    ece: dict
    confusion_matrix: np.ndarray
    per_class: dict

    @property
    def headline(self):
        """What a figure of this report says above itself."""
        low, high = self.accuracy["range"]
        return (
            f"accuracy {self.accuracy['mean']:.1%} ({low:.1%} to {high:.1%})\n"
            f"macro F1 {self.macro_f1['mean']:.1%}, {self.confusion_matrix.sum():,} pictures"
        )

    def to_dict(self):
        """Return the fields as JSON holds them: the body of a summary's metrics.json."""
        label_set, matrix = self.label_set.to_dict(), self.confusion_matrix.tolist()
        return {**vars(self), "label_set": label_set, "confusion_matrix": matrix}

    def to_markdown(self, *, title="Evaluation"):
        """Return the report as Markdown: headline and a table of the classes."""
        low, high = self.accuracy["range"]
        std = self.accuracy["std"]
        told = (
            ""
            if std is None
            else (f" ± {std:.1%} (mean and standard deviation; {low:.1%} to {high:.1%})")
        )
        rows = [(name, *map(c.get, MEASURES)) for name, c in self.per_class.items()]
        paragraphs = (
            f"# {title}",
            f"**Accuracy {self.accuracy['mean']:.1%}**{told}, macro F1 "
            f"{self.macro_f1['mean']:.1%}.",
            "## Classes, all seeds pooled",
            markdown_table(("class", "precision", "recall", "F1", "pictures"), rows),
        )
        return "\n\n".join(paragraphs) + "\n"


def pool(reports):
    """Sum up the reports of several seeds of one recipe.

    Args:
        reports: `Report`s that share a label set, one or more.

    Returns:
        PooledReport.

    Raises:
        FacezooError: no reports, or reports of two label sets (LabelSetMismatch).
    """
    reports = list(reports)
    if not reports:
        raise FacezooError("Got no reports to pool; expected one a seed. Evaluate a run first.")
    label_set, others = reports[0].label_set, {report.label_set for report in reports[1:]}
    if others - {label_set}:
        raise LabelSetMismatch(
            f"Got reports of {label_set} and {(others - {label_set}).pop()}; expected one label "
            "set. Pool the runs of one recipe."
        )
    matrix = np.sum([report.confusion_matrix for report in reports], axis=0)
    return PooledReport(
        reports=len(reports),
        label_set=label_set,
        confusion_matrix=matrix,
        per_class=per_class_figures(matrix, label_set),
        **{figure: _spread([getattr(r, figure) for r in reports]) for figure in SPREAD},
    )


def _spread(values):
    std = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "std": std, "range": [min(values), max(values)]}
