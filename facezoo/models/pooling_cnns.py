"""Study D's CNNs on FER2013: is max pooling better than average pooling?

Source: study D; 48 x 48 gray faces repeated to three channels, scaled to -1..1; SGD,
learning rate 0.01, batch 32, 20 epochs, trained on 28,709 and tested on all 7,178.
Reported (two runs): base with max pooling 0.568 / 0.450, with average pooling
0.470 / 0.370, strong 0.437 / 0.538, strongest 0.590 / 0.608.
Differs: Keras' initial weights (uniform Glorot) instead of the study's framework's.
"""

from keras import layers

from facezoo.models.blocks import classifier, finish, pool, rescale, to_rgb
from facezoo.models.pixels import pixel_input


def build_pooling_base(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    pooling="max",
    weights=None,
    classifier_activation="softmax",
):
    """Build the base network: two 5 x 5 convolutions, one hidden layer of 600.

    Args:
        input_shape: (height, width, channels), gray or RGB; 16 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        pooling: "max" or "average".
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 3,168,903 weights by default,
        as in the study.

    Raises:
        PixelError: an input shape that the layers cannot take.
        UnknownName: another `pooling`.
        WeightsError: a weight file that is missing or of another network.
    """
    pixels = pixel_input(input_shape, minimum=16)
    x = to_rgb(rescale(pixels))
    for i, width in enumerate((32, 64), 1):  # 48 -> 44 -> 22 -> 18 -> 9
        x = layers.Conv2D(width, 5, activation="relu", name=f"conv{i}")(x)
        x = pool(x, pooling, name=f"pool{i}")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(600, activation="relu", name="dense")(x)
    outputs = classifier(x, num_classes, classifier_activation)
    return finish(pixels, outputs, "pooling_base", weights)


def build_pooling_strong(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    pooling="max",
    weights=None,
    classifier_activation="softmax",
):
    """Build the strong network: three padded 3 x 3 convolutions, one layer of 1024.

    Args:
        input_shape: (height, width, channels), gray or RGB; 8 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        pooling: "max" (the study's) or "average".
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 4,820,039 weights by default,
        as in the study.

    Raises:
        PixelError: an input shape that the layers cannot take.
        UnknownName: another `pooling`.
        WeightsError: a weight file that is missing or of another network.
    """
    pixels = pixel_input(input_shape, minimum=8)
    x = to_rgb(rescale(pixels))
    for i, width in enumerate((32, 64, 128), 1):  # 48 -> 24 -> 12 -> 6
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{i}")(x)
        x = pool(x, pooling, name=f"pool{i}")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(1024, activation="relu", name="dense")(x)
    outputs = classifier(x, num_classes, classifier_activation)
    return finish(pixels, outputs, "pooling_strong", weights)


def build_pooling_strongest(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    dense=(1024,),
    dropout=0.5,
    pooling="max",
    weights=None,
    classifier_activation="softmax",
):
    """Build the strongest network: four convolutions in two normalised blocks.

    The default is the study's first run; its second is
    `build_pooling_strongest(dense=(1024, 4096), dropout=0.25)`.

    Args:
        input_shape: (height, width, channels), gray or RGB; 4 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        dense: widths of the hidden layers.
        dropout: fraction left out after each hidden layer (after each block: 0.25).
        pooling: "max" (the study's) or "average".
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 38,146,631 weights by default
        and 42,366,535 in the second run, as in the study, moving averages of the
        normalisation (640) included.

    Raises:
        PixelError: an input shape that the layers cannot take.
        UnknownName: another `pooling`.
        WeightsError: a weight file that is missing or of another network.
    """
    pixels = pixel_input(input_shape, minimum=4)
    x = to_rgb(rescale(pixels))
    for i, widths in enumerate(((32, 64), (128, 256)), 1):  # 48 -> 24 -> 12
        for j, width in enumerate(widths, 1):
            name = f"block{i}_conv{j}"
            x = layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)
        x = layers.BatchNormalization(name=f"block{i}_norm")(x)
        x = pool(x, pooling, name=f"block{i}_pool")
        x = layers.Dropout(0.25, name=f"block{i}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)  # (batch, 36864)
    for i, width in enumerate(dense, 1):
        x = layers.Dense(width, activation="relu", name=f"dense{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    outputs = classifier(x, num_classes, classifier_activation)
    return finish(pixels, outputs, "pooling_strongest", weights)
