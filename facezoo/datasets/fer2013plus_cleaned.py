"""FER2013Plus-cleaned: faces of FER2013, relabelled, cleaned, augmented and balanced.

Source: Kaggle prilia/fer2013plus-cleaned-augm-balanced, folder `ONE-SET/<class>/*`, used in
study E. The archive is read as any folder of classes is, except that the classes get our
spellings and, where they are the seven or eight of FER2013 or FER+, that order.

Its author balanced the classes with augmented copies, and nothing says which picture one
was made from: a random split has copies of its test pictures in training.
"""

import dataclasses

from facezoo.datasets import folder
from facezoo.datasets.spec import Item
from facezoo.errors import ArchiveError
from facezoo.labels import EXPRESSION_7, EXPRESSION_8, LabelSet, canonical


def _survey(archive, options):
    facts = folder.survey(archive, options)
    classes = {canonical(name) for name in facts["label_sets"]["class"]["classes"]}
    if not classes <= set(EXPRESSION_8.classes):
        odd = sorted(classes - set(EXPRESSION_8.classes))[:3]
        raise ArchiveError(
            f"Got {archive.path.name!r} with the classes {', '.join(odd)}; expected expressions, "
            f"{SPEC.layout}. Prepare it as folder, or pass the archive of {SPEC.page}."
        )
    known = [s for s in (EXPRESSION_7, EXPRESSION_8) if set(s.classes) == classes]
    label_set = known[0] if known else LabelSet(SPEC.name, tuple(sorted(classes)))
    return {**facts, "label_sets": {"expression": label_set.to_dict()}}


def _adapt(spec, facts):
    label_sets = {"class": facts["label_sets"]["expression"]}
    adapted = folder.adapt(spec, {**facts, "label_sets": label_sets})
    target = dataclasses.replace(adapted.targets["class"], columns=("expression",))
    protocols = {**adapted.protocols, "random": RANDOM}
    return dataclasses.replace(adapted, targets={"expression": target}, protocols=protocols)


def _read(archive, options):
    for found in folder.read(archive, options):
        if isinstance(found, Item):
            row = {**found.row, "expression": canonical(found.row["class"])}
            found = dataclasses.replace(found, row=row)
        yield found


RANDOM = dataclasses.replace(
    folder.RANDOM, note="leaks: augmented copies of the tested pictures may be in training"
)

SPEC = dataclasses.replace(
    folder.SPEC,
    name="fer2013plus_cleaned",
    title="FER2013Plus-cleaned",
    page="https://www.kaggle.com/datasets/prilia/fer2013plus-cleaned-augm-balanced",
    license="research, as FER2013",
    citation="Barsoum et al., 2016, arXiv:1608.01041 (FER+)",
    layout="ONE-SET/<class>/*.jpg",
    read=_read,
    columns=("file", "expression", "split"),
    protocols={"random": RANDOM},
    survey=_survey,
    adapt=_adapt,
)
