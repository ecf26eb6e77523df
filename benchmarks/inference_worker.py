"""One contender of inference.py: reads questions as JSON lines, answers with milliseconds.

    python inference_worker.py facezoo|fer|fer-keras PHOTO THREADS

Answers for PHOTO, an .npy, and says so before it reads. Imports nothing of facezoo for fer, which
lives in an environment of its own.
"""

import functools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

BEGAN = time.perf_counter()
import numpy as np  # noqa: E402 - the clock runs from here

REPEATS = 10


def milliseconds(function, repeats=REPEATS):
    """Return the median over `repeats` calls."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


class Facezoo:
    """Recognizer on onnxruntime."""

    def __init__(self, threads):
        import facezoo

        self.imported = time.perf_counter() - BEGAN
        self.version = facezoo.__version__
        self.threads = threads
        self.recognizer = facezoo.Recognizer(threads=threads)
        self.network = functools.cache(self._open)  # a network stays open

    def boxes(self, picture):
        """Boxes of the faces of uint8 (h, w, 3) RGB, answered for."""
        return [list(face.box) for face in self.recognizer.predict(picture)]

    def classify(self, faces, network):
        """Answer for uint8 (n, 48, 48, 1) with {"path": an .onnx file} or {"weights": a name}."""
        self.network(**network)(faces)

    def _open(self, path=None, weights=None):
        from facezoo.faces.recognizer import KerasNetwork
        from facezoo.runtime import OnnxNetwork

        opened = OnnxNetwork(path, threads=self.threads) if path else KerasNetwork(weights)
        shape = opened.input_shape
        return lambda faces: opened.predict(np.resize(faces, (len(faces), *shape)))

    def parts(self, photo):
        """Milliseconds of every part of `predict` on a JPEG file's bytes."""
        from facezoo.faces.detection import crop_face

        r, data = self.recognizer, _jpeg(np.load(photo))
        picture = r.read(data)
        boxes = [one.box for one in r.detect(picture)]
        faces = np.stack([crop_face(picture, box, r.input_shape, r.margin) for box in boxes])
        parts = {
            "decoding": lambda: r.read(data),
            "finding faces": lambda: r.detect(picture),
            "cutting out": lambda: [
                crop_face(picture, box, r.input_shape, r.margin) for box in boxes
            ],
            "network": lambda: r.answer(faces),
            "all": lambda: r.predict(data),
        }
        taken = {name: [] for name in parts}
        for _ in range(5 * REPEATS):
            for name, part in parts.items():
                taken[name].append(milliseconds(part, 1))
        return {name: statistics.median(times) for name, times in taken.items()}

    def folder(self, count, like):
        """Photographs a second of a folder of one JPEG many times, decoding included."""
        data = _jpeg(np.load(like))
        with tempfile.TemporaryDirectory() as place:
            paths = [Path(place) / f"{i}.jpg" for i in range(count)]
            for path in paths:
                path.write_bytes(data)
            began = time.perf_counter()
            faces = sum(len(found) for found in self.recognizer.predict_each(paths))
            seconds = time.perf_counter() - began
        return {"photographs": count, "per_second": count / seconds, "faces": faces}

    def video(self, count, every, like):
        """Frames a second of a video of a head that moves, and how often it was told."""
        from composites import WALL

        from facezoo.faces.video import Video, VideoFile, recognize_frames

        photo = np.load(like)
        rows, columns = (np.flatnonzero((photo != WALL).any(axes)) for axes in ((1, 2), (0, 2)))
        head = photo[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "video.mp4"
            with VideoFile(path, (photo.shape[1], photo.shape[0]), 30.0) as file:
                for i in range(count):
                    frame = np.full_like(photo, WALL)
                    top, left = 100 + i // 2, 20 + 3 * i // 2  # it moves down to the right
                    frame[top : top + len(head), left : left + head.shape[1]] = head
                    file.write(frame)
            began = time.perf_counter()
            with Video(path) as frames:
                told = [
                    len(f.faces) for f in recognize_frames(self.recognizer, frames, every=every)
                ]
            seconds = time.perf_counter() - began
        return {
            "frames": len(told),
            "per_second": len(told) / seconds,
            "recall": sum(n > 0 for n in told) / len(told),
        }


class Fer:
    """The package fer with its Haar cascade, and its quantised network or the Keras one."""

    def __init__(self, threads, quantised=True):
        import fer
        from fer.fer import FER

        self.imported = time.perf_counter() - BEGAN
        self.version = fer.__version__
        self.detector = FER(mtcnn=False, use_tflite=quantised)

    def boxes(self, picture):
        """Boxes of the faces of uint8 (h, w, 3) RGB, answered for; fer takes BGR."""
        found = self.detector.detect_emotions(np.ascontiguousarray(picture[..., ::-1]))
        return [[int(v) for v in face["box"]] for face in found]

    def classify(self, faces, network):
        """Answer for n faces in one batch, as fer does for those of a photograph."""
        batch = np.resize(faces, (len(faces), 64, 64)) / np.float32(255)
        np.asarray(self.detector._classify_emotions((batch - 0.5) * 2))


def _jpeg(picture):
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def main():
    name, photo, threads = sys.argv[1:]
    contenders = {
        "facezoo": Facezoo,
        "fer": Fer,
        "fer-keras": functools.partial(Fer, quantised=False),
    }
    contender = contenders[name](int(threads))
    import cv2

    cv2.setNumThreads(int(threads))
    contender.boxes(np.load(photo))
    print(json.dumps({"import": contender.imported, "version": contender.version}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(contender, json.loads(line))), flush=True)


def answer(contender, question):
    if "photo" in question:
        picture = np.load(question["photo"])
        began = time.perf_counter()
        boxes = contender.boxes(picture)
        return {"ms": (time.perf_counter() - began) * 1000, "boxes": boxes}
    if "faces" in question:
        size = (question["faces"], 48, 48, 1)
        faces = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
        contender.classify(faces, question["network"])  # opened and warmed up
        each = milliseconds(lambda: contender.classify(faces, question["network"]))
        return {"ms": each / len(faces)}
    if "parts" in question:
        return contender.parts(question["parts"])
    if "folder" in question:
        return contender.folder(question["folder"], question["like"])
    return contender.video(question["frames"], question["every"], question["like"])


if __name__ == "__main__":
    main()
