"""CMU Face Images: 20 people, four poses, four expressions, with and without sunglasses.

Source: Mitchell, Machine Learning, 1997, chapter 4; UCI repository 124, CC BY 4.0.
The archive holds every photograph at up to three sizes, `<userid>_<pose>_<expression>_
<eyes>[_2|_4].pgm`: 128x120 (no suffix), 64x60 (`_2`) and 32x30 (`_4`), and files ending
in `.bad` that the authors took out. Measured: pixel values reach about 153, not 255.

One prepared set holds every size that the archive has, resized to one; column `scale`
says which it was. Protocols use the photographs of the prepared scale alone, except
`all-sizes`, which throws all of them into one random split: so a photograph's smaller
copy lies in training while it is tested. That leak gives study A's 0.85.
"""

import functools
import re

import numpy as np

from facezoo.datasets import splits
from facezoo.datasets.spec import DatasetSpec, Item, Protocol, Rejected, Roles, Target
from facezoo.errors import ProtocolError, RecipeError, unknown
from facezoo.labels import CMU_EXPRESSION, CMU_PEOPLE, EYES, POSE, LabelSet
from facezoo.pictures import decode

PHOTO = re.compile(
    r"(?:.*/)?(?P<subject>[^/_]+)_(?P<pose>[a-z]+)_(?P<expression>[a-z]+)_(?P<eyes>[a-z]+)"
    r"(?:_(?P<scale>[24]))?\.(?P<ending>pgm|bad)"
)
SIZES = {1: (120, 128), 2: (60, 64), 4: (30, 32)}  # (height, width)
FIELDS = {"subject": CMU_PEOPLE, "pose": POSE, "expression": CMU_EXPRESSION, "eyes": EYES}


def _picture_shape(options):
    if options["scale"] not in SIZES:
        raise RecipeError(
            f"Got scale {options['scale']!r}; expected 1 (128x120), 2 (64x60) or 4 (32x30). "
            "Pass --scale 2, the size that the studies use."
        )
    return (*SIZES[options["scale"]], 1)


def _read(archive, options):
    """Yield every photograph of every scale, and what is passed over."""
    size = SIZES[options["scale"]]
    # as the archive's own smaller sizes were made, measured: the mean of 2 x 2 pixels
    to_pixels = functools.partial(decode, channels=1, size=size, resampling="box")
    for name, read in archive.walk(lambda name: name.lower().endswith((".pgm", ".bad"))):
        match = PHOTO.fullmatch(name)
        if match is None:
            yield Rejected(name, "name is not <userid>_<pose>_<expression>_<eyes>[_scale].pgm")
        elif match["ending"] == "bad":
            yield Rejected(name, "marked .bad by the authors")
        elif wrong := [f for f, known in FIELDS.items() if match[f] not in known.classes]:
            yield Rejected(name, f"unknown {wrong[0]} {match[wrong[0]]!r}")
        else:
            row = {field: match[field] for field in FIELDS}
            row |= {"file": name, "scale": int(match["scale"] or 1)}
            row["native"] = int(row["scale"] == options["scale"])
            yield Item(row, read, to_pixels)


def _is_person(name):
    """ "is:mitchell" -> the target one person against the rest."""
    kind, _, person = name.partition(":")
    if kind != "is":
        return None
    if person not in CMU_PEOPLE.classes:
        raise unknown("user id", person, CMU_PEOPLE.classes)
    return Target(
        LabelSet(name, ("other", person)),
        ("subject",),
        lambda table: (table["subject"] == person).to_numpy(np.int64),
    )


def _validation(request, rows):
    """Cut a stratified tenth off the rows that are not tested."""
    return splits.stratified(rows, request.classes, splits.VALIDATION_SHARE, request.seed)


def _one_size(request):
    rows = np.flatnonzero(request.table["native"].to_numpy())
    if len(rows) == 0:
        raise ProtocolError(
            "Got no photograph of the prepared scale; expected 624. Prepare a scale that the "
            "archive has."
        )
    return rows


def _random80(request):
    rest, test = splits.stratified(_one_size(request), request.classes, 0.2, request.seed)
    return Roles(*_validation(request, rest), test)


def _all_sizes(request):
    if request.table["scale"].nunique() < 2:
        raise ProtocolError(
            "Got photographs of one size only; expected two or more, since the protocol shows "
            "what their mixture leaks. Prepare the archive with all its sizes, or use random80."
        )
    rows = np.arange(len(request.table))
    rest, test = splits.stratified(rows, request.classes, 0.2, request.seed)
    return Roles(*_validation(request, rest), test)


def _leave_people_out(request):
    if request.target == "identity" or request.target.startswith("is:"):
        raise ProtocolError(
            f"Got target {request.target!r} with people left out, where the people to name are "
            "not in training; expected a pose left out. Use protocol leave-pose-out."
        )
    people = request.table["subject"].astype(str).to_numpy()
    held_out, others = splits.folds_of(people, 5, request.seed, request.fold)
    rest, test = splits.by_group(_one_size(request), people, held_out)
    return Roles(*splits.by_group(rest, people, others[:2]), test)  # two more people select


def _leave_pose_out(request):
    if request.target == "pose":
        raise ProtocolError(
            "Got target 'pose' with a pose left out, which nobody could name; expected another "
            "target. Use protocol leave-people-out."
        )
    poses = request.table["pose"].astype(str).to_numpy()
    held_out, _ = splits.folds_of(poses, 4, request.seed, request.fold)
    rest, test = splits.by_group(_one_size(request), poses, held_out)
    return Roles(*_validation(request, rest), test)


SPEC = DatasetSpec(
    name="cmu_faces",
    title="CMU Face Images",
    page="https://archive.ics.uci.edu/dataset/124/cmu+face+images",
    license="CC BY 4.0",
    citation="Mitchell, Machine Learning, 1997",
    layout="faces/<userid>/<userid>_<pose>_<expression>_<eyes>[_2|_4].pgm",
    options={"scale": 2},
    picture_shape=_picture_shape,
    read=_read,
    columns=("file", "subject", "pose", "expression", "eyes", "scale", "native"),
    targets={
        "expression": Target(CMU_EXPRESSION, ("expression",)),
        "pose": Target(POSE, ("pose",)),
        "eyes": Target(EYES, ("eyes",)),
        "identity": Target(CMU_PEOPLE, ("subject",)),
    },
    dynamic_target=_is_person,
    protocols={
        "random80": Protocol(
            _random80, ("native",), "one size, stratified: 72% train, 8% validation, 20% test"
        ),
        "leave-people-out": Protocol(
            _leave_people_out,
            ("native", "subject"),
            "4 of 20 people test, 2 select, 14 train; seeds 0-4 test everybody once",
        ),
        "leave-pose-out": Protocol(
            _leave_pose_out,
            ("native", "pose"),
            "one pose tests, the others train; seeds 0-3 test every pose once",
        ),
        "all-sizes": Protocol(
            _all_sizes,
            ("scale",),
            "every size of every photograph, stratified 72/8/20: leaks on purpose",
            note="leaks: other sizes of the tested photographs are in training",
        ),
    },
    expected={"scale": {"1": 624, "2": 624, "4": 624}},
)
