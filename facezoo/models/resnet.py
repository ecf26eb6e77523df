"""ResNet50, plain and with study B's pyramid pooling module.

Source: He et al. 2016, arXiv:1512.03385, by keras.applications; study B.
Reported: study B on AffectNet: ResNet50 0.4729, with the module 0.5269.
Ours: study B prints no head; global average pooling and one dense layer are our choice.
"""

from facezoo.models.backbones import bgr_minus_mean, build_classifier, pooling_head
from facezoo.models.blocks import global_pool
from facezoo.models.ippm import InceptionPyramidPooling


def build_resnet50(
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
    """Build ResNet50 with global pooling and one dense layer.

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
        -> float32 (batch, num_classes), rows sum to 1. 23,602,055 weights by default.

    Raises:
        PixelError: an input shape that the backbone cannot take.
        UnknownName: another `pooling`.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """
    return build_classifier(
        "resnet50",
        "ResNet50",
        bgr_minus_mean,
        input_shape,
        num_classes,
        weights=weights,
        classifier_activation=classifier_activation,
        trainable_layers=trainable_layers,
        head=pooling_head(pooling, dropout),
        resize_to=resize_to,
    )


def build_resnet50_ippm(
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
    """Build ResNet50 with the pyramid pooling module before the global average.

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
        -> float32 (batch, num_classes), rows sum to 1. 32,765,831 weights by default.

    Raises:
        PixelError: an input shape that the backbone cannot take.
        FacezooError: not one kernel size a factor.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """
    module = InceptionPyramidPooling(filters, factors, kernel_sizes, literal=literal, name="ippm")
    return build_classifier(
        "resnet50_ippm",
        "ResNet50",
        bgr_minus_mean,
        input_shape,
        num_classes,
        weights=weights,
        classifier_activation=classifier_activation,
        trainable_layers=trainable_layers,
        head=lambda x: global_pool(module(x), "average"),
        resize_to=resize_to,
    )
