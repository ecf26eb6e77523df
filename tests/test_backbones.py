"""Backbones of keras.applications: the right pixels in, ImageNet's weights in their place."""

import keras
import numpy as np
import pytest
from builders import answers, build
from keras.src.utils import file_utils

from facezoo.errors import WeightsError
from facezoo.models import build_model

MEAN, STDDEV = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PREPROCESS = {
    "VGG16": keras.applications.vgg16.preprocess_input,
    "VGG19": keras.applications.vgg19.preprocess_input,
    "ResNet50": keras.applications.resnet.preprocess_input,
    "MobileNetV3Small": np.copy,  # these two scale inside
    "EfficientNetB0": np.copy,
}


@pytest.fixture
def imagenet(monkeypatch, tmp_path):
    """Let Keras "download" random weights: gives application -> its file in Keras' form."""

    def prepare(application):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        donor = getattr(keras.applications, application)(
            weights=None, include_top=False, input_shape=(224, 224, 3)
        )
        for layer in donor.layers:
            if isinstance(layer, keras.layers.Normalization):  # as in Keras' own file
                layer.set_weights([np.array(MEAN), np.array(STDDEV), np.array(0)])
        path = tmp_path / f"{application}.weights.h5"
        donor.save_weights(path)
        monkeypatch.setattr(file_utils, "get_file", lambda *args, **kwargs: str(path))
        return donor

    return prepare


def features(model):
    """Model from the pixels to the backbone's last feature map."""
    head = {"pool", "flatten"} & {layer.name for layer in model.layers}
    return keras.Model(model.input, model.get_layer(head.pop()).input)


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("facex_vgg16", "VGG16"),
        ("mobilenetv3_small", "MobileNetV3Small"),
        ("facex_efficientnetb0", "EfficientNetB0"),
        pytest.param("efficientnetb0", "EfficientNetB0", marks=pytest.mark.slow),
        pytest.param("resnet50", "ResNet50", marks=pytest.mark.slow),
        pytest.param("vgg19", "VGG19", marks=pytest.mark.slow),
    ],
)
def test_backbone_sees_what_keras_gives_it(name, application, imagenet):
    imagenet(application)
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    images[0] //= 20  # a dark picture, too
    reference = getattr(keras.applications, application)(
        weights="imagenet", include_top=False, input_shape=(224, 224, 3)
    )
    expected = answers(reference, PREPROCESS[application](images.astype("float32")))
    model = build(name, input_shape=(224, 224, 3), weights="imagenet")
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(answers(features(model), images), expected, atol=1e-4 * scale)


@pytest.mark.slow
def test_imagenet_changes_weights_and_nothing_else(imagenet):
    imagenet("EfficientNetB0")
    pretrained = build("efficientnetb0", weights="imagenet")
    graph = pretrained.get_config()
    plain = build("efficientnetb0")
    assert plain.get_config() == graph
    name = "stem_conv"
    theirs, ours = (model.get_layer(name).get_weights()[0] for model in (pretrained, plain))
    assert not np.array_equal(theirs, ours)


@pytest.mark.parametrize(
    ("name", "application", "trainable_layers"),
    [
        ("facex_vgg16", "VGG16", 8),
        pytest.param("facex_efficientnetb0", "EfficientNetB0", 25, marks=pytest.mark.slow),
    ],
)
def test_the_last_layers_train_and_the_head(name, application, trainable_layers, imagenet):
    donor = imagenet(application)
    frozen = {layer.name for layer in donor.layers[:-trainable_layers] if layer.weights}
    frozen = {each for each in frozen if not each.startswith("normalization")}  # auto-named
    model = build(name, weights="imagenet", trainable_layers=trainable_layers)
    for layer in model.layers:
        if layer.weights and not isinstance(layer, keras.layers.Normalization):
            assert bool(layer.trainable_weights) == (layer.name not in frozen), layer.name
    with pytest.raises(WeightsError, match="expected 0 to"):
        build_model(name, weights="imagenet", trainable_layers=1000)


def test_frozen_random_layers_are_refused():
    for name in ("facex_vgg16", "mobilenetv3_small"):
        with pytest.raises(WeightsError, match="frozen random layers learn nothing"):
            build_model(name, trainable_layers=8)


def test_offline_says_what_to_do(monkeypatch):
    def unreachable(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.org: None\nmore")  # as Keras does

    monkeypatch.setattr(file_utils, "get_file", unreachable)
    with pytest.raises(WeightsError, match="(?=.*URL fetch failure)(?=.*weights=None)") as refusal:
        build_model("mobilenetv3_small", weights="imagenet")
    assert "\n" not in str(refusal.value)


def test_double_rescale_is_seen_in_layer_statistics():
    """Study E's mistake leaves a white and a black picture all but alike."""
    images = np.stack([np.full((48, 48, 1), value, np.uint8) for value in (0, 255)])
    spread = {}
    for double in (False, True):
        model = build("facex_efficientnetb0", double_rescale=double)
        stem = keras.Model(model.input, model.get_layer("stem_conv_pad").output)
        black, white = answers(stem, images)
        spread[double] = np.abs(white - black).max()
    assert spread[False] == pytest.approx(1 / min(STDDEV), rel=1e-4)  # -2.0 to 2.5
    assert spread[True] == pytest.approx(spread[False] / 255, rel=1e-4)


def test_gray_and_its_rgb_copy_are_one_picture():
    gray = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1), dtype=np.uint8)
    model = build("mobilenetv3_small")
    color = build("mobilenetv3_small", input_shape=(48, 48, 3))
    color.set_weights(model.get_weights())
    expected = answers(model, gray)
    np.testing.assert_allclose(answers(color, np.repeat(gray, 3, -1)), expected, atol=1e-6)


def test_resizing_happens_inside():
    images = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 1), dtype=np.uint8)
    model = build("mobilenetv3_small", input_shape=(20, 30, 1), resize_to=(64, 96))
    assert features(model).output_shape == (None, 2, 3, 576)
    assert answers(model, images).shape == (2, 7)
