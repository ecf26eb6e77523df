"""`Recognizer`: a photograph in, its faces and what they look like out.

Faces are found, cut out and answered for in one call of the network, however many pictures they
come from. The network runs on onnxruntime, or on Keras where that is asked for or where a run
folder holds nothing else; a path, bytes, a Pillow picture and an array give the same answer.
"""

import collections
import concurrent.futures
import dataclasses
import itertools
import os
from pathlib import Path

import numpy as np
from PIL import Image

from facezoo.errors import FacezooError, PictureError, PixelError, WeightsError, unknown
from facezoo.faces.detection import MARGIN, check_picture, crop_face, get_detector
from facezoo.pictures import decode, from_pillow
from facezoo.runtime import OnnxNetwork
from facezoo.weights.manifest import Card, find_source, weight_file

ON_NO_FACE = ("empty", "raise", "whole_image")
ORDERS = ("rgb", "bgr")
RUNTIMES = ("onnx", "keras")
SIDES = {"left", "right"}  # classes that a mirror exchanges
AHEAD = 2  # pictures a thread that are decoded and searched before their turn
AT_ONCE = 64  # faces that the network answers for in one call


@dataclasses.dataclass(frozen=True)
class FacePrediction:
    """A face and what it looks like.

    Args:
        box: (left, top, width, height) in pixels of the picture as a viewer shows it.
        box_score: 0-1, how sure the detector was; no probability.
        label: the likeliest class.
        score: its probability, 0-1.
        probabilities: `{class: probability}`, in the order of the network's classes.
    """

    box: tuple[int, int, int, int]
    box_score: float
    label: str
    score: float
    probabilities: dict[str, float]

    def to_dict(self):
        """Return the fields as JSON holds them."""
        return {**dataclasses.asdict(self), "box": list(self.box)}


class Recognizer:
    """Finds the faces of photographs and says what they look like.

    Args:
        weights: name of shipped weights, an .onnx file of `facezoo export`, or a run folder.
        detector: "haar", "whole" (every picture is one face), or an object whose
            `detect(picture)` gives `Detection`s.
        runtime: "onnx" or "keras"; None for onnx, and for keras where `weights` is a run.
        margin: fraction that is added to a box before it is cut out.
        min_score: 0-1; boxes of a lower score are left out, patterns mostly.
        mirror: answer by the mean for a face and its mirror image: a little more often right,
            for twice the network's time. Not for classes such as left and right.
        on_no_face: for a picture without a face, "empty" gives an empty list, "raise" an error,
            "whole_image" takes the picture as one face.
        channel_order: of arrays with three channels: "rgb", or "bgr" as OpenCV reads them.
        threads: that decode, search and answer; None for as many as there are cores.

    Attributes:
        label_set: `LabelSet` of the answers.
        input_shape: (height, width, channels) that a face is cut out to.

    Raises:
        UnknownName: no such weights, detector, runtime or option.
        WeightsError, RunError: weights that are damaged.

    Example:
        for face in Recognizer().predict("photo.jpg"):
            print(face.box, face.label, face.score)
    """

    def __init__(
        self,
        weights="facezoo_base",
        *,
        detector="haar",
        runtime=None,
        margin=MARGIN,
        min_score=0.0,
        mirror=False,
        on_no_face="empty",
        channel_order="rgb",
        threads=None,
    ):
        _one_of("on_no_face", on_no_face, ON_NO_FACE)
        _one_of("channel_order", channel_order, ORDERS)
        if runtime is not None:
            _one_of("runtime", runtime, RUNTIMES)
        self.detector = get_detector(detector)
        self.min_score = min_score
        self.margin = margin
        self.on_no_face = on_no_face
        self.channel_order = channel_order
        self.threads = threads or os.cpu_count() or 1
        if not isinstance(self.threads, int) or self.threads < 1:
            raise FacezooError(
                f"Got threads={threads!r}; expected a whole number of 1 or more. Change it."
            )
        if not isinstance(margin, (int, float)) or not 0 <= margin < 10:
            raise FacezooError(f"Got margin={margin!r}; expected a number from 0 to 10. Change it.")
        self._pool = concurrent.futures.ThreadPoolExecutor(self.threads)
        network = open_network(weights, runtime, self.threads)
        self.label_set, self.input_shape = network.label_set, network.input_shape
        self._answer = network.predict
        self.mirror = mirror
        if mirror and SIDES & set(self.label_set.classes):
            raise FacezooError(
                f"Got mirror=True for weights of {', '.join(self.label_set.classes)}; expected "
                "classes that a mirror leaves as they are. Leave mirror out."
            )

    def predict(self, image):
        """Return the faces of one picture, largest first.

        Args:
            image: path, bytes of a file, Pillow picture, or array: uint8 (height, width),
                (height, width, 1) gray or (height, width, 3), 0-255.

        Returns:
            list of `FacePrediction`.

        Raises:
            PictureError: a file that cannot be read; with `on_no_face="raise"`, no face.
            PixelError: an array that is no such picture.
        """
        (found,) = self._answered([self._told(image, _attempt(self.find, image))])
        return found

    def predict_batch(self, images):
        """Return the faces of several pictures: a list of `FacePrediction` for each."""
        return list(self.predict_each(images, errors="raise"))

    def predict_each(self, images, errors="skip"):
        """Answer for pictures as they come, in their order and in constant memory.

        Decoding and searching run ahead in threads, by two pictures each; the faces of several
        pictures are answered for in one call, and of a picture only they are kept until then.

        Args:
            images: iterable of what `predict` takes.
            errors: "skip" gives the `FacezooError` of a picture in place of its faces, "raise"
                raises it.

        Yields:
            list of `FacePrediction` for every image, or the error.
        """
        _one_of("errors", errors, ("skip", "raise"))
        waiting, faces = [], 0
        for image, found in self._found(images):
            waiting.append(self._told(image, found) if errors == "raise" else found)
            faces += 0 if isinstance(found, FacezooError) else len(found)
            if faces >= AT_ONCE or len(waiting) >= AT_ONCE:
                yield from self._answered(waiting)
                waiting, faces = [], 0
        yield from self._answered(waiting)

    def find(self, image):
        """Return [(`Detection`, uint8 face of `input_shape`), ...] of a picture, unanswered."""
        return self._find(self.read(image))

    def detect(self, picture):
        """Return the `Detection`s of an array that score `min_score` or more."""
        return [one for one in self.detector.detect(picture) if one.score >= self.min_score]

    def _find(self, picture):
        found = self.detect(picture)
        if not found and self.on_no_face == "raise":
            raise PictureError(f"no face in {picture.shape[1]} x {picture.shape[0]} pixels")
        if not found and self.on_no_face == "whole_image":
            found = get_detector("whole").detect(picture)
        cut = [crop_face(picture, f.box, self.input_shape, self.margin) for f in found]
        return list(zip(found, cut, strict=True))

    def answer(self, faces):
        """Return float32 (N, K) probabilities of uint8 (N, height, width, channels) faces."""
        if self.mirror:
            return (self._answer(faces) + self._answer(faces[:, :, ::-1])) / 2
        return self._answer(faces)

    def predictions(self, found, probabilities):
        """Return a list of `FacePrediction` of `Detection`s and (N, K) probabilities."""
        classes = self.label_set.classes
        return [
            FacePrediction(
                box=one.box,
                box_score=one.score,
                label=classes[int(row.argmax())],
                score=float(row.max()),
                probabilities=dict(zip(classes, map(float, row), strict=True)),
            )
            for one, row in zip(found, probabilities, strict=True)
        ]

    def _found(self, images):
        """Yield (image, what `find` gives or its error) in order, some found in advance."""
        images, ahead = iter(images), collections.deque()
        try:
            for image in itertools.islice(images, AHEAD * self.threads):
                ahead.append((image, self._submit(image)))
            while ahead:
                image, coming = ahead.popleft()
                yield image, coming.result()
                for following in itertools.islice(images, 1):
                    ahead.append((following, self._submit(following)))
        finally:
            for _, coming in ahead:
                coming.cancel()

    def _submit(self, image):
        if isinstance(image, Image.Image):  # one may come twice, and two threads would read it
            return self._pool.submit(_attempt, self._find, _attempt(self.read, image))
        return self._pool.submit(_attempt, self.find, image)

    def _told(self, image, found):
        """Return what was found; raise an error that says which picture it is of."""
        if not isinstance(found, FacezooError):
            return found
        if not isinstance(found, PictureError):
            raise found
        named = isinstance(image, (str, os.PathLike))
        which = repr(os.fspath(image)) if named else type(image).__name__
        raise PictureError(f"Got {which}: {found}; expected a photograph of a face. Pass another.")

    def _answered(self, waiting):
        faces = [face for found in waiting for _, face in _faces(found)]
        answers = iter(self.answer(np.stack(faces)) if faces else ())
        for found in waiting:
            if isinstance(found, FacezooError):
                yield found
                continue
            detections = [detection for detection, _ in found]
            yield self.predictions(detections, list(itertools.islice(answers, len(found))))

    def read(self, image):
        """Return any image that `predict` takes as uint8 (height, width, 1 or 3), RGB or gray."""
        if isinstance(image, (str, os.PathLike)):
            try:
                image = Path(image).read_bytes()
            except (OSError, ValueError) as error:  # a name with a zero in it is a ValueError
                raise PictureError(getattr(error, "strerror", None) or str(error)) from None
        if isinstance(image, (bytes, bytearray, memoryview)):
            return decode(bytes(image))
        if isinstance(image, Image.Image):
            return from_pillow(image)
        if isinstance(image, np.ndarray):
            if image.ndim == 2:
                image = image[..., None]
            check_picture(image)
            bgr = self.channel_order == "bgr" and image.shape[2] == 3
            return image[..., ::-1].copy() if bgr else np.ascontiguousarray(image)
        raise PixelError(
            f"Got {type(image).__name__}; expected a path, bytes, a Pillow picture or a uint8 "
            "array. Pass one of them."
        )


class KerasNetwork:
    """A Keras model of `load_model` behind the face of `OnnxNetwork`."""

    def __init__(self, source):
        from facezoo.weights.loading import load_model  # starts Keras

        self.model = load_model(source)
        self.label_set, self.input_shape = self.model.label_set, self.model.input_shape[1:]

    def predict(self, pictures):
        """Return float32 (N, K) probabilities of uint8 (N, height, width, channels)."""
        return np.asarray(self.model.predict_on_batch(pictures))


def open_network(weights, runtime=None, threads=None):
    """Return an `OnnxNetwork` or a `KerasNetwork` of weights by name, .onnx file or run."""
    if str(weights).endswith(".onnx"):
        if runtime == "keras":
            raise FacezooError(
                f"Got runtime 'keras' for {str(weights)!r}; expected a run or the name of shipped "
                "weights, which Keras opens. Leave runtime out."
            )
        return OnnxNetwork(weights, threads=threads)
    source = find_source(weights)
    if not isinstance(source, Card):
        if runtime == "onnx":
            raise FacezooError(
                f"Got runtime 'onnx' for the run {str(source.path)!r}; expected an .onnx file of "
                f"it. Write one with: facezoo export {source.path}"
            )
        return KerasNetwork(source)
    if runtime == "keras":
        return KerasNetwork(source.name)
    network = OnnxNetwork(weight_file(source, "onnx"), threads=threads)
    said = (network.name, network.label_set, network.input_shape)
    if said != (source.name, source.label_set, source.input_shape):
        raise WeightsError(
            f"Got an .onnx file of {network.name} for {source.name}; expected its own, with its "
            "classes. Install facezoo again."
        )
    return network


def _attempt(function, given):
    """Return function(given), or the `FacezooError` that it raises or is given."""
    if isinstance(given, FacezooError):
        return given
    try:
        return function(given)
    except FacezooError as error:
        return error


def _faces(found):
    return () if isinstance(found, FacezooError) else found


def _one_of(what, got, known):
    if got not in known:
        raise unknown(what, got, known)
