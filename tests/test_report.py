"""Reports against small cases that were worked out by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from facezoo.datasets import audit
from facezoo.datasets.audit import exact_copies
from facezoo.datasets.base import Split
from facezoo.errors import FacezooError, LabelSetMismatch, PixelError
from facezoo.labels import EYES, LabelSet
from facezoo.pooled import pool
from facezoo.report import Report, evaluate_predictions

ABC = LabelSet("abc", ("a", "b", "c"))
LABELS = [0, 0, 0, 1, 1, 2]
ANSWERS = [0, 0, 1, 1, 2, 2]


def sure(answers, confidence=0.8, classes=3):
    """Probabilities that give `answers`, all with one confidence."""
    rest = (1 - confidence) / (classes - 1)
    return np.where(np.eye(classes)[answers] == 1, confidence, rest)


@pytest.fixture
def report():
    """Six pictures, four of them right."""
    return evaluate_predictions(sure(ANSWERS), LABELS, ABC)


def test_figures_of_six_pictures(report):
    assert report.n == 6
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.confusion_matrix.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert report.per_class["a"] == pytest.approx(
        {"precision": 1, "recall": 2 / 3, "f1": 0.8, "support": 3}
    )
    assert report.per_class["c"] == pytest.approx(
        {"precision": 1 / 2, "recall": 1, "f1": 2 / 3, "support": 1}
    )
    assert report.macro_f1 == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
    assert report.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert report.log_loss == pytest.approx(-(4 * math.log(0.8) + 2 * math.log(0.1)) / 6)
    assert report.ece == pytest.approx(0.8 - 4 / 6)
    assert report.kl_to_votes is None and report.accuracy_by_agreement is None


def test_class_that_does_not_occur_lowers_no_mean():
    report = evaluate_predictions(sure([0, 0, 1]), [0, 1, 1], ABC)  # c neither true nor said
    assert report.per_class["c"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert report.macro_f1 == pytest.approx(2 / 3)
    assert report.balanced_accuracy == pytest.approx(3 / 4)


def test_class_that_is_only_answered_lowers_macro_f1_but_no_recall():
    report = evaluate_predictions(sure([0, 0, 1, 2]), [0, 0, 1, 1], ABC)
    assert report.macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert report.balanced_accuracy == pytest.approx(3 / 4)


def test_many_people_on_few_pictures_raise_no_warning():
    people = LabelSet("person", tuple(f"p{i}" for i in range(20)))
    labels = np.arange(30) % 20
    assert evaluate_predictions(sure(labels, classes=20), labels, people).accuracy == 1


def test_calibrated_model_has_no_calibration_error():
    answers = sure([0] * 4, 0.75, 2).tolist() + sure([0] * 5, 0.6, 2).tolist()
    report = evaluate_predictions(answers, [0, 0, 0, 1, 0, 0, 0, 1, 1], EYES)
    assert report.ece == pytest.approx(0)


def test_overconfident_model_has_its_excess_as_calibration_error():
    report = evaluate_predictions(sure([0] * 10, 0.99, 2), [0, 1] * 5, EYES)
    assert report.ece == pytest.approx(0.49)


def test_too_sure_and_too_unsure_do_not_cancel():
    answers = sure([0, 0], 0.9, 2).tolist() + sure([0, 0], 0.6, 2).tolist()
    report = evaluate_predictions(answers, [0, 1, 0, 0], EYES)  # 0.9 half right, 0.6 always
    assert report.ece == pytest.approx(0.4)
    assert [b["n"] for b in report.reliability] == [2, 2]


def test_confidence_on_an_edge_belongs_to_the_bin_below():
    report = evaluate_predictions(np.float32([[0.6, 0.4]]), [0], EYES)  # as float32 above 0.6
    (only,) = report.reliability
    assert (only["low"], only["high"]) == pytest.approx((8 / 15, 9 / 15))


def test_interval_has_the_width_that_theory_gives():
    labels = np.zeros(400, int)
    answers = np.repeat([0, 1], [320, 80])
    low, high = evaluate_predictions(sure(answers), labels, ABC).accuracy_interval
    assert low < 0.8 < high
    deviation = math.sqrt(0.8 * 0.2 / 400)
    assert (low, high) == pytest.approx((0.8 - 1.96 * deviation, 0.8 + 1.96 * deviation), abs=0.006)


def test_the_interval_of_a_faultless_answer_has_a_width():
    low, high = evaluate_predictions(sure([0, 1, 2]), [0, 1, 2], ABC).accuracy_interval
    assert (low, high) == (pytest.approx(0.025 ** (1 / 3)), 1)
    low, high = evaluate_predictions(sure([1, 2, 0]), [0, 1, 2], ABC).accuracy_interval
    assert (low, high) == (0, pytest.approx(1 - 0.025 ** (1 / 3)))


def test_interval_follows_the_seed():
    probabilities, labels = sure(np.arange(1000) % 3), np.arange(1000) % 5 % 3
    intervals = [
        evaluate_predictions(probabilities, labels, ABC, seed=seed).accuracy_interval
        for seed in (0, 0, 1)
    ]
    assert intervals[0] == intervals[1] != intervals[2]


def test_copies_are_counted_and_left_out():
    copies = np.array([True, True, False, False, False, False])  # both right
    report = evaluate_predictions(sure(ANSWERS), LABELS, ABC, copies=copies)
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.copies == 2
    assert report.without_copies == {"accuracy": 0.5, "n": 4}
    assert "2. Without them: accuracy 50.0% on 4" in report.to_markdown()


def test_no_copies_differ_from_not_looked_for():
    looked = evaluate_predictions(sure(ANSWERS), LABELS, ABC, copies=[False] * 6)
    unlooked = evaluate_predictions(sure(ANSWERS), LABELS, ABC)
    assert (looked.copies, looked.without_copies) == (0, None)
    assert (unlooked.copies, unlooked.without_copies) == (None, None)
    assert "pictures: none." in looked.to_markdown()
    assert "not looked for" in unlooked.to_markdown()


def test_nothing_but_copies_leaves_no_accuracy():
    report = evaluate_predictions(sure(ANSWERS), LABELS, ABC, copies=[True] * 6)
    assert report.without_copies == {"accuracy": None, "n": 0}
    assert "no accuracy on 0" in report.to_markdown()


def test_worst_mistakes_come_surest_first_and_name_their_file():
    probabilities = [[0.2, 0.8], [0.9, 0.1], [0.05, 0.95], [0.2, 0.8]]
    files = pd.Series(["w", "x", "y", "z"], index=[7, 5, 3, 1])  # a filtered table's column
    report = evaluate_predictions(probabilities, [0, 0, 0, 0], EYES, files=files)
    assert [(m["index"], m["file"]) for m in report.worst] == [(2, "y"), (0, "w"), (3, "z")]
    assert report.worst[0]["true"] == "open" and report.worst[0]["predicted"] == "sunglasses"
    assert report.worst[0]["confidence"] == pytest.approx(0.95)


def test_ten_mistakes_are_enough():
    confidence = np.linspace(0.5, 0.9, 30)
    probabilities = np.stack([1 - confidence, confidence], axis=1)
    report = evaluate_predictions(probabilities, np.zeros(30, int), EYES)
    assert [m["index"] for m in report.worst] == list(range(29, 19, -1))


def test_equally_sure_mistakes_come_in_the_order_of_the_split():
    report = evaluate_predictions(sure([0, 1] * 200), np.zeros(400, int), ABC)
    assert [m["index"] for m in report.worst] == list(range(1, 20, 2))


def test_vote_distributions_are_judged_by_their_likeliest_class():
    votes = np.float32([[0.5, 0.5, 0], [0, 0.1, 0.9], [1, 0, 0]])
    probabilities = [[0.25, 0.25, 0.5], [0.1, 0.1, 0.8], [0.5, 0.25, 0.25]]
    report = evaluate_predictions(probabilities, votes, ABC)
    assert report.confusion_matrix.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
    middle = 0.9 * math.log(0.9 / 0.8)  # its 0.1 is met exactly
    assert report.kl_to_votes == pytest.approx((2 * math.log(2) + middle) / 3)
    bins = [(b["high"], b["n"], b["accuracy"]) for b in report.accuracy_by_agreement]
    assert bins == [(0.5, 1, 0.0), (0.9, 1, 1.0), (1.0, 1, 1.0)]
    assert f"{report.kl_to_votes:.3f} nats" in report.to_markdown()


def test_pool_of_two_seeds():
    right = evaluate_predictions(sure([0, 1]), [0, 1], ABC)
    half = evaluate_predictions(sure([1, 1]), [0, 1], ABC)
    pooled = pool([right, half])
    assert pooled.reports == 2
    assert pooled.accuracy["mean"] == pytest.approx(0.75)
    assert pooled.accuracy["std"] == pytest.approx(math.sqrt(0.125))
    assert pooled.accuracy["range"] == [0.5, 1.0]
    assert pooled.confusion_matrix.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert pooled.per_class["b"]["precision"] == pytest.approx(2 / 3)  # not the mean, 3/4
    assert pooled.per_class["a"]["support"] == 2
    fields = pooled.to_dict()
    assert json.loads(json.dumps(fields)) == fields
    assert "**Accuracy 75.0%** ± 35.4%" in pooled.to_markdown()


def test_one_report_has_no_spread(report):
    assert pool([report]).macro_f1["std"] is None


def test_pool_refuses_nothing_and_two_label_sets(report):
    with pytest.raises(FacezooError, match="no reports"):
        pool([])
    with pytest.raises(LabelSetMismatch, match="eyes"):
        pool([report, evaluate_predictions([[1, 0]], [0], EYES)])


def test_report_survives_json_whatever_the_order_of_keys():
    votes = sure(LABELS, 0.7)
    files = [f"{i}.png" for i in range(6)]
    report = evaluate_predictions(
        sure(ANSWERS), votes, ABC, files=files, copies=[True] + [False] * 5
    )
    text = json.dumps({**report.to_dict(), "protocol": "folder/given"}, sort_keys=True)
    again = Report.from_dict(json.loads(text))
    assert again.to_dict() == report.to_dict()
    assert again.to_markdown() == report.to_markdown()
    assert again.label_set == ABC
    assert again.confusion_matrix.dtype == np.int64


def test_report_without_a_figure_is_refused(report):
    fields = report.to_dict()
    del fields["ece"]
    with pytest.raises(FacezooError, match="without ece"):
        Report.from_dict(fields)


def test_markdown_holds_the_figures(report):
    text = report.to_markdown(title="lenet5")
    low, high = report.accuracy_interval
    assert text.startswith("# lenet5\n")
    assert f"Accuracy 66.7%** (95% interval {low:.1%} to {high:.1%}) on 6 pictures" in text
    assert "| a | 100.0% | 66.7% | 80.0% | 3 |" in text
    assert "| a | 2 | 1 | 0 |" in text
    assert "| picture 2 | a | b | 80.0% |" in text


def test_markdown_says_that_there_are_no_mistakes_and_escapes_bars():
    bar = LabelSet("bar", ("a|b", "c"))
    text = evaluate_predictions(np.eye(2), [0, 1], bar).to_markdown()
    assert text.endswith("## Most confident mistakes\n\nNone.\n")
    assert r"| a\|b | 1 | 0 |" in text


def test_half_precision_rows_are_taken_as_they_are():
    scores = np.random.default_rng(0).normal(size=(500, 8))
    rows = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).astype(np.float16)
    eight = LabelSet("eight", tuple("abcdefgh"))
    assert evaluate_predictions(rows, rows.argmax(axis=1), eight).accuracy == 1


def test_rows_are_scaled_to_the_sum_that_they_should_have():
    report = evaluate_predictions([[0.6, 0.3995]], [0], EYES)
    assert report.log_loss == pytest.approx(-math.log(0.6 / 0.9995), rel=1e-9)


@pytest.mark.parametrize(
    ("probabilities", "labels", "error", "message"),
    [
        ([[0.5, 0.5]], [0], LabelSetMismatch, r"shape \(1, 2\); expected \(pictures, 3\)"),
        ([0.5, 0.3, 0.2], [0], LabelSetMismatch, "shape"),
        (np.empty((0, 3)), [], FacezooError, "no probabilities"),
        ([[np.nan, 0.5, 0.5]], [0], FacezooError, "diverged"),
        ([[1, 0, 0], [0.5, 0.5, 0.5]], [0, 0], FacezooError, "row 1"),
        ([[1.5, -0.5, 0]], [0], FacezooError, "softmax"),
        ([[1, 0, 0]], [3], LabelSetMismatch, "Got label 3 for 'abc'; expected 0 to 2"),
        ([[1, 0, 0]], [-1], LabelSetMismatch, "Got label -1"),
        ([[1, 0, 0]], [0.0], FacezooError, "float64"),
        ([[1, 0, 0]], [0, 1], FacezooError, "1 rows of probabilities and 2 labels"),
        ([[1, 0, 0]], [[7, 2, 1]], FacezooError, "vote distributions"),  # counts, not shares
    ],
)
def test_what_does_not_fit_is_refused(probabilities, labels, error, message):
    with pytest.raises(error, match=message):
        evaluate_predictions(probabilities, labels, ABC)


@pytest.mark.parametrize("extra", [{"files": ["x"]}, {"copies": [True]}])
def test_names_and_copies_of_another_split_are_refused(extra):
    with pytest.raises(FacezooError, match=f"1 {next(iter(extra))}"):
        evaluate_predictions(sure(ANSWERS), LABELS, ABC, **extra)


@pytest.fixture
def pictures():
    """Nine pictures that differ from each other in a pixel or more."""
    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1), dtype=np.uint8)
    return Split(images, np.zeros(9, int), None, EYES)


@pytest.mark.parametrize("chunk", [2, 4096])
def test_copies_are_found_byte_for_byte(pictures, chunk, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK", chunk)
    images = pictures.images[[8, 0, 3]]
    images[1, 2, 2, 0] ^= 1  # the least that can differ
    test = Split(images, [0, 0, 0], None, EYES)
    assert exact_copies(test, pictures).tolist() == [True, False, True]
    assert exact_copies(pictures, test).tolist() == [i in (3, 8) for i in range(9)]


def test_copies_are_looked_for_in_chunks(pictures, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK", 4)
    sizes = []
    read = type(pictures.images).__getitem__

    def recorded(self, key):
        picked = read(self, key)
        sizes.append(len(picked))
        return picked

    monkeypatch.setattr(type(pictures.images), "__getitem__", recorded)
    assert exact_copies(pictures, pictures).all()
    assert sizes == [4, 4, 1] * 2


def test_copies_of_another_shape_are_refused(pictures):
    reshaped = Split(pictures.images[:].reshape(9, 2, 8, 1), pictures.labels, None, EYES)
    with pytest.raises(PixelError, match=r"\(2, 8, 1\) and training pictures of \(4, 4, 1\)"):
        exact_copies(reshaped, pictures)
