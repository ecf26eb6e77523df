"""mini-Xception: residual separable convolutions, 58,423 weights (7 classes, gray).

Source: Arriaga et al. 2017, arXiv:1710.07557, and the authors' face_classification.
Reported: 66 % on FER-2013, with the last 20 % of its rows, from which the authors also
chose the checkpoint.
Differs: no weight decay on the separable kernels; scaling is a layer of the model.
"""

from keras import layers, regularizers

from facezoo.models.blocks import finish, rescale
from facezoo.models.pixels import pixel_input


def build_mini_xception(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    l2=0.01,
    weights=None,
    classifier_activation="softmax",
):
    """Build mini-Xception; the authors' size is (64, 64, 1).

    Args:
        input_shape: (height, width, channels), gray or RGB (then the stem sees three
            channels); 16 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        l2: weight decay of the two stem convolutions; 0.01 is the authors' code.
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 58,423 weights at any size,
        moving averages of the normalisation (1,472) included.

    Raises:
        PixelError: an input shape that the layers cannot take.
        WeightsError: a weight file that is missing or of another network.
    """
    pixels = pixel_input(input_shape, minimum=16)
    x = rescale(pixels)
    for i in (1, 2):  # unpadded: 64 -> 62 -> 60
        decay = regularizers.L2(l2) if l2 else None
        x = layers.Conv2D(8, 3, use_bias=False, kernel_regularizer=decay, name=f"stem{i}_conv")(x)
        x = layers.BatchNormalization(name=f"stem{i}_norm")(x)
        x = layers.ReLU(name=f"stem{i}_relu")(x)
    for i, filters in enumerate((16, 32, 64, 128), 1):  # 60 -> 30 -> 15 -> 8 -> 4
        x = _residual_block(x, filters, f"block{i}")
    x = layers.Conv2D(num_classes, 3, padding="same", name="class_maps")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # one map a class: no Dense layer
    outputs = layers.Activation(
        classifier_activation or "linear", dtype="float32", name="predictions"
    )(x)
    return finish(pixels, outputs, "mini_xception", weights)


def _residual_block(x, filters, name):
    """(batch, h, w, c) -> (batch, ceil(h / 2), ceil(w / 2), filters)."""
    # every second pixel, then 1 x 1: a strided 1 x 1 convolution crashes TensorFlow on CPU
    shortcut = layers.MaxPooling2D(1, strides=2, padding="same", name=f"{name}_skip_pool")(x)
    shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_skip_conv")(shortcut)
    shortcut = layers.BatchNormalization(name=f"{name}_skip_norm")(shortcut)
    for i in (1, 2):
        x = layers.SeparableConv2D(
            filters, 3, padding="same", use_bias=False, name=f"{name}_conv{i}"
        )(x)
        x = layers.BatchNormalization(name=f"{name}_norm{i}")(x)
        if i == 1:
            x = layers.ReLU(name=f"{name}_relu")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])
