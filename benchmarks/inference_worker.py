"""One contender of inference.py: reads questions as JSON lines, answers with milliseconds.

    python inference_worker.py facezoo|fer WEIGHTS THREADS

Imports nothing of facezoo for fer, which lives in an environment of its own.
"""

import json
import statistics
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()
import numpy as np  # noqa: E402 - the clock runs from here

REPEATS = 20


class Facezoo:
    """Recognizer on onnxruntime."""

    def __init__(self, weights, threads):
        from facezoo import Recognizer

        self.imported = time.perf_counter() - BEGAN
        self.recognizer = Recognizer(weights, threads=threads)

    def boxes(self, picture):
        """Boxes of the faces of uint8 (h, w, 3) RGB, answered for."""
        return [list(face.box) for face in self.recognizer.predict(picture)]

    def classify(self, faces):
        """Answer for uint8 (n, 48, 48, 1)."""
        self.recognizer.answer(faces)

    def folder(self, count, place):
        """Milliseconds a photograph of a folder of JPEGs, decoding included."""
        from PIL import Image

        photo = np.load(sorted(Path(place).glob("1-*.npy"))[0])
        paths = [Path(place) / f"{i}.jpg" for i in range(count)]
        Image.fromarray(photo).save(paths[0], quality=90)
        data = paths[0].read_bytes()
        for path in paths[1:]:
            path.write_bytes(data)
        began = time.perf_counter()
        faces = sum(len(found) for found in self.recognizer.predict_each(paths))
        return {"ms": (time.perf_counter() - began) / count * 1000, "n": count, "faces": faces}

    def video(self, count, every, place):
        """Frames a second of a video of a head that moves, and how often it was told."""
        from facezoo.faces.video import Video, VideoFile, recognize_frames

        photo = np.load(sorted(Path(place).glob("1-*.npy"))[0])
        path = Path(place) / f"every-{every}.mp4"
        with VideoFile(path, (photo.shape[1], photo.shape[0]), 30.0) as file:
            for i in range(count):
                file.write(np.roll(photo, (i % 40, 2 * i % 160), axis=(0, 1)))
        began = time.perf_counter()
        with Video(path) as frames:
            told = [bool(f.faces) for f in recognize_frames(self.recognizer, frames, every=every)]
        seconds = time.perf_counter() - began
        return {"frames_per_second": len(told) / seconds, "recall": sum(told) / len(told)}


class Fer:
    """The package fer with its Haar cascade."""

    def __init__(self, weights, threads):
        from fer import FER

        self.imported = time.perf_counter() - BEGAN
        self.detector = FER(mtcnn=False)

    def boxes(self, picture):
        """Boxes of the faces of uint8 (h, w, 3) RGB, answered for; fer takes BGR."""
        found = self.detector.detect_emotions(np.ascontiguousarray(picture[..., ::-1]))
        return [[int(v) for v in face["box"]] for face in found]

    def classify(self, faces):
        """Answer for n faces, one after the other as fer does."""
        batch = np.stack([np.resize(face, (64, 64, 1)) for face in faces]) / 255.0
        for face in batch:
            self.detector._classify_emotions(face[None].astype("float32"))


def main():
    name, weights, threads = sys.argv[1:]
    contender = {"facezoo": Facezoo, "fer": Fer}[name](weights, int(threads))
    blank = np.full((480, 640, 3), 128, np.uint8)
    contender.boxes(blank)
    contender.classify(np.zeros((1, 48, 48, 1), np.uint8))
    ready = time.perf_counter() - BEGAN
    print(json.dumps({"import": contender.imported, "first_answer": ready}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(contender, json.loads(line))), flush=True)


def answer(contender, question):
    if "photo" in question:
        picture = np.load(question["photo"])
        began = time.perf_counter()
        boxes = contender.boxes(picture)
        return {"ms": (time.perf_counter() - began) * 1000, "boxes": boxes}
    if "faces" in question:
        faces = np.random.default_rng(0).integers(
            0, 256, (question["faces"], 48, 48, 1), dtype=np.uint8
        )
        taken = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            contender.classify(faces)
            taken.append((time.perf_counter() - began) * 1000 / len(faces))
        return {"ms": statistics.median(taken)}
    if "folder" in question:
        return contender.folder(question["folder"], question["place"])
    return contender.video(question["frames"], question["every"], question["place"])


if __name__ == "__main__":
    main()
