"""LeNet-5, as printed in 1998 and as modified in study A.

Source: LeCun, Bottou, Bengio, Haffner 1998, Gradient-Based Learning Applied to Document
Recognition (Proc. IEEE 86, 11), figure 2; study A (CMU Face Images).
Differs: the paper's C3 sees only some of S2's maps and its pooling has trainable
coefficients; as everywhere today, C3 sees all of them, pooling has none and the output
is a softmax. Study A does not say what it modified: ReLU, max pooling and dropout are
our choice.
"""

from keras import layers

from facezoo.models.blocks import classifier, finish, pool, rescale
from facezoo.models.pixels import pixel_input


def build_lenet5(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    filters=(6, 16),
    dense=(120, 84),
    kernel_size=5,
    activation="relu",
    pooling="max",
    batch_norm=False,
    dropout=0.2,
    weights=None,
    classifier_activation="softmax",
):
    """Build LeNet-5: two convolutions with pooling, two hidden dense layers.

    The default is study A's modified one. The classic one of 1998 is
    `build_lenet5((32, 32, 1), 10, activation="tanh", pooling="average", dropout=0.0)`,
    with its 61,706 weights.

    Args:
        input_shape: (height, width, channels), gray or RGB (then C1 sees three channels);
            16 pixels a side or more with two convolutions of 5 x 5.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        filters: of each convolution, in order; each is followed by 2 x 2 pooling.
        dense: widths of the hidden dense layers.
        kernel_size: of the convolutions, which are unpadded as in the paper.
        activation: after every convolution and hidden dense layer.
        pooling: "max" or "average".
        batch_norm: whether to normalise each convolution's maps over the batch, before the
            activation (Ioffe and Szegedy 2015): on dark pictures such as CMU Face Images it
            learns in a third of the epochs.
        dropout: fraction left out after each hidden dense layer; 0.2 or 0.4 in study A.
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 168,971 weights by default,
        312,716 at study A's (60, 64, 1) and 4 classes.

    Raises:
        PixelError: an input shape that the layers cannot take.
        UnknownName: another `pooling`.
        WeightsError: a weight file that is missing or of another network.
    """
    smallest = 1
    for _ in filters:
        smallest = 2 * smallest + kernel_size - 1
    pixels = pixel_input(input_shape, minimum=smallest)
    x = rescale(pixels)
    for i, width in enumerate(filters, 1):  # 48 -> 44 -> 22 -> 18 -> 9
        if batch_norm:
            x = layers.Conv2D(width, kernel_size, use_bias=False, name=f"conv{i}")(x)
            x = layers.BatchNormalization(name=f"norm{i}")(x)
            x = layers.Activation(activation, name=f"activation{i}")(x)
        else:
            x = layers.Conv2D(width, kernel_size, activation=activation, name=f"conv{i}")(x)
        x = pool(x, pooling, name=f"pool{i}")
    x = layers.Flatten(name="flatten")(x)
    for i, width in enumerate(dense, 1):
        x = layers.Dense(width, activation=activation, name=f"dense{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    outputs = classifier(x, num_classes, classifier_activation)
    return finish(pixels, outputs, "lenet5", weights)
