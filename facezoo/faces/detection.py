"""Where the faces of a photograph are: OpenCV's Haar cascade, or the whole picture as one face.

Viola and Jones 2001, as OpenCV 4 ships it: frontal faces, upright within some fifteen degrees.
It is embedded and needs no download; it misses profiles and covered faces, and now and then takes
a pattern for a face. `benchmarks/detection.py` has OpenCV's `alt2` cascade, used here, beside
`default`, which most programs use.
"""

import dataclasses
import functools
import os
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from facezoo.errors import FacezooError, PixelError, unknown

LONGEST = 640  # pixels of the longer side of the copy that is searched
CASCADE = "haarcascade_frontalface_alt2.xml"
SMALLEST = 20  # pixels of the copy; the cascade's own window
FACE = 44  # pixels of a face that is looked for first; of smaller ones a network knows little
SAVED = 0.5  # of the pixels, that a reduced copy must at least do without
STEP = 1.1  # from one size of the window to the next
NEIGHBOURS = 3  # windows about a window that must agree; fewer find more faces and more patterns
TILTS = (-25.0, 25.0)  # degrees, tried where an upright search found nothing
OVERLAP = 0.4  # intersection over union from which two boxes are one face
WITHIN = 0.8  # of a box in another from which it is a part of that face
MARGIN = 0.1  # of the box, in all: the data sets show a little more than a cascade's box


@dataclasses.dataclass(frozen=True)
class Detection:
    """A face in a picture.

    Args:
        box: (left, top, width, height) in pixels, within the picture.
        score: 0-1, higher the more windows agreed; no probability.
    """

    box: tuple[int, int, int, int]
    score: float


class HaarDetector:
    """OpenCV's frontal-face cascade on a reduced copy; equalised and turned where it finds none.

    Args:
        smallest: pixels of the smallest face that is looked for, in the picture itself; None
            for 44, and for what the copy still shows where a picture holds none so large: small
            faces beside a larger one are passed over.
        longest: pixels of the longer side of the copy that is searched; larger finds smaller
            faces and takes longer.
        neighbours: windows about a window that must agree that it is a face, OpenCV's
            `minNeighbors`; one fewer in the search for faces of 44 pixels.
        tilts: degrees that a picture is turned by where nothing was found upright; () for none.

    Raises:
        FacezooError: OpenCV is not installed, or is one without cascades.

    Example:
        HaarDetector().detect(picture)  # uint8 (h, w, 3) -> [Detection, ...], largest first
    """

    def __init__(self, *, smallest=None, longest=LONGEST, neighbours=NEIGHBOURS, tilts=TILTS):
        numbers = {"longest": longest, "neighbours": neighbours, "smallest": smallest or 1}
        for name, number in numbers.items():
            if not isinstance(number, int) or number < 1:
                raise FacezooError(
                    f"Got {name}={number!r}; expected a whole number of 1 or more. Change it."
                )
        self.smallest = smallest
        self.longest = longest
        self.neighbours = neighbours
        self.tilts = tuple(tilts)
        self._cv2 = opencv()
        self._own = threading.local()  # a cascade keeps the picture it looks at
        _ = self._cascade

    def detect(self, picture):
        """Return the faces of a picture, largest first.

        Args:
            picture: uint8 (height, width, 3) RGB, or (height, width, 1) gray.

        Returns:
            list of `Detection`.

        Raises:
            PixelError: no such picture.
        """
        check_picture(picture)
        gray, scale = self._copy(picture)
        found = []
        reduced = SMALLEST / FACE / scale
        if self.smallest is None and reduced**2 < 1 - SAVED:
            coarse = self._reduced(gray, reduced)
            # a face covers fewer windows there, and there are fewer places to go wrong
            if found := self._search(coarse, max(1, self.neighbours - 1)):
                scale = coarse.shape[1] / picture.shape[1]
        # windows are compared by their own contrast already: equalising a whole picture first
        # loses faces on plain walls, and is a later try only
        found = found or self._search(gray, self.neighbours)
        found = found or self._search(self._cv2.equalizeHist(gray), self.neighbours)
        for angle in self.tilts if not found else ():
            found += self._search_tilted(gray, angle)
        height, width = picture.shape[:2]
        kept = merged(found)
        boxes = [(_within(np.divide(box, scale), width, height), score) for box, score in kept]
        faces = [Detection(box, score) for box, score in boxes if min(box[2:]) > 0]
        return sorted(faces, key=lambda face: -face.box[2] * face.box[3])

    @property
    def _cascade(self):
        if not hasattr(self._own, "cascade"):
            path = Path(self._cv2.data.haarcascades) / CASCADE
            self._own.cascade = self._cv2.CascadeClassifier(str(path))
            if self._own.cascade.empty():
                raise FacezooError(
                    f"Got no cascade at {path}; expected OpenCV 4 with its data. Install "
                    "'opencv-python>=4.10,<5'."
                )
        return self._own.cascade

    def _copy(self, picture):
        """Return the gray copy that is searched at most, and its scale."""
        cv2 = self._cv2
        gray = (
            picture[..., 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        )
        longer = max(gray.shape)
        scale = min(1.0, self.longest / longer)
        if self.smallest is not None:  # no more detail than the smallest face needs
            scale = min(scale, max(SMALLEST / self.smallest, SMALLEST / min(gray.shape)))
        if scale < 1:
            gray = self._reduced(gray, scale)
        return np.ascontiguousarray(gray), gray.shape[1] / picture.shape[1]

    def _reduced(self, gray, factor):
        size = [max(1, round(side * factor)) for side in gray.shape[::-1]]
        return self._cv2.resize(gray, size, interpolation=self._cv2.INTER_AREA)

    def _search(self, gray, neighbours):
        """Gray picture -> [((left, top, width, height), score)]."""
        if min(gray.shape) < SMALLEST:
            return []
        boxes, agreed = self._cascade.detectMultiScale2(
            gray, scaleFactor=STEP, minNeighbors=neighbours
        )
        scores = np.ravel(agreed) / (self.neighbours + np.ravel(agreed))
        return [(tuple(map(float, b)), float(s)) for b, s in zip(boxes, scores, strict=True)]

    def _search_tilted(self, gray, angle):
        """The same on a turned picture; boxes are upright ones about the same centres."""
        cv2 = self._cv2
        height, width = gray.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
        turned = cv2.warpAffine(gray, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        back = cv2.invertAffineTransform(turn)
        found = []
        for (left, top, across, down), score in self._search(turned, self.neighbours):
            x, y = back @ (left + across / 2, top + down / 2, 1)
            found.append(((x - across / 2, y - down / 2, across, down), score))
        return found


class WholePicture:
    """A detector for pictures that are a face already: the whole of each, score 1."""

    def detect(self, picture):
        """Return the one `Detection` that is the whole picture."""
        check_picture(picture)
        return [Detection((0, 0, picture.shape[1], picture.shape[0]), 1.0)]


DETECTORS = {"haar": HaarDetector, "whole": WholePicture}


def get_detector(detector):
    """Return a detector by name, or the one that is given.

    Raises:
        UnknownName: no such detector.
    """
    if not isinstance(detector, str):
        return detector
    if detector not in DETECTORS:
        raise unknown("detector", detector, DETECTORS)
    return DETECTORS[detector]()


def crop_face(picture, box, input_shape, margin=MARGIN):
    """Cut a face out as a network takes it.

    The box grows by `margin`, and to the proportions of the network's pictures; where it would
    leave the picture it is moved inside, and cut off if it is larger than that.

    Args:
        picture: uint8 (height, width, 3) RGB, or (height, width, 1) gray.
        box: (left, top, width, height) in pixels.
        input_shape: (height, width, channels) of the network.
        margin: fraction of the box that is added in all.

    Returns:
        uint8 `input_shape`.
    """
    height, width, channels = input_shape
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    left, top, right, bottom = _grown(box, width / height, margin, image.size)
    # as little as the resampling reaches is turned gray, not a whole photograph
    cut = image.crop((int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))))
    cut = cut.convert("L" if channels == 1 else "RGB")
    inner = (left - int(left), top - int(top), right - int(left), bottom - int(top))
    resized = cut.resize((width, height), Image.Resampling.BILINEAR, box=inner)
    return np.asarray(resized).reshape(input_shape)


def merged(found):
    """Return [(box, score)] without boxes that overlap a surer one, or lie within or about it."""
    kept = []
    for box, score in sorted(found, key=lambda each: -each[1]):
        if all(overlap(box, o) < OVERLAP and within(box, o) < WITHIN for o, _ in kept):
            kept.append((box, score))
    return kept


def overlap(one, other):
    """Return the intersection over the union of two boxes (left, top, width, height)."""
    shared = _shared(one, other)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def within(one, other):
    """Return how much of the smaller of two boxes lies in the larger, 0-1."""
    return _shared(one, other) / min(one[2] * one[3], other[2] * other[3])


def _shared(one, other):
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0, across) * max(0, down)


def check_picture(picture):
    """Refuse what is not a uint8 (height, width, 1 or 3) array.

    Raises:
        PixelError: says what was got and what to do.
    """
    good = isinstance(picture, np.ndarray) and picture.dtype == np.uint8
    if good and picture.ndim == 3 and picture.shape[2] in (1, 3) and picture.size:
        return
    got = (
        f"{picture.dtype} {picture.shape}"
        if isinstance(picture, np.ndarray)
        else type(picture).__name__
    )
    raise PixelError(
        f"Got {got}; expected a picture as uint8 (height, width, 3) RGB or (height, width, 1) "
        "gray in 0-255. Pass it as it was read."
    )


def _grown(box, proportion, margin, size):
    """A box as (left, top, right, bottom) floats within a picture of `size`, with margin."""
    left, top, width, height = box
    centre = left + width / 2, top + height / 2
    width, height = width * (1 + margin), height * (1 + margin)
    width, height = max(width, height * proportion), max(height, width / proportion)
    edges = []
    for middle, extent, most in zip(centre, (width, height), size, strict=True):
        extent = min(extent, most)
        low = min(max(0.0, middle - extent / 2), most - extent)
        edges.append((low, low + extent))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _within(box, width, height):
    """A float box -> whole pixels within a picture."""
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(width, round(box[0] + box[2])), min(height, round(box[1] + box[3]))
    return left, top, right - left, bottom - top


@functools.cache
def opencv():
    """Return the module cv2, told to leave errors to those who call it.

    Raises:
        FacezooError: it is not installed, lacks the system's libraries, or has no cascades.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        if "libGL" in str(error) or "libgthread" in str(error) or "libglib" in str(error):
            raise FacezooError(
                f"Got OpenCV without {error}; expected the system's libraries beside it. Run: "
                "apt-get install libgl1 libglib2.0-0, or pip install opencv-python-headless"
            ) from None
        raise FacezooError(
            f"Got no OpenCV ({error}); expected it to be installed. Run: pip install "
            "'opencv-python>=4.10,<5'"
        ) from None
    if not hasattr(cv2, "CascadeClassifier"):
        raise FacezooError(
            f"Got OpenCV {cv2.__version__}, which has no cascades; expected 4. Run: pip install "
            "'opencv-python>=4.10,<5'"
        )
    return cv2
