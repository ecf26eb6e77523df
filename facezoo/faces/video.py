"""Videos and cameras: frames in, faces with numbers out, in constant memory.

Sound is not kept: OpenCV reads and writes pictures alone.
"""

import dataclasses
import time
from pathlib import Path

import numpy as np

from facezoo.errors import PictureError
from facezoo.faces.detection import crop_face, opencv
from facezoo.faces.recognizer import FacePrediction
from facezoo.faces.results import face_row
from facezoo.faces.tracking import Tracker

SMOOTHING = 0.7  # of the answer so far that the next one keeps
RATE = 25.0  # frames a second where a file does not say
CODEC = "mp4v"


@dataclasses.dataclass(frozen=True)
class TrackedFace(FacePrediction):
    """A `FacePrediction` with the number that the face keeps through a video, from 1."""

    track: int = 0


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame of a video and its faces.

    Args:
        number: from 0.
        seconds: from the beginning of the video.
        picture: uint8 (height, width, 3) RGB.
        faces: list of `TrackedFace`; empty where there is none.
    """

    number: int
    seconds: float
    picture: np.ndarray
    faces: list[TrackedFace]


class Video:
    """The frames of a video file or of a camera, one after the other.

    Args:
        source: path of a file, or number of a camera.

    Attributes:
        rate: frames a second.
        size: (width, height).
        length: frames that the file says it has; None for a camera, or where it does not say.
        broken: True after the last frame, if the file said that it had more; a stream that
            does not say how many, such as .ts, cannot be told to be broken.

    Raises:
        PictureError: no such file or camera, or nothing that OpenCV reads frames of.
    """

    def __init__(self, source):
        self._cv2 = cv2 = opencv()
        self.source, self.broken = source, False
        camera = isinstance(source, int)
        if not camera and not Path(source).is_file():
            raise PictureError(f"Got {str(source)!r}; expected a video file. Check the path.")
        self._capture = cv2.VideoCapture(source if camera else str(source))
        first = self._capture.read() if self._capture.isOpened() else (False, None)
        if not first[0]:
            self._capture.release()
            what = "a camera of that number" if camera else "a video with frames"
            raise PictureError(
                f"Got {str(source)!r}, of which no frame can be read; expected {what}. "
                + ("Try another number." if camera else "Convert it, such as with ffmpeg.")
            )
        self._first = first[1]
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or RATE
        self.size = self._first.shape[1], self._first.shape[0]
        told = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.length = told if told > 0 and not camera else None

    def __iter__(self):
        """Yield uint8 (height, width, 3) RGB frames."""
        frame, count = self._first, 0
        while frame is not None:
            count += 1
            yield self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB)
            read, frame = self._capture.read()
            frame = frame if read else None
        # the count in a header may be off by the frames that a decoder holds back
        self.broken = self.length is not None and count < 0.95 * self.length

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self._capture.release()


class VideoFile:
    """A new .mp4 file that frames are written to.

    Raises:
        PictureError: OpenCV cannot write there.
        OSError: when it is closed, and what was written cannot be read.
    """

    def __init__(self, path, size, rate):
        if Path(path).suffix.lower() != ".mp4":
            raise PictureError(f"Got {str(path)!r}; expected a path that ends in .mp4. Change it.")
        self._cv2 = cv2 = opencv()
        self._path, self._size, self._frames = str(path), size, 0
        code = cv2.VideoWriter_fourcc(*CODEC)
        self._writer = cv2.VideoWriter(str(path), code, rate, size)
        if not self._writer.isOpened():
            raise PictureError(
                f"Got {str(path)!r}, which cannot be written as a video; expected a path in a "
                "folder with room that ends in .mp4. Choose another with --out."
            )

    def write(self, picture):
        """Add a frame, uint8 (height, width, 3) RGB."""
        if picture.shape[1::-1] != self._size:  # a stream may change its size
            picture = self._cv2.resize(picture, self._size, interpolation=self._cv2.INTER_AREA)
        self._writer.write(self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2BGR))
        self._frames += 1

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self._writer.release()
        if self._frames and not self._readable():  # OpenCV's writer does not tell of a full disk
            raise OSError("a video of which no frame can be read again")

    def _readable(self):
        written = self._cv2.VideoCapture(self._path)
        try:
            return written.read()[0]
        finally:
            written.release()


def recognize_frames(recognizer, frames, *, rate=None, every=1, smoothing=SMOOTHING):
    """Answer for the faces of frames as they come.

    Args:
        recognizer: `Recognizer`.
        frames: iterable of uint8 (height, width, 3) RGB, such as `Video`.
        rate: frames a second; None for a camera, whose frames come when they come.
        every: frames from one detection to the next; between them faces are followed.
        smoothing: 0 to under 1, of a face's answer so far that its next one keeps.

    Yields:
        `Frame` for every frame, also without a face.
    """
    tracker, known, began = Tracker(recognizer, every), {}, time.monotonic()
    for number, picture in enumerate(frames):
        found = tracker.step(picture)
        cut = [
            crop_face(picture, one.box, recognizer.input_shape, recognizer.margin)
            for _, one in found
        ]
        answers = recognizer.answer(np.stack(cut)) if cut else ()
        smooth = {}
        for (track, _), answer in zip(found, answers, strict=True):
            before = known.get(track)
            new = answer if before is None else smoothing * before + (1 - smoothing) * answer
            smooth[track] = new
        known |= smooth
        told = recognizer.predictions([one for _, one in found], list(smooth.values()))
        faces = [
            TrackedFace(**vars(face), track=track) for face, track in zip(told, smooth, strict=True)
        ]
        seconds = time.monotonic() - began if rate is None else number / rate
        yield Frame(number, seconds, picture, faces)


def frame_rows(frame):
    """Return a dict for every face of a `Frame`, one with track 0 where there is none."""
    place = {"frame": frame.number, "seconds": round(frame.seconds, 3)}
    if not frame.faces:
        return [{**place, "track": 0}]
    return [{**place, "track": face.track, **face_row(face)} for face in frame.faces]
