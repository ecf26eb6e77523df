"""Faces that keep their number from frame to frame, found anew now and then and followed between.

Following is by the look of a face: its patch of the last frame is searched for around its last
place (OpenCV's template matching on a reduced copy), far cheaper than finding.
"""

import dataclasses

import numpy as np

from facezoo.faces.detection import Detection, opencv, overlap

SIDE = 24  # pixels that a followed face is reduced to
REACH = 8  # such pixels on every side, in which it is searched for
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
        self._tracks, self._numbers, self._frames, self._shape = [], 0, 0, None

    def step(self, frame):
        """Return the faces of the next frame, by number.

        Args:
            frame: uint8 (height, width, 3) RGB or (height, width, 1) gray.

        Returns:
            list of (number from 1, `Detection`).
        """
        if frame.shape != self._shape:  # a stream may change its size
            self._tracks, self._frames, self._shape = [], 0, frame.shape
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
                track.patch = _reduced(frame, track.detection.box)
            else:
                track.missed += 1
            if track.missed <= PATIENCE:
                kept.append(track)
        for j, one in enumerate(found):
            if j not in faces:
                self._numbers += 1
                kept.append(_Track(self._numbers, one, _reduced(frame, one.box)))
        self._tracks = kept


def _follow(track, frame):
    """Move a track to where the frame looks most like its face, or mark it lost."""
    if track.lost or track.missed:
        return
    left, top, width, height = track.detection.box
    window = _reduced(frame, track.detection.box, REACH)
    alike = opencv().matchTemplate(window, track.patch, opencv().TM_CCOEFF_NORMED)
    _, best, _, (column, row) = opencv().minMaxLoc(alike)
    if not best >= ALIKE:  # NaN where a patch is of one colour
        track.lost = True
        return
    left += round((column - REACH) * width / SIDE)
    top += round((row - REACH) * height / SIDE)
    left = min(max(0, left), frame.shape[1] - width)
    top = min(max(0, top), frame.shape[0] - height)
    # the patch stays that of the detection: those of places that are a little off would add up
    track.detection = Detection((left, top, width, height), track.detection.score)


def _reduced(frame, box, reach=0):
    """A box of a frame in gray, and `reach` such pixels about it, as (SIDE + 2 reach) a side."""
    cv2 = opencv()
    left, top, width, height = box
    across, down = round(width * reach / SIDE), round(height * reach / SIDE)
    edges = top - down, top + height + down, left - across, left + width + across
    inside = np.clip(edges[:2], 0, frame.shape[0]), np.clip(edges[2:], 0, frame.shape[1])
    (upper, lower), (first, last) = inside
    cut = frame[upper:lower, first:last]
    if cut.shape[2] == 3:
        cut = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)
    beyond = upper - edges[0], edges[1] - lower, first - edges[2], edges[3] - last
    cut = cv2.copyMakeBorder(cut, *map(int, beyond), cv2.BORDER_REPLICATE)
    side = SIDE + 2 * reach
    return cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
