"""Looking inside: maps point where the evidence is, for every builder, and harm nothing."""

import keras
import numpy as np
import pytest
from builders import ON_TENSORFLOW, answers, build, pictures, precision, spots, spotted
from keras import layers

from facezoo import backend, explain, views
from facezoo.errors import FacezooError, PixelError, UnknownName
from facezoo.models import list_models
from facezoo.models.pixels import PixelModel, pixel_input

SMALL = ("expw_cnn", "lenet5", "mini_xception", "pooling_base", "pooling_strong")
LARGE = ("efficientnetb0", "mobilenetv3_small", "vgg19_ippm") if ON_TENSORFLOW else ()
EVERY = [  # JAX compiles every operation of a large network by itself: minutes
    pytest.param(name, {}, marks=() if name in SMALL + LARGE else pytest.mark.slow)
    for name in list_models()
]


def assert_points_at_the_spots(bright, dark):
    """The maps of both classes are high at their own spot and nowhere else."""
    for values, own, other in (
        (bright, np.s_[3:7, 3:7], np.s_[17:21, 17:21]),
        (dark, np.s_[17:21, 17:21], np.s_[3:7, 3:7]),
    ):
        assert values.shape == (24, 24) and values.dtype == np.float32
        assert values[own].min() > 0.8 * values.max() > 0
        assert values[other].max() < 0.1 * values.max()
        assert np.abs(values[3:7, 17:21]).max() < 0.1 * values.max()  # a corner without spot


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": None},
        {"softmax_layer": True},
        {"scale": 1e5},  # so sure that the probability's own gradient is exactly 0
        {"nested": "sequential"},
        {"nested": "functional"},
    ],
)
def test_grad_cam_points_where_the_evidence_is(options):
    model = spots(**options)
    assert_points_at_the_spots(*(explain.grad_cam(model, spotted(), class_index=k) for k in (0, 1)))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_grad_cam_under_mixed_precision(policy):
    with precision(policy):
        model = spots()
    assert model.get_layer("conv").compute_dtype == policy.removeprefix("mixed_")
    assert_points_at_the_spots(*(explain.grad_cam(model, spotted(), class_index=k) for k in (0, 1)))


def test_the_map_of_a_layer_by_name():
    model = spots(nested="functional")
    fine = explain.grad_cam(model, spotted(), class_index=0, layer="outer/inner/conv")
    coarse = explain.grad_cam(model, spotted(), class_index=0, layer="pool2")
    assert set(np.unique(fine.round(1))) == {0, 1}  # as fine as the picture itself
    assert len(np.unique(coarse)) > 2


def test_occlusion_points_where_the_evidence_is():
    model, image = spots(scale=3.0), spotted()
    bright, dark = (
        explain.occlusion_map(model, image, class_index=k, patch=4, stride=2) for k in (0, 1)
    )
    np.testing.assert_allclose(bright, -dark, atol=1e-5)  # two probabilities: a fall is a rise
    assert bright[4:6, 4:6].min() > 0.8 * bright.max() > 0
    assert bright[18:20, 18:20].max() < 0.8 * bright.min() < 0
    assert np.abs(bright[3:7, 17:21]).max() < 1e-4


def test_occlusion_is_a_fall_of_probability():
    image = spotted()
    image[16:22, 16:22] = 128
    for activation in ("softmax", None):  # logits are turned into probabilities
        model = spots(scale=5.0, activation=activation)
        sure, covered = (
            explain.probabilities(model, i[None])[0, 0] for i in (image, image * 0 + 128)
        )
        assert 0.5 < covered < sure - 0.05 < 1
        values = explain.occlusion_map(model, image, patch=24, fill=128)
        np.testing.assert_allclose(values, sure - covered, atol=1e-6)


@pytest.mark.parametrize(("patch", "stride"), [(5, 3), (1, 1), (7, 7), (24, 1), (None, None)])
def test_occlusion_covers_every_pixel(patch, stride):
    values = explain.occlusion_map(spots(), spotted(), patch=patch, stride=stride)
    assert values.shape == (24, 24) and np.isfinite(values).all()
    assert np.abs(values).max() <= 1


def test_the_class_by_default_is_the_models_own_answer():
    model, image = spots(), spotted()
    image[8:16, 8:16] = 0  # more darkness: "dark" wins
    for method in explain.METHODS.values():
        np.testing.assert_array_equal(method(model, image), method(model, image, class_index=1))
        assert not np.array_equal(method(model, image), method(model, image, class_index=0))


@pytest.mark.parametrize(
    "image", [np.full((24, 24, 1), 128, np.uint8), np.zeros((24, 24, 1), np.uint8)]
)
def test_without_evidence_the_map_is_zero(image):
    cam = explain.grad_cam(spots(), image, class_index=0)
    assert cam.dtype == np.float32 and not cam.any()


COLOUR = {"input_shape": (64, 56, 3), "num_classes": 4, "classifier_activation": None}


@pytest.mark.parametrize(("name", "arguments"), [*EVERY, ("pooling_strong", COLOUR)])
def test_maps_of_a_builder_that_answers_as_before(name, arguments):
    model = build(name, **arguments)
    shape = model.input_shape[1:]
    (image, *_), _ = pictures(1, shape, 4)
    before, config = answers(model, image[None]), model.get_config()
    cam = explain.grad_cam(model, image)
    assert cam.shape == shape[:2] and cam.dtype == np.float32
    assert np.isfinite(cam).all() and cam.min() >= 0
    assert cam.max() in (0, 1)
    fall = explain.occlusion_map(model, image, patch=min(shape[:2]))
    assert fall.shape == shape[:2] and np.isfinite(fall).all()
    np.testing.assert_array_equal(answers(model, image[None]), before)
    assert model.get_config() == config  # no node was added
    with pytest.raises(PixelError):
        model(image[None] / 255)


def test_a_model_trains_and_saves_after_it_was_looked_into(tmp_path):
    model = spots(nested="functional")
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    explain.grad_cam(model, spotted())
    model.fit(spotted()[None], np.array([0]), verbose=0)
    explain.grad_cam(model, spotted())
    model.save(tmp_path / "spots.keras")
    loaded = keras.saving.load_model(tmp_path / "spots.keras")
    np.testing.assert_array_equal(
        explain.grad_cam(loaded, spotted(), class_index=1),
        explain.grad_cam(model, spotted(), class_index=1),
    )


def test_a_layer_inside_a_residual_block():
    model = build("mini_xception")
    (image, *_), _ = pictures(1, (48, 48, 1), 7)
    assert explain.grad_cam(model, image, layer="block3_conv1").max() in (0, 1)


def test_dropout_is_off():
    pixels = pixel_input((8, 8, 1))
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Dropout(0.5)(layers.RandomFlip(name="flip")(x))
    model = PixelModel(pixels, layers.Dense(2)(layers.Flatten()(x)))
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    seen = explain.activations(model, image, "flip")
    np.testing.assert_allclose(seen, image / 255, atol=1e-6)


def test_gradient():
    x = np.float32([1, 2, 3])
    found = backend.gradient(lambda t: keras.ops.sum(t * t), x)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), [2, 4, 6])
    constant = keras.ops.convert_to_tensor(np.float32(5))
    nothing = backend.gradient(lambda t: constant, x)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(nothing), [0, 0, 0])


def test_activations_and_filters():
    model = spots(nested="sequential")
    seen = explain.activations(model, spotted(), "conv")
    assert seen.shape == (24, 24, 2) and seen.dtype == np.float32
    np.testing.assert_allclose(seen[4, 4], [1, 0], atol=1e-6)
    np.testing.assert_allclose(seen[18, 18], [0, 1], atol=1e-6)
    assert explain.activations(model, spotted(), "predictions").shape == (2,)
    assert explain.filters(model, "inner/conv").tolist() == [[[[1, -1]]]]
    assert explain.filters(build("lenet5"), "conv2").shape == (5, 5, 6, 16)
    assert explain.filters(build("mini_xception"), "block1_conv1").shape == (3, 3, 8, 1)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda m, i: explain.grad_cam(m, i, layer="con"), UnknownName, "Did you mean 'conv'"),
        (lambda m, i: explain.grad_cam(m, i, layer="predictions"), UnknownName, "conv, pool2"),
        (lambda m, i: explain.grad_cam(m, i, class_index=2), FacezooError, "expected 0 to 1"),
        (lambda m, i: explain.grad_cam(m, i, class_index="dark"), FacezooError, "label_set.index"),
        (lambda m, i: explain.grad_cam(m, i[None]), PixelError, r"images\[0\]"),
        (lambda m, i: explain.grad_cam(m, i[..., 0]), PixelError, r"x\[..., None\]"),
        (lambda m, i: explain.grad_cam(m, i / 255), PixelError, "Got float64"),
        (lambda m, i: explain.grad_cam(m, i[:20]), PixelError, "Resize"),
        (lambda m, i: explain.grad_cam(keras.Sequential(), i), FacezooError, "PixelModel"),
        (lambda m, i: explain.occlusion_map(m, i / 255), PixelError, "Got float64"),
        (lambda m, i: explain.occlusion_map(m, i, class_index=-1), FacezooError, "expected 0 to 1"),
        (lambda m, i: explain.occlusion_map(m, i, patch=25), FacezooError, "expected 1 to 24"),
        (lambda m, i: explain.occlusion_map(m, i, patch=4, stride=5), FacezooError, "1 to 4"),
        (lambda m, i: explain.occlusion_map(m, i, fill="black"), FacezooError, "0 to 255"),
        (lambda m, i: explain.occlusion_map(m, i, fill=256), FacezooError, "0 to 255"),
        (lambda m, i: explain.activations(m, i, "convolution"), UnknownName, "predictions"),
        (lambda m, i: explain.filters(m, "predictions"), UnknownName, "There are: conv."),
        (lambda m, i: views.overlays(i, [np.zeros((2, 2))], []), FacezooError, "0 titles"),
        (lambda m, i: views.overlays(i / 255, [], []), PixelError, "expected uint8"),
        (lambda m, i: views.activation_grid(np.zeros(4)), FacezooError, "maps"),
        (lambda m, i: views.filter_grid(np.zeros((3, 3))), FacezooError, "inputs, outputs"),
    ],
)
def test_errors(call, error, said):
    with pytest.raises(error, match=said):
        call(spots(), spotted())


def test_a_network_without_maps_is_sent_to_occlusion():
    pixels = pixel_input((8, 8, 1))
    x = layers.Rescaling(1 / 255)(layers.Flatten()(pixels))
    model = PixelModel(pixels, layers.Dense(2, activation="softmax")(x))
    image = np.zeros((8, 8, 1), np.uint8)
    with pytest.raises(FacezooError, match="occlusion_map"):
        explain.grad_cam(model, image)
    assert explain.occlusion_map(model, image).shape == (8, 8)
