"""Study C's small CNN on ExpW: two convolutions, one hidden layer.

Source: study C: Conv - MaxPool - Conv - MaxPool - Dense (+ Dropout) - softmax on 48 x 48
gray faces; Adam 0.001, batch 32, 50 epochs.
Reported: 0.5017 on its validation part.
Ours: the study gives no widths; 32 and 64 filters of 3 x 3, 128 units and dropout 0.5
are our choice.
"""

from keras import layers

from facezoo.models.blocks import classifier, finish, pool, rescale
from facezoo.models.pixels import pixel_input


def build_expw_cnn(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    filters=(32, 64),
    dense=128,
    dropout=0.5,
    weights=None,
    classifier_activation="softmax",
):
    """Build study C's CNN.

    Args:
        input_shape: (height, width, channels), gray or RGB (then the first convolution
            sees three channels); 10 pixels a side or more with two convolutions.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        filters: of each unpadded 3 x 3 convolution; each is followed by 2 x 2 pooling.
        dense: width of the hidden layer.
        dropout: fraction left out after the hidden layer.
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 839,047 weights by default.

    Raises:
        PixelError: an input shape that the layers cannot take.
        WeightsError: a weight file that is missing or of another network.
    """
    smallest = 1
    for _ in filters:
        smallest = 2 * smallest + 2
    pixels = pixel_input(input_shape, minimum=smallest)
    x = rescale(pixels, 0.0, 1.0)
    for i, width in enumerate(filters, 1):  # 48 -> 46 -> 23 -> 21 -> 10
        x = layers.Conv2D(width, 3, activation="relu", name=f"conv{i}")(x)
        x = pool(x, "max", name=f"pool{i}")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(dense, activation="relu", name="dense")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    outputs = classifier(x, num_classes, classifier_activation)
    return finish(pixels, outputs, "expw_cnn", weights)
