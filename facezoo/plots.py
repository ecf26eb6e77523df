"""Figures of reports, training runs and pictures, drawn with seaborn and matplotlib.

Every function returns a `matplotlib.figure.Figure` that no pyplot knows of: nothing is
shown, saved or left open. Jupyter shows the Figure that a cell ends with; to keep one,
`figure.savefig("confusion_matrix.png")`.

Colours are seaborn's "colorblind" palette and the "Blues" map, which hold for the common
kinds of colour blindness and in gray print.
"""

import contextlib
import io
import textwrap

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from facezoo.errors import FacezooError, PixelError

CHUNK = 4096  # pictures summed at a time: 9 MB of 48x48 gray ones
PALETTE = seaborn.color_palette("colorblind", 10).as_hex()
INK = "#333333"
PALE = "#e0e0e0"
LETTER, BOLD = 0.08, 0.11  # inches that a letter of a tick label, of a title, is wide
PICTURE = 1.15  # inches that a picture in a grid is wide
DOTTED = 30  # epochs up to which a curve shows its points

STYLE = {
    "axes.edgecolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.facecolor": "white",
    "grid.color": PALE,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.parse_math": False,  # a "$" in the name of a file or class is a "$"
    "xtick.color": INK,
    "ytick.color": INK,
}


class _Figure(Figure):
    """Jupyter shows it even before pyplot, hence the inline backend, was ever used."""

    def _repr_png_(self):
        png = io.BytesIO()
        self.savefig(png, format="png")
        return png.getvalue()


@contextlib.contextmanager
def _drawing(width, height, layout="constrained"):
    """Yield an empty Figure of that many inches; what is drawn meanwhile has our style."""
    with matplotlib.rc_context(STYLE):
        yield _Figure(figsize=(width, height), dpi=120, layout=layout)


def confusion_matrix(report, *, normalize=True, title=""):
    """Draw a report's confusion matrix: a row a true, a column a predicted class.

    Args:
        report: `Report` or `PooledReport`.
        normalize: True colours by the share of the row, and writes it above the count;
            False knows counts only. Cells that hold no picture stay blank, and the row
            of a class without pictures is gray.
        title: written above accuracy, interval and macro F1.

    Returns:
        matplotlib.figure.Figure.
    """
    classes, counts = report.label_set.classes, report.confusion_matrix
    support = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(support, 1)
    cell, size = (0.9, 10) if len(classes) < 5 else (0.72, 9) if len(classes) < 11 else (0.52, 7)
    letters = LETTER * max(map(len, classes))
    slanted = letters > 0.95 * cell
    side = cell * len(classes)
    width = max(side + letters + 0.8, 3.6)
    title = textwrap.fill(title, int(max(side, 2.6) / BOLD))
    height = side + (0.75 * letters if slanted else 0.2) + 1.1 + 0.2 * len(title.splitlines())
    with _drawing(width, height) as figure:
        axes = figure.subplots()
        seaborn.heatmap(
            shares if normalize else counts,
            mask=np.broadcast_to(support == 0, counts.shape),
            annot=_cell_texts(counts, shares, normalize),
            fmt="",
            annot_kws={"size": size},
            cmap="Blues",
            vmin=0,
            vmax=1 if normalize else max(counts.max(), 1),
            square=True,
            cbar=False,
            linewidths=0.5,
            linecolor=PALE,
            xticklabels=classes,
            yticklabels=classes,
            ax=axes,
        )
        axes.set(facecolor=PALE, xlabel="predicted", ylabel="true")
        axes.tick_params(length=0, rotation=0)
        if slanted:
            slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(axes.get_xticks(), classes, **slant)
        _heading(axes, title, report)
    return figure


def learning_curves(history, *, best_epoch=None):
    """Draw loss, accuracy and every other metric that was validated, over the epochs.

    Args:
        history: DataFrame with "epoch", "loss" and, as far as there are any, "val_loss",
            "accuracy", "val_accuracy" and further pairs, as in a run's history.csv.
        best_epoch: the epoch whose weights were kept, marked in every panel.

    Returns:
        matplotlib.figure.Figure with a panel a metric.

    Raises:
        FacezooError: no "epoch" or "loss", or no epochs.
    """
    if not {"epoch", "loss"} <= set(history.columns) or history.empty:
        raise FacezooError(
            f"Got a history of {len(history)} epochs with {', '.join(map(str, history.columns))}; "
            "expected epochs with epoch and loss. Pass a run's history.csv, read by pandas."
        )
    pairs = ["loss", "accuracy", *(n for n in history.columns if f"val_{n}" in history.columns)]
    metrics = [name for name in dict.fromkeys(pairs) if name in history.columns]
    with _drawing(4.4 * len(metrics), 3.5) as figure:
        panels = figure.subplots(1, len(metrics), squeeze=False)[0]
        for axes, name in zip(panels, metrics, strict=True):
            _curve(axes, history, name, best_epoch)
    return figure


def per_class_bars(report):
    """Draw precision, recall and F1 of every class; its pictures stand behind its name.

    Args:
        report: `Report`.

    Returns:
        matplotlib.figure.Figure.
    """
    rows = [
        (f"{name} ({report.per_class[name]['support']:,})", label, report.per_class[name][key])
        for name in report.label_set.classes
        for key, label in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
    ]
    figure = _bars(rows, "{:.0%}")
    axes = figure.axes[0]
    axes.set_xlim(0, 1.06)  # room for the 100% behind a whole bar
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    _heading(axes, "", report)
    return figure


def class_histogram(counts):
    """Draw how many pictures every class has in every split.

    Args:
        counts: `{split name: {class name: pictures}}`, as `Split.counts()` gives them.

    Returns:
        matplotlib.figure.Figure.

    Raises:
        FacezooError: no split, or splits of different classes.
    """
    classes = [list(split) for split in counts.values()]
    if not classes or any(names != classes[0] for names in classes):
        raise FacezooError(
            f"Got counts of the classes {classes}; expected one split or more, all with the same "
            'classes in one order. Pass {"train": dataset.train.counts(), ...}.'
        )
    rows = [
        (name, f"{split} ({sum(counts[split].values()):,})", counts[split][name])
        for name in classes[0]
        for split in counts
    ]
    figure = _bars(rows, "{:,.0f}")
    figure.axes[0].set_xlabel("pictures")
    figure.axes[0].xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return figure


def reliability_diagram(report):
    """Draw accuracy over confidence, and beneath it how many answers had that confidence.

    A calibrated model's bars end on the diagonal; a bar that ends below it is of answers
    that were surer than they were right.

    Args:
        report: `Report`.

    Returns:
        matplotlib.figure.Figure.
    """
    bins = pd.DataFrame(report.reliability)
    middle, width = (bins["low"] + bins["high"]) / 2, (bins["high"] - bins["low"]) * 0.94
    with _drawing(4.6, 5.2) as figure:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        upper.bar(middle, bins["accuracy"], width, color=PALETTE[9], label="accuracy")
        gap = bins["confidence"] - bins["accuracy"]
        look = {"facecolor": "none", "edgecolor": PALETTE[3], "hatch": "////"}
        upper.bar(middle, gap, width, bottom=bins["accuracy"], label="gap to confidence", **look)
        upper.plot((0, 1), (0, 1), "--", color=INK, linewidth=1, label="calibrated")
        upper.legend(loc="upper left")
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
        upper.set_title(f"expected calibration error {report.ece:.1%}, {report.n:,} pictures")
        lower.bar(middle, bins["n"], width, color=PALETTE[7])
        lower.set(xlabel="confidence", ylabel="pictures")
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_major_formatter(PercentFormatter(1))
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure


def sample_grid(images, titles, columns=8, *, width=PICTURE):
    """Draw pictures in rows, a title above each.

    Args:
        images: uint8 (N, height, width, 1 or 3), 0-255: an ndarray or `Pictures`.
        titles: N texts; long ones are broken into lines.
        columns: pictures in a row.
        width: inches that a picture is wide.

    Returns:
        matplotlib.figure.Figure.

    Raises:
        PixelError: pictures of another dtype or shape, or none.
        FacezooError: not one title a picture.
    """
    images = np.asarray(images)
    kind = (images.dtype, images.ndim, images.shape[-1:])
    if not len(images) or kind not in [(np.uint8, 4, (1,)), (np.uint8, 4, (3,))]:
        raise PixelError(
            f"Got pictures of {images.dtype} {images.shape}; expected uint8 (N, height, width, "
            "1 or 3) in 0-255, one or more. Slice them from a Split's images."
        )
    if len(titles) != len(images):
        raise FacezooError(
            f"Got {len(titles)} titles for {len(images)} pictures; expected one a picture. "
            'Pass [""] * len(images) for none.'
        )
    letters = int(21 * width / PICTURE)  # of a line
    titles = ["\n".join(textwrap.fill(x, letters) for x in str(t).split("\n")) for t in titles]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    high = width * images.shape[1] / images.shape[2]
    tall = high + 0.14 * max(title.count("\n") + 1 for title in titles) + 0.12  # with the title
    wide = width + 0.1
    with _drawing(wide * columns, tall * rows, layout=None) as figure:
        for i, (image, title) in enumerate(zip(images, titles, strict=True)):
            left, bottom = (
                (i % columns + 0.05 / wide) / columns,
                1 - (i // columns + 1 - 0.02) / rows,
            )
            size = (width / (wide * columns), high / (tall * rows))
            axes = figure.add_axes((left, bottom, *size))
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)  # vmin, vmax: for gray pictures
            axes.set_title(title, fontsize=8, pad=3)
            axes.set_axis_off()
    return figure


def mistakes_grid(images, report):
    """Draw a report's most confident mistakes.

    Args:
        images: the pictures that were evaluated, all of them, as for `sample_grid`; only
            those that are drawn are read.
        report: `Report` on these pictures.

    Returns:
        matplotlib.figure.Figure; without mistakes it says so.

    Raises:
        FacezooError: not as many pictures as were evaluated.
    """
    if len(images) != report.n:
        raise FacezooError(
            f"Got {len(images)} pictures and a report on {report.n}; expected those that were "
            "evaluated, in their order. Pass the images of that split."
        )
    if not report.worst:
        with _drawing(3.5, 1) as figure:
            figure.text(0.5, 0.5, "no mistakes", ha="center", va="center")
        return figure
    titles = [
        f"true: {m['true']}\nsaid: {m['predicted']} ({m['confidence']:.0%})" for m in report.worst
    ]
    return sample_grid(images[np.array([m["index"] for m in report.worst])], titles, columns=5)


def mean_faces(split):
    """Draw the mean picture of every class: what a data set's faces have in common.

    Args:
        split: `Split`; read once, in chunks.

    Returns:
        matplotlib.figure.Figure; a class without pictures is black.
    """
    sums = np.zeros((len(split.label_set), *split.images.shape[1:]))
    for start in range(0, len(split), CHUNK):
        classes = split.classes[start : start + CHUNK]
        pictures = split.images[start : start + CHUNK]
        for k in np.unique(classes):
            sums[k] += pictures[classes == k].sum(axis=0, dtype=np.int64)
    counts = np.array(list(split.counts().values()))
    means = sums / np.maximum(counts, 1).reshape(-1, 1, 1, 1)
    titles = [f"{name}\n{n:,} pictures" for name, n in split.counts().items()]
    return sample_grid(np.round(means).astype(np.uint8), titles, columns=7)


def _cell_texts(counts, shares, normalize):
    """(K, K) texts: share above count, count alone, or nothing for an empty cell."""
    texts = np.full(counts.shape, "", dtype=object)
    for i, j in np.argwhere(counts):
        share = "<1%" if shares[i, j] < 0.005 else f"{shares[i, j]:.0%}"
        texts[i, j] = f"{share}\n{counts[i, j]:,}" if normalize else f"{counts[i, j]:,}"
    return texts


def _heading(axes, title, report):
    """Write the report's figures above the axes, and a bold title above them."""
    centre = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
    axes.annotate(report.headline, (0.5, 1), (0, 5), color=INK, **centre)
    axes.set_title(title, pad=38, fontsize=12, fontweight="bold")  # 38 points: above two lines


def _curve(axes, history, name, best_epoch):
    """Draw a metric on the training and, if it was measured, on the validation part."""
    marker = "o" if len(history) <= DOTTED else None
    for column, label, colour in ((name, "training", 0), (f"val_{name}", "validation", 1)):
        if column in history.columns:
            look = {"marker": marker, "color": PALETTE[colour], "label": label}
            x, y = history["epoch"], history[column]
            seaborn.lineplot(x=x, y=y, estimator=None, ax=axes, **look)
    if best_epoch is not None:
        axes.axvline(best_epoch, color=INK, linestyle=":", label=f"best epoch {best_epoch}")
    axes.set(xlabel="epoch", ylabel="", title=name.replace("_", " "))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    rising = name.endswith("accuracy")
    if rising:
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y")
    axes.legend(loc="lower right" if rising else "upper right")  # "best" can take seconds


def _bars(rows, number):
    """Horizontal bars of (group, hue, value) rows, each with its value written at its end."""
    frame = pd.DataFrame(rows, columns=["group", "hue", "value"])
    groups, hues = frame["group"].nunique(), frame["hue"].nunique()
    width = 5.2 + LETTER * frame["group"].str.len().max()
    with _drawing(width, 0.17 * hues * groups + 0.12 * groups + 1.4) as figure:
        axes = figure.subplots()
        look = {"orient": "h", "palette": PALETTE[:hues], "saturation": 1}
        seaborn.barplot(frame, y="group", x="value", hue="hue", ax=axes, **look)
        for bars in axes.containers:
            axes.bar_label(bars, fmt=number.format, fontsize=7, padding=2)
        axes.set(xlabel="", ylabel="")
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.08)
        axes.get_legend().remove()
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=hues)
    return figure
