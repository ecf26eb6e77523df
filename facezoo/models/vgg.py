"""VGG19, plain and with study B's pyramid pooling module.

Source: Simonyan and Zisserman 2015, arXiv:1409.1556, by keras.applications; study B.
Reported: study B, VGG19 on AffectNet: accuracy 0.4120.
Ours: study B prints no head; global average pooling and one dense layer are our choice,
and so is VGG19 with the module, which the study tried on ResNet50 only.
"""

from facezoo.models.backbones import bgr_minus_mean, build_classifier, pooling_head
from facezoo.models.blocks import global_pool
from facezoo.models.ippm import InceptionPyramidPooling


def build_vgg19(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    pooling="average",
    dropout=0.0,
    trainable_layers=None,
    resize_to=None,
    weights=None,
    classifier_activation="softmax",
):
    """Build VGG19 with global pooling and one dense layer.

    Args:
        input_shape: (height, width, channels), gray or RGB; 32 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        pooling: of the last feature map: "average", "max" or "flatten".
        dropout: fraction left out before the classifier.
        trainable_layers: how many of the backbone's last layers train; None for all.
        resize_to: (height, width) to resize to inside the model; None for as it is.
        weights: None (random), "imagenet", or the path of a .weights.h5.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 20,027,975 weights by default.

    Raises:
        PixelError: an input shape that the backbone cannot take.
        UnknownName: another `pooling`.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """
    return build_classifier(
        "vgg19",
        "VGG19",
        bgr_minus_mean,
        input_shape,
        num_classes,
        weights=weights,
        classifier_activation=classifier_activation,
        trainable_layers=trainable_layers,
        head=pooling_head(pooling, dropout),
        resize_to=resize_to,
    )


def build_vgg19_ippm(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    filters=128,
    factors=(1, 2, 4),
    kernel_sizes=(1, 3, 5),
    literal=False,
    trainable_layers=None,
    resize_to=None,
    weights=None,
    classifier_activation="softmax",
):
    """Build VGG19 with the pyramid pooling module before the global average.

    Args:
        input_shape: (height, width, channels), gray or RGB; 32 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        filters: of each level of the pyramid module.
        factors: by which each level upsamples and pools.
        kernel_sizes: of the convolution of each level.
        literal: True computes the upsampling and pooling that cancel each other.
        trainable_layers: how many of the backbone's last layers train; None for all.
        resize_to: (height, width) to resize to inside the model; None for as it is.
        weights: None (random), "imagenet", or the path of a .weights.h5.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 22,321,223 weights by default.

    Raises:
        PixelError: an input shape that the backbone cannot take.
        FacezooError: not one kernel size a factor.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """
    module = InceptionPyramidPooling(filters, factors, kernel_sizes, literal=literal, name="ippm")
    return build_classifier(
        "vgg19_ippm",
        "VGG19",
        bgr_minus_mean,
        input_shape,
        num_classes,
        weights=weights,
        classifier_activation=classifier_activation,
        trainable_layers=trainable_layers,
        head=lambda x: global_pool(module(x), "average"),
        resize_to=resize_to,
    )
