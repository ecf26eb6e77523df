"""What an answer costs: multiply-adds, milliseconds on this machine, bytes of the file.

Conventions:
    One multiply-add is one multiplication with its addition (a MAC); papers that count
    "FLOPs" often mean these, others twice as many.
    Counted are convolutions, dense layers, and layers of our own that tell with a method
    `multiply_adds((h, w, c))`. Borders count as if nothing were padded away.
    Not counted: biases, normalisation, activation, pooling, resizing, and operations
    without weights.
"""

import math
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from facezoo.errors import FacezooError

# on all of these, each weight of a kernel is used once for every place of the output
COUNTED = (
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
NORMALISATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Normalization,
)


def count_multiply_adds(model):
    """Return the multiply-adds of one picture, inner models and shared layers included.

    Args:
        model: functional or sequential `keras.Model` whose sizes are all known.

    Returns:
        int, exact.

    Raises:
        FacezooError: a size that is None, or a layer with weights that nobody has said
            how to count.

    Example:
        >>> from facezoo.models import build_model
        >>> f"{count_multiply_adds(build_model('lenet5')):,}"
        '1,234,188'
    """
    graph = keras.Function(model.inputs, model.outputs)
    # by calls, for Keras' public list of layers has a layer once that is called twice
    calls = [node for nodes in graph._nodes_by_depth.values() for node in nodes]
    return sum(_of_call(node) for node in calls if not node.is_input)


def measure_milliseconds(model, batch_sizes=(1, 64), *, rounds=7, seconds=0.25):
    """Measure how long `model.predict_on_batch`, Keras' own compiled path, takes here.

    Random pictures that are already in memory; two calls a batch size to trace and warm up,
    then rounds that take the batch sizes in turn, each for `seconds` at least.

    Args:
        model: of pictures, uint8 of a known shape.
        batch_sizes: pictures at a time.
        rounds, seconds: how often and how long a round measures.

    Returns:
        `{batch size: {"median", "lowest", "highest"}}`, milliseconds a picture.
    """
    rng = np.random.default_rng(0)
    shapes = [(batch, *model.input_shape[1:]) for batch in batch_sizes]
    inputs = [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
    for pictures in 2 * inputs:  # the second call of a shape is traced no more
        model.predict_on_batch(pictures)
    taken = [[_round(model, pictures, seconds) for pictures in inputs] for _ in range(rounds)]
    return {
        batch: {
            "median": round(statistics.median(values), 4),
            "lowest": round(min(values), 4),
            "highest": round(max(values), 4),
        }
        for batch, values in zip(batch_sizes, zip(*taken, strict=True), strict=True)
    }


def measure_file(model):
    """Return the bytes of the model's .keras file: float32 weights and the graph."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


def _round(model, pictures, seconds):
    """Answer for `seconds` or more; return the mean in milliseconds a picture."""
    calls, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < seconds or not calls:
        model.predict_on_batch(pictures)
        calls += 1
    return 1000 * spent / (calls * len(pictures))


def _of_call(node):
    layer = node.operation
    if isinstance(layer, keras.Model):
        return count_multiply_adds(layer)
    if isinstance(layer, COUNTED):
        places = _known(layer, node.outputs[0].shape[1:-1])
        return math.prod(places) * sum(math.prod(kernel.shape) for kernel in _kernels(layer))
    if hasattr(layer, "multiply_adds"):
        return layer.multiply_adds(_known(layer, node.input_tensors[0].shape[1:]))
    if isinstance(layer, NORMALISATIONS) or not _kernels(layer):
        return 0
    raise FacezooError(
        f"Got layer {layer.name!r} of {type(layer).__name__}, which has weights that are not "
        "counted here; expected convolutions and dense layers. Give the layer a method "
        "multiply_adds(input_shape)."
    )


def _kernels(layer):
    """Return the weights of a layer that are no vectors; biases and averages are."""
    return [weight for weight in getattr(layer, "weights", ()) if len(weight.shape) > 1]


def _known(layer, shape):
    if None in shape:
        raise FacezooError(
            f"Got layer {layer.name!r} with a size of {shape}; expected known sizes. Build the "
            "network with an input shape such as (48, 48, 1)."
        )
    return shape
