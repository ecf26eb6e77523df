"""Study A's expressions, by what a network has learnt from FER2013: people left out.

    python benchmarks/transfer.py RUN [--json FILE]

RUN is a run folder of a network of seven expressions on 48x48 pictures, such as
runs/reproduce/pooling-plus/<time>/seed-0. Heads are cut out of CMU's photographs with OpenCV's
cascades (frontal, profile and its mirror image), by the median box of that person and pose, or
of the pose, where none is found; the network's last features of a head and of its mirror image
are averaged, and a logistic regression on them tells the four expressions. It is fitted on the
training people of `cmu_faces/leave-people-out`, its C chosen on the validation people,
and tested once on the people left out; seeds leave other people out. The network has never seen
a CMU photograph.
"""

import argparse
import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import render
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from facezoo import load_dataset
from facezoo.pooled import pool
from facezoo.report import evaluate_predictions
from facezoo.reproduction.page import write_page
from facezoo.reproduction.studies import CMU_SEEDS
from facezoo.runs import RunFolder
from facezoo.training import environment
from facezoo.weights import load_model

STORED = render.ROOT / "results" / "transfer.json"
CS = (1e-4, 1e-3, 1e-2, 1e-1)  # scikit-learn's C, the inverse of the regularisation's strength
ENLARGED = 4  # times, before a cascade looks: a head is 20 to 30 of the 64 pixels wide
SIDE = 48
MARGIN = 0.1  # of a box, in all: FER2013 shows a little more than a cascade's box
CASCADES = ("haarcascade_frontalface_default.xml", "haarcascade_profileface.xml")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder of a network of FER2013")
    parser.add_argument("--json", type=Path, default=STORED, help="where the figures go")
    options = parser.parse_args()
    run = RunFolder(options.run)
    network = features_of(load_model(run))
    found = [one_seed(network, seed) for seed in range(CMU_SEEDS)]
    reports = [report for report, _ in found]
    pooled = pool(reports)
    result = {
        "environment": environment(),
        "network": run.recipe.name,
        "network_epochs": len(run.history),
        "network_accuracy": run.metrics["test"]["accuracy"],
        "protocol": "cmu_faces/leave-people-out",
        "seeds": CMU_SEEDS,
        "c": [c for _, c in found],
        "accuracy": pooled.accuracy,
        "accuracy_interval": np.mean([r.accuracy_interval for r in reports], axis=0).tolist(),
        "macro_f1": pooled.macro_f1,
        "per_class": pooled.per_class,
        "confusion_matrix": pooled.confusion_matrix.tolist(),
    }
    options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps({k: result[k] for k in ("c", "accuracy", "accuracy_interval")}))
    if options.json == STORED:
        write_page(render.ROOT)


def features_of(model):
    """Return the model up to what its last dense layer is given."""
    last = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense))
    return keras.Model(model.input, last.input)


def one_seed(network, seed):
    """Return (`Report` on the people left out, the C chosen on validation people)."""
    data = load_dataset("cmu_faces", target="expression", protocol="leave-people-out", seed=seed)
    splits = (data.train, data.validation, data.test)
    faces = heads(
        np.concatenate([split.images[:] for split in splits]),
        pd.concat([split.table for split in splits], ignore_index=True),
    )
    seen = (network.predict(each, verbose=0) for each in (faces, faces[:, :, ::-1]))
    ends = np.cumsum([len(split) for split in splits])[:-1]
    train, validation, test = np.split(np.mean(list(seen), axis=0), ends)
    fitted = {
        c: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000)).fit(
            train, data.train.classes
        )
        for c in CS
    }
    scores = {c: each.score(validation, data.validation.classes) for c, each in fitted.items()}
    best = max(scores, key=scores.get)  # the first, the strongest regularisation, of equals
    answers = fitted[best].predict_proba(test)
    return evaluate_predictions(answers, data.test.classes, data.label_set), best


def heads(photos, table):
    """Cut the heads out: uint8 (N, h, w, 1) -> uint8 (N, 48, 48, 1), contrast equalised."""
    cascades = [cv2.CascadeClassifier(cv2.data.haarcascades + name) for name in CASCADES]
    found = [boxes(photo[..., 0], *cascades) for photo in photos]
    centre = np.median([box for each in found for box in each], axis=0)
    near = [[b for b in each if np.abs(b - centre).max() < centre[2] / 2] for each in found]
    chosen = pd.DataFrame(
        [np.mean(each, axis=0) if each else [np.nan] * 3 for each in near],
        columns=["x", "y", "side"],
    )
    for known in (["subject", "pose"], ["pose"]):
        keys = [table[name].to_numpy() for name in known]
        chosen = chosen.fillna(chosen.groupby(keys).transform("median"))
    return np.stack(
        [cut(p[..., 0], *box) for p, box in zip(photos, chosen.to_numpy(), strict=True)]
    )


def boxes(photo, frontal, profile):
    """Return the boxes that cascades find in uint8 (h, w): float (x of the middle, y, side)."""
    large = cv2.resize(photo, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    large = cv2.equalizeHist(large)
    mirrored = np.ascontiguousarray(large[:, ::-1])
    found = []
    for cascade, picture in ((frontal, large), (profile, large), (profile, mirrored)):
        for x, y, side, _ in cascade.detectMultiScale(picture, 1.05, 3, minSize=(72, 72)):
            middle = x + side / 2
            middle = large.shape[1] - middle if picture is mirrored else middle
            found.append(np.array([middle, y + side / 2, side]) / ENLARGED)
    return found


def cut(photo, x, y, side):
    """Return the square about (x, y) as uint8 (48, 48, 1), its edge repeated outside."""
    side = side * (1 + MARGIN)
    scale = SIDE / side
    move = np.float32([[scale, 0, SIDE / 2 - x * scale], [0, scale, SIDE / 2 - y * scale]])
    options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return cv2.equalizeHist(cv2.warpAffine(photo, move, (SIDE, SIDE), **options))[..., None]


if __name__ == "__main__":
    main()
