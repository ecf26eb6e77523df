"""facezoo's own networks: residual blocks with squeeze-and-excitation for small gray faces.

Sources: residual blocks, He et al. 2016, arXiv:1512.03385; average pooling before the
shortcut's 1 x 1 convolution, He et al. 2019, arXiv:1812.01187; squeeze-and-excitation, Hu
et al. 2018, arXiv:1709.01507; stochastic depth, Huang et al. 2016, arXiv:1603.09382.
Ours: stem, widths and depths, chosen on FER2013's validation pictures at a short, equal budget
(`benchmarks/candidates.py`; docs/models.md has the table), the last stage then narrowed, where a
weight is used nine times only, so that the files stay small; plain 3 x 3 convolutions, which a
CPU runs at several times the speed of depthwise ones per multiplication.
"""

from keras import layers

from facezoo.errors import unknown
from facezoo.models.blocks import classifier, finish, rescale
from facezoo.models.pixels import pixel_input

STEMS = ("pooled", "strided", "full")


def build_facezoo_small(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    filters=(32, 64, 96, 128),
    blocks=(1, 2, 3, 1),
    stem="pooled",
    squeeze=0.25,
    separable=False,
    stochastic_depth=0.1,
    dropout=0.2,
    weights=None,
    classifier_activation="softmax",
):
    """Build facezoo's small network.

    Args:
        input_shape: (height, width, channels), gray or RGB (then the stem sees three
            channels); 32 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        filters: channels of the stages; each after the first halves the maps.
        blocks: residual blocks of each stage.
        stem: "pooled" (a convolution at the input's size, then max pooling), "strided" (one of
            stride 2) or "full" (no halving: four times the cost of all that follows).
        squeeze: channels of a squeeze-and-excitation as a fraction of the block's; 0 for
            blocks without.
        separable: depthwise-separable convolutions in place of plain ones.
        stochastic_depth: how often the last block is left out in training; the first one
            never, those between in proportion.
        dropout: fraction of the pooled features left out before the classifier.
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 930,423 weights at any size.

    Raises:
        PixelError: an input shape that the layers cannot take.
        UnknownName: another `stem`.
        WeightsError: a weight file that is missing or of another network.
    """
    pixels = pixel_input(input_shape, minimum=32)
    x = _features(pixels, filters, blocks, stem, squeeze, separable, stochastic_depth)
    outputs = _head(x, num_classes, dropout, classifier_activation)
    return finish(pixels, outputs, "facezoo_small", weights)


def build_facezoo_base(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    filters=(48, 80, 128, 160),
    blocks=(1, 2, 3, 1),
    stem="pooled",
    squeeze=0.25,
    separable=False,
    stochastic_depth=0.2,
    dropout=0.3,
    weights=None,
    classifier_activation="softmax",
):
    """Build facezoo's larger network: `build_facezoo_small`, wider and deeper.

    Args:
        input_shape, num_classes, filters, blocks, stem, squeeze, separable,
            stochastic_depth, dropout, weights, classifier_activation: as for
            `build_facezoo_small`.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 1,582,659 weights at any size.

    Raises:
        PixelError: an input shape that the layers cannot take.
        UnknownName: another `stem`.
        WeightsError: a weight file that is missing or of another network.
    """
    pixels = pixel_input(input_shape, minimum=32)
    x = _features(pixels, filters, blocks, stem, squeeze, separable, stochastic_depth)
    outputs = _head(x, num_classes, dropout, classifier_activation)
    return finish(pixels, outputs, "facezoo_base", weights)


def _features(pixels, filters, blocks, stem, squeeze, separable, stochastic_depth):
    """Pixels (batch, h, w, c) -> (batch, h / 16, w / 16, filters[-1]) with four stages."""
    if stem not in STEMS:
        raise unknown("stem", stem, STEMS)
    x = rescale(pixels)
    x = _conv_norm(x, filters[0], "stem", strides=2 if stem == "strided" else 1)  # 48 -> 24
    x = layers.ReLU(name="stem_relu")(x)
    if stem == "pooled":
        x = layers.MaxPooling2D(name="stem_pool")(x)
    last, done = max(1, sum(blocks) - 1), 0
    for stage, (width, count) in enumerate(zip(filters, blocks, strict=True), 1):
        for i in range(1, count + 1):  # 24, 12, 6, 3
            x = _block(
                x,
                width,
                f"stage{stage}_block{i}",
                strides=2 if i == 1 and stage > 1 else 1,
                squeeze=squeeze,
                separable=separable,
                skip=stochastic_depth * done / last,
            )
            done += 1
    return x


def _head(x, num_classes, dropout, classifier_activation):
    """(batch, h, w, c) -> float32 (batch, num_classes)."""
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return classifier(x, num_classes, classifier_activation)


def _block(x, filters, name, *, strides, squeeze, separable, skip):
    """(batch, h, w, c) -> (batch, ceil(h / strides), ceil(w / strides), filters)."""
    shortcut = x
    if strides > 1:
        shortcut = layers.AveragePooling2D(strides, padding="same", name=f"{name}_shortcut_pool")(
            shortcut
        )
    if shortcut.shape[-1] != filters:
        shortcut = _conv_norm(shortcut, filters, f"{name}_shortcut", kernel_size=1)
    x = _conv_norm(x, filters, f"{name}_1", strides=strides, separable=separable)
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    x = _conv_norm(x, filters, f"{name}_2", separable=separable)
    if squeeze:
        x = _squeeze_and_excite(x, max(4, round(filters * squeeze)), f"{name}_squeeze")
    if skip:  # one draw a picture: the whole branch or nothing of it
        x = layers.Dropout(skip, noise_shape=(None, 1, 1, 1), name=f"{name}_skip")(x)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_norm(x, filters, name, *, kernel_size=3, strides=1, separable=False):
    kind = layers.SeparableConv2D if separable else layers.Conv2D
    x = kind(
        filters, kernel_size, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def _squeeze_and_excite(x, width, name):
    """Scale every channel of (batch, h, w, c) by what all of them say about the picture."""
    scale = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    scale = layers.Conv2D(width, 1, activation="relu", name=f"{name}_reduce")(scale)
    scale = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name=f"{name}_expand")(scale)
    return layers.Multiply(name=f"{name}_scale")([x, scale])
