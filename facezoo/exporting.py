"""`export`: a trained model as a file that answers without Keras: ONNX, LiteRT, SavedModel.

Pictures go in as uint8 and calibrated probabilities come out. The classes lie in the file itself
and in a JSON file beside it, and the file is written only if it answers as Keras does.
"""

import contextlib
import io
import json
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np

from facezoo import backend
from facezoo.errors import FacezooError, WeightsError, not_installed, unknown
from facezoo.files import replacing
from facezoo.runtime import INPUT, METADATA, OUTPUT, OnnxNetwork, library
from facezoo.weights.loading import load_model

ENDINGS = {"onnx": ".onnx", "litert": ".tflite", "saved_model": "-saved_model"}
TOLERANCE = 1e-4  # of a probability, between Keras and the exported network
PICTURES = 32  # that both answer for
STORED = 512  # a constant of as many numbers or more is stored in 16 bits where asked


def export(source, path=None, *, format="onnx", half=False):
    """Write a trained model as a file of another runtime.

    Args:
        source: name of shipped weights, a run, or a model that `load_model` returned.
        path: the file, or the folder for "saved_model"; None for the name of the weights in
            the current folder. `<path>.json` has classes, picture shape and what trained it.
        format: "onnx" (`OnnxNetwork` opens it), "litert" (a .tflite with the classes as
            labels.txt) or "saved_model" (a TensorFlow folder).
        half: store the weights of "onnx" in 16 bits a number, half the size; they are computed
            with in float32.

    Returns:
        Path of what was written. Input "pixels": uint8 (N, height, width, channels), 0-255;
        output "probabilities": float32 (N, K).

    Raises:
        UnknownName: no such format, or no such weights.
        WeightsError: the path exists, cannot be written, or the exported network answers
            otherwise than Keras does.
        FacezooError: Keras does not run on TensorFlow, which writes these files.
    """
    if format not in ENDINGS:
        raise unknown("format", format, ENDINGS)
    if half and format != "onnx":
        raise WeightsError(
            f"Got half with {format!r}; expected it with 'onnx' alone. Leave it out."
        )
    if keras.backend.backend() != "tensorflow":
        raise FacezooError(
            f"Got Keras on {keras.backend.backend()}; expected it on TensorFlow, which writes "
            "exported networks. Set KERAS_BACKEND=tensorflow."
        )
    model = source if isinstance(source, keras.Model) else load_model(source)
    card = getattr(model, "card", None)
    if card is None:
        raise WeightsError(
            f"Got the model {model.name!r} without a card; expected one that load_model returned. "
            "Train it, and pass the run folder."
        )
    path = _new_path(path or card.name + ENDINGS[format], format)
    facts = facts_of(card)
    pictures = np.random.default_rng(0).integers(
        0, 256, (PICTURES, *card.input_shape), dtype=np.uint8
    )
    expected = np.asarray(model.predict_on_batch(pictures))
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
            made = Path(folder) / ("network" + ENDINGS[format])
            with _silent(), _told(card.name, format):
                answers = WRITERS[format](model, made, facts, half, pictures)
            _compare(answers, expected, card.name, format)
            shutil.move(made, path)
        _write_beside(path, facts)
    except OSError as error:
        raise WeightsError(
            f"Got {error.strerror or error} while writing {str(path)!r}; expected a folder that "
            "can be written. Choose another with --out."
        ) from None
    return path


def _new_path(path, format):
    """Return a path for a format, or refuse one of another ending or that exists."""
    path = Path(path)
    if not path.name.endswith(ENDINGS[format]) and format != "saved_model":
        raise WeightsError(
            f"Got {str(path)!r}; expected a path that ends in {ENDINGS[format]}. Change --out."
        )
    for each in (path, _beside(path)):
        if each.exists():
            raise WeightsError(
                f"Got {str(each)!r}, which exists; expected a new file. Choose another with --out."
            )
    return path


def _beside(path):
    return path.with_name(path.name + ".json")


def _write_beside(path, facts):
    """Write the papers of an exported network, or remove it: never one without the other."""
    try:
        with replacing(_beside(path)) as written:
            written.write_text(_json(facts), "utf-8")
    except BaseException:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _json(facts):
    return json.dumps(facts, indent=1) + "\n"


def quantize(source, path, pictures):
    """Write an .onnx file of `export` with 8-bit weights and activations (static, QDQ).

    Args:
        source: the file, its weights in 32 bits.
        path: the new file.
        pictures: uint8 (N, height, width, channels); the ranges of activations are theirs.

    Raises:
        FacezooError: the packages that write .onnx files are not installed.
    """
    onnx = _library()
    library()
    from onnxruntime import quantization

    batches = iter({INPUT: pictures[i : i + 64]} for i in range(0, len(pictures), 64))

    class Pictures(quantization.CalibrationDataReader):
        def get_next(self):
            return next(batches, None)

    with _silent():
        quantization.quantize_static(source, path, Pictures(), per_channel=True)
    network, written = onnx.load(path), onnx.load(source).metadata_props
    del network.metadata_props[:]
    network.metadata_props.extend(written)
    onnx.save(network, path)


def facts_of(card):
    """What an exported network says of itself: a dict for JSON."""
    test = card.metrics.get("test")
    return {
        "name": card.name,
        "label_set": card.label_set.to_dict(),
        "input_shape": list(card.input_shape),
        "input": f"{INPUT}: uint8 (N, height, width, channels), 0-255, gray or RGB",
        "output": f"{OUTPUT}: float32 (N, {len(card.label_set)}), in the order of label_set",
        "temperature": card.temperature,
        "protocol": card.protocol,
        "test_accuracy": test and test["accuracy"],
        "recipe": card.recipe.name,
    }


def _onnx(model, path, facts, half, pictures):
    onnx = _library()
    model.export(path, format="onnx", verbose=False)
    network = onnx.load(path)
    _rename(network)
    if half:
        _store_in_16_bits(network, onnx)
    network.metadata_props.add(key=METADATA, value=json.dumps(facts))
    network.doc_string = facts["name"]
    onnx.checker.check_model(network)
    onnx.save(network, path)
    return OnnxNetwork(path).predict(pictures)


def _library():
    try:
        import onnx
        import tf2onnx  # noqa: F401  what Keras exports with
    except ModuleNotFoundError as error:
        raise not_installed(error.name, "an .onnx file", "export") from None
    return onnx


def _rename(network):
    """Give the input and output of a graph our names, and its batch axis the name "batch"."""
    graph = network.graph
    names = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for node in graph.node:
        for words in (node.input, node.output):
            words[:] = [names.get(word, word) for word in words]
    for value in (*graph.input, *graph.output):
        value.name = names[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def _store_in_16_bits(network, onnx):
    """Store large float constants as int16 with a scale for each output channel.

    Sixteen times finer than float16 for the largest weights of a channel; onnxruntime
    multiplies them out once, when it opens the file.
    """
    graph, kept = network.graph, []
    for constant in graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < STORED or values.ndim < 2:
            kept.append(constant)
            continue
        # a convolution's kernel is (out, in, h, w), a dense layer's (in, out)
        axes = (0,) if values.ndim == 2 else tuple(range(1, values.ndim))
        scale = np.abs(values).max(axis=axes, keepdims=True) / np.float32(32767)
        scale[scale == 0] = 1
        name = constant.name
        whole = np.round(values / scale).astype(np.int16)
        for suffix, array in (("_whole", whole), ("_scale", scale.astype(np.float32))):
            kept.append(onnx.numpy_helper.from_array(array, name + suffix))
        nodes = (
            onnx.helper.make_node(
                "Cast", [f"{name}_whole"], [f"{name}_cast"], to=onnx.TensorProto.FLOAT
            ),
            onnx.helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name]),
        )
        for node in reversed(nodes):
            graph.node.insert(0, node)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _litert(model, path, facts, half, pictures):
    model.export(path, format="litert", verbose=False)
    with zipfile.ZipFile(path, "a") as appended:  # LiteRT's own way of carrying labels
        appended.writestr("labels.txt", "\n".join(facts["label_set"]["classes"]) + "\n")
        appended.writestr("facezoo.json", _json(facts))
    return backend.run_litert(path, pictures)


def _saved_model(model, path, facts, half, pictures):
    model.export(path, format="tf_saved_model", verbose=False)
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / "facezoo.json").write_text(_json(facts), "utf-8")
    return backend.run_saved_model(path, pictures)


WRITERS = {"onnx": _onnx, "litert": _litert, "saved_model": _saved_model}


def _compare(answers, expected, name, format):
    apart = float(np.abs(answers - expected).max())
    if not apart <= TOLERANCE:  # NaN is apart too
        raise WeightsError(
            f"Got {format} answers {apart:.2g} apart from those of Keras for {name}; expected "
            f"{TOLERANCE:g} at most. Nothing was written; choose another format, or export "
            "without half."
        )


@contextlib.contextmanager
def _told(name, format):
    """Turn whatever a converter raises into a line."""
    try:
        yield
    except (FacezooError, OSError):
        raise
    except Exception as error:  # each converter has errors of its own
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise WeightsError(
            f"Got {name}, which cannot be written as {format} ({reason}); expected a float32 "
            "network of ordinary layers. Choose another format with --format."
        ) from None


@contextlib.contextmanager
def _silent():
    """Keep to itself what the converters print and warn of their own code."""
    with (
        warnings.catch_warnings(action="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        yield
