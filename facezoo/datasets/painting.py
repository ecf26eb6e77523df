"""The painting of a face: a head that turns, and what lies on it.

The head is a sphere seen without perspective. Every pixel is taken back through roll, pitch
and yaw to the frontal face, and brows, eyes and mouth are signed distances there, so a pose
bends and hides them as on a head. Edges are one pixel soft at any size.

Lengths are in half heads: crown at y = -1, chin at y = +1, x to the right of the picture, z
to the viewer; (u, v, w) are x, y, z on the frontal face. Colours are RGB in 0-1. `p`, `q`
and `m` are a person, a picture's conditions and an expression's moves, as in `drawing.py`.
"""

import math

import numpy as np

SKIN = ((0.95, 0.78, 0.67), (0.89, 0.69, 0.55), (0.76, 0.55, 0.41), (0.55, 0.37, 0.27))
HAIR = ((0.09, 0.07, 0.07), (0.25, 0.15, 0.10), (0.45, 0.28, 0.16), (0.8, 0.65, 0.4), (0.6,) * 3)
IRIS = ((0.20, 0.12, 0.07), (0.32, 0.28, 0.15), (0.30, 0.45, 0.58))
CLOTH = ((0.20, 0.20, 0.30), (0.75, 0.70, 0.65), (0.50, 0.20, 0.20), (0.20, 0.40, 0.35))
WHITE, DARK, MAROON = (0.95, 0.95, 0.92), (0.06, 0.05, 0.05), (0.22, 0.06, 0.06)


def paint_face(easel, p, q, m, *, sunglasses, rng):
    """Paint from back to front.

    Args:
        easel: `Easel` of the picture; its pixels are used up.
        p: the person: the quantities of `drawing.PERSON`, skin, hair, iris, cloth as colours.
        q: the picture: the quantities of `drawing.PICTURE`.
        m: the expression: the quantities of `drawing.STILL`.
        sunglasses: whether they are worn.
        rng: generator for background and noise.

    Returns:
        uint8 (height, width, channels), 0-255.
    """
    _paint_background(easel, rng)
    _paint_body(easel, p)
    _paint_hair(easel, p, behind=True)
    _paint_ears(easel, p, behind=True)
    _paint_skin(easel, p, m)
    _paint_eyes(easel, p, q, m)
    _paint_mouth(easel, p, q, m)
    _paint_hair(easel, p, behind=False)
    _paint_ears(easel, p, behind=False)
    if sunglasses or p.spectacles > 0:
        _paint_glasses(easel, p, dark=sunglasses)
    _paint_nose(easel, p, q, m)
    return _developed(easel.pixels, q, rng)


def ramp(colours, t):
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


class Easel:
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
    numbers = rng.random((5, 7)).tolist()
    gray, tint = 0.1 + 0.55 * rng.random((6, 1)), 0.3 * rng.random((6, 3))
    tones = (gray + tint).tolist()
    a, b = numbers[0][:2]
    easel.paint(1, tones[4])
    slope = 0.5 + (0.4 * a - 0.2) * easel.x + (0.4 * b - 0.2) * easel.y
    easel.paint(slope, tones[5])
    for (a, b, c, d, e, f, g), tone in zip(numbers[1:], tones, strict=False):
        at_x, at_y, wide, high = 3 * a - 1.5, 3 * b - 1.5, 0.1 + 0.5 * c, 0.1 + 0.7 * d
        lean, soft = e - 0.5, easel.px * (1 + 5 * f)
        reach = wide + high + soft
        window = easel.around(at_x, at_y, reach, reach)
        x, y = easel.x[window] - at_x, easel.y[window] - at_y
        edge = np.maximum(np.abs(x + lean * y) - wide, np.abs(y - lean * x) - high)
        easel.paint(_cover(edge, soft) * (0.3 + 0.7 * g), tone, None, window)


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
    easel.paint(_cover(shoulders, px), p.cloth, None, window)
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
    window = easel.around(*easel.seen(0.0, 0.0)[:2], 1.6 * p.face_width, 0.5)
    u, v, w, px = easel.u[window], easel.v[window], easel.w[window], easel.px
    side = np.abs(u)
    x, y = np.abs(side - p.eye_spacing) - 0.14, np.abs(v - 0.02) - 0.06
    ox, oy = x.clip(0), y.clip(0)
    lens = np.sqrt(ox * ox + oy * oy) - 0.085
    bridge = np.maximum(np.abs(v + 0.03) - 0.02, side - p.eye_spacing)
    arms = np.maximum(np.abs(v + 0.04) - 0.02, np.maximum(p.eye_spacing - side, -0.25 - w))
    frame = np.minimum(np.abs(lens) - 0.016, np.maximum(np.minimum(bridge, arms), -lens))
    if dark:
        glare = 0.12 * _cover(np.abs(v + 0.06 + 0.4 * u) - 0.03, px)
        mask = _cover(lens, px) * easel.front[window]
        easel.paint(mask, WHITE, 0.07 + 0.25 * oy + glare, window)
    mask = _cover(frame, px) * easel.head[window] * (w * 6 + 2.5).clip(0, 1)
    easel.paint(mask, DARK, None, window)


def _developed(pixels, q, rng):
    """float32 (channels, height, width) -> uint8 (height, width, channels)."""
    noise = rng.standard_normal(pixels.shape[1:], dtype=np.float32)
    pixels = (pixels - 0.5) * q.contrast + (0.5 + q.brightness) + q.noise * noise
    pixels = (pixels * 255 + 0.5).clip(0, 255)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0).astype(np.uint8))
