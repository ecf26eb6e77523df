"""Trained networks teach another: their answers for the training pictures soften the labels.

Source: Hinton et al. 2015, arXiv:1503.02531, with answers for the pictures as they are (and
mirrored, where the recipe mirrors), instead of anew for every augmented one: what it costs is a
pass or two over the training pictures as a training begins.
"""

import numpy as np

from facezoo.datasets import Split
from facezoo.datasets.base import pictures_alone, same_data
from facezoo.errors import LabelSetMismatch, ProtocolError
from facezoo.files import sha256
from facezoo.weights.loading import load_model, run_card
from facezoo.weights.manifest import Card, find_source

BATCH = 256


def teacher_sha256(data, recipe):
    """Return the SHA-256 of the teacher's weights, once it is known to know no more than it may.

    Args:
        data: `FaceDataset` of the recipe.
        recipe: `Recipe` with a `teacher`.

    Returns:
        str; a list of them for a list of teachers.

    Raises:
        FacezooError: no such teacher.
        ProtocolError: the teacher was trained on other pictures than these; it could have
            seen those that validate or test.
        LabelSetMismatch: it answers with other classes.
    """
    digests = [_sha256(name, data, recipe) for name in recipe.teachers]
    return digests[0] if isinstance(recipe.teacher, str) else digests


def _sha256(name, data, recipe):
    source = find_source(name)
    card = source if isinstance(source, Card) else run_card(source)
    learnt, own = _pictures(card, card.recipe), _pictures(data, recipe)
    prints, alike = (learnt[-1], own[-1]), card.label_set == data.label_set
    if not alike:  # the labels, which tell the parts too, are others then
        prints = map(pictures_alone, prints)
    if learnt[:-1] != own[:-1] or not same_data(*prints):
        raise ProtocolError(
            f"Got teacher={name!r}, trained on {_told(learnt)}; expected "
            f"{_told(own)}, for it may know the answers to other pictures. Choose another, or set "
            "teacher=null."
        )
    if not alike:
        raise LabelSetMismatch(
            f"Got teacher={name!r} of {', '.join(card.label_set.classes)}; expected "
            f"{', '.join(data.label_set.classes)}. Choose another, or set teacher=null."
        )
    return card.files["keras"]["sha256"] if card.files else sha256(source.path / "model.keras")


def taught(data, recipe):
    """Return labels of the training part that a recipe's teacher has a share of.

    Args:
        data, recipe: as for `teacher_sha256`, which raises the same.

    Returns:
        float32 (N, K): (1 - teacher_share) x the pictures' own
        + teacher_share x the teachers' calibrated probabilities, their mean.
    """
    teacher_sha256(data, recipe)
    split, share = data.train, recipe.teacher_share
    pictures = [split.images[:]]
    if recipe.augmentation is not None and recipe.augmentation.flip:
        pictures.append(pictures[0][:, :, ::-1])
    told = {"batch_size": BATCH, "verbose": 0}
    answers = np.mean(
        [
            model.predict(each, **told)
            for model in map(load_model, recipe.teachers)
            for each in pictures
        ],
        axis=0,
    )
    return ((1 - share) * one_hot(split) + share * answers).astype(np.float32)


def one_hot(split):
    """Labels of a `Split` as float32 (N, K), each row a distribution."""
    if split.labels.ndim == 2:
        return split.labels
    return np.eye(len(split.label_set), dtype=np.float32)[split.labels]


def with_labels(split, labels):
    """A `Split` with other labels."""
    return Split(split.images, labels, None, split.label_set, split.name)


def _pictures(trained_on, recipe):
    """What says which pictures train, validate and test."""
    return trained_on.protocol, recipe.drawn_with, trained_on.fingerprint


def _told(pictures):
    protocol, seed, fingerprint = pictures
    digests = " ".join(digest[:8] for digest in fingerprint.split("+"))
    return f"{protocol}, parts drawn by seed {seed}, prepared as {digests}"
