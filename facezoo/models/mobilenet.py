"""MobileNetV3Small.

Source: Howard et al. 2019, arXiv:1905.02244, by keras.applications; study B.
Reported: study B on AffectNet: accuracy 0.4247.
Ours: study B prints no head; global average pooling and one dense layer are our choice.
"""

from facezoo.models.backbones import as_they_are, build_classifier, pooling_head


def build_mobilenetv3_small(
    input_shape=(48, 48, 1),
    num_classes=7,
    *,
    alpha=1.0,
    pooling="average",
    dropout=0.0,
    trainable_layers=None,
    resize_to=None,
    weights=None,
    classifier_activation="softmax",
):
    """Build MobileNetV3Small with global pooling and one dense layer.

    Args:
        input_shape: (height, width, channels), gray or RGB; 32 pixels a side or more.
        num_classes: width of the output, in the order of the data set's `LabelSet`.
        alpha: width multiplier; ImageNet weights exist for 0.75 and 1.0.
        pooling: of the last feature map: "average", "max" or "flatten".
        dropout: fraction left out before the classifier.
        trainable_layers: how many of the backbone's last layers train; None for all.
        resize_to: (height, width) to resize to inside the model; None for as it is.
        weights: None (random), "imagenet", or the path of a .weights.h5.
        classifier_activation: "softmax", or None for logits.

    Returns:
        PixelModel: uint8 (batch, height, width, channels) in 0-255
        -> float32 (batch, num_classes), rows sum to 1. 943,159 weights by default.

    Raises:
        PixelError: an input shape that the backbone cannot take.
        UnknownName: another `pooling`.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """
    return build_classifier(
        "mobilenetv3_small",
        "MobileNetV3Small",
        as_they_are,
        input_shape,
        num_classes,
        weights=weights,
        classifier_activation=classifier_activation,
        trainable_layers=trainable_layers,
        head=pooling_head(pooling, dropout),
        resize_to=resize_to,
        alpha=alpha,
    )
