"""The zoo: every builder keeps its contract, and is the network that it says it is."""

import zlib

import numpy as np
import pytest
from builders import ON_TENSORFLOW, answers, build, check_builder, compiled, pictures

from facezoo.errors import FacezooError, PixelError, UnknownName, WeightsError
from facezoo.models import BUILDERS, build_model, get_builder, list_models

WEIGHTS = {
    "efficientnetb0": 4_058_538,
    "expw_cnn": 839_047,
    "facex_cnn": 4_479_879,  # printed by study E, as the next two
    "facex_efficientnetb0": 5_498_794,
    "facex_vgg16": 14_984_263,
    "facezoo_base": 3_174_351,
    "facezoo_small": 1_353_039,
    "lenet5": 168_971,
    "mini_xception": 58_423,
    "mobilenetv3_small": 943_159,
    "pooling_base": 3_168_903,  # printed by study D, as the next two
    "pooling_strong": 4_820_039,
    "pooling_strongest": 38_146_631,
    "resnet50": 23_602_055,
    "resnet50_ippm": 32_765_831,
    "vgg19": 20_027_975,
    "vgg19_ippm": 22_321_223,
}  # all of them, moving averages included, at 48 x 48 x 1 and 7 classes
SMALL = ("expw_cnn", "lenet5", "mini_xception", "pooling_base")  # in seconds
DEEP = ("pooling_strongest", "resnet50_ippm", "vgg19", "vgg19_ippm")  # may diverge at 1e-3

EVERY = [
    pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in list_models()
]


@pytest.mark.parametrize("name", EVERY)
def test_builder_keeps_its_contract(name, tmp_path):
    check_builder(name, tmp_path, learning_rate=1e-4 if name in DEEP else 1e-3)


@pytest.mark.parametrize("name", list_models())
def test_weights_are_as_documented(name):
    model = build(name)
    assert model.count_params() == WEIGHTS[name]
    assert f"{WEIGHTS[name]:,} weights" in get_builder(name).__doc__
    assert model.output_shape == (None, 7) and model.name == name


@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize("name", EVERY)
def test_one_step_at_other_sizes(name, side):
    # TensorFlow has crashed here: 1 x 1 convolutions with strides, on a CPU. Eagerly the
    # same kernels run, and nothing waits for a graph.
    model = compiled(build(name, input_shape=(side, side, 1)), eager=ON_TENSORFLOW)
    images, labels = pictures(7, (side, side, 1), 7)
    assert np.isfinite(model.train_on_batch(images, labels))


@pytest.mark.parametrize(
    ("name", "arguments", "count"),
    [
        ("pooling_strongest", {"dense": (1024, 4096), "dropout": 0.25}, 42_366_535),  # study D
        ("pooling_base", {"pooling": "average"}, 3_168_903),
        ("lenet5", {"input_shape": (60, 64, 1), "num_classes": 4}, 312_716),
        (
            "lenet5",  # the figure that the textbooks give for 32 x 32 and ten classes
            {
                "input_shape": (32, 32, 1),
                "num_classes": 10,
                "activation": "tanh",
                "pooling": "average",
                "dropout": 0.0,
            },
            61_706,
        ),
        ("mini_xception", {"input_shape": (64, 64, 1)}, 58_423),  # the authors' size
        ("mobilenetv3_small", {"alpha": 0.75}, 586_191),
        ("facex_efficientnetb0", {"double_rescale": True}, 5_498_794),
        ("facezoo_small", {"squeeze": 0, "stochastic_depth": 0, "dropout": 0}, 1_312_775),
        ("facezoo_small", {"stem": "full", "input_shape": (96, 96, 3)}, 1_353_615),
        ("facezoo_small", {"stem": "pooled"}, 1_353_039),
        ("facezoo_small", {"separable": True}, 225_295),
        ("resnet50", {"resize_to": (96, 96), "input_shape": (20, 20, 1)}, 23_602_055),
    ],
)
def test_variations_of_the_studies(name, arguments, count):
    assert build_model(name, **arguments).count_params() == count


def test_average_pooling_averages():
    images, _ = pictures(2, (48, 48, 1), 7)
    expected = build("pooling_base")
    average = build("pooling_base", pooling="average")
    average.set_weights(expected.get_weights())
    assert not np.allclose(answers(average, images), answers(expected, images))


GOLDEN = {
    "expw_cnn": [0.2732, -3.773, 3.1553, -6.7002, -2.8993, -4.3853, 0.7093],
    "lenet5": [-2.2246, -4.7311, -1.7315, -5.2219, 0.605, -5.4393, 4.4284],
    "mini_xception": [-52.1902, 53.2227, 34.9282, -41.2259, 11.5056, -0.1525, -29.3847],
    "pooling_base": [1.7001, -1.6575, -1.0695, -3.517, -1.0432, -3.2912, 3.678],
}  # from `_golden_weights`, on TensorFlow; the other backends must agree


def _golden_weights(model):
    """Give every weight numbers that depend on its path and shape alone."""
    for weight in model.weights:
        rng = np.random.default_rng(zlib.crc32(weight.path.encode()))
        if weight.path.endswith(("gamma", "variance")):  # positive, around 1
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        else:  # variance kept from layer to layer
            fan_in = max(np.prod(weight.shape[:-1]), 1)
            weight.assign(rng.normal(0, np.sqrt(2 / fan_in), weight.shape))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_outputs(name):
    model = build(name, classifier_activation=None)
    _golden_weights(model)
    images, _ = pictures(1, (48, 48, 1), 7)
    np.testing.assert_allclose(answers(model, images)[0], GOLDEN[name], rtol=1e-3, atol=1e-3)


def test_list_models_and_unknown_names():
    assert list_models() == sorted(BUILDERS)
    assert list_models("vgg*") == ["vgg19", "vgg19_ippm"]
    with pytest.raises(UnknownName, match="Did you mean 'lenet5'"):
        build_model("lenet")
    with pytest.raises(UnknownName, match="average, max"):
        build_model("pooling_base", pooling="mean")
    with pytest.raises(UnknownName, match="strided"):
        build_model("facezoo_small", stem="stride")


@pytest.mark.parametrize("name", ["lenet5", "vgg19"])
@pytest.mark.parametrize("shape", [(1, 48, 48), (48, 48), (12, 12, 1), (48, 48, 4)])
def test_input_shapes_that_cannot_be(name, shape):
    with pytest.raises(PixelError, match="expected \\(height, width, channels\\)"):
        build_model(name, input_shape=shape)


@pytest.mark.parametrize(
    "name", ["expw_cnn", "lenet5", "mini_xception", "pooling_base", "pooling_strong", "facex_cnn"]
)
def test_smallest_input_builds(name):
    with pytest.raises(PixelError) as refusal:
        build_model(name, input_shape=(1, 1, 1))
    least = int(str(refusal.value).split("at least ")[1].split()[0])
    assert build_model(name, input_shape=(least, least, 1)).output_shape == (None, 7)


def test_weight_files_that_cannot_be(tmp_path):
    path = tmp_path / "own.weights.h5"
    with pytest.raises(WeightsError, match="expected a file that exists"):
        build_model("lenet5", weights=path)
    with pytest.raises(WeightsError, match="ending in .weights.h5"):
        build_model("lenet5", weights="best")
    with pytest.raises(WeightsError, match="nobody trained this network on ImageNet"):
        build_model("lenet5", weights="imagenet")
    path.write_bytes(b"no HDF5 at all")
    with pytest.raises(WeightsError, match="expected the 168,971 weights of lenet5"):
        build_model("lenet5", weights=path)
    # more layers than the network has: Keras itself would read the first ones and not tell
    build_model("lenet5", dense=(120, 84, 84)).save_weights(path)
    narrower = {"dense": (120, 84), "weights": path}
    with pytest.raises(WeightsError, match="176,111 weights"):
        build_model("lenet5", **narrower)


def test_a_refused_weight_file_changes_nothing(tmp_path):
    from facezoo.models.blocks import load_weight_file

    path = tmp_path / "other.weights.h5"
    # as many weights as the target, of other shapes behind the first layers
    build_model("lenet5", dense=(84, 120), filters=(6,), input_shape=(16, 16, 1)).save_weights(path)
    model = build_model("lenet5", dense=(120, 84), filters=(6,), input_shape=(16, 16, 1))
    before = model.get_weights()
    with pytest.raises(WeightsError):
        load_weight_file(model, path)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert all(name in BUILDERS for name in WEIGHTS) and issubclass(WeightsError, FacezooError)
