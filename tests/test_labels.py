import numpy as np
import pytest

from facezoo.errors import FacezooError, LabelSetMismatch, UnknownName
from facezoo.labels import EXPRESSION_7, EXPRESSION_8, POSE, LabelSet, remap


def test_encode_follows_the_order_of_classes():
    assert EXPRESSION_7.encode(["neutral", "angry", "neutral"]).tolist() == [6, 0, 6]


def test_unknown_class_names_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'happy'"):
        EXPRESSION_7.encode(["happi"])
    with pytest.raises(UnknownName, match="straight"):
        POSE.index("down")


@pytest.mark.parametrize("classes", [("a",), ("a", "a"), ()])
def test_a_label_set_needs_two_different_classes(classes):
    with pytest.raises(FacezooError, match="at least two"):
        LabelSet("bad", classes)


def test_json_round_trip_keeps_the_order():
    assert LabelSet.from_dict(EXPRESSION_8.to_dict()) == EXPRESSION_8


def test_remap_meets_by_name_and_drops_what_is_missing():
    to_eight = remap(EXPRESSION_7, EXPRESSION_8)
    there_and_back = remap(EXPRESSION_8, EXPRESSION_7)[to_eight]
    assert there_and_back.tolist() == list(range(7))
    assert remap(EXPRESSION_8, EXPRESSION_7)[EXPRESSION_8.index("contempt")] == -1


def test_remap_knows_the_spellings_of_other_sets():
    spelled = LabelSet("ferplus", ("Happiness", "sadness", "anger"))
    names = [EXPRESSION_7.classes[i] for i in remap(spelled, EXPRESSION_7)]
    assert names == ["happy", "sad", "angry"]


def test_remap_refuses_sets_without_common_classes():
    with pytest.raises(LabelSetMismatch, match="fewer than two"):
        remap(POSE, EXPRESSION_7)


def test_remap_refuses_to_merge_into_nothing():
    with pytest.raises(UnknownName, match="boredom"):
        remap(EXPRESSION_8, EXPRESSION_7, merge={"contempt": "boredom"})


def test_remap_gives_indices_that_index():
    labels = np.array([0, 1, 1])
    assert remap(EXPRESSION_7, EXPRESSION_8)[labels].dtype == np.int64
