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
    "facezoo_base": 1_582_659,
    "facezoo_small": 930_423,
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


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("lenet5", {"batch_norm": True, "pooling": "average"}),
        pytest.param("facezoo_small", {"separable": True}, marks=pytest.mark.slow),
        pytest.param("resnet50_ippm", {"literal": True}, marks=pytest.mark.slow),
    ],
)
def test_variations_keep_the_contract_too(name, arguments, tmp_path):
    check_builder(name, tmp_path, learning_rate=1e-4 if name in DEEP else 1e-3, **arguments)


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
        ("facezoo_small", {"squeeze": 0, "stochastic_depth": 0, "dropout": 0}, 903_079),
        ("facezoo_small", {"stem": "full", "input_shape": (96, 96, 3)}, 930_999),
        ("facezoo_small", {"stem": "strided"}, 930_423),
        ("facezoo_small", {"separable": True}, 161_687),
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
    "efficientnetb0": [-0.480094, 8.834, 0.839833, -5.43501, 2.22308, -2.77079, -2.61696],
    "expw_cnn": [0.273244, -3.77295, 3.15531, -6.70021, -2.89932, -4.38526, 0.709331],
    "facex_cnn": [6.04415, -15.8928, -9.19608, -15.8585, -17.8496, 10.5344, -1.66726],
    "facex_efficientnetb0": [4.57672, -9.57466, -10.1606, -11.2238, -18.4767, -8.95657, -1.03871],
    "facex_vgg16": [303.603, -56.0128, 47.9549, -180.142, -310.71, 116.309, -69.2061],
    "facezoo_base": [-2.91307, -4.21342, 8.4207, -15.0658, -29.1851, 21.3857, 1.56029],
    "facezoo_small": [-2.85061, -1.27923, -4.17933, -12.6543, -11.7916, 16.904, 9.11622],
    "lenet5": [-2.2246, -4.73113, -1.73147, -5.22186, 0.605024, -5.43932, 4.42837],
    "mini_xception": [-52.1902, 53.2227, 34.9282, -41.2259, 11.5056, -0.152526, -29.3847],
    "mobilenetv3_small": [-3.87984, -15.4017, -12.6043, -17.4596, -0.397391, -16.1126, -2.84439],
    "pooling_base": [1.70008, -1.65747, -1.06955, -3.51695, -1.04319, -3.29125, 3.67802],
    "pooling_strong": [5.23229, -3.6445, 1.19413, -5.43681, 0.482362, 0.263712, -3.30041],
    "pooling_strongest": [2.92139, -10.0685, -0.548989, 0.12308, -5.82636, -13.1745, -7.9514],
    "resnet50": [120923, -27390.8, 208792, -106162, -33731.2, 321084, -157501],
    "resnet50_ippm": [66326.6, -146609, -2273.43, -115276, -92955, -881.501, 13890.9],
    "vgg19": [126.22, -36.0703, 38.0302, -98.1334, -150.42, 2.53454, 71.7435],
    "vgg19_ippm": [30.5264, -80.6232, -114.869, -92.9762, -30.4995, 22.6223, -16.3871],
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


@pytest.mark.parametrize("name", EVERY)
def test_golden_outputs(name):
    model = build(name, classifier_activation=None)
    _golden_weights(model)
    images, _ = pictures(1, (48, 48, 1), 7)
    scale = np.abs(GOLDEN[name]).max()
    np.testing.assert_allclose(answers(model, images)[0], GOLDEN[name], rtol=0, atol=1e-4 * scale)


def test_list_models_and_unknown_names():
    assert list_models() == sorted(BUILDERS)
    assert list_models("vgg*") == ["vgg19", "vgg19_ippm"]
    with pytest.raises(UnknownName, match="Did you mean 'lenet5'"):
        build_model("lenet")
    with pytest.raises(UnknownName, match="average, max"):
        build_model("pooling_base", pooling="mean")
    with pytest.raises(UnknownName, match="Did you mean 'strided'"):
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
