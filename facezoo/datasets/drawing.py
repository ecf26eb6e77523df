"""Drawn faces: seven expressions and four poses of any number of people, from a seed.

The examples, the tests and the data set `synthetic` use them: nobody to ask, no archive to
fetch, and every label true by construction. This file says who is drawn, with which face,
under which conditions; `painting.py` puts it on the pixels.

Expressions follow the action units of Ekman and Friesen's Facial Action Coding System; how
far each unit moves was tuned by eye and by what networks learn: of 3,000 pictures, a
logistic regression learns 0.39 of other people's expressions and a LeNet-5 0.85 to 0.89.
"""

import functools
import math
import types

import numpy as np
import pandas as pd

from facezoo.datasets.painting import CLOTH, HAIR, IRIS, SKIN, Easel, paint_face, ramp
from facezoo.errors import FacezooError, PixelError, unknown
from facezoo.labels import EXPRESSION_7, EYES, POSE

ACTIONS = {  # what moves from a face at rest: half heads, downwards, or parts of 1
    "angry": dict(
        brow_inner=0.12, brow_outer=-0.06, pinch=0.06, lid=-0.20, lid_low=0.20, lid_cut=0.9,
        corner=0.09, width=-0.10, gape=0.07, square=1.0, teeth=1.0, lip=-0.5, frown=1.0, fold=0.3,
    ),
    "disgust": dict(
        brow_inner=0.07, brow_outer=0.04, pinch=0.03, lid=-0.45, lid_low=0.6, lid_cut=0.25,
        corner=0.10, gape=0.08, lip=0.4, sneer=1.0, frown=0.5, fold=1.0,
    ),
    "fear": dict(
        brow_inner=-0.14, brow_outer=0.02, pinch=0.05, lid=0.45, lid_cut=-0.35, corner=0.05,
        width=0.25, gape=0.10, square=1.0, teeth=0.7, lip=-0.4, fold=0.2, forehead=0.7,
    ),
    "happy": dict(
        lid=-0.25, lid_low=0.55, corner=-0.16, width=0.25, gape=0.09, teeth=1.0, lip=-0.1,
        fold=0.8,
    ),
    "sad": dict(
        brow_inner=-0.14, brow_outer=0.10, pinch=0.04, lid=-0.45, lid_cut=-0.6, corner=0.19,
        width=-0.05, lip=0.5, fold=0.2, forehead=0.4,
    ),
    "surprise": dict(
        brow_inner=-0.16, brow_outer=-0.14, lid=0.55, width=-0.32, gape=0.25, square=0.3,
        teeth=0.25, forehead=1.0,
    ),
    "neutral": {},
}  # fmt: skip
STILL = {name: 0.0 for moves in ACTIONS.values() for name in moves}
PERSON = {  # what stays with a person: lowest, highest
    "face_width": (0.70, 0.84),
    "taper": (0.05, 0.30),
    "eye_spacing": (0.30, 0.36),
    "eye_width": (0.15, 0.19),
    "eye_height": (0.070, 0.100),
    "eye_slant": (-0.10, 0.15),
    "brow_height": (0.20, 0.26),
    "brow_thick": (0.022, 0.045),
    "brow_tilt": (-0.025, 0.025),
    "brow_arch": (0.02, 0.07),
    "nose_length": (0.22, 0.32),
    "nose_width": (0.10, 0.15),
    "mouth_y": (0.50, 0.56),
    "mouth_width": (0.24, 0.31),
    "mouth_rest": (-0.02, 0.02),
    "lip_upper": (0.030, 0.055),
    "lip_lower": (0.045, 0.080),
    "hairline": (-0.72, -0.45),
    "parting": (-0.30, 0.30),
    "volume": (1.06, 1.20),
    "curl": (0.0, 0.03),
    "skin": (0.0, 1.0),
    "blush": (0.0, 0.25),
    "hair": (0.0, 1.0),
    "iris": (0.0, 1.0),
    "cloth": (0.0, 1.0),
    "long_hair": (-1.4, 1.0),
    "bald": (-0.9, 0.1),
    "beard": (-3.2, 0.8),
    "spectacles": (-0.85, 0.15),
}  # the last four: this person has it where the number is above 0
PICTURE = {  # what changes from picture to picture
    "intensity": (0.85, 1.15),
    "scale": (0.41, 0.47),
    "shift_x": (-0.035, 0.035),
    "shift_y": (-0.03, 0.03),
    "roll": (-6.0, 6.0),
    "turn": (0.0, 1.0),
    "yaw": (-9.0, 9.0),
    "pitch": (-7.0, 7.0),
    "gaze_x": (-0.025, 0.025),
    "gaze_y": (-0.010, 0.010),
    "lopsided": (-0.025, 0.025),
    "light_x": (-0.80, 0.80),
    "light_y": (-0.60, 0.0),
    "ambient": (0.50, 0.80),
    "contrast": (0.75, 1.15),
    "brightness": (-0.10, 0.10),
    "noise": (0.005, 0.024),
}
PEOPLE_PER_SEED = 1_000_000


def draw_face(*, expression, pose="straight", eyes="open", person=0, seed=0, size=48, channels=1):
    """Draw one face; the same arguments give the same bytes.

    Across processors and NumPy versions a pixel may differ by a gray level.

    Args:
        expression: a class of `EXPRESSION_7`.
        pose: a class of `POSE`; "left" looks to the left side of the picture.
        eyes: a class of `EYES`.
        person: 0 or more; who it is: build of the face, hair, skin.
        seed: 0 or more; which picture of the person it is: place, roll, light, background,
            noise, strength of the expression. The three classes change none of these.
        size: pixels, a number or (height, width); 16 or more a side.
        channels: 1 for gray, 3 for RGB.

    Returns:
        uint8 (height, width, channels), 0-255.

    Raises:
        UnknownName: a class that does not exist.
        PixelError: an impossible size or number of channels.
        FacezooError: person or seed is not a whole number, 0 or more.
    """
    for label_set, name in ((EXPRESSION_7, expression), (POSE, pose), (EYES, eyes)):
        if name not in label_set.classes:
            raise unknown(label_set.name.split("-")[0], name, label_set.classes)
    shape = checked_shape(size, channels)
    _check_count("person", person, 0)
    _check_count("seed", seed, 0)
    rng = np.random.default_rng((1, person, seed))
    p, q = _person(int(person)), _drawn(PICTURE, rng)
    moves = {name: q.intensity * move for name, move in ACTIONS[expression].items()}
    m = types.SimpleNamespace(**{**STILL, **moves})
    easel = Easel(shape, channels, p, q, m, _angles(pose, q))
    return paint_face(easel, p, q, m, sunglasses=eyes == "sunglasses", rng=rng)


def draw_dataset(*, people=120, pictures_per_person=28, size=48, channels=1, seed=0, progress=None):
    """Draw a balanced set of pictures and the table of what was drawn.

    The 28 combinations of expression and pose come in a new order, again and again, each
    time with the other eyes; 28 pictures a person are one of each. Picture k of person i
    is `draw_face(..., person=seed * 1_000_000 + i, seed=k)`: no two seeds share a person.

    Args:
        people: 1 to 1,000,000.
        pictures_per_person: 1 or more.
        size: pixels, a number or (height, width).
        channels: 1 for gray, 3 for RGB.
        seed: 0 or more.
        progress: None, or a function called with the number of pictures drawn so far.

    Returns:
        (images, table): uint8 (N, height, width, channels) in 0-255, and a DataFrame with
        columns file, subject, expression, pose, eyes; person after person.

    Raises:
        PixelError: an impossible size or number of channels.
        FacezooError: people, pictures_per_person or seed out of bounds.
    """
    shape = checked_shape(size, channels)
    images = np.empty((people * pictures_per_person, *shape, channels), np.uint8)
    rows = []
    plan = planned(people=people, pictures_per_person=pictures_per_person, seed=seed)
    for k, (row, face) in enumerate(plan):
        images[k] = draw_face(**face, size=shape, channels=channels)
        rows.append(row)
        if progress is not None:
            progress(k + 1)
    return images, pd.DataFrame(rows)


def planned(*, people=120, pictures_per_person=28, seed=0):
    """Yield what `draw_dataset` draws, picture by picture, without drawing it.

    Yields:
        (row, face): the row of the table as a dict, and the arguments of `draw_face` that
        say what is drawn (not its size and channels).

    Raises:
        FacezooError: people, pictures_per_person or seed out of bounds.
    """
    _check_count("people", people, 1, PEOPLE_PER_SEED)
    _check_count("pictures_per_person", pictures_per_person, 1)
    _check_count("seed", seed, 0)
    total = people * pictures_per_person
    for k, (expression, pose, eyes) in zip(range(total), _combinations(seed), strict=False):
        person, number = divmod(k, pictures_per_person)
        shown = {"expression": expression, "pose": pose, "eyes": eyes}
        subject = f"person-{person:03d}"
        file = f"{subject}/{number:03d}-{expression}-{pose}-{eyes}"
        face = {**shown, "person": seed * PEOPLE_PER_SEED + person, "seed": number}
        yield {"file": file, "subject": subject, **shown}, face


def _combinations(seed):
    """Yield (expression, pose, eyes) for ever, balanced at every multiple of 28 and 56."""
    rng = np.random.default_rng((2, seed))
    cells = [(e, pose) for e in EXPRESSION_7.classes for pose in POSE.classes]
    worn = rng.permutation(np.arange(len(cells)) % 2)
    while True:
        for cell in rng.permutation(len(cells)):
            yield (*cells[cell], EYES.classes[worn[cell]])
        worn = 1 - worn


def checked_shape(size, channels):
    """Return (height, width) of `size`, or raise `PixelError`."""
    shape = tuple(size) if isinstance(size, tuple | list) else (size, size)
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in shape)
    if not whole or len(shape) != 2 or not 16 <= min(shape) <= max(shape) <= 2048:
        raise PixelError(
            f"Got size {size!r}; expected a number of pixels or (height, width), 16 to 2048 a "
            "side. Pass size=48, say."
        )
    if channels not in (1, 3):
        raise PixelError(f"Got channels={channels!r}; expected 1 (gray) or 3 (RGB). Pass either.")
    return shape


def _check_count(name, number, least, most=math.inf):
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or not least <= number <= most:
        bounds = f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise FacezooError(
            f"Got {name}={number!r}; expected a whole number, {bounds}. Pass {name}={least}, say."
        )


def _drawn(ranges, rng):
    """Draw every quantity of `ranges` evenly between its bounds."""
    draws = zip(ranges.items(), rng.random(len(ranges)).tolist(), strict=True)
    return types.SimpleNamespace(**{k: low + (high - low) * t for (k, (low, high)), t in draws})


@functools.lru_cache(maxsize=32)
def _person(number):
    """Return what stays with a person; shared by that person's pictures, never changed."""
    p = _drawn(PERSON, np.random.default_rng((0, number)))
    p.skin, p.hair = ramp(SKIN, p.skin), ramp(HAIR, p.hair)
    p.iris, p.cloth = ramp(IRIS, p.iris), ramp(CLOTH, p.cloth)
    return p


def _angles(pose, q):
    """Return (yaw, pitch) in radians: yaw turns to the picture's right, pitch up."""
    yaw, pitch = q.yaw, q.pitch
    if pose in ("left", "right"):
        yaw = (26 + 20 * q.turn) * (1 if pose == "right" else -1)
    elif pose == "up":
        pitch = 20 + 16 * q.turn
    return math.radians(yaw), math.radians(pitch)
