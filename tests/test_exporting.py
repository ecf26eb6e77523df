"""Networks as files of other runtimes: they answer as Keras does, and say what they answer."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import facezoo
from facezoo.cli import main
from facezoo.errors import FacezooError, PixelError, UnknownName, WeightsError
from facezoo.exporting import export, quantize
from facezoo.labels import EXPRESSION_7, POSE
from facezoo.models import list_models
from facezoo.recipes import get_recipe
from facezoo.runtime import OnnxNetwork
from facezoo.training import train
from facezoo.weights import load_model
from facezoo.weights.manifest import Card

onnx = pytest.importorskip("onnx")
pytest.importorskip("tf2onnx")
pytestmark = [
    pytest.mark.usefixtures("few_faces"),
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="TensorFlow writes exported networks"
    ),
    pytest.mark.filterwarnings("ignore"),  # of the converters' own code
]
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)


def with_card(name, label_set=EXPRESSION_7, **arguments):
    """An untrained model as `load_model` would give it."""
    model = facezoo.build_model(name, num_classes=len(label_set), **arguments)
    model.label_set = label_set
    model.card = Card(
        name=name,
        trained_by=get_recipe("synthetic-lenet5-expression").to_dict(),
        label_set=label_set,
        input_shape=model.input_shape[1:],
        protocol="synthetic/people",
        fingerprint="",
    )
    return model


@pytest.fixture(scope="module")
def model():
    return with_card("lenet5")


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return export(model, tmp_path_factory.mktemp("exported") / "lenet5.onnx")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", ["facezoo_small", "facezoo_base", "mini_xception", "lenet5"])
def test_onnx_answers_as_keras_does(name, half, tmp_path):
    model = with_card(name)
    network = OnnxNetwork(export(model, tmp_path / f"{name}.onnx", half=half))
    expected = np.asarray(model.predict_on_batch(PICTURES))
    assert network.predict(PICTURES) == pytest.approx(expected, abs=1e-4)
    assert network.predict(PICTURES[:1]) == pytest.approx(expected[:1], abs=1e-4)
    assert network.predict(PICTURES[:0]).shape == (0, 7)
    assert (network.label_set, network.name) == (EXPRESSION_7, name)
    size = (tmp_path / f"{name}.onnx").stat().st_size
    numbers = model.count_params()
    assert size < (2.2 if half else 4.2) * numbers + 150_000  # bytes: weights and the graph


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_every_builder_can_be_exported(name, tmp_path):
    model = with_card(name)
    network = OnnxNetwork(export(model, tmp_path / "network.onnx"))
    expected = np.asarray(model.predict_on_batch(PICTURES))
    assert network.predict(PICTURES) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("format", "ending"), [("litert", ".tflite"), ("saved_model", "-saved_model")]
)
def test_other_formats_hold_the_classes(format, ending, tmp_path):
    model = with_card("lenet5", POSE, input_shape=(60, 64, 1))
    path = export(model, tmp_path / f"lenet5{ending}", format=format)
    beside = json.loads((tmp_path / f"lenet5{ending}.json").read_text())
    assert beside["label_set"] == POSE.to_dict() and beside["input_shape"] == [60, 64, 1]
    if format == "litert":
        assert zipfile.ZipFile(path).read("labels.txt").decode().split() == list(POSE.classes)
    else:
        assert json.loads((path / "assets.extra" / "facezoo.json").read_text()) == beside


def test_a_file_that_would_answer_otherwise_is_not_written(model, tmp_path, monkeypatch):
    monkeypatch.setattr("facezoo.exporting.TOLERANCE", -1.0)
    with pytest.raises(WeightsError, match="apart from those of Keras"):
        export(model, tmp_path / "lenet5.onnx")
    assert list(tmp_path.iterdir()) == []


def test_int8_answers_nearly_so(exported, tmp_path):
    quantize(exported, tmp_path / "int8.onnx", np.repeat(PICTURES, 20, axis=0))
    whole, small = OnnxNetwork(exported), OnnxNetwork(tmp_path / "int8.onnx")
    assert small.predict(PICTURES) == pytest.approx(whole.predict(PICTURES), abs=0.05)
    assert small.label_set == whole.label_set
    assert (tmp_path / "int8.onnx").stat().st_size < exported.stat().st_size / 2.5


def test_the_runtime_refuses_what_keras_refuses(exported):
    network = OnnxNetwork(exported, threads=1)
    with pytest.raises(PixelError, match="expected uint8"):
        network.predict(PICTURES / 255)
    with pytest.raises(PixelError, match="Convert to gray"):
        network.predict(np.zeros((1, 48, 48, 3), np.uint8))
    with pytest.raises(PixelError, match="batch axis"):
        network.predict(PICTURES[0])


def test_what_is_no_exported_network(tmp_path, model):
    (tmp_path / "text.onnx").write_text("no network")
    for name in ("text.onnx", "nothing.onnx"):
        with pytest.raises(WeightsError, match="facezoo export"):
            OnnxNetwork(tmp_path / name)
    model.export(tmp_path / "plain.onnx", format="onnx", verbose=False)
    with pytest.raises(WeightsError, match="facezoo exported"):
        OnnxNetwork(tmp_path / "plain.onnx")


def test_the_runtime_needs_neither_keras_nor_tensorflow(exported):
    script = (
        "import sys, numpy as np, facezoo\n"
        f"network = facezoo.OnnxNetwork({str(exported)!r})\n"
        "network.predict(np.zeros((1, 48, 48, 1), np.uint8))\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert {"keras", "tensorflow", "pandas", "onnx"} & set(done.stdout.split()) == set()


def test_the_command_exports_a_run_and_refuses_in_a_line(tmp_path, monkeypatch, capsys):
    recipe = get_recipe("synthetic-lenet5-expression").smoke()
    run = train(recipe.override({"precision": "mixed_bfloat16"}), runs=tmp_path / "runs")
    monkeypatch.chdir(tmp_path)

    def facezoo_export(*arguments):
        monkeypatch.setattr(sys, "argv", ["facezoo", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr()

    code, printed = facezoo_export(run.path)
    name = run.recipe.name
    assert code == 0 and printed.out.split() == [f"{name}.onnx", f"{name}.onnx.json"]
    data = facezoo.load_dataset("synthetic")
    expected = np.asarray(load_model(run).predict_on_batch(data.test.images[:4]))
    assert OnnxNetwork(f"{name}.onnx").predict(data.test.images[:4]) == pytest.approx(
        expected, abs=1e-4
    )
    for arguments, said in (
        ([run.path], "exists"),
        ([run.path, "--format", "lite"], "Did you mean 'litert'"),
        ([run.path, "--format", "litert", "--half"], "'onnx' alone"),
        ([run.path, "--out", "no/where.onnx"], "--out"),
        (["nobody"], "No weights 'nobody'"),
        (["no/run"], "recipe.json"),
    ):
        code, printed = facezoo_export(*arguments)
        assert code == 2 and printed.err.count("\n") == 1 and said in printed.err


def test_a_model_without_a_card_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="without a card"):
        export(facezoo.build_lenet5(), tmp_path / "lenet5.onnx")


def test_formats_are_refused_before_anything_is_read():
    with pytest.raises(UnknownName, match="There are: litert, onnx, saved_model"):
        export("nothing", format="tflite3")
    with pytest.raises(FacezooError, match="'onnx' alone"):
        export("nothing", format="litert", half=True)
