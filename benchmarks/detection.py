"""Finders of faces beside each other: python benchmarks/detection.py EXPW_ARCHIVE

facezoo's default, the same for the smallest faces too, and OpenCV's `default` cascade as OpenCV
sets it (1.1 from size to size, 3 neighbours, 24 pixels at least), as the package fer does (1.1, 5,
50) and as study D did (1.3, 3, 48).

A face counts as found if the middle of a box lies in the middle half of its own. Composites: 24
photographs of one head and of ten, as in `inference.py`; a face's own box is its head's photograph.
ExpW: 1,000 photographs of the archive; a box must be half to twice as wide as the labelled one, and
not every face is labelled, so that boxes beside the labelled ones are no false ones for certain.
Milliseconds are of the processor, on one thread.
"""

import argparse
import json
import time

import cv2
import numpy as np
from composites import composites, found
from pages import ROOT
from render import render

from facezoo.datasets.archives import Archive
from facezoo.datasets.expw import faces_by_picture
from facezoo.faces.detection import HaarDetector
from facezoo.pictures import decode

STORED = ROOT / "results" / "detection.json"
PHOTOS, PICTURES = 24, 1000


def plain(step, neighbours, smallest):
    """Return a finder: OpenCV's usual cascade on the whole picture, one pass."""
    path = cv2.data.haarcascades + "haarcascade_frontalface_default.xml"
    cascade, size = cv2.CascadeClassifier(path), (smallest, smallest)

    def find(picture):
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.shape[2] == 3 else picture
        return cascade.detectMultiScale(gray, step, neighbours, minSize=size)

    return find


def boxes_of(detector):
    """Return a finder of facezoo's."""
    return lambda picture: [face.box for face in detector.detect(picture)]


def expw(path):
    """Return [(uint8 (h, w, 3), [(left, top, width, height), ...])] of a seeded sample."""
    with Archive(path) as archive:
        faces, _ = faces_by_picture(archive)
        chosen = set(np.random.default_rng(0).permutation(sorted(faces))[:PICTURES])
        return [
            (
                np.repeat(picture, 3, 2) if (picture := decode(read())).shape[2] == 1 else picture,
                [
                    (box.left, box.top, box.right - box.left, box.bottom - box.top)
                    for _, box in faces[name.rpartition("/")[2]]
                ],
            )
            for name, read in archive.walk(lambda name: name.rpartition("/")[2] in chosen)
        ]


def measure(find, photographs, sized):
    """Return what a finder finds, and how long it takes; `sized` boxes count alone."""
    hits = faces = beside = 0
    began = time.process_time()
    boxes = [find(picture) for picture, _ in photographs]
    taken = time.process_time() - began
    for got, (_, labelled) in zip(boxes, photographs, strict=True):
        right, wrong = found(got, labelled, sized)
        hits, beside, faces = hits + right, beside + wrong, faces + len(labelled)
    return {
        "photographs": len(photographs),
        "faces": faces,
        "recall": hits / faces,
        "boxes_beside": beside,
        "milliseconds": taken / len(photographs) * 1000,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", help="ExpW as it is downloaded")
    chosen = parser.parse_args()
    from facezoo.training import environment

    cv2.setNumThreads(1)
    pictures = {f"{heads} of CMU's heads": composites(PHOTOS, heads) for heads in (1, 10)}
    pictures["ExpW"] = expw(chosen.archive)
    finders = {
        "facezoo": boxes_of(HaarDetector()),
        "facezoo, `smallest=20`": boxes_of(HaarDetector(smallest=20)),
        "`default`": plain(1.1, 3, 24),
        "`default`, as fer sets it": plain(1.1, 5, 50),
        "`default`, as study D sets it": plain(1.3, 3, 48),
    }
    rows = [
        {"finder": name, "pictures": which, **measure(find, photographs, which == "ExpW")}
        for which, photographs in pictures.items()
        for name, find in finders.items()
    ]
    result = {"environment": environment(), "rows": rows}
    STORED.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    render()


if __name__ == "__main__":
    main()
