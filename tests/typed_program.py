"""A user's program for `make types`: the README's lines, and what their types are.

Never run. A line that must not pass says so by an ignore, which mypy reports once it does.
"""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import facezoo
from facezoo.errors import FacezooError, PixelError
from facezoo.labels import EXPRESSION_7, EXPRESSION_8, remap
from facezoo.recipes import Recipe, Schedule
from facezoo.runs import RunFolder


def in_python() -> float:
    data = facezoo.load_dataset("cmu_faces", target="pose", protocol="leave-people-out")
    assert_type(data, facezoo.FaceDataset)
    assert_type(data.input_shape, tuple[int, int, int])
    assert_type(data.train.images[:32], npt.NDArray[np.uint8])
    assert_type(data.test.classes, npt.NDArray[np.int64])
    augmentation = facezoo.Augmentation(rotate=8, shear=4, zoom=0.1, shift=0.08)
    batches = facezoo.make_pipeline(data.train, 32, augmentation=augmentation, shuffle=True)

    model = facezoo.build_lenet5(data.input_shape, len(data.label_set))
    assert_type(model, facezoo.PixelModel)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches, epochs=60, shuffle=False)

    recipe = facezoo.get_recipe("cmu-lenet5-pose")
    run = facezoo.train(recipe.override({"learning_rate": 0.002}))
    assert_type(run, facezoo.RunFolder)
    accuracy: float = run.metrics["test"]["accuracy"]
    return accuracy


def lists() -> list[str]:
    assert_type(facezoo.describe_models(), list[dict[str, Any]])
    return [*facezoo.list_models(), *facezoo.list_datasets(), *facezoo.list_recipes()]


def photographs(run: Path, faces: npt.NDArray[np.uint8]) -> None:
    recognizer = facezoo.Recognizer(run)
    for face in recognizer.predict("photo.jpg"):
        assert_type(face.box, tuple[int, int, int, int])
        assert_type(face.probabilities, dict[str, float])
    for found in recognizer.predict_each(["one.jpg", "other.jpg"]):
        assert_type(found, list[facezoo.FacePrediction] | FacezooError)
    for whole in recognizer.predict_each(["one.jpg", "other.jpg"], errors="raise"):
        assert_type(whole, list[facezoo.FacePrediction])
    network = facezoo.OnnxNetwork("network.onnx")
    assert_type(network.predict(faces), npt.NDArray[np.float32])
    model = facezoo.load_model(run)
    assert_type(model.label_set, facezoo.LabelSet | None)
    assert_type(model.predict(faces), npt.NDArray[np.float32])
    assert_type(facezoo.grad_cam(model, faces[0]), npt.NDArray[np.float32])
    assert_type(facezoo.export(run, format="onnx"), Path)


def figures(run: RunFolder) -> None:
    report = facezoo.evaluate(run, dataset="ckplus", whole=True, merge={"contempt": "disgust"})
    assert_type(report.confusion_matrix, npt.NDArray[np.int64])
    assert_type(report.kl_to_votes, float | None)
    result = facezoo.tune("cmu-lenet5-pose", {"batch_size": [16, 32]}, method="bayes", trials=20)
    assert_type(result.recipe, Recipe)
    assert_type(result.winner, facezoo.RunFolder | None)
    study = facezoo.Study("pooling")
    study.epochs("pooling-base-max").upper()
    study.run()
    assert_type(study.report("pooling-base-max").macro_f1, float)
    for outcome in facezoo.reproduce("pooling", profile="quick"):
        assert_type(outcome.plan.recipe, facezoo.Recipe)


def video(recognizer: facezoo.Recognizer) -> None:
    with facezoo.Video("in.mp4") as frames:
        for frame in facezoo.recognize_frames(recognizer, frames, rate=frames.rate, every=5):
            assert_type([face.track for face in frame.faces], list[int])
    facezoo.Recognizer(detector=facezoo.HaarDetector(smallest=20))


def several_hosts(hosts: facezoo.Hosts) -> None:
    assert_type(facezoo.train("synthetic-lenet5-expression", hosts=hosts), facezoo.RunFolder | None)


def parts() -> facezoo.Recipe:
    assert_type(remap(EXPRESSION_8, EXPRESSION_7), npt.NDArray[np.int64])
    schedule = Schedule(kind="cosine", warmup_epochs=2)
    return Recipe(name="mine", builder="lenet5", dataset="synthetic", schedule=schedule)


def refused(recipe: facezoo.Recipe) -> None:
    recipe.epochs = 3  # type: ignore[misc]
    facezoo.Augmentation(fill="mirror")  # type: ignore[arg-type]
    facezoo.build_lenet5((48, 48))  # type: ignore[arg-type]
    facezoo.train(recipe, seeds="3")  # type: ignore[call-overload]
    _ = facezoo.no_such_name  # type: ignore[attr-defined]
    try:
        facezoo.OnnxNetwork("network.onnx").predict([[0]])  # type: ignore[arg-type]
    except PixelError as error:
        assert_type(error, facezoo.PixelError)
