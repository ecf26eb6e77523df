"""Augmentation and the affine kernels, on whichever Keras backend is active."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from scipy import ndimage

from facezoo.augment import FILLS, Augmentation, affine_matrices
from facezoo.augment_layer import RandomAugmentation, augmented
from facezoo.backend import affine_batch, devices, jit_compile_default, set_seeds, versions
from facezoo.errors import FacezooError, PixelError, RecipeError, UnknownName

SCIPY_MODES = {"nearest": "nearest", "reflect": "reflect", "constant": "grid-constant"}
EVERYTHING = Augmentation(
    flip=True, rotate=25, shear=10, zoom=0.2, shift=0.1, brightness=0.3, erase=0.2
)
IDENTITY = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def pictures(n=6, height=20, width=24, channels=1, seed=0):
    """Smooth random pictures, (n, height, width, channels) uint8."""
    noise = np.random.default_rng(seed).uniform(0, 255, (n, height, width, channels))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 0))
    smooth -= smooth.min()
    return np.round(smooth * 255 / smooth.max()).astype(np.uint8)


def resample(images, matrices, fill="nearest"):
    """`affine_batch` as an ndarray."""
    out = keras.ops.convert_to_numpy(affine_batch(images, matrices, fill))
    assert out.dtype == np.uint8
    return out


def reference(image, matrix, fill):
    """scipy's answer for one picture: rows before columns, float64."""
    (a, b, c), (d, e, f) = matrix.astype(np.float64)
    channels = [
        ndimage.affine_transform(
            channel.astype(np.float64),
            [[e, d], [b, a]],
            (f, c),
            order=1,
            mode=SCIPY_MODES[fill],
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, axis=-1)


def column(*values):
    """float32 array of the values."""
    return np.array(values, np.float32)


def matrix(*, mirror=1, rotate=0, shear=0, zoom=1, shift=(0, 0), size):
    """One matrix (1, 2, 3) for given steps."""
    steps = map(column, (mirror, rotate, shear, zoom, *shift))
    return affine_matrices(*steps, size)


def call_layer(layer, images, **kwargs):
    """A layer's answer as an ndarray."""
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(images), **kwargs))


@pytest.mark.parametrize("fill", FILLS)
def test_the_identity_keeps_every_byte(fill):
    images = pictures(channels=3)
    assert (resample(images, np.stack([IDENTITY] * 6), fill) == images).all()


def test_zero_ranges_change_nothing():
    images = pictures()
    assert (augmented(images, Augmentation(), seed=3) == images).all()


def test_flip_mirrors_some_pictures_and_keeps_the_others():
    images = pictures(n=64)
    out = augmented(images, Augmentation(flip=True), seed=0)
    kept = (out == images).all(axis=(1, 2, 3))
    mirrored = (out == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (kept ^ mirrored).all()
    assert 16 < mirrored.sum() < 48


def test_a_quarter_turn_is_rot90():
    images = pictures(n=1, height=21, width=21, channels=3)
    out = resample(images, matrix(rotate=90, size=(21, 21)))
    assert (out[0] == np.rot90(images[0])).all()


def test_shifts_go_right_and_down():
    images = pictures(n=1)
    out = resample(images, matrix(shift=(3, 5), size=(20, 24)), "constant")
    assert (out[0, 5:, 3:] == images[0, :-5, :-3]).all()
    assert not out[0, :5].any() and not out[0, :, :3].any()


def test_a_zoom_above_one_enlarges_about_the_centre():
    images = np.zeros((1, 21, 21, 1), np.uint8)
    images[0, 8:13, 8:13] = 255  # 5 x 5 in the middle
    out = resample(images, matrix(zoom=2, size=(21, 21)))[0, :, :, 0]
    assert (out == out[::-1]).all() and (out == out[:, ::-1]).all()
    assert 9 <= (out[10] > 127).sum() <= 11


def test_a_positive_shear_leans_the_top_to_the_left():
    images = np.zeros((1, 21, 21, 1), np.uint8)
    images[0, :, 10] = 255
    out = resample(images, matrix(shear=45, size=(21, 21)), "constant")[0, :, :, 0]
    assert out[5].argmax() == 5 and out[10].argmax() == 10 and out[15].argmax() == 15


def test_matrices_are_flip_rotation_shear_zoom_shift_in_this_order():
    rng = np.random.default_rng(1)
    for _ in range(20):
        angle, shear = rng.uniform(-60, 60, 2)
        zoom = rng.uniform(0.5, 1.5)
        shift = rng.uniform(-9, 9, 2)
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        forward = np.eye(3)
        for step in (
            [[1, 0, -11.5], [0, 1, -9.5], [0, 0, 1]],  # the centre of 20 x 24 to the origin
            np.diag([-1, 1, 1]),
            [[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]],  # y points down
            [[1, math.tan(math.radians(shear)), 0], [0, 1, 0], [0, 0, 1]],
            np.diag([zoom, zoom, 1]),
            [[1, 0, 11.5 + shift[0]], [0, 1, 9.5 + shift[1]], [0, 0, 1]],
        ):
            forward = np.array(step) @ forward
        got = matrix(mirror=-1, rotate=angle, shear=shear, zoom=zoom, shift=shift, size=(20, 24))
        assert np.allclose(got[0], np.linalg.inv(forward)[:2], atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", FILLS)
def test_kernels_agree_with_scipy_to_one_grey_level(fill, channels):
    images = pictures(n=12, height=17, width=26, channels=channels)
    wide = Augmentation(flip=True, rotate=180, shear=30, zoom=0.5, shift=0.6)
    matrices = wide.draw(12, 17, 26, np.random.default_rng(2)).matrices
    out = resample(images, matrices, fill)
    for image, one, got in zip(images, matrices, out, strict=True):
        assert np.abs(reference(image, one, fill) - got).max() <= 1


def test_every_picture_has_its_own_matrix():
    images = np.repeat(pictures(n=1), 5, axis=0)
    out = augmented(images, Augmentation(rotate=40), seed=0)
    assert len({picture.tobytes() for picture in out}) == 5


def test_draws_fill_their_ranges_and_stay_inside():
    size, n = (40, 50), 2000
    draws = EVERYTHING.draw(n, *size, np.random.default_rng(0))
    a, b, _ = draws.matrices[:, 0].T
    c, d, _ = draws.matrices[:, 1].T
    assert draws.matrices.dtype == np.float32 and draws.matrices.shape == (n, 2, 3)
    zoom = 1 / np.hypot(a, c)
    assert 0.8 <= zoom.min() < 0.82 and 1.18 < zoom.max() <= 1.2
    angle = np.degrees(np.arcsin(c * zoom))
    assert -25.01 <= angle.min() < -24 and 24 < angle.max() <= 25.01
    mirrored = a * d - b * c < 0
    assert 0.45 < mirrored.mean() < 0.55
    assert 0.7 <= draws.gains.min() < 0.71 and 1.29 < draws.gains.max() <= 1.3
    left, top, right, bottom = draws.boxes.T
    area = (right - left) * (bottom - top)
    assert (left >= 0).all() and (top >= 0).all()
    assert (right <= 50).all() and (bottom <= 40).all()
    assert 0.17 < area.max() / 2000 <= 0.2


def test_a_field_does_not_change_the_draws_of_another():
    both = EVERYTHING.draw(5, 20, 20, np.random.default_rng(7))
    gains = Augmentation(brightness=0.3).draw(5, 20, 20, np.random.default_rng(7))
    assert (both.gains == gains.gains).all()
    assert gains.matrices is None and gains.boxes is None


def test_brightness_scales_and_saturates():
    images = np.full((200, 4, 4, 1), 200, np.uint8)
    out = augmented(images, Augmentation(brightness=0.5), seed=0)
    assert (out == out[:, :1, :1]).all()
    assert 100 <= out.min() < 110 and out.max() == 255


def test_erase_covers_one_box_with_the_mean():
    images = pictures(n=40, height=30, width=30, channels=3)
    out = augmented(images, Augmentation(erase=0.3), seed=1)
    changed = (out != images).any(axis=-1)
    assert 0 < changed.mean(axis=(1, 2)).max() <= 0.3
    for picture, original, mask in zip(out, images, changed, strict=True):
        mean = original.mean(axis=(0, 1))
        assert (np.abs(picture[mask] - mean) <= 0.5).all()


def test_equal_seeds_give_equal_pictures_and_others_do_not():
    images = pictures()
    first = augmented(images, EVERYTHING, seed=5)
    assert first.shape == images.shape and first.dtype == np.uint8
    assert (first == augmented(images, EVERYTHING, seed=5)).all()
    assert (first != augmented(images, EVERYTHING, seed=6)).any()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rotate", -1),
        ("rotate", 181),
        ("zoom", 1.0),
        ("zoom", float("nan")),
        ("shear", 90),
        ("shift", "0.1"),
        ("brightness", True),
        ("erase", 1.5),
        ("flip", 1),
        ("fill", "mirror"),
    ],
)
def test_impossible_fields_are_refused_by_name(field, value):
    with pytest.raises(RecipeError, match=field):
        Augmentation(**{field: value})


def test_dictionaries_round_trip_and_misspelt_fields_are_named():
    assert Augmentation.from_dict(EVERYTHING.to_dict()) == EVERYTHING
    with pytest.raises(UnknownName, match="rotate"):
        Augmentation.from_dict({"rotation": 10})


@pytest.mark.parametrize("bad", [np.zeros((2, 8, 8, 1), np.float32), np.zeros((8, 8, 1), np.uint8)])
def test_other_pixels_are_refused(bad):
    with pytest.raises(PixelError, match="uint8"):
        augmented(bad, EVERYTHING, seed=0)


def test_an_unknown_fill_is_refused_by_the_kernel():
    with pytest.raises(FacezooError, match="nearest"):
        affine_batch(pictures(n=1), IDENTITY[None], "wrap")


def test_the_layer_is_active_only_in_training():
    images = pictures()
    layer = RandomAugmentation(EVERYTHING, seed=1)
    assert (call_layer(layer, images) == images).all()
    assert (call_layer(layer, images, training=False) == images).all()
    changed = call_layer(layer, images, training=True)
    assert changed.dtype == np.uint8 and changed.shape == images.shape
    assert (changed != images).any(axis=(1, 2, 3)).all()


def test_the_layer_draws_anew_and_repeats_when_seeded_again():
    images = pictures()
    layer = RandomAugmentation(EVERYTHING, seed=1)
    start = keras.ops.convert_to_numpy(layer.seed_generator.state + 0)
    first = call_layer(layer, images, training=True)
    assert (first != call_layer(layer, images, training=True)).any()
    layer.seed_generator.state.assign(start)
    assert (first == call_layer(layer, images, training=True)).all()
    assert (
        first != call_layer(RandomAugmentation(EVERYTHING, seed=2), images, training=True)
    ).any()


def test_the_layer_composes_as_the_numpy_path_does():
    uniform = np.random.default_rng(0).random((9, 11), np.float32)
    expected = EVERYTHING.from_uniform(uniform, 20, 24, np)
    tensors = EVERYTHING.from_uniform(keras.ops.convert_to_tensor(uniform), 20, 24, keras.ops)
    for want, got in zip(expected, tensors, strict=True):
        assert np.allclose(want, keras.ops.convert_to_numpy(got), atol=1e-4)


def test_the_layer_round_trips_through_its_configuration():
    layer = RandomAugmentation(EVERYTHING, seed=4)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(again, RandomAugmentation)
    assert again.augmentation == EVERYTHING and again.seed == 4
    first, second = (call_layer(one, pictures(), training=True) for one in (layer, again))
    assert (first == second).all()


def test_a_model_trains_through_the_layer_and_reloads(tmp_path):
    set_seeds(0)
    pixels = keras.Input((20, 24, 1), dtype="uint8")
    moved = RandomAugmentation(Augmentation(flip=True, rotate=10, brightness=0.1, erase=0.1))(
        pixels
    )
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(moved))
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit_compile_default())
    images, labels = pictures(n=8), np.arange(8) % 2
    before = model.predict(images, verbose=0)
    history = model.fit(images, labels, batch_size=4, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = model.predict(images, verbose=0)
    assert (before != after).any()
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.allclose(reloaded.predict(images, verbose=0), after)


def test_the_environment_names_the_backend_and_a_processor():
    name = keras.backend.backend()
    found = versions()
    assert found["backend"] == name and found[name][0].isdigit()
    assert any(device.startswith(("cpu:0", "gpu:0")) for device in devices())


def test_the_dataclass_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EVERYTHING.rotate = 3


def test_the_layer_stays_uint8_in_a_symbolic_graph():
    pixels = keras.Input((8, 8, 1), dtype="uint8")
    assert keras.backend.standardize_dtype(RandomAugmentation(EVERYTHING)(pixels).dtype) == "uint8"
