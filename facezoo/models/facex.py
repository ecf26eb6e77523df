"""Study E's three networks on FER2013: a CNN of its own, VGG16 and EfficientNetB0.

Source: study E (Facex_1): 48 x 48 gray faces repeated to three channels, batch 128, 65
epochs; RMSprop 1e-4 (CNN), RMSprop 1e-3 (VGG16), Adam 1e-3 (EfficientNetB0); ImageNet
weights with the last 8 (VGG16) and 25 (EfficientNetB0) layers trainable.
Reported on 7,178: CNN 0.60, VGG16 0.64, EfficientNetB0 0.25: it answers "happy" for
everything, since it got pixels in 0-1 while Keras' EfficientNet scales 0-255 inside.
Differs: each backbone gets the scaling it was trained with; the study fed 0-1 to both.
"""

from keras import layers

from facezoo.models.backbones import bgr_minus_mean, build_classifier, standardize
from facezoo.models.blocks import classifier, finish, pool, rescale, to_rgb
from facezoo.models.pixels import pixel_input


def build_facex_cnn(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    dropout=0.25,
    weights=None,
    classifier_activation="softmax",
):
    """Build study E's own CNN: four normalised blocks, then the study's head.

    Args:
        input_shape: (height, width, channels), gray or RGB; 16 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        dropout: fraction left out after every block and hidden layer.
        weights: None (random) or the path of a .weights.h5 of the same arguments.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 4,479,879 weights by default,
        as in the study, moving averages of the normalisation (3,968) included.

    Raises:
        PixelError: an input shape that the layers cannot take.
        WeightsError: a weight file that is missing or of another network.
    """
    pixels = pixel_input(input_shape, minimum=16)
    x = to_rgb(rescale(pixels, 0.0, 1.0))
    for i, (width, size) in enumerate(((64, 3), (128, 5), (512, 3), (512, 3)), 1):
        x = layers.Conv2D(width, size, padding="same", name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"conv{i}_norm")(x)
        x = layers.ReLU(name=f"conv{i}_relu")(x)
        x = pool(x, "max", name=f"pool{i}")  # 48 -> 24 -> 12 -> 6 -> 3
        if dropout:
            x = layers.Dropout(dropout, name=f"pool{i}_dropout")(x)
    outputs = classifier(_head(x, dropout), num_classes, classifier_activation)
    return finish(pixels, outputs, "facex_cnn", weights)


def build_facex_vgg16(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    trainable_layers=None,
    dropout=0.25,
    weights=None,
    classifier_activation="softmax",
):
    """Build study E's VGG16; as in the study: `weights="imagenet", trainable_layers=8`.

    Args:
        input_shape: (height, width, channels), gray or RGB; 32 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        trainable_layers: how many of the backbone's last layers train; None for all.
        dropout: fraction left out after each hidden layer of the head.
        weights: None (random), "imagenet", or the path of a .weights.h5.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 14,984,263 weights by default,
        as in the study, moving averages of the normalisation (1,536) included.

    Raises:
        PixelError: an input shape that the layers cannot take.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """
    return build_classifier(
        "facex_vgg16",
        "VGG16",
        bgr_minus_mean,
        input_shape,
        num_classes,
        weights=weights,
        classifier_activation=classifier_activation,
        trainable_layers=trainable_layers,
        head=lambda x: _head(x, dropout),
    )


def build_facex_efficientnetb0(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    trainable_layers=None,
    double_rescale=False,
    dropout=0.25,
    weights=None,
    classifier_activation="softmax",
):
    """Build study E's EfficientNetB0: `weights="imagenet", trainable_layers=25` there.

    Args:
        input_shape: (height, width, channels), gray or RGB; 32 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        trainable_layers: how many of the backbone's last layers train; None for all.
        double_rescale: True divides by 255 before the backbone does so again, on
            purpose: the study's mistake, to be looked at. Never use such a model.
        dropout: fraction left out after each hidden layer of the head.
        weights: None (random), "imagenet", or the path of a .weights.h5.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 5,498,794 weights by default,
        as in the study, 43,559 of them not trainable (moving averages, Keras' input
        normalisation).

    Raises:
        PixelError: an input shape that the layers cannot take.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """

    def rescale_twice(x):
        return standardize(layers.Rescaling(1 / 255, dtype="float32", name="first_rescale")(x))

    return build_classifier(
        "facex_efficientnetb0",
        "EfficientNetB0",
        rescale_twice if double_rescale else standardize,
        input_shape,
        num_classes,
        weights=weights,
        classifier_activation=classifier_activation,
        trainable_layers=trainable_layers,
        head=lambda x: _head(x, dropout),
    )


def _head(x, dropout):
    """(batch, h, w, c) -> (batch, 512): the study's head, one for all three networks."""
    x = layers.Flatten(name="flatten")(x)
    for i, width in enumerate((256, 512), 1):
        x = layers.Dense(width, name=f"dense{i}")(x)
        x = layers.BatchNormalization(name=f"dense{i}_norm")(x)
        x = layers.ReLU(name=f"dense{i}_relu")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dense{i}_dropout")(x)
    return x
