"""keras.applications behind the input contract: 0-255 in, the right scaling inside.

Every backbone is built without weights, on pixels that its own preparation turned into
what ImageNet's training gave it, and ImageNet's weights are then copied in. So the graph
is the same whatever the weights are. (Keras' own EfficientNet has one layer more for
`weights="imagenet"` than without.)
"""

import keras
from keras import layers

from facezoo.errors import PixelError, WeightsError
from facezoo.models.blocks import BgrMinusMean, classifier, finish, global_pool, to_rgb
from facezoo.models.pixels import pixel_input

MINIMUM = 32  # pixels a side: keras.applications halve five times

# torchvision's and EfficientNet's figures, in 0-1 and RGB order
MEAN_RGB = (0.485, 0.456, 0.406)
STDDEV_RGB = (0.229, 0.224, 0.225)


def bgr_minus_mean(x):
    """RGB 0-255 -> BGR minus the mean: what VGG and ResNet were trained with."""
    return BgrMinusMean(dtype="float32", name="bgr_minus_mean")(x)


def as_they_are(x):
    """RGB 0-255 -> float32 0-255: MobileNetV3 scales inside, whatever its weights."""
    return layers.Rescaling(1.0, dtype="float32", name="to_float")(x)


def standardize(x):
    """RGB 0-255 -> 255 times (x / 255 - mean) / stddev, for Keras' EfficientNet.

    Keras divides by 255 inside and standardises only with ImageNet weights; here the
    standardisation comes first and Keras' own stays the identity.
    """
    scale = [1 / stddev for stddev in STDDEV_RGB]
    offset = [-255 * mean / stddev for mean, stddev in zip(MEAN_RGB, STDDEV_RGB, strict=True)]
    return layers.Rescaling(scale, offset=offset, dtype="float32", name="standardize")(x)


def build_classifier(
    name,
    application,
    prepare,
    input_shape,
    num_classes,
    *,
    weights,
    classifier_activation,
    trainable_layers,
    head=None,
    resize_to=None,
    **arguments,
):
    """Build a classifier on a backbone of keras.applications.

    Args:
        name: name of the model, its key in `BUILDERS`.
        application: name of the backbone in keras.applications.
        prepare: function RGB 0-255 -> float32 as the backbone was trained with.
        input_shape: (height, width, channels), gray or RGB, 32 pixels a side or more.
        num_classes: width of the output.
        weights: None, "imagenet" or the path of a .weights.h5 of the whole network.
        classifier_activation: "softmax", or None for logits.
        trainable_layers: how many of the backbone's last layers train; None for all.
        head: function (batch, h, w, c) -> (batch, features); global average by default.
        resize_to: (height, width) to resize to inside the model, or None.
        **arguments: of the backbone, such as `alpha`.

    Raises:
        PixelError: an input shape that the backbone cannot take.
        WeightsError: frozen layers without weights; weights that cannot be had.
    """
    if trainable_layers is not None and weights is None:
        raise WeightsError(
            f"Got trainable_layers={trainable_layers} with weights=None for {name}; expected "
            "pretrained weights, for frozen random layers learn nothing. Pass "
            "weights='imagenet' or a .weights.h5, or leave trainable_layers out."
        )
    pixels = pixel_input(input_shape, minimum=1 if resize_to else MINIMUM)
    x = to_rgb(pixels)
    if resize_to:
        x = _resize(x, resize_to)
    prepared = prepare(x)
    build = getattr(keras.applications, application)
    backbone = build(include_top=False, weights=None, input_tensor=prepared, **arguments)
    before = {id(layer) for layer in keras.Model(pixels, prepared).layers}
    own_layers = [layer for layer in backbone.layers if id(layer) not in before]
    if weights == "imagenet":
        _copy_imagenet(build, own_layers, application, arguments)
    if trainable_layers is not None:
        _freeze(own_layers, trainable_layers)
    features = head(backbone.output) if head else global_pool(backbone.output, "average")
    outputs = classifier(features, num_classes, classifier_activation)
    return finish(pixels, outputs, name, None if weights == "imagenet" else weights)


def pooling_head(pooling, dropout):
    """Return a head for `build_classifier`: pooling ("average" ...), then dropout."""

    def head(x):
        x = global_pool(x, pooling)
        return layers.Dropout(dropout, name="dropout")(x) if dropout else x

    return head


def _resize(x, resize_to):
    if len(resize_to) != 2 or min(resize_to) < MINIMUM:
        raise PixelError(
            f"Got resize_to={resize_to}; expected (height, width) of at least {MINIMUM} pixels "
            "a side. Pass such as (96, 96), or None to take the pictures as they are."
        )
    return layers.Resizing(*resize_to, dtype="float32", name="resize")(x)


def _freeze(own_layers, trainable_layers):
    """Leave the last `trainable_layers` layers of a backbone trainable, and no other."""
    if not 0 <= trainable_layers <= len(own_layers):
        raise WeightsError(
            f"Got trainable_layers={trainable_layers}; expected 0 to {len(own_layers)}, the "
            "backbone's layers. Pass None to train them all."
        )
    for layer in own_layers[: len(own_layers) - trainable_layers]:
        layer.trainable = False


def _copy_imagenet(build, own_layers, application, arguments):
    """Copy ImageNet's weights, as Keras keeps them, into the layers of a backbone."""
    try:
        # 224 x 224: what Keras has weights for; other sizes use the same ones
        donor = build(include_top=False, weights="imagenet", input_shape=(224, 224, 3), **arguments)
    except Exception as error:  # Keras raises a bare Exception when it cannot download
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"Got weights='imagenet', and Keras could not load {application}'s ({reason}); "
            "expected a connection or the file in ~/.keras/models. Connect once, copy the file "
            "there from another machine, or pass weights=None (in the shell: --set "
            "builder_args={})."
        ) from error
    theirs = [layer for layer in donor.layers if layer.weights]
    ours = [layer for layer in own_layers if layer.weights]
    for our, their in zip(ours, theirs, strict=True):
        if isinstance(our, layers.Normalization):
            _copy_normalization(our, their)
        else:
            our.set_weights(their.get_weights())


def _copy_normalization(our, their):
    """Make `standardize` and `our` layer together do what the donor's layers do.

    The donor computes (x / 255 - mean) / sqrt(variance) / sqrt(stddev). With Keras'
    file, whose variance is the stddev, `our` layer stays the identity.
    """
    mean, variance, count = their.get_weights()
    mean = (mean.reshape(-1) - MEAN_RGB) / STDDEV_RGB
    variance = variance.reshape(-1) / STDDEV_RGB
    shape = our.get_weights()[0].shape
    our.set_weights([mean.reshape(shape), variance.reshape(shape), count])
    our.finalize_state()
