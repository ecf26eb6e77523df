"""The input contract: uint8 in 0-255 or a line that says what to do, and no harm done."""

import keras
import numpy as np
import pytest
from builders import Batches, answers, compiled, entries, pictures

from facezoo.errors import LabelSetMismatch, PixelError
from facezoo.labels import EXPRESSION_7, POSE
from facezoo.models.pixels import PixelModel, pixel_input

IMAGES, LABELS = pictures(6, (8, 12, 1), 3)


def small_model(shape=(8, 12, 1), **arguments):
    pixels = pixel_input(shape)
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
    outputs = keras.layers.Dense(3, activation="softmax")(x)
    return compiled(PixelModel(pixels, outputs, **arguments))


@pytest.fixture(scope="module")
def model():
    return small_model()


WRONG = {
    "floats": (IMAGES / 255, r"Got float64 \(6, 8, 12, 1\); .* np.round\(x \* 255\)"),
    "integers": (IMAGES.astype("int64"), "Got int64 .* x.astype"),
    "booleans": (IMAGES > 99, "Got bool .* x.astype"),
    "objects": (IMAGES.astype(object), "Got object"),
    "one picture": (IMAGES[0], r"Add the batch axis: x\[None\]"),
    "no channel": (IMAGES[..., 0], r"Add the channel axis: x\[..., None\]"),
    "a row": (IMAGES[0, 0], "Pass a batch of pictures"),
    "colour": (np.repeat(IMAGES, 3, -1), r"Convert to gray first, or .*=\(8, 12, 3\)"),
    "channels first": (np.moveaxis(IMAGES, -1, 1), r"np.moveaxis\(x, 1, -1\)"),
    "size": (IMAGES[:, :7], r"Resize the pictures first, or .*=\(7, 12, 1\)"),
    "a list of pictures": (list(IMAGES), r"Got list; .* np.stack\(pictures\)"),
    "a path": ("face.jpg", "Got str; expected uint8"),
    "nothing": (None, "Got NoneType"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_pictures_are_refused_in_one_line(model, case):
    wrong, message = WRONG[case]
    for take in (model, model.predict_on_batch, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(PixelError, match=message) as refusal:
            take(wrong)
        assert "\n" not in str(refusal.value) and "(batch, 8, 12, 1)" in str(refusal.value)


def test_every_entry_refuses_and_works_on_also_when_loaded(tmp_path):
    first = small_model()
    first.train_on_batch(IMAGES, LABELS)  # so that the file holds a whole optimizer
    first.save(tmp_path / "model.keras")
    for model in (first, keras.saving.load_model(tmp_path / "model.keras")):
        before = answers(model, IMAGES)
        for name, function in entries(model, IMAGES, LABELS).items():
            with pytest.raises(PixelError):
                function(IMAGES / 255)
                pytest.fail(f"floats were taken by {name}")
        np.testing.assert_array_equal(answers(model, IMAGES), before)
        for function in entries(model, IMAGES, LABELS).values():
            function(IMAGES)
        assert not np.array_equal(answers(model, IMAGES), before)  # it was trained
        model.save(tmp_path / "after.keras")


def test_validation_data_is_checked_wherever_it_stands(model):
    for validation in ((IMAGES / 255, LABELS), Batches(IMAGES / 255, LABELS)):
        with pytest.raises(PixelError):
            model.fit(IMAGES, LABELS, 6, 1, 0, None, 0.0, validation)
    history = model.fit(IMAGES, LABELS, verbose=0, validation_data=Batches(IMAGES, LABELS))
    assert "val_loss" in history.history


def test_a_generator_loses_no_batch(model):
    def batches(images):
        for start in range(0, 6, 2):
            yield (images[start : start + 2],)

    expected = answers(model, IMAGES)
    got = model.predict(batches(IMAGES), steps=3, verbose=0)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    with pytest.raises(PixelError, match="Got float64"):
        model.predict(batches(IMAGES / 255), steps=3, verbose=0)


def test_tf_data_is_told_by_its_spec():
    tf = pytest.importorskip("tensorflow")
    model = small_model()

    def never_read():
        raise AssertionError("the data set was read")
        yield

    spec = (tf.TensorSpec((None, 8, 12, 1), tf.float32), tf.TensorSpec((None,), tf.int64))
    floats = tf.data.Dataset.from_generator(never_read, output_signature=spec)
    for function in (model.fit, model.evaluate, model.predict):
        with pytest.raises(PixelError, match=r"Got float32 \(None, 8, 12, 1\)"):
            function(floats, verbose=0)
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    history = model.fit(pairs, shuffle=False, verbose=0, validation_data=pairs).history
    assert np.isfinite(history["val_loss"][0])
    assert model.predict(tf.data.Dataset.from_tensors(IMAGES), verbose=0).shape == (6, 3)
    unknown = tf.TensorSpec(None, tf.uint8)  # rank unknown: nothing to say about it
    model.check_pixels(unknown)


def test_a_torch_loader_is_told_by_its_first_batch():
    torch = pytest.importorskip("torch")
    model = small_model()
    for images, refused in ((IMAGES, False), (IMAGES / 255, True)):
        tensors = torch.utils.data.TensorDataset(torch.tensor(images), torch.tensor(LABELS))
        loader = torch.utils.data.DataLoader(tensors, batch_size=3)
        if refused:
            with pytest.raises(PixelError, match="Got float64"):
                model.fit(loader, shuffle=False, verbose=0)
        else:
            model.fit(loader, shuffle=False, verbose=0)


def test_one_tensor_in_a_list_or_dict_is_that_tensor(model):
    expected = answers(model, IMAGES)
    np.testing.assert_array_equal(answers(model, [IMAGES]), expected)
    np.testing.assert_array_equal(answers(model, {"pixels": IMAGES}), expected)
    with pytest.raises(PixelError, match="Got float64"):
        model({"pixels": IMAGES / 255})


def test_unknown_sizes_take_any_size_but_not_any_colour():
    model = small_model((None, None, 1))
    assert answers(model, IMAGES[:, :5]).shape == (6, 3)
    with pytest.raises(PixelError, match=r"expected uint8 \(batch, any, any, 1\)"):
        model(np.repeat(IMAGES, 3, -1))


def test_symbolic_pixels_compose_and_symbolic_floats_do_not(model):
    pixels = pixel_input((8, 12, 1))
    outer = PixelModel(pixels, model(pixels))
    np.testing.assert_allclose(answers(outer, IMAGES), answers(model, IMAGES), atol=1e-6)
    with pytest.raises(PixelError, match="Got float32"):
        model(keras.Input((8, 12, 1)))


def test_a_float_network_is_no_pixel_model():
    floats = keras.Input((8, 12, 1))
    with pytest.raises(PixelError, match="expected one input of uint8"):
        PixelModel(floats, keras.layers.Flatten()(floats))


def test_label_set_is_saved_and_must_fit(tmp_path):
    pixels = pixel_input((8, 12, 1))
    outputs = keras.layers.Dense(4)(keras.layers.Flatten()(pixels))
    model = PixelModel(pixels, outputs, label_set=POSE)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").label_set == POSE
    with pytest.raises(LabelSetMismatch, match="num_classes=7"):
        model.label_set = EXPRESSION_7
    assert model.label_set == POSE
    model.label_set = None
    assert PixelModel.from_config(model.get_config()).label_set is None


def test_a_clone_refuses_too(model):
    clone = keras.models.clone_model(model)
    with pytest.raises(PixelError):
        clone(IMAGES / 255)
    assert answers(clone, IMAGES).shape == (6, 3)
