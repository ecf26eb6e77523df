"""Looking inside a network: where in a picture its answer comes from, and what its layers see.

Grad-CAM: Selvaraju et al. 2017, arXiv:1610.02391. Occlusion: Zeiler and Fergus 2014,
arXiv:1311.2901, section 4.2. Both take any `PixelModel` with one output a class, with
softmax or logits, flat or around nested models, on every Keras backend, and leave the
model as it was: nothing is traced, compiled, patched or added to it.

Grad-CAM follows the score below the softmax, as its paper does. The gradient of the
probability itself vanishes where a network is sure, and all that is left is rounding.

`views.py` draws what comes out.
"""

import inspect

import keras
import numpy as np
from keras import ops
from PIL import Image

from facezoo import backend
from facezoo.errors import FacezooError, PixelError, unknown
from facezoo.models.pixels import PixelModel

BATCH = 64  # covered pictures that are answered for at a time
PATCHES = 6  # a covering patch is by default this part of the shorter side: 8 pixels of 48


def grad_cam(model, image, *, class_index=None, layer=None):
    """Return where a class's score comes from, by Grad-CAM.

    Args:
        model: `PixelModel` with outputs (batch, classes).
        image: uint8 (height, width, channels) of the model's shape, 0-255.
        class_index: which output; None for the one of the highest score.
        layer: name of the layer whose maps are weighed, "inner/conv5" for one of a nested
            model; None for the last one with maps of 2 x 2 or more.

    Returns:
        float32 (height, width), 0-1, 1 where the most evidence is; all 0 where no place
        speaks for the class more than any other does.

    Raises:
        PixelError: `image` is not one picture of the model's shape.
        UnknownName: no such layer, or one without maps; the message lists those with.
        FacezooError: no such class; no `PixelModel` of classes; no layer has maps.
    """
    pixels = _pixels(model, image)
    target, head = _spatial_layer(model, layer), _last_layer(model)
    seen = []

    def scores(maps=None):
        """Scores (1, classes), as if the layer had answered `maps` where they are given."""

        def visit(operation, *args, **kwargs):
            if operation is target and maps is not None:
                return maps
            step = _score if operation is head else _call
            result = step(operation, *args, **kwargs)
            if operation is target:
                seen.append(result)
            return result

        return _run(model, pixels, visit)

    index = _class_index(model, class_index, _numpy(scores())[0])
    gradient = backend.gradient(lambda maps: scores(maps)[0, index], seen[0])
    weights = _numpy(gradient)[0].mean(axis=(0, 1))  # (channels,)
    weighed = np.maximum(_numpy(seen[0])[0] @ weights, 0)  # (h, w): evidence against is dropped
    return _unit(_resized(weighed, pixels.shape[1:3]))


def occlusion_map(model, image, *, class_index=None, patch=None, stride=None, fill="mean"):
    """Return how far a class's probability falls when a part of the picture is covered.

    Args:
        model: `PixelModel` with outputs (batch, classes).
        image: uint8 (height, width, channels) of the model's shape, 0-255.
        class_index: which output; None for the most probable one.
        patch: pixels a side of the square that covers; None for a sixth of the picture.
        stride: pixels from one square to the next, at most `patch`; None for half of it.
        fill: "mean" covers with the picture's mean colour, 0 to 255 with that gray.

    Returns:
        float32 (height, width), -1 to 1, in probability: the mean fall over all squares
        that cover a pixel, below 0 where the class gains by covering.

    Raises:
        PixelError: `image` is not one picture of the model's shape.
        FacezooError: no such class; a patch, stride or fill that cannot be; no
            `PixelModel` of classes.
    """
    _pixels(model, image)
    image = np.asarray(image)
    height, width = image.shape[:2]
    shorter = min(height, width)
    patch = _within("patch", patch, max(shorter // PATCHES, 1), shorter)
    stride = _within("stride", stride, max(patch // 2, 1), patch)
    colour = _fill(image, fill)
    before = probabilities(model, image[None])[0]
    index = _class_index(model, class_index, before)
    corners = [
        (top, left)
        for top in _starts(height, patch, stride)
        for left in _starts(width, patch, stride)
    ]
    falls, times = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, len(corners), BATCH):
        some = corners[start : start + BATCH]
        covered = np.repeat(image[None], len(some), axis=0)
        for picture, (top, left) in zip(covered, some, strict=True):
            picture[top : top + patch, left : left + patch] = colour
        after = probabilities(model, covered)[:, index]
        for (top, left), probability in zip(some, after, strict=True):
            area = np.s_[top : top + patch, left : left + patch]
            falls[area] += before[index] - probability
            times[area] += 1
    return (falls / times).astype(np.float32)


METHODS = {"grad-cam": grad_cam, "occlusion": occlusion_map}


def probabilities(model, images):
    """Return a model's probabilities, also where it answers with logits.

    Args:
        model: `PixelModel` with outputs (batch, classes).
        images: uint8 (N, height, width, channels), 0-255.

    Returns:
        float32 (N, classes).

    Raises:
        PixelError: pictures that the model does not take.
    """
    answers = model(images, training=False)
    if getattr(_last_layer(model), "activation", None) is keras.activations.linear:
        answers = ops.softmax(answers)
    return _numpy(answers)


def activations(model, image, layer):
    """Return what a layer answers for a picture.

    Args:
        model: `PixelModel`.
        image: uint8 (height, width, channels) of the model's shape, 0-255.
        layer: name of the layer, "inner/conv5" for one of a nested model.

    Returns:
        float32, the layer's output without the batch axis: (h, w, channels) for maps,
        (units,) for a dense layer.

    Raises:
        PixelError: `image` is not one picture of the model's shape.
        UnknownName: no such layer; the message lists them all.
    """
    pixels = _pixels(model, image)
    target, seen = _layer(model, "layer", layer, _layers(model)), []

    def visit(operation, *args, **kwargs):
        result = _call(operation, *args, **kwargs)
        if operation is target:
            seen.append(result)
        return result

    _run(model, pixels, visit)
    return _numpy(seen[0])[0]


def filters(model, layer):
    """Return the kernel of a convolution.

    Args:
        model: Keras model.
        layer: name of the layer, "inner/conv5" for one of a nested model.

    Returns:
        float32 (height, width, inputs, outputs); of a separable or depthwise convolution
        the spatial part, (height, width, inputs, multiplier).

    Raises:
        UnknownName: no such layer, or one without such a kernel; the message lists those
            with.
    """
    with_kernel = [(path, each) for path, each in _layers(model) if _kernel(each) is not None]
    return _numpy(_kernel(_layer(model, "layer with a kernel", layer, with_kernel)))


def _kernel(layer):
    for name in ("depthwise_kernel", "kernel"):
        kernel = getattr(layer, name, None)
        if kernel is not None and len(kernel.shape) == 4:
            return kernel
    return None


def _pixels(model, image):
    """One picture -> uint8 tensor (1, height, width, channels), or what is wrong with it."""
    if not isinstance(model, PixelModel) or len(model.outputs[0].shape) != 2:
        got = f"{type(model).__name__} {getattr(model, 'name', '')!r}"
        raise FacezooError(
            f"Got the {got}; expected a PixelModel that answers (batch, classes). Build one as "
            "facezoo's builders do, such as facezoo.build_lenet5()."
        )
    image = np.asarray(image)
    if image.ndim != 3:
        raise PixelError(
            f"Got {image.dtype} {image.shape}; expected one picture, uint8 "
            f"{tuple(model.input_shape[1:])} in 0-255. Pass images[0] of a batch, or x[..., None] "
            "of a gray picture without channel axis."
        )
    return ops.convert_to_tensor(model.check_pixels(image[None]))


def _is_whole(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _class_index(model, index, scores):
    """Give the class that was asked for, else the one of the highest score."""
    if index is None:
        return int(scores.argmax())
    if not _is_whole(index) or not 0 <= index < len(scores):
        raise FacezooError(
            f"Got class_index={index!r}; expected 0 to {len(scores) - 1}, an output of "
            f"{model.name!r}. Use model.label_set.index(name), or None for its own answer."
        )
    return int(index)


def _graph(operation):
    """The graph that a functional or sequential model is; None for every other layer."""
    if isinstance(operation, keras.Sequential):
        return keras.Model(operation.inputs, operation.outputs)
    return operation if isinstance(operation, keras.Function) else None


def _layers(model):
    """[(path, layer)] in the order of the graph, nested models opened."""
    found = []
    for layer in model.layers:
        if _graph(layer) is not None:
            found += [(f"{layer.name}/{path}", inner) for path, inner in _layers(layer)]
        elif not isinstance(layer, keras.layers.InputLayer):
            found.append((layer.name, layer))
    return found


def _last_layer(model):
    return _layers(model)[-1][1]


def _layer(model, kind, name, candidates):
    """The one candidate of that path or, where no other has it, that name."""
    exact = [layer for path, layer in candidates if path == name]
    named = exact or [layer for path, layer in candidates if path.endswith(f"/{name}")]
    if len(named) != 1:
        raise unknown(f"{kind} of {model.name!r}", name, [path for path, _ in candidates])
    return named[0]


def _spatial_layer(model, name):
    """The named layer, or the last one, with floating-point maps of 2 x 2 or more."""
    candidates = [(path, layer) for path, layer in _layers(model) if _has_maps(layer)]
    if name is not None:
        return _layer(model, "layer with maps", name, candidates)
    if not candidates:
        raise FacezooError(
            f"Got {model.name!r}, no layer of which has maps of 2 x 2 or more; expected a "
            "convolutional network. Use occlusion_map, which needs none."
        )
    return candidates[-1][1]


def _has_maps(layer):
    output = layer.output
    shape = getattr(output, "shape", ())
    sides = [side for side in shape[1:3] if side is not None]
    return len(shape) == 4 and "float" in output.dtype and all(side >= 2 for side in sides)


def _run(graph, x, visit):
    """Run a graph on a tensor; `visit(operation, *args, **kwargs)` stands in for each call.

    What `keras.models.clone_model` does with symbols, for tensors: `keras.Model` from one
    layer to another would add nodes to the layers with every picture, and cannot reach
    into nested models.
    """

    def enter(operation):
        inner = _graph(operation)
        if inner is not None:
            return lambda inputs, **_: _run(inner, inputs, visit)
        return lambda *args, **kwargs: visit(operation, *args, **kwargs)

    x = ops.cast(x, graph.inputs[0].dtype)
    outputs = graph._run_through_graph([x], operation_fn=enter)
    return keras.tree.flatten(outputs)[0]


def _call(operation, *args, **kwargs):
    """Call a layer as `model(x, training=False)` does."""
    if "training" in inspect.signature(operation.call).parameters:
        kwargs["training"] = False
    return operation(*args, **kwargs)


def _score(layer, x, **kwargs):
    """What the last layer answers before its softmax."""
    if isinstance(layer, keras.layers.Softmax):
        return x
    if getattr(layer, "activation", None) is keras.activations.softmax:
        if isinstance(layer, keras.layers.Activation):
            return x
        if isinstance(layer, keras.layers.Dense):
            x = ops.matmul(ops.cast(x, layer.compute_dtype), layer.kernel)
            return x if layer.bias is None else x + layer.bias
    return _call(layer, x, **kwargs)


def _numpy(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def _resized(values, size):
    """Float32 (h, w) -> float32 `size`, bilinear; beyond the outer centres lies the edge."""
    picture = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _unit(values):
    """Values of 0 or more -> 0-1; all 0 where they are the same everywhere, or NaN."""
    if not values.max() > values.min():
        return np.zeros(values.shape, np.float32)
    return (values / values.max()).astype(np.float32)


def _within(name, value, default, highest):
    if value is None:
        return default
    if not _is_whole(value) or not 1 <= value <= highest:
        raise FacezooError(
            f"Got {name}={value!r}; expected 1 to {highest} pixels. Pass such as "
            f"{name}={default}, or None for that."
        )
    return int(value)


def _fill(image, fill):
    """The colour that covers: uint8 (channels,)."""
    if fill == "mean":
        return np.round(image.mean(axis=(0, 1))).astype(np.uint8)
    if not _is_whole(fill) or not 0 <= fill <= 255:
        raise FacezooError(
            f"Got fill={fill!r}; expected 'mean' or a gray of 0 to 255. Pass such as fill=128."
        )
    return np.full(image.shape[2], fill, np.uint8)


def _starts(side, patch, stride):
    """Where squares begin, so that they cover the whole side."""
    return sorted({*range(0, side - patch, stride), side - patch})
