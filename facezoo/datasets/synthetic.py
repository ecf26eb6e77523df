"""Drawn faces as a data set: the embedded default, for which nothing is downloaded.

Seven expressions, four poses, sunglasses, any number of people; `drawing.py` draws them
and this file says how they are asked for. Unprepared, the default set (120 people, 3,360
pictures of 48x48x1) is drawn into memory in seconds when it is first loaded; `facezoo
prepare synthetic --people 500 --size 64` keeps another one on disk instead.
"""

import functools

import numpy as np

from facezoo.datasets import splits
from facezoo.datasets.drawing import draw_dataset, draw_face, planned
from facezoo.datasets.spec import (
    DatasetSpec,
    Item,
    Protocol,
    Roles,
    Target,
    size_and_channels,
)
from facezoo.labels import EXPRESSION_7, EYES, POSE

COLUMNS = ("file", "subject", "expression", "pose", "eyes")


def _read(_, options):
    """Yield every picture of the plan; drawing happens in `decode`, in any process."""
    size, channels = options["size"], options["channels"]
    for row, face in planned(people=options["people"], seed=options["seed"]):
        draw = functools.partial(draw_face, **face, size=size, channels=channels)
        yield Item(row, bytes, lambda _, draw=draw: draw())


def _people(request):
    """Seven tenths of the people train, one selects, two test; seeds 0-4 test everybody."""
    people = request.table["subject"].astype(str).to_numpy()
    held_out, others = splits.folds_of(people, 5, request.seed, request.fold)
    rest, test = splits.by_group(np.arange(len(people)), people, held_out)
    few = max(1, round(len(others) / 8))
    return Roles(*splits.by_group(rest, people, others[:few]), test)


SPEC = DatasetSpec(
    name="synthetic",
    title="drawn faces",
    page="this program",
    license="MIT",
    citation="facezoo",
    layout="no archive",
    options={"people": 120, "size": 48, "channels": 1, "seed": 0},
    picture_shape=size_and_channels,
    read=_read,
    columns=COLUMNS,
    targets={
        "expression": Target(EXPRESSION_7, ("expression",)),
        "pose": Target(POSE, ("pose",)),
        "eyes": Target(EYES, ("eyes",)),
    },
    protocols={
        "people": Protocol(_people, ("subject",), "people apart: 70% train, 10% select, 20% test")
    },
    in_memory=functools.cache(draw_dataset),
    needs_archive=False,
)
