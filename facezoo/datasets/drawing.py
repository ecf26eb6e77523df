"""Drawn faces: seven expressions and four poses of any number of people, from a seed.

The examples, the tests and the data set `synthetic` use them: nobody to ask, no archive to
fetch, and every label true by construction. The head is a sphere seen without perspective.
Every pixel is taken back through roll, pitch and yaw to the frontal face, and brows, eyes
and mouth are signed distances there, so a pose bends and hides them as on a head.

Lengths are in half heads: crown at y = -1, chin at y = +1, x to the right of the picture, z
to the viewer; (u, v, w) are x, y, z on the frontal face. Colours are RGB in 0-1.
Expressions follow the action units of Ekman and Friesen's Facial Action Coding System;
how far each unit moves was tuned by eye and by what a LeNet-5 learns from the pictures.
"""

import math
import types

import numpy as np
import pandas as pd

from facezoo.errors import FacezooError, PixelError, unknown
from facezoo.labels import EXPRESSION_7, EYES, POSE

STILL = dict.fromkeys(
    ["brow_inner", "brow_outer", "pinch", "lid", "lid_low", "lid_cut", "corner", "width", "gape", "square", "teeth", "lip", "sneer", "frown", "fold", "forehead"],
    0.0,
)
ACTIONS = {  # what moves from a face at rest; lengths grow downwards
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
SKIN = ((0.95, 0.78, 0.67), (0.89, 0.69, 0.55), (0.76, 0.55, 0.41), (0.55, 0.37, 0.27))
HAIR = ((0.09, 0.07, 0.07), (0.25, 0.15, 0.10), (0.45, 0.28, 0.16), (0.8, 0.65, 0.4), (0.6,) * 3)
IRIS = ((0.20, 0.12, 0.07), (0.32, 0.28, 0.15), (0.30, 0.45, 0.58))
CLOTH = ((0.20, 0.20, 0.30), (0.75, 0.70, 0.65), (0.50, 0.20, 0.20), (0.20, 0.40, 0.35))
WHITE, DARK, MAROON = (0.95, 0.95, 0.92), (0.06, 0.05, 0.05), (0.22, 0.06, 0.06)
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
    p = _drawn(PERSON, np.random.default_rng((0, person)))
    q = _drawn(PICTURE, rng)
    p.skin, p.hair, p.iris = _ramp(SKIN, p.skin), _ramp(HAIR, p.hair), _ramp(IRIS, p.iris)
    moves = {name: q.intensity * move for name, move in ACTIONS[expression].items()}
    m = types.SimpleNamespace(**{**STILL, **moves})
    easel = _Easel(shape, channels, p, q, m, _angles(pose, q))
    _paint_background(easel, rng)
    _paint_body(easel, p)
    _paint_hair(easel, p, behind=True)
    _paint_ears(easel, p, behind=True)
    _paint_skin(easel, p, m)
    _paint_eyes(easel, p, q, m)
    _paint_mouth(easel, p, q, m)
    _paint_hair(easel, p, behind=False)
    _paint_ears(easel, p, behind=False)
    if eyes == "sunglasses" or p.spectacles > 0:
        _paint_glasses(easel, p, dark=eyes == "sunglasses")
    _paint_nose(easel, p, q, m)
    return _developed(easel.pixels, q, rng)


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
    if not whole or len(shape) != 2 or min(shape) < 16:
        raise PixelError(
            f"Got size {size!r}; expected a number of pixels or (height, width), 16 or more a "
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
    low, high = zip(*ranges.values(), strict=True)
    return types.SimpleNamespace(**dict(zip(ranges, rng.uniform(low, high).tolist(), strict=True)))


def _angles(pose, q):
    """Return (yaw, pitch) in radians: yaw turns to the picture's right, pitch up."""
    yaw, pitch = q.yaw, q.pitch
    if pose in ("left", "right"):
        yaw = (26 + 20 * q.turn) * (1 if pose == "right" else -1)
    elif pose == "up":
        pitch = 20 + 16 * q.turn
    return math.radians(yaw), math.radians(pitch)


def _ramp(colours, t):
    """Colour at t in 0-1 along `colours`."""
    place = t * (len(colours) - 1)
    i = min(int(place), len(colours) - 2)
    pairs = zip(colours[i], colours[i + 1], strict=True)
    return tuple(a + (b - a) * (place - i) for a, b in pairs)


def _times(colour, *factors):
    return tuple(a * b for a, b in zip(colour, factors, strict=True))


def _cover(distance, width):
    """Signed distance, negative inside -> 0..1 covered; the edge is `width` wide."""
    return (0.5 - distance * (1 / width)).clip(0, 1)


class _Easel:
    """The picture so far, and where each of its pixels lies on the head.

    All arrays are float32; all but `pixels` are (height, width).

    Attributes:
        pixels: (channels, height, width) in 0-1.
        x, y: place in the upright head's frame.
        u, v, w: place on the frontal face; w > 0 is its front.
        px: length of a pixel.
        head, front: 0-1, covered by the head and by its front.
        shade: brightness of a matt head in this light.
    """

    def __init__(self, shape, channels, p, q, m, angles):
        height, width = shape
        self.pixels = np.zeros((channels, *shape), np.float32)
        self.px = 1 / (q.scale * min(shape))
        self.p, self.jaw, self.angles = p, 1 + 0.35 * m.gape, angles
        self.centre = ((0.5 + q.shift_x) * width - 0.5, (0.5 + q.shift_y) * height - 0.5)
        x = (np.arange(width, dtype=np.float32) - self.centre[0]) * self.px
        y = (np.arange(height, dtype=np.float32)[:, None] - self.centre[1]) * self.px
        self.cos, self.sin = math.cos(math.radians(q.roll)), math.sin(math.radians(q.roll))
        self.x, self.y = self.cos * x + self.sin * y, self.cos * y - self.sin * x
        low = self.y.clip(0)
        self.wide = p.face_width * (1 - p.taper * low * low)
        sx, sy = self.x / self.wide, self.y + (1 / self.jaw - 1) * low
        square = sx * sx + sy * sy
        sz = np.sqrt((1 - square).clip(0))
        u, self.v, self.w = self.turned_back(sx, sy, sz)
        self.u = u * p.face_width
        # (r^2 - 1) / 2 has slope 1 at the outline of the unit sphere
        self.head = _cover((square - 1) * (0.5 * p.face_width), self.px)
        self.front = self.head * (self.w * 6).clip(0, 1)
        lit = (sx * q.light_x + sy * q.light_y + sz * 0.75).clip(0)
        self.shade = q.ambient + (1.05 - q.ambient) * lit - 0.25 * (square - 0.6).clip(0)

    def turned_back(self, x, y, z):
        """Place on the turned sphere -> place on the frontal one."""
        (sin_yaw, cos_yaw), (sin, cos) = ((math.sin(a), math.cos(a)) for a in self.angles)
        y, z = y * cos + z * sin, z * cos - y * sin
        return x * cos_yaw - z * sin_yaw, y, x * sin_yaw + z * cos_yaw

    def seen(self, u, v, w=None):
        """Place on the frontal face, on its sphere unless w is given -> (x, y, z) as turned."""
        (sin_yaw, cos_yaw), (sin, cos) = ((math.sin(a), math.cos(a)) for a in self.angles)
        u = u / self.p.face_width
        w = math.sqrt(max(1 - u * u - v * v, 0)) if w is None else w
        x, z = u * cos_yaw + w * sin_yaw, w * cos_yaw - u * sin_yaw
        y, z = v * cos - z * sin, v * sin + z * cos
        low = max(y, 0)
        y += (self.jaw - 1) * low
        return x * self.p.face_width * (1 - self.p.taper * low * low), y, z

    def around(self, x, y, reach_x, reach_y):
        """Slices of the pixels around (x, y), one pixel at least; painting is cheaper there."""
        (column, row), bounds = self.centre, []
        cos, sin = self.cos / self.px, self.sin / self.px
        column, row = column + cos * x - sin * y, row + sin * x + cos * y
        wide = abs(cos) * reach_x + abs(sin) * reach_y + 1
        high = abs(sin) * reach_x + abs(cos) * reach_y + 1
        for at, reach, end in zip((row, column), (high, wide), self.x.shape, strict=True):
            first = min(max(int(at - reach), 0), end - 1)
            bounds.append(slice(first, max(first + 1, min(int(at + reach) + 2, end))))
        return tuple(bounds)

    def paint(self, mask, colour, shade=None, window=()):
        """Lay a colour, times an optional shade, over the window's pixels by `mask`."""
        if len(self.pixels) == 1:  # ITU-R BT.601, as Pillow's convert("L")
            colour = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
        else:
            colour = np.array(colour, np.float32)[:, None, None]
        area = self.pixels[(slice(None), *window)]
        area += mask * ((colour if shade is None else colour * shade) - area)


def _paint_background(easel, rng):
    """Two tones and a few pieces of furniture, more or less out of focus."""
    numbers = rng.random((5, 8)).tolist()
    gray, tint = 0.1 + 0.55 * rng.random((6, 1)), 0.3 * rng.random((6, 3))
    tones = (gray + tint).tolist()
    a, b = numbers[0][:2]
    easel.paint(1, tones[4])
    slope = 0.5 + (0.4 * a - 0.2) * easel.x + (0.4 * b - 0.2) * easel.y
    easel.paint(slope, tones[5])
    for (a, b, c, d, e, f, g, _), tone in zip(numbers[1:], tones, strict=False):
        x, y = easel.x + (1.5 - 3 * a), easel.y + (1.5 - 3 * b)
        x, y = np.abs(x + (c - 0.5) * y) - (0.1 + 0.6 * d), np.abs(y - (c - 0.5) * x)
        edge = np.maximum(x, y - (0.1 + 0.9 * e))
        easel.paint(_cover(edge, easel.px * (1 + 5 * f)) * (0.3 + 0.7 * g), tone)


def _paint_body(easel, p):
    """Long hair behind the head, shoulders and neck."""
    window = easel.around(0.0, 1.2, 3.0, 1.6)
    x, y, px = easel.x[window], easel.y[window], easel.px
    x2 = x * x
    if p.long_hair > 0 and p.bald < 0:
        end = 0.9 + 0.7 * p.long_hair - 0.5 * x2 * x2
        edge = np.maximum(np.abs(x) - 0.96 * p.face_width * p.volume, np.maximum(y - end, -y - 0.3))
        easel.paint(_cover(edge, 2 * px), p.hair, 0.8 * easel.shade[window], window)
    yy = y - 1.95
    shoulders = (x2 * 0.64 + yy * yy * 1.8 - 1) * 0.4
    easel.paint(_cover(shoulders, px), _ramp(CLOTH, p.cloth), None, window)
    neck = np.maximum(np.abs(x) - 0.36, np.maximum(0.4 - y, y + 0.4 * x2 - 1.42))
    easel.paint(_cover(neck, px), p.skin, (0.05 + 0.5 * y).clip(0.5, 0.8), window)


def _paint_ears(easel, p, behind):
    """Ears that the cheek hides in part (behind), or those in front of the hair."""
    if p.long_hair > 0 and p.bald < 0:
        return
    for side in (-1, 1):
        x, y, z = easel.seen(side * 0.99 * p.face_width, 0.02, -0.05)
        if (z < 0.1) != behind:
            continue
        window = easel.around(x, y, 0.2, 0.2)
        # an ear faces sideways: its edge is seen from the front, all of it from the side
        dx = (easel.x[window] - x) * (1 / (0.07 + 0.07 * abs(z)))
        dy = (easel.y[window] - y) * (1 / 0.17)
        radius = np.sqrt(dx * dx + dy * dy)
        shade = 0.9 - 0.4 * (0.75 - radius).clip(0) - 0.3 * (radius - 0.7).clip(0)
        easel.paint(_cover((radius - 1) * 0.1, easel.px), p.skin, shade, window)


def _bump(x, y):
    """1 at the origin, 0 from the unit circle on."""
    return (1 - x * x - y * y).clip(0)


def _paint_skin(easel, p, m):
    """The head, its cheeks and sockets, the lines of an expression, and a beard."""
    under = (0.35 - easel.w).clip(0) * easel.v.clip(0)  # jaw and throat lie in shadow
    easel.paint(easel.head, p.skin, easel.shade - 0.5 * under)
    window = easel.around(*easel.seen(0.0, 0.0)[:2], p.face_width, 0.8)
    u, v, px, side = easel.u[window], easel.v[window], easel.px, np.abs(easel.u[window])
    front, shade = easel.front[window], easel.shade[window]
    cheek = _bump((side - 0.42) / 0.22, (v - 0.3 + 0.08 * m.lid_low) / 0.2)
    blush = _times(p.skin, 1.1, 0.75, 0.72)
    easel.paint((p.blush + 0.3 * m.fold) * cheek * front, blush, None, window)
    socket = _bump((side - p.eye_spacing) / 0.25, (v + 0.03) / 0.17)
    easel.paint(0.45 * socket * front, p.skin, 0.72 * shade, window)
    lines = []
    if m.fold > 0:  # from the nostril round the corner of the mouth
        run = (v - 0.22) / (p.mouth_y - 0.2)
        edge = np.maximum(np.abs(side - 0.13 - 0.20 * run) - 0.012, np.abs(run - 0.5) * 0.3 - 0.18)
        lines.append(m.fold * _cover(edge, px + 0.03))
    if m.frown > 0:
        edge = np.maximum(np.abs(side - 0.045) - 0.008, np.abs(v + 0.27) - 0.07)
        lines.append(m.frown * _cover(edge, px + 0.02))
    if m.sneer > 0:
        edge = np.maximum(np.abs(np.abs(v) - 0.035) - 0.01, side - 0.09)
        lines.append(m.sneer * _cover(edge, px + 0.02))
    if m.forehead > 0:
        edge = np.abs(np.abs(v + 0.53 - 0.1 * u * u) - 0.04) - 0.006
        lines.append(m.forehead * _cover(np.maximum(edge, side - 0.3), px + 0.02))
    if lines:
        easel.paint(0.6 * sum(lines).clip(0, 1) * front, p.skin, 0.55 * shade, window)
    if p.beard > 0:
        edge = np.maximum(0.36 - easel.v + 0.25 * (0.35 - np.abs(easel.u)).clip(0), -easel.w)
        mask = (0.3 + 0.5 * p.beard) * _cover(edge, 0.2) * easel.head
        easel.paint(mask, p.hair, easel.shade)


def _paint_eyes(easel, p, q, m):
    """Both eyes (white, iris, pupil, glint, lids) and both brows."""
    window = easel.around(*easel.seen(0.0, -0.12)[:2], 0.66, 0.42)
    u, v, front, px = easel.u[window], easel.v[window], easel.front[window], easel.px
    out = np.abs(u) - p.eye_spacing  # from the eye's centre to the temple
    along = out / p.eye_width
    bow = 1 - along * along
    level = v + p.eye_slant * out
    cut = (1 + 0.8 * m.lid_cut * (along - 0.35)).clip(0.1)
    above = -level - (p.eye_height * max(1 + m.lid, 0.12)) * cut * bow
    below = level - (0.62 * p.eye_height * max(1 - m.lid_low, 0.1)) * bow
    opening = _cover(np.maximum(above, below), px) * front
    easel.paint(opening, WHITE, 0.5 + 0.5 * easel.shade[window], window)
    dx, dy = u - np.copysign(p.eye_spacing, u) - q.gaze_x, v - q.gaze_y
    sight = np.sqrt(dx * dx + dy * dy)
    easel.paint(opening * _cover(sight - 0.078, px), p.iris, None, window)
    easel.paint(opening * _cover(sight - 0.036, px), DARK, None, window)
    dx, dy = dx - 0.025, dy + 0.028
    easel.paint(opening * _cover(np.sqrt(dx * dx + dy * dy) - 0.016, px), WHITE, None, window)
    ends = np.abs(out) - 1.08 * p.eye_width
    lines = np.minimum(np.abs(above - 0.05), np.abs(below)) - 0.006  # crease and lower rim
    easel.paint(0.4 * _cover(np.maximum(lines, ends), px) * front, p.skin, 0.45, window)
    lash = np.maximum(np.abs(above) - 0.018, ends)
    easel.paint(0.9 * _cover(lash, px) * front, DARK, None, window)
    along = (out + m.pinch) * (0.8 / p.eye_width)  # of the brow: -1 at the nose, 1 at the temple
    inner, outer = m.brow_inner + p.brow_tilt, m.brow_outer - p.brow_tilt
    middle = 0.5 * (inner + outer) - p.brow_height - p.brow_arch
    line = middle + 0.5 * (outer - inner) * along + p.brow_arch * along * along
    edge = np.abs(v - line) - p.brow_thick * (1.1 - 0.45 * along)
    edge = np.maximum(edge, (np.abs(along) - 1) * p.eye_width)
    easel.paint(0.9 * _cover(edge, px + 0.015) * front, p.hair, 0.75, window)


def _paint_mouth(easel, p, q, m):
    """Lips around an opening with teeth and tongue."""
    low = p.mouth_y + 0.1 * m.gape
    window = easel.around(*easel.seen(0.0, low)[:2], 0.46, 0.38)
    u, v, px = easel.u[window], easel.v[window], easel.px
    front, shade = easel.front[window], easel.shade[window]
    half, gap = p.mouth_width * (1 + m.width), 0.010 + m.gape
    along = u / half
    square = along * along
    bow = (1 - square).clip(0)
    profile = bow * (1 + m.square * square)  # 1 - along^2 for round, 1 - along^4 for square
    line = v - low - (m.corner + p.mouth_rest) * (square - 0.4) - q.lopsided * along
    top = -line - 0.4 * gap * profile - 0.04 * m.sneer * bow
    bottom = line - 0.9 * gap * profile
    ends = np.abs(u) - half
    heart = bow * (0.8 + np.abs(along).clip(0, 0.35))
    lip_top = top - p.lip_upper * (1 + 0.5 * m.lip) * heart
    lip_bottom = bottom - p.lip_lower * (1 + 0.7 * m.lip) * bow
    lips = np.maximum(np.maximum(lip_top, lip_bottom), ends)
    tint = shade * (0.92 + line).clip(0.85, 1)
    easel.paint(_cover(lips, px) * front, _times(p.skin, 0.86, 0.58, 0.56), tint, window)
    opening = _cover(np.maximum(np.maximum(top, bottom), ends), px) * front
    easel.paint(opening, MAROON, None, window)
    if m.gape > 0.05:
        tongue = np.maximum(0.55 * gap - line, np.abs(u) - 0.55 * half)
        easel.paint(0.7 * opening * _cover(tongue, 0.06), (0.62, 0.28, 0.28), None, window)
    if m.teeth > 0:
        row = -top - min(0.9 * gap, 0.075) * min(m.teeth * 1.5, 1)
        easel.paint(0.95 * opening * _cover(row, px), WHITE, None, window)
    dimples = np.maximum(np.abs(ends - 0.012) - 0.012, np.abs(line) - 0.02)
    under = np.maximum(np.abs(lip_bottom - 0.03) - 0.012, ends + 0.5 * half)
    soft = _cover(np.minimum(dimples, under), px + 0.03) * front
    easel.paint(0.4 * soft, p.skin, 0.55 * shade, window)


def _paint_nose(easel, p, q, m):
    """A ridge that stands out of the sphere, so that it leads where the head turns."""
    length = p.nose_length - 0.04 * m.sneer
    (x0, y0, _), (x1, y1, _) = easel.seen(0.0, -0.04, 1.0), easel.seen(0.0, length, 1.16)
    window = easel.around((x0 + x1) / 2, (y0 + y1) / 2, 0.35, 0.3)
    x, y = easel.x[window], easel.y[window]
    run = (y - y0) * (1 / max(y1 - y0, 0.08))
    place = run.clip(0, 1)
    radius = 0.045 + (p.nose_width - 0.045) * place * place
    across = (x - x0 - (x1 - x0) * place) / radius
    drop = (y - y1).clip(0) * (2 / p.nose_width)
    square = across * across + drop * drop
    mask = _cover((square - 1) * 0.5 * radius, easel.px) * (run * 1.5).clip(0, 1)
    shade = easel.shade[window] + 0.12 * (0.4 - square).clip(0)
    shade += place * (0.28 * q.light_x * across - 0.22 * square * square)
    easel.paint(mask * 0.9, p.skin, shade, window)
    holes = []
    for side in (-1, 1):
        hx, hy, _ = easel.seen(side * 0.07, length + 0.04, 1.08)
        dx, dy = (x - hx) * (1 / 0.035), (y - hy) * (1 / 0.022)
        holes.append(dx * dx + dy * dy)
    mask = _cover((np.minimum(*holes) - 1) * 0.014, easel.px)
    easel.paint(0.65 * mask, p.skin, 0.3, window)


def _paint_hair(easel, p, behind):
    """A second, larger sphere: its far side behind the head, or its near side before it."""
    if p.bald > 0:
        return
    window = easel.around(0.0, -0.2, 1.05, 1.2)
    sx, sy = easel.x[window] / (easel.wide[window] * p.volume), easel.y[window] * (1 / p.volume)
    square = sx * sx + sy * sy
    sz = np.sqrt((1 - square).clip(0))
    u, v, w = easel.turned_back(sx, sy, -sz if behind else sz)
    wave = p.curl * np.sin(19 * u + 40 * p.parting)
    line = p.hairline + p.parting * u + (0.35 + p.parting) * u * u + wave
    # the sides begin where this sphere, seen from the front, meets the outline of the face
    temple = math.sqrt(1 - (0.93 / p.volume) ** 2)
    sides = np.maximum(w - temple + 0.6 * v.clip(0), v - (0.05 if p.long_hair < 0 else 0.9))
    edge = np.minimum((v - line) * 0.9, sides * 0.8 + wave)
    outline = (square - 1) * (0.5 * p.face_width) - 0.7 * wave
    mask = _cover(np.maximum(edge, outline), easel.px * 1.5)
    shade = easel.shade[window] - 0.15
    if not behind:
        strands = 0.09 * np.sin(31 * u + 9 * v) * np.sin(17 * u - 5 * v)
        shade += 0.15 + strands + 0.2 * _bump((v + 0.72) / 0.16, 0.9 * u)
    easel.paint(mask, p.hair, shade, window)


def _paint_glasses(easel, p, dark):
    """Sunglasses, or the thin frame of spectacles."""
    u, v, px = easel.u, easel.v, easel.px
    side = np.abs(u)
    x, y = np.abs(side - p.eye_spacing) - 0.14, np.abs(v - 0.02) - 0.06
    ox, oy = x.clip(0), y.clip(0)
    lens = np.sqrt(ox * ox + oy * oy) - 0.085
    bridge = np.maximum(np.abs(v + 0.03) - 0.02, side - p.eye_spacing)
    arms = np.maximum(np.abs(v + 0.04) - 0.02, np.maximum(p.eye_spacing - side, -0.25 - easel.w))
    frame = np.minimum(np.abs(lens) - 0.016, np.maximum(np.minimum(bridge, arms), -lens))
    if dark:
        glare = 0.12 * _cover(np.abs(v + 0.06 + 0.4 * u) - 0.03, px)
        easel.paint(_cover(lens, px) * easel.front, WHITE, 0.07 + 0.25 * oy + glare)
    easel.paint(_cover(frame, px) * easel.head * (easel.w * 6 + 2.5).clip(0, 1), DARK)


def _developed(pixels, q, rng):
    """float32 (channels, height, width) -> uint8 (height, width, channels)."""
    noise = rng.standard_normal(pixels.shape[1:], dtype=np.float32)
    pixels = (pixels - 0.5) * q.contrast + (0.5 + q.brightness) + q.noise * noise
    pixels = (pixels * 255 + 0.5).clip(0, 255)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0).astype(np.uint8))
