"""Drawn faces: seven expressions and four poses of any number of people, from a seed.

The example pictures, the tests and the data set `synthetic` use them: no permission to
ask, no archive to fetch, and every label is true by construction. The head is a sphere
drawn without perspective. Every pixel is taken back through scale, roll, pitch and yaw to
the frontal face, and brows, eyes and mouth are signed distances there, so pose bends and
hides them as on a head. Lengths are in half heads: the crown is at y = -1 and the chin at
y = +1; x grows to the right of the picture and z towards the viewer.

Expressions follow the action units of Ekman and Friesen's Facial Action Coding System
(EMFACS): brows raised, lowered and drawn together, lids, lip corners, jaw, nose wrinkle.
"""

import types

import numpy as np
import pandas as pd

from facezoo.errors import FacezooError, PixelError, unknown
from facezoo.labels import EXPRESSION_7, EYES, POSE

MOVES = (
    "brow_inner brow_outer pinch lid lid_low lid_cut corner width gape square teeth "
    "lip sneer wrinkle fold forehead"
).split()
# Full intensity, what moves from neutral: brow ends, lip corners down (+) or up (-) and the
# jaw's gape in half heads; lids and lip width in parts of their own size; the rest 0 to 1.
ACTIONS = {
    "angry": (0.10, -0.04, 0.06, -0.18, 0.15, 0.75, 0.06, -0.10, 0.0, 0, 0, -0.6, 0, 0.25, 0.3, 0),
    "disgust": (0.07, 0.03, 0.03, -0.42, 0.6, 0.25, 0.07, 0.0, 0.06, 0.3, 0.5, 0.2, 1, 1, 1, 0),
    "fear": (-0.13, 0.00, 0.05, 0.42, 0.0, -0.35, 0.05, 0.22, 0.10, 1, 0.6, -0.4, 0, 0, 0.2, 0.7),
    "happy": (0.0, 0.0, 0.0, -0.25, 0.55, 0.0, -0.15, 0.24, 0.09, 0, 1, -0.1, 0, 0, 0.8, 0),
    "sad": (-0.11, 0.06, 0.04, -0.30, 0.0, -0.55, 0.12, -0.12, 0.0, 0, 0, 0.2, 0, 0, 0.2, 0.3),
    "surprise": (-0.15, -0.14, 0.0, 0.50, 0.0, 0.0, 0.0, -0.32, 0.24, 0.3, 0.25, 0, 0, 0, 0, 1),
    "neutral": (0,) * 16,
}
PERSON = {  # what stays with a person: (lowest, highest), drawn evenly
    "face_width": (0.70, 0.84),
    "taper": (0.05, 0.30),
    "eye_spacing": (0.30, 0.36),
    "eye_width": (0.15, 0.19),
    "eye_height": (0.070, 0.100),
    "eye_slant": (-0.12, 0.20),
    "iris": (0.05, 0.55),
    "brow_height": (0.20, 0.26),
    "brow_thick": (0.022, 0.045),
    "brow_tilt": (-0.04, 0.04),
    "brow_arch": (0.02, 0.07),
    "nose_length": (0.22, 0.32),
    "nose_width": (0.10, 0.15),
    "mouth_y": (0.50, 0.56),
    "mouth_width": (0.24, 0.31),
    "mouth_rest": (-0.03, 0.03),
    "lip_upper": (0.03, 0.055),
    "lip_lower": (0.045, 0.08),
    "skin": (0.0, 1.0),
    "blush": (0.0, 1.0),
    "hair": (0.0, 1.0),
    "hairline": (-0.72, -0.45),
    "parting": (-0.30, 0.30),
    "volume": (1.05, 1.20),
    "curl": (0.0, 0.05),
    "long_hair": (0.0, 1.0),
    "bald": (0.0, 1.0),
    "beard": (0.0, 1.0),
    "spectacles": (0.0, 1.0),
    "cloth": (0.0, 1.0),
}
PICTURE = {  # what changes from picture to picture of a person
    "intensity": (0.60, 1.10),
    "scale": (0.37, 0.46),
    "shift_x": (-0.09, 0.09),
    "shift_y": (-0.07, 0.07),
    "roll": (-14.0, 14.0),
    "turn": (0.0, 1.0),
    "yaw": (-9.0, 9.0),
    "pitch": (-7.0, 7.0),
    "gaze_x": (-0.025, 0.025),
    "gaze_y": (-0.010, 0.010),
    "lopsided": (-0.025, 0.025),
    "light_x": (-0.80, 0.80),
    "light_y": (-0.60, 0.0),
    "ambient": (0.45, 0.75),
    "contrast": (0.55, 1.10),
    "brightness": (-0.12, 0.12),
    "noise": (0.008, 0.045),
}
SKIN = ((0.95, 0.78, 0.67), (0.89, 0.69, 0.55), (0.76, 0.55, 0.41), (0.55, 0.37, 0.27))
HAIR = ((0.09, 0.07, 0.07), (0.25, 0.15, 0.10), (0.45, 0.28, 0.16), (0.80, 0.65, 0.40))
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's convert("L")


def draw_face(
    *, expression, pose="straight", eyes="open", person=0, seed=0, size=48, channels=1
):
    """Draw one face; the same arguments give the same bytes.

    Args:
        expression: a class of `EXPRESSION_7`.
        pose: a class of `POSE`; "left" looks to the left side of the picture.
        eyes: a class of `EYES`.
        person: 0 or more; who it is: the build of the face, hair, skin.
        seed: 0 or more; which picture of the person: place, roll, light, background,
            noise, strength of the expression. The three classes change nothing of these.
        size: pixels, one number or (height, width); 16 or more a side.
        channels: 1 for gray, 3 for RGB.

    Returns:
        uint8 (height, width, channels), 0-255.

    Raises:
        UnknownName: a class that does not exist.
        PixelError: an impossible size or number of channels.
        FacezooError: person or seed is not a whole number from 0 on.
    """
    for label_set, name in ((EXPRESSION_7, expression), (POSE, pose), (EYES, eyes)):
        if name not in label_set.classes:
            raise unknown(label_set.name.split("-")[0], name, label_set.classes)
    shape = _checked_shape(size, channels)
    for kind, number in (("person", person), ("seed", seed)):
        _check_count(kind, number, least=0)
    p = _drawn(PERSON, np.random.default_rng((0, person)))
    rng = np.random.default_rng((1, person, seed))
    q = _drawn(PICTURE, rng)
    moves = np.array(ACTIONS[expression]) * q.intensity
    face = types.SimpleNamespace(**dict(zip(MOVES, moves.tolist(), strict=True)))
    easel = _Easel(shape, channels, p, q, face, _angles(pose, q))
    _paint_background(easel, rng)
    _paint_body(easel, p)
    _paint_ears(easel, p, behind=True)
    _paint_skin(easel, p, q, face)
    for side in (-1, 1):
        _paint_eye(easel, p, q, face, side)
    _paint_mouth(easel, p, q, face)
    _paint_hair(easel, p)
    _paint_ears(easel, p, behind=False)
    for side in (-1, 1):
        _paint_brow(easel, p, face, side)
    if eyes == "sunglasses" or p.spectacles < 0.15:
        _paint_glasses(easel, p, dark=eyes == "sunglasses")
    _paint_nose(easel, p, q, face)
    return _developed(easel.pixels, q, rng)


def _checked_shape(size, channels):
    """Return (height, width) of `size`, or raise `PixelError`."""
    shape = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in shape)
    if len(shape) != 2 or not whole or min(shape) < 16:
        raise PixelError(
            f"Got size {size!r}; expected a whole number of pixels or (height, width), 16 or "
            "more a side. Pass size=48, say."
        )
    if channels not in (1, 3):
        raise PixelError(f"Got {channels!r} channels; expected 1 (gray) or 3 (RGB). Pass either.")
    return shape


def _check_count(kind, number, least):
    if not isinstance(number, (int, np.integer)) or number < least:
        raise FacezooError(
            f"Got {kind} {number!r}; expected a whole number, {least} or more. Pass {kind}={least}."
        )


def _drawn(ranges, rng):
    """Draw every quantity of `ranges` evenly between its bounds."""
    low, high = np.array(list(ranges.values())).T
    values = rng.uniform(low, high).tolist()
    return types.SimpleNamespace(**dict(zip(ranges, values, strict=True)))


def _angles(pose, q):
    """Return (yaw, pitch) in radians: yaw turns to the picture's right, pitch up."""
    yaw, pitch = q.yaw, q.pitch
    if pose in ("left", "right"):
        yaw = (28 + 22 * q.turn) * (1 if pose == "right" else -1)
    elif pose == "up":
        pitch = 20 + 16 * q.turn
    return np.deg2rad(yaw), np.deg2rad(pitch)


def _cover(distance, width):
    """Signed distance, negative inside -> 0..1 covered, its edge `width` wide."""
    return np.minimum(np.maximum(0.5 - distance / width, 0), 1)


def _ramp(colours, t):
    """Colour at 0..1 along `colours`."""
    place = np.linspace(0, 1, len(colours))
    return np.array([np.interp(t, place, band) for band in zip(*colours, strict=True)])


class _Easel:
    """The picture so far, and where each of its pixels lies on the head.

    Attributes:
        pixels: float32 (channels, height, width), 0..1.
        x, y: float32 (height, width), position in the upright head's frame.
        u, v, w: the same pixels on the sphere turned back to the front; u is as wide as
            the face, so that (u, v) has one unit both ways, and w > 0 on the face.
        px: length of a pixel.
        head, front: 0..1, covered by the head and by its front.
        shade: brightness of a matt head under the picture's light.
    """

    def __init__(self, shape, channels, p, q, face, angles):
        height, width = shape
        self.pixels = np.empty((channels, height, width), np.float32)
        self.px = 1 / (q.scale * min(shape))
        self.p, self.jaw, self.angles = p, 1 + 0.35 * face.gape, angles
        x = np.arange(width, dtype=np.float32) - (width - 1) / 2 - q.shift_x * width
        y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2 - q.shift_y * height
        roll = np.deg2rad(q.roll)
        cos, sin = np.float32(np.cos(roll) * self.px), np.float32(np.sin(roll) * self.px)
        self.roll = (cos, sin)
        self.x, self.y = cos * x + sin * y, cos * y - sin * x
        self.low = np.maximum(self.y, 0)
        self.wide = p.face_width * (1 - p.taper * self.low**2)
        sx, sy = self.x / self.wide, np.where(self.y > 0, self.y / self.jaw, self.y)
        square = sx**2 + sy**2
        sz = np.sqrt(np.maximum(1 - square, 0))
        u, self.v, self.w = self.turned_back(sx, sy, sz)
        self.u = u * p.face_width
        # distance to the outline: the field (r^2 - 1) / 2 has slope r / half width there
        self.head = _cover((square - 1) * (0.5 * p.face_width), self.px)
        self.front = self.head * np.minimum(np.maximum(self.w * 6, 0), 1)
        lit = np.maximum(sx * q.light_x + sy * q.light_y + sz * 0.75, 0)
        self.shade = q.ambient + (1.05 - q.ambient) * lit - 0.25 * np.maximum(square - 0.6, 0)
        origin = (q.shift_x * width + (width - 1) / 2, q.shift_y * height + (height - 1) / 2)
        self.origin = origin

    def turned_back(self, x, y, z):
        """A point of the turned sphere -> where it is on the frontal face."""
        yaw, pitch = self.angles
        y, z = y * np.cos(pitch) + z * np.sin(pitch), z * np.cos(pitch) - y * np.sin(pitch)
        return x * np.cos(yaw) - z * np.sin(yaw), y, x * np.sin(yaw) + z * np.cos(yaw)

    def seen(self, u, v, w):
        """A point of the frontal head, in sphere units -> (x, y, z) as the picture has it."""
        yaw, pitch = self.angles
        x, z = u * np.cos(yaw) + w * np.sin(yaw), w * np.cos(yaw) - u * np.sin(yaw)
        y, z = v * np.cos(pitch) - z * np.sin(pitch), v * np.sin(pitch) + z * np.cos(pitch)
        y = y * self.jaw if y > 0 else y
        return x * self.p.face_width * (1 - self.p.taper * max(y, 0) ** 2), y, z

    def around(self, x, y, radius):
        """Return the slices of the pixels within `radius` of (x, y), one at least."""
        cos, sin = (value / self.px**2 for value in self.roll)
        column = self.origin[0] + cos * x - sin * y
        row = self.origin[1] + sin * x + cos * y
        reach = radius / self.px + 1
        height, width = self.x.shape
        bounds = []
        for centre, end in ((row, height), (column, width)):
            first = int(min(max(centre - reach, 0), end - 1))
            bounds.append(slice(first, max(first + 1, int(min(centre + reach + 1, end)))))
        return tuple(bounds)

    def paint(self, mask, colour, window=...):
        """Lay `colour`, RGB (3,) times an optional (h, w) shade, over pixels by `mask`."""
        colour, shade = colour if isinstance(colour, tuple) else (colour, None)
        if len(self.pixels) == 1:
            colour = np.dot(LUMA, colour)[None]
        colour = colour.astype(np.float32)[:, None, None]
        if shade is not None:
            colour = colour * shade
        area = self.pixels[(slice(None), *window)] if window is not ... else self.pixels
        area += mask * (colour - area)


def _paint_background(easel, rng):
    """Two tones and a few pieces of furniture out of focus."""
    numbers = rng.random((6, 8)).tolist()
    tones = 0.1 + 0.8 * rng.random((6, 3)) * 0.4 + 0.5 * rng.random((6, 1))
    far = numbers[0]
    easel.pixels[:] = 0
    easel.paint(1, tones[0])
    slope = 0.5 + 0.4 * ((far[0] - 0.5) * easel.x + (far[1] - 0.5) * easel.y)
    easel.paint(slope, tones[1])
    for (a, b, c, d, e, f, g, h), tone in zip(numbers[2:], tones[2:], strict=True):
        x, y = easel.x - (3 * a - 1.5), easel.y - (3 * b - 1.5)
        x, y = np.abs(x + (c - 0.5) * y), np.abs(y - (c - 0.5) * x)
        edge = np.maximum(x - 0.1 - 0.6 * d, y - 0.1 - 0.9 * e)
        easel.paint(_cover(edge, easel.px * (1 + 5 * f)) * (0.3 + 0.7 * g), tone)


def _paint_body(easel, p):
    """Hair behind the head, shoulders and neck."""
    x, y, px = easel.x, easel.y, easel.px
    if p.long_hair < 0.4 and p.bald > 0.1:
        wide = p.face_width * p.volume * (1.02 + 0.2 * p.curl)
        edge = np.maximum(np.abs(x) - wide, y - 0.7 - 1.5 * p.long_hair)
        easel.paint(_cover(np.maximum(edge, -y), 2 * px), (0.8 * _hair_colour(p), easel.shade))
    cloth = _ramp(((0.2, 0.2, 0.3), (0.75, 0.7, 0.65), (0.5, 0.2, 0.2), (0.2, 0.4, 0.35)), p.cloth)
    shoulders = (x / 1.25) ** 2 + ((y - 1.95) / 0.75) ** 2
    easel.paint(_cover((shoulders - 1) * 0.4, px), cloth)
    neck = np.maximum(np.abs(x) - 0.36 - 0.1 * np.maximum(y - 1.1, 0), 0.4 - y)
    neck = np.maximum(neck, y - 1.42 + 0.4 * x**2)
    shadow = 0.55 + 0.5 * np.maximum(y - 0.95, 0)
    easel.paint(_cover(neck, px), (_ramp(SKIN, p.skin), shadow))


def _paint_ears(easel, p, behind):
    """The ears on one side of the head's outline: behind the cheek or in front of the hair."""
    if p.long_hair < 0.4 and p.bald > 0.1:
        return
    for side in (-1, 1):
        x, y, z = easel.seen(side * 0.99, 0.02, -0.05)
        if (z < 0.1) != behind:
            continue
        window = easel.around(x, y, 0.25)
        dx, dy = easel.x[window] - x, easel.y[window] - y
        # an ear faces sideways: seen flat from the front, whole from the side
        radius = np.sqrt((dx / (0.07 + 0.07 * abs(z))) ** 2 + (dy / 0.17) ** 2)
        shade = 0.9 - 0.35 * np.maximum(0.75 - radius, 0) - 0.25 * np.maximum(radius - 0.7, 0)
        mask = _cover((radius - 1) * 0.1, easel.px)
        easel.paint(mask, (_ramp(SKIN, p.skin), shade), window)


def _paint_skin(easel, p, q, face):
    """The head with cheeks, sockets, folds beside the nose, furrows and a beard."""
    u, v, px = easel.u, easel.v, easel.px
    skin = _ramp(SKIN, p.skin)
    shade = easel.shade - 0.25 * np.maximum(v - 0.8, 0)
    easel.paint(easel.head, (skin, shade))
    side = np.abs(u)
    cheek = np.maximum(1 - ((side - 0.42) / 0.22) ** 2 - ((v - 0.3 + face.lid_low * 0.08) / 0.2) ** 2, 0)
    strength = 0.25 * p.blush + 0.3 * max(face.fold, 0)
    easel.paint(strength * cheek * easel.front, skin * (1.1, 0.75, 0.72))
    socket = np.maximum(1 - ((side - p.eye_spacing) / 0.25) ** 2 - ((v + 0.03) / 0.17) ** 2, 0)
    easel.paint(0.45 * socket * easel.front, (skin * 0.72, easel.shade))
    lines = np.zeros_like(u)
    if face.fold > 0.1:
        run = (v - 0.22) / (p.mouth_y - 0.2)
        away = np.abs(side - 0.13 - 0.20 * run) - 0.012
        lines += face.fold * _cover(np.maximum(away, np.abs(run - 0.5) * 0.3 - 0.18), px + 0.03)
    if face.wrinkle > 0.1:
        frown = np.maximum(np.abs(side - 0.045) - 0.008, np.abs(v + 0.27) - 0.07)
        lines += face.wrinkle * _cover(frown, px + 0.02)
    if face.sneer > 0.1:
        rows = np.maximum(np.abs(np.abs(v - 0.0) - 0.035) - 0.01, side - 0.09)
        lines += face.sneer * _cover(rows, px + 0.02)
    if face.forehead > 0.1:
        rows = np.abs(np.abs(v + 0.53 - 0.1 * u * u) - 0.04) - 0.006
        lines += face.forehead * _cover(np.maximum(rows, side - 0.3), px + 0.02)
    easel.paint(0.6 * np.minimum(lines, 1) * easel.front, (skin * 0.55, easel.shade))
    if p.beard < 0.2:
        edge = np.maximum(0.36 - v + 0.25 * np.maximum(0.35 - side, 0), 0.0 - easel.w)
        mask = _cover(edge, 0.12) * easel.head * (0.35 + 2.5 * p.beard)
        easel.paint(mask, (_hair_colour(p), easel.shade))


def _paint_eye(easel, p, q, face, side):
    """White, iris, pupil, glint, lids; `side` is -1 for the left of the picture."""
    flat = p.eye_spacing / p.face_width
    x, y, _ = easel.seen(side * flat, 0.0, np.sqrt(1 - flat**2))
    window = easel.around(x, y, 0.36)
    u, v, front = easel.u[window], easel.v[window], easel.front[window]
    out = side * u - p.eye_spacing
    along = out / p.eye_width
    bow = 1 - along**2
    v = v + p.eye_slant * out
    upper = p.eye_height * max(1 + face.lid, 0.12) * (1 + face.lid_cut * (along - 0.35) * 0.8)
    lower = p.eye_height * 0.62 * max(1 - face.lid_low, 0.1)
    above, below = -v - upper * bow, v - lower * bow
    inside = np.maximum(above, below)
    opening = _cover(inside, easel.px) * front
    easel.paint(opening, (np.array((0.95, 0.95, 0.93)), 0.55 + 0.45 * easel.shade[window]), window)
    sight = np.sqrt((u - side * p.eye_spacing - q.gaze_x) ** 2 + (v - q.gaze_y) ** 2)
    iris = _ramp(((0.25, 0.14, 0.08), (0.35, 0.30, 0.15), (0.35, 0.50, 0.62)), p.iris)
    easel.paint(opening * _cover(sight - 0.078, easel.px), iris, window)
    easel.paint(opening * _cover(sight - 0.036, easel.px), np.full(3, 0.03), window)
    glint = np.hypot(u - side * p.eye_spacing - 0.025 - q.gaze_x, v + 0.028 - q.gaze_y)
    easel.paint(opening * _cover(glint - 0.016, easel.px), np.ones(3), window)
    ends = (np.abs(along) - 1.08) * p.eye_width
    lash = np.maximum(np.abs(above) - 0.018, ends)
    easel.paint(0.9 * _cover(lash, easel.px) * front, np.full(3, 0.08), window)
    crease = np.maximum(np.abs(above - 0.05) - 0.006, ends)
    rim = np.maximum(np.abs(below) - 0.006, ends)
    soft = _cover(np.minimum(crease, rim), easel.px) * front
    easel.paint(0.4 * soft, _ramp(SKIN, p.skin) * 0.45, window)


def _paint_brow(easel, p, face, side):
    """One eyebrow: a bent, tapering stroke."""
    middle = -p.brow_height
    flat = p.eye_spacing / p.face_width
    x, y, _ = easel.seen(side * flat, middle, np.sqrt(max(1 - flat**2 - middle**2, 0)))
    window = easel.around(x, y, 0.45)
    out = side * easel.u[window] - p.eye_spacing + face.pinch
    along = out / (p.eye_width * 1.25)  # -1 at the nose, +1 at the temple
    inner, outer = middle + face.brow_inner + p.brow_tilt, middle + face.brow_outer - p.brow_tilt
    line = 0.5 * (inner + outer) + 0.5 * (outer - inner) * along - p.brow_arch * (1 - along**2)
    thick = p.brow_thick * (1.1 - 0.45 * along)
    edge = np.maximum(np.abs(easel.v[window] - line) - thick, (np.abs(along) - 1) * p.eye_width)
    mask = 0.9 * _cover(edge, easel.px + 0.015) * easel.front[window]
    easel.paint(mask, _hair_colour(p) * 0.75, window)


def _paint_mouth(easel, p, q, face):
    """Lips around an opening with teeth and tongue."""
    low = p.mouth_y + 0.1 * face.gape
    x, y, _ = easel.seen(0.0, low, np.sqrt(1 - low**2))
    window = easel.around(x, y, 0.55)
    u, v, front, shade = (a[window] for a in (easel.u, easel.v, easel.front, easel.shade))
    half = p.mouth_width * (1 + face.width)
    along = u / half
    bow, box = 1 - along**2, 1 - along**4
    bow = np.maximum(bow, 0)
    profile = bow + face.square * (np.maximum(box, 0) - bow)
    corner = face.corner + p.mouth_rest
    line = low + corner * (along**2 - 0.4) + q.lopsided * along
    gap = 0.010 + face.gape
    top = line - 0.4 * gap * profile - 0.04 * face.sneer * bow
    bottom = line + 0.9 * gap * profile
    ends = (np.abs(along) - 1) * half
    lip_top = top - p.lip_upper * (1 + 0.5 * face.lip) * bow * (0.8 + np.minimum(np.abs(along), 0.35))
    lip_bottom = bottom + p.lip_lower * (1 + 0.7 * face.lip) * bow
    skin = _ramp(SKIN, p.skin)
    lips = np.maximum(np.maximum(lip_top - v, v - lip_bottom), ends)
    tint = np.where(v < line, 0.85, 1.0) * shade
    easel.paint(_cover(lips, easel.px) * front, (skin * (0.86, 0.58, 0.56), tint), window)
    inside = np.maximum(np.maximum(top - v, v - bottom), ends)
    opening = _cover(inside, easel.px) * front
    easel.paint(opening, np.array((0.22, 0.06, 0.06)), window)
    if face.gape > 0.05:
        tongue = np.maximum(line + 0.55 * gap - v, np.abs(u) - 0.55 * half)
        easel.paint(0.7 * opening * _cover(tongue, 0.06), np.array((0.62, 0.28, 0.28)), window)
    if face.teeth > 0.1:
        row = v - top - min(0.9 * gap, 0.075) * min(face.teeth * 1.5, 1)
        easel.paint(0.95 * opening * _cover(row, easel.px), np.array((0.96, 0.95, 0.9)), window)
    dents = np.maximum(np.abs(np.abs(u) - half - 0.012) - 0.012, np.abs(v - line) - 0.02)
    under = np.maximum(np.abs(v - lip_bottom - 0.03) - 0.012, np.abs(u) - 0.5 * half)
    soft = _cover(np.minimum(dents, under), easel.px + 0.03) * front
    easel.paint(0.4 * soft, (skin * 0.55, shade), window)


def _paint_nose(easel, p, q, face):
    """A ridge that stands out of the sphere, so that it leads the way the head turns."""
    length = p.nose_length - 0.04 * face.sneer
    bridge = easel.seen(0.0, -0.04, 1.0)
    tip = easel.seen(0.0, length, 1.16)
    window = easel.around(0.5 * (bridge[0] + tip[0]), 0.5 * (bridge[1] + tip[1]), 0.4)
    x, y = easel.x[window], easel.y[window]
    run = (y - bridge[1]) / max(tip[1] - bridge[1], 0.08)
    place = np.minimum(np.maximum(run, 0), 1)
    centre = bridge[0] + place * (tip[0] - bridge[0])
    radius = 0.045 + (p.nose_width - 0.045) * place**2
    across = (x - centre) / radius
    drop = np.maximum(y - tip[1], 0) / (0.5 * p.nose_width)
    round_ = across**2 + drop**2
    skin = _ramp(SKIN, p.skin)
    mask = _cover((round_ - 1) * 0.5 * radius, easel.px) * np.minimum(np.maximum(run * 1.5, 0), 1)
    bright = easel.shade[window] + 0.28 * q.light_x * across * place
    bright = bright - 0.22 * round_**2 * place + 0.12 * np.maximum(0.4 - round_, 0)
    easel.paint(mask * 0.9, (skin, bright), window)
    nostrils = []
    for side in (-1, 1):
        nx, ny, _ = easel.seen(side * 0.07 / p.face_width, length + 0.04, 1.08)
        nostrils.append(((x - nx) / 0.035) ** 2 + ((y - ny) / 0.022) ** 2)
    hole = _cover((np.minimum(*nostrils) - 1) * 0.014, easel.px)
    easel.paint(0.65 * hole, skin * 0.3, window)


def _hair_colour(p):
    return _ramp((*HAIR, (0.55, 0.53, 0.52)), p.hair)


def _paint_hair(easel, p):
    """Hair as a second, larger sphere: above the hairline, and behind the ears."""
    if p.bald < 0.1:
        return
    sx, sy = easel.x / (easel.wide * p.volume), (easel.y + 0.02) / p.volume
    square = sx**2 + sy**2
    sz = np.sqrt(np.maximum(1 - square, 0))
    u, v, w = easel.turned_back(sx, sy, sz)
    wave = p.curl * np.sin(23 * u + 40 * p.parting)
    line = p.hairline + p.parting * u + (0.35 + p.parting) * u**2 + wave
    sides = np.maximum(w - 0.35 + wave, v - (0.25 if p.long_hair < 0.4 else 0.05))
    edge = np.minimum((v - line) * 0.9, sides * 0.8)
    mask = _cover(edge, easel.px * 1.5) * _cover((square - 1) * 0.5 * p.face_width - wave, easel.px)
    strands = 0.09 * np.sin(31 * u + 9 * v) * np.sin(17 * u - 5 * v)
    shine = 0.25 * np.maximum(1 - ((v + 0.72) / 0.16) ** 2, 0)
    easel.paint(mask, (_hair_colour(p), easel.shade + strands + shine))


def _paint_glasses(easel, p, dark):
    """Sunglasses, or the thin frame of spectacles."""
    u, v, px = easel.u, easel.v, easel.px
    side = np.abs(u)
    x, y = np.abs(side - p.eye_spacing) - 0.14, np.abs(v - 0.02) - 0.06
    lens = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0) - 0.085
    bridge = np.maximum(np.abs(v + 0.03) - 0.02, side - p.eye_spacing)
    arms = np.maximum(np.abs(v + 0.04) - 0.02, np.maximum(p.eye_spacing - side, -0.25 - easel.w))
    frame = np.minimum(np.abs(lens) - 0.016, np.maximum(np.minimum(bridge, arms), -lens))
    if dark:
        tint = 0.07 + 0.25 * np.maximum(v + 0.03, 0) + 0.12 * (np.abs(v + 0.06 + 0.4 * u) < 0.03)
        easel.paint(_cover(lens, px) * easel.front, (np.ones(3), tint))
    easel.paint(_cover(frame, px) * easel.head * (easel.w > -0.25), np.full(3, 0.06))


def _developed(pixels, q, rng):
    """float32 (channels, height, width) -> uint8 (height, width, channels): contrast, noise."""
    pixels = (pixels - 0.5) * q.contrast + (0.5 + q.brightness)
    pixels += q.noise * rng.standard_normal(pixels.shape[1:], dtype=np.float32)
    pixels = np.minimum(np.maximum(pixels * 255 + 0.5, 0), 255)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(np.uint8)


def draw_dataset(
    *, people=120, pictures_per_person=28, size=48, channels=1, seed=0, progress=None
):
    """Draw a balanced set of pictures and the table of what was drawn.

    Every person gets 28 / 28 of the combinations of expression and pose in a new order
    before one comes again; over people, sunglasses come with every second picture of a
    combination. Picture k of person i is `draw_face(person=seed * 1_000_000 + i, seed=k)`.

    Args:
        people: 1 to 1,000,000; no two seeds have a person in common.
        pictures_per_person: 1 or more.
        size: pixels, one number or (height, width).
        channels: 1 for gray, 3 for RGB.
        seed: 0 or more.
        progress: None, or a function called with the number of pictures drawn so far.

    Returns:
        (images, table): uint8 (N, height, width, channels), 0-255, and a DataFrame with the
        columns file, subject, expression, pose, eyes.

    Raises:
        PixelError: an impossible size or number of channels.
        FacezooError: another number is out of its bounds.
    """
    shape = _checked_shape(size, channels)
