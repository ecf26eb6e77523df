"""Faces that keep their number from frame to frame, found anew now and then and followed between.

Following is by the look of a face: its patch of the last frame is searched for around its last
place (OpenCV's template matching on a reduced copy), a millisecond where finding takes ten.
"""

import dataclasses

import numpy as np

from facezoo.faces.detection import Detection, overlap

SIDE = 24  # pixels that a followed face is reduced to
REACH = 0.35  # of the box on every side, in which it is searched for
ALIKE = 0.5  # correlation under which a face is lost
SAME = 0.25  # intersection over union from which a found face is the followed one
PATIENCE = 2  # detections that a face may be missed by before its number is given up


@dataclasses.dataclass
class _Track:
    number: int
    detection: Detection
    patch: np.ndarray
    missed: int = 0
    lost: bool = False


class Tracker:
    """Gives the faces of one video frame after frame.

    Args:
        detector: see `detection.get_detector`.
        every: frames from one detection to the next, 1 or more; between them faces are followed.

    Example:
        tracker = Tracker(HaarDetector(), every=5)
        for frame in frames:
            tracker.step(frame)  # [(number of the face, Detection), ...]
    """

    def __init__(self, detector, every=1):
        self.detector = detector
        self.every = every
        self._tracks, self._numbers, self._frames = [], 0, 0

    def step(self, frame):
        """Return the faces of the next frame, by number.

        Args:
            frame: uint8 (height, width, 3) RGB or (height, width, 1) gray.

        Returns:
            list of (number from 1, `Detection`).
        """
        if self._frames % self.every == 0:
            self._match(self.detector.detect(frame), frame)
        else:
            for track in self._tracks:
                _follow(track, frame)
        self._frames += 1
        return [(t.number, t.detection) for t in self._tracks if not t.missed and not t.lost]

    def _match(self, found, frame):
        """Give found faces the numbers of those that they overlap most, or new ones."""
        pairs = sorted(
            (
                (overlap(track.detection.box, one.box), i, j)
                for i, track in enumerate(self._tracks)
                for j, one in enumerate(found)
            ),
            reverse=True,
        )
        tracks, faces = {}, set()
        for shared, i, j in pairs:
            if shared >= SAME and i not in tracks and j not in faces:
                tracks[i] = j
                faces.add(j)
        kept = []
        for i, track in enumerate(self._tracks):
            if i in tracks:
                track.detection, track.missed, track.lost = found[tracks[i]], 0, False
                track.patch = _patch(frame, track.detection.box)
            else:
                track.missed += 1
            if track.missed <= PATIENCE:
                kept.append(track)
        for j, one in enumerate(found):
            if j not in faces:
                self._numbers += 1
                kept.append(_Track(self._numbers, one, _patch(frame, one.box)))
        self._tracks = kept


def _follow(track, frame):
    """Move a track to where the frame looks most like its face, or mark it lost."""
    import cv2

    if track.lost or track.missed:
        return
    left, top, width, height = track.detection.box
    reach = round(REACH * max(width, height))
    x, y = max(0, left - reach), max(0, top - reach)
    right = min(frame.shape[1], left + width + reach)
    bottom = min(frame.shape[0], top + height + reach)
    scale = SIDE / max(width, height)
    window = _reduced(frame[y:bottom, x:right], scale)
    if window.shape[0] < track.patch.shape[0] or window.shape[1] < track.patch.shape[1]:
        track.lost = True
        return
    alike = cv2.matchTemplate(window, track.patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(alike)
    if not best >= ALIKE:  # NaN where a patch is of one colour
        track.lost = True
        return
    moved = (round(x + column / scale), round(y + row / scale), width, height)
    moved = (
        min(max(0, moved[0]), frame.shape[1] - width),
        min(max(0, moved[1]), frame.shape[0] - height),
        width,
        height,
    )
    track.detection = Detection(moved, track.detection.score)
    track.patch = _patch(frame, moved)


def _patch(frame, box):
    left, top, width, height = box
    return _reduced(frame[top : top + height, left : left + width], SIDE / max(width, height))


def _reduced(picture, scale):
    import cv2

    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    return small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
