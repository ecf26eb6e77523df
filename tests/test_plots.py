"""Figures: what they say, whether it can be read, and that pyplot never hears of them."""

import io

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from facezoo import plots
from facezoo.datasets.base import Split
from facezoo.errors import FacezooError, PixelError
from facezoo.labels import EYES, LabelSet
from facezoo.report import evaluate_predictions

ABC = LabelSet("abc", ("a", "b", "c"))
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [1.5, 1.0, 0.5],
        "val_loss": [1.6, 1.2, 1.3],
        "accuracy": [0.2, 0.5, 0.7],
        "val_accuracy": [0.3, 0.4, 0.4],
        "learning_rate": [0.1, 0.1, 0.01],
    }
)


def evaluated(labels, answers, label_set, confidence=0.8):
    """Report on answers that all have one confidence."""
    rest = (1 - confidence) / (len(label_set) - 1)
    right = np.eye(len(label_set))[answers] == 1
    return evaluate_predictions(np.where(right, confidence, rest), labels, label_set)


def texts(figure):
    """Every text of a figure that is not empty."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def crosses(one, other):
    """Whether two boxes share more than a pixel's rim."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > 1 and high > 1


@pytest.fixture
def report():
    """Six pictures, four of them right."""
    return evaluated([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], ABC)


@pytest.fixture
def faces():
    """Six pictures of one shade each."""
    images = np.repeat(np.uint8([10, 20, 32, 40, 50, 60]), 6).reshape(6, 3, 2, 1)
    return Split(images, np.array([0, 0, 0, 1, 1, 2]), None, ABC)


@pytest.fixture(autouse=True)
def untouched_pyplot():
    """No figure is left open and no setting changed, whatever a test draws."""
    names = set(matplotlib.rcParams) - {"backend"}  # to read it is to start pyplot's backend
    before = [(name, matplotlib.rcParams[name]) for name in names]
    yield
    assert pyplot.get_fignums() == []
    assert [(name, matplotlib.rcParams[name]) for name in names] == before


@pytest.mark.parametrize(
    "draw",
    [
        lambda report, faces: plots.confusion_matrix(report, title="lenet5"),
        lambda report, faces: plots.learning_curves(HISTORY, best_epoch=2),
        lambda report, faces: plots.per_class_bars(report),
        lambda report, faces: plots.class_histogram({"train": faces.counts()}),
        lambda report, faces: plots.reliability_diagram(report),
        lambda report, faces: plots.sample_grid(faces.images, list("abcdef")),
        lambda report, faces: plots.mistakes_grid(faces.images, report),
        lambda report, faces: plots.mean_faces(faces),
    ],
)
def test_every_plot_is_a_figure_that_jupyter_can_show(draw, report, faces):
    figure = draw(report, faces)
    assert isinstance(figure, Figure)
    picture = Image.open(io.BytesIO(figure._repr_png_()))
    assert picture.size == tuple(int(side * 120) for side in figure.get_size_inches())
    assert len(picture.getcolors(1 << 24)) > 2  # more than a blank page


def cell_texts(figure):
    """{(row, column): text} of a confusion matrix."""
    written = {}
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        if text.get_text() and text.get_transform() == figure.axes[0].transData:
            written[int(y), int(x)] = text.get_text()
    return written


def test_confusion_matrix_writes_share_and_count_of_the_true_row(report):
    figure = plots.confusion_matrix(report, title="lenet5 on folder/given")
    axes = figure.axes[0]
    assert cell_texts(figure) == {
        (0, 0): "67%\n2",
        (0, 1): "33%\n1",
        (1, 1): "50%\n1",
        (1, 2): "50%\n1",
        (2, 2): "100%\n1",
    }
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b", "c"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert axes.yaxis_inverted()  # the first class is the uppermost row
    assert "lenet5 on folder/given" in texts(figure)
    assert any("accuracy 66.7%" in text and "6 pictures" in text for text in texts(figure))


def test_confusion_matrix_of_counts_has_no_shares(report):
    figure = plots.confusion_matrix(report, normalize=False)
    assert cell_texts(figure)[0, 0] == "2"
    assert not any("%" in text for text in cell_texts(figure).values())


def test_a_rare_mistake_is_not_called_none():
    labels = np.zeros(3000, int)
    answers = np.append(labels[:-1], 1)
    written = cell_texts(plots.confusion_matrix(evaluated(labels, answers, ABC)))
    assert written == {(0, 0): "100%\n2,999", (0, 1): "<1%\n1"}


def test_confusion_matrix_colours_by_the_share_and_grays_a_class_without_pictures():
    figure = plots.confusion_matrix(evaluated([0] * 10 + [1], [0] * 10 + [1], ABC))
    figure.draw_without_rendering()
    (mesh,) = figure.axes[0].collections
    colours = mesh.get_facecolors().reshape(3, 3, 4)
    assert colours[0, 0].tolist() == colours[1, 1].tolist()  # both wholly right: 10 of 10, 1 of 1
    assert colours[0, 0].tolist() == list(matplotlib.colormaps["Blues"](1.0))
    assert (colours[2, :, 3] == 0).all()  # the last row lets the gray through
    assert figure.axes[0].get_facecolor() == to_rgba(plots.PALE)


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        (2, "person number {} of the archive"),
        (4, "c{}"),
        (7, "surpris{}"),
        (20, "person number {}"),
    ],
)
def test_confusion_matrix_is_square_and_nothing_covers_anything(classes, name):
    label_set = LabelSet("many", tuple(name.format(i) for i in range(classes)))
    labels, answers = np.divmod(np.arange(classes * classes), classes)  # every cell is written in
    report = evaluated(labels.repeat(120), answers.repeat(120), label_set)
    figure = plots.confusion_matrix(report, title="a title of some length " * 3)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    cells = axes.get_window_extent()
    assert cells.width == pytest.approx(cells.height, rel=0.01)
    for text in figure.findobj(Text):
        if text.get_text():
            box = text.get_window_extent()
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text
    size = cells.width / classes
    written = [t for t in axes.texts if t.get_transform() == axes.transData]
    assert len(written) == classes**2
    boxes = [text.get_window_extent() for text in written]
    assert max(max(box.width, box.height) for box in boxes) < size
    headings = [axes.title, *(t for t in axes.texts if t not in written)]
    assert not crosses(*(text.get_window_extent() for text in headings))
    if classes in (4, 7):  # upright labels must not run into each other; slanted ones cannot
        labels = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert not any(map(crosses, labels, labels[1:]))


def test_learning_curves_show_every_validated_metric_and_the_best_epoch():
    figure = plots.learning_curves(HISTORY.assign(top2=0.5, val_top2=0.6), best_epoch=2)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy", "top2"]
    training, validation, best = figure.axes[0].lines
    assert training.get_ydata().tolist() == [1.5, 1.0, 0.5]
    assert validation.get_ydata().tolist() == [1.6, 1.2, 1.3]
    assert validation.get_xdata().tolist() == [1, 2, 3]
    assert set(best.get_xdata()) == {2}
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["training", "validation", "best epoch 2"]


def test_learning_curves_of_one_epoch_without_validation_are_a_visible_point():
    figure = plots.learning_curves(HISTORY[["epoch", "loss"]][:1])
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_marker() == "o"
    figure.draw_without_rendering()
    assert all(tick == int(tick) for tick in axes.get_xticks())


@pytest.mark.parametrize("history", [HISTORY[:0], HISTORY.drop(columns="epoch")])
def test_learning_curves_refuse_what_is_no_history(history):
    with pytest.raises(FacezooError, match="history.csv"):
        plots.learning_curves(history)


def test_per_class_bars_are_as_long_as_they_say(report):
    figure = plots.per_class_bars(report)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a (3)", "b (2)", "c (1)"]
    lengths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    assert lengths[0] == pytest.approx([1, 1 / 2, 1 / 2])  # precision
    assert lengths[1] == pytest.approx([2 / 3, 1 / 2, 1])  # recall
    assert {"precision", "recall", "F1", "67%", "80%"} <= set(texts(figure))


def test_class_histogram_writes_counts_and_totals():
    counts = {"train": {"a": 1234, "b": 7}, "test": {"a": 0, "b": 30}}
    figure = plots.class_histogram(counts)
    assert {"a", "b", "1,234", "7", "0", "30"} <= set(texts(figure))
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["train (1,241)", "test (30)"]
    train, test = figure.axes[0].containers
    assert [bar.get_width() for bar in test] == [0, 30]


@pytest.mark.parametrize("counts", [{}, {"train": {"a": 1}, "test": {"b": 1}}])
def test_class_histogram_refuses_splits_that_cannot_stand_beside_each_other(counts):
    with pytest.raises(FacezooError, match="same classes"):
        plots.class_histogram(counts)


def test_reliability_bars_reach_from_accuracy_to_confidence():
    figure = plots.reliability_diagram(evaluated([0, 1], [0, 0], EYES, confidence=0.9))
    upper, lower = figure.axes
    accuracy, gap = upper.containers
    assert accuracy[0].get_height() == 0.5
    assert gap[0].get_y() + gap[0].get_height() == pytest.approx(0.9)
    assert accuracy[0].get_x() < 0.9 < accuracy[0].get_x() + accuracy[0].get_width()
    assert lower.containers[0][0].get_height() == 2
    assert "expected calibration error 40.0%, 2 pictures" in texts(figure)


@pytest.mark.parametrize("shape", [(9, 60, 64, 1), (9, 24, 48, 3), (9, 48, 24, 1)])
def test_sample_grid_keeps_titles_off_the_pictures(shape):
    images = np.zeros(shape, np.uint8)
    figure = plots.sample_grid(images, ["a file's name that is far too long.png"] * 9, columns=4)
    figure.draw_without_rendering()
    assert len(figure.axes) == 9
    pictures = [axes.get_window_extent() for axes in figure.axes]
    titles = [axes.title.get_window_extent() for axes in figure.axes]
    assert len({round(picture.y0) for picture in pictures}) == 3  # rows of four, four and one
    assert min(picture.y0 for picture in pictures) >= 0
    for title in titles:
        assert not any(crosses(title, picture) for picture in pictures)
        assert title.y1 <= figure.bbox.y1
    assert not any(map(crosses, titles, titles[1:]))
    shown = pictures[0]
    assert shown.height / shown.width == pytest.approx(shape[1] / shape[2], rel=0.02)


def test_sample_grid_shows_pictures_as_they_are():
    gray = np.full((1, 4, 4, 1), 100, np.uint8)
    figure = plots.sample_grid(gray, ["cost: $_$5"])  # what mathtext cannot read
    assert texts(figure) == ["cost: $_$5"]
    pixels = np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("RGB"))
    height, width = pixels.shape[:2]
    assert pixels[int(height * 0.7), width // 2].tolist() == [100, 100, 100]  # not stretched


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 4, 4, 1)),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((1, 4, 4, 2), np.uint8),
        np.zeros((0, 4, 4, 1), np.uint8),
    ],
)
def test_sample_grid_refuses_what_is_no_picture(images):
    with pytest.raises(PixelError, match="expected uint8"):
        plots.sample_grid(images, [""] * len(images))


def test_sample_grid_refuses_titles_of_other_pictures(faces):
    with pytest.raises(FacezooError, match="2 titles for 6 pictures"):
        plots.sample_grid(faces.images, ["a", "b"])


def test_mistakes_grid_shows_the_wrong_answers_surest_first(faces):
    probabilities = np.eye(3)[[0, 0, 1, 1, 2, 2]] * 0.7 + 0.1
    probabilities[4] = [0.02, 0.03, 0.95]
    report = evaluate_predictions(probabilities, faces.labels, ABC)
    figure = plots.mistakes_grid(faces.images, report)
    shades = [int(axes.images[0].get_array().max()) for axes in figure.axes]
    assert shades == [50, 32]
    assert texts(figure) == ["true: b\nsaid: c (95%)", "true: a\nsaid: b (80%)"]


def test_mistakes_grid_without_mistakes_says_so(faces):
    report = evaluated(faces.labels, faces.labels, ABC)
    assert texts(plots.mistakes_grid(faces.images, report)) == ["no mistakes"]


def test_mistakes_grid_refuses_pictures_of_another_split(faces, report):
    with pytest.raises(FacezooError, match="5 pictures and a report on 6"):
        plots.mistakes_grid(faces.images[:5], report)


@pytest.mark.parametrize("chunk", [2, 4096])
@pytest.mark.parametrize("votes", [False, True])
def test_mean_faces_are_the_classes_means(faces, chunk, votes, monkeypatch):
    monkeypatch.setattr(plots, "CHUNK", chunk)
    classes = np.array([0, 0, 0, 1, 1, 1])
    labels = np.eye(3, dtype=np.float32)[classes] if votes else classes
    figure = plots.mean_faces(Split(faces.images, labels, None, ABC))
    shades = [int(axes.images[0].get_array().max()) for axes in figure.axes]
    assert shades == [21, 50, 0]  # (10 + 20 + 32) / 3, (40 + 50 + 60) / 3, none
    assert texts(figure) == ["a\n3 pictures", "b\n3 pictures", "c\n0 pictures"]
