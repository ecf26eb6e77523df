"""Spoilt pictures are spoilt as told, and a model's figures on them are of those."""

import numpy as np
import pytest

import facezoo
from facezoo.errors import UnknownName
from facezoo.robustness import SPOILT, robustness, spoilt

FACES = facezoo.load_dataset("synthetic").test


@pytest.mark.parametrize("how", SPOILT)
def test_pictures_keep_shape_and_type_and_change(how):
    images = FACES.images[:6]
    before = images.copy()
    changed = spoilt(images, how, seed=3)
    assert (changed.dtype, changed.shape) == (images.dtype, images.shape)
    assert (images == before).all()  # the given ones stay
    assert all((one != other).any() for one, other in zip(changed, images, strict=True))
    assert (spoilt(images, how, seed=3) == changed).all()
    colours = np.repeat(images, 3, axis=-1)
    assert spoilt(colours, how).shape == colours.shape


def test_each_way_does_what_its_name_says():
    images = FACES.images[:32]
    detail = np.abs(np.diff(images.astype(float), axis=2)).mean()
    for how in ("blur", "half resolution"):
        assert np.abs(np.diff(spoilt(images, how).astype(float), axis=2)).mean() < 0.8 * detail
    assert spoilt(images, "darkness").mean() == pytest.approx(images.mean() * 0.35, rel=0.02)
    covered = (spoilt(images, "occlusion") != images).mean(axis=(1, 2, 3))
    assert covered.max() <= 0.25 and covered.mean() > 0.2
    flat = np.full((4, 48, 48, 1), 128, np.uint8)
    assert spoilt(flat, "noise").std() == pytest.approx(20, rel=0.05)
    with pytest.raises(UnknownName, match="There are: blur"):
        spoilt(images, "fog")


def test_reports_are_of_the_spoilt_pictures():
    model = facezoo.build_lenet5(FACES.images.shape[1:], 7)
    model.label_set = FACES.label_set
    reports = robustness(model, FACES.take(np.arange(40)))
    assert list(reports) == ["as they are", *SPOILT]
    assert {report.n for report in reports.values()} == {40}
    assert len({report.log_loss for report in reports.values()}) == len(reports)
