"""The input contract: a `PixelModel` answers uint8 pixels in 0-255 and refuses all else.

Why a class and not only `keras.Input(dtype="uint8")`: Keras casts whatever comes to the
dtype of the input, so floats in 0-1 become zeros and the model answers for a black
picture without a word. Why the check does not sit in a layer: an exception while Keras
traces the network leaves some backends unable to predict, fit or save afterwards, and
Keras appends pages of tensor to its message. So the check runs BEFORE Keras sees
anything, in every entry (`__call__`, `fit`, `evaluate`, `predict`, the `*_on_batch`
methods), and a model that refused works on as if nothing had happened.

What is looked at: the dtype and shape of arrays and backend tensors, the `element_spec`
of a tf.data set (or of anything else that has one), the first batch of a
`keras.utils.PyDataset`, generator or loader. Never the values: nothing asks
`image.max()`, because a dark picture is not a picture in 0-1.

`keras.Model(model.inputs, some_layer.output)` would take floats again: whoever cuts a
model up builds a `PixelModel` for the part that starts at the pixels.
"""

import inspect

import keras

from facezoo.errors import LabelSetMismatch, PixelError
from facezoo.labels import LabelSet
from facezoo.pixel_check import check_pixels, is_tensor

RGB_OR_GRAY = (1, 3)  # numbers of channels that a picture can have


def pixel_input(input_shape, *, minimum=1):
    """Return the symbolic uint8 input of a network.

    Args:
        input_shape: (height, width, channels); channels 1 (gray) or 3 (RGB).
        minimum: the fewest pixels a side that the network's layers can take.

    Returns:
        KerasTensor: uint8 (batch, height, width, channels), named "pixels".

    Raises:
        PixelError: not three numbers, another number of channels, or too small.
    """
    shape = tuple(input_shape)
    sides = [side for side in shape[:2] if side is not None]
    if len(shape) != 3 or shape[2] not in RGB_OR_GRAY or any(side < minimum for side in sides):
        raise PixelError(
            f"Got input_shape={shape}; expected (height, width, channels) with at least "
            f"{minimum} pixels a side and 1 or 3 channels. Pass such as (48, 48, 1)."
        )
    return keras.Input(shape, dtype="uint8", name="pixels")


@keras.saving.register_keras_serializable(package="facezoo")
class PixelModel(keras.Model):
    """A functional model of one uint8 input that refuses every other dtype and shape.

    Saves, loads and clones as any Keras model. (`keras.models.clone_model` gives a
    `PixelModel` without label set, for Keras passes a clone nothing but its tensors.)

    Args:
        inputs: KerasTensor uint8 (batch, height, width, channels), see `pixel_input`.
        outputs: KerasTensor, or several.
        name: name of the model.
        label_set: `LabelSet` of the outputs, or None; saved with the model.

    Raises:
        PixelError: `inputs` is not one uint8 tensor with four axes; later, in every
            entry, pictures that are not uint8 of the model's shape.
        LabelSetMismatch: a label set of another length than the output's last axis.
    """

    def __init__(self, inputs, outputs, name=None, *, label_set=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        tensor = self.inputs[0]
        if len(self.inputs) != 1 or tensor.dtype != "uint8" or len(tensor.shape) != 4:
            got = ", ".join(f"{each.dtype} {each.shape}" for each in self.inputs)
            raise PixelError(
                f"Got a model of {got}; expected one input of uint8 (batch, height, width, "
                "channels). Start it with pixel_input, or use keras.Model for inner parts."
            )
        self.label_set = label_set

    @property
    def label_set(self):
        """`LabelSet` of the outputs, or None where nothing is known."""
        return self._label_set

    @label_set.setter
    def label_set(self, label_set):
        if isinstance(label_set, dict):
            label_set = LabelSet.from_dict(label_set)
        width = self.outputs[0].shape[-1]
        if label_set is not None and len(label_set) != width:
            raise LabelSetMismatch(
                f"Got label set {label_set.name!r} of {len(label_set)} classes; expected "
                f"{width}, the model's outputs. Build with num_classes={len(label_set)}."
            )
        self._label_set = label_set

    def get_config(self):
        """Return the graph and the label set, ready for JSON."""
        label_set = self.label_set and self.label_set.to_dict()
        return {**super().get_config(), "label_set": label_set}

    def check_pixels(self, pixels):
        """Return `pixels`; raise `PixelError` unless the model takes them; read no value.

        Args:
            pixels: array, backend tensor, KerasTensor or tensor spec; also a list,
                tuple or dict that holds exactly one of them, which is then returned.
        """
        while isinstance(pixels, (list, tuple, dict)) and len(pixels) == 1:
            pixels = next(iter(pixels.values() if isinstance(pixels, dict) else pixels))
        check_pixels(pixels, tuple(self.inputs[0].shape[1:]))
        return pixels

    def __call__(self, inputs, *args, **kwargs):
        """Uint8 (batch, height, width, channels) -> the outputs, as a backend tensor."""
        return super().__call__(self.check_pixels(inputs), *args, **kwargs)

    def fit(self, x=None, y=None, *args, **kwargs):
        """Train as `keras.Model.fit` does; checks `x` and `validation_data` first."""
        given = inspect.signature(super().fit).bind(x, y, *args, **kwargs).arguments
        given["x"] = self._checked(x)
        validation = given.get("validation_data")
        if isinstance(validation, (list, tuple)):
            self.check_pixels(validation[0])
        elif validation is not None:
            given["validation_data"] = self._checked(validation)
        return super().fit(**given)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Evaluate as `keras.Model.evaluate` does; checks `x` first."""
        if not kwargs.get("_use_cached_eval_dataset"):  # within fit, which checked it
            x = self._checked(x)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Predict as `keras.Model.predict` does; checks `x` first."""
        return super().predict(self._checked(x), *args, **kwargs)

    def train_on_batch(self, x, *args, **kwargs):
        """Train one batch as Keras does; checks `x` first."""
        return super().train_on_batch(self.check_pixels(x), *args, **kwargs)

    def test_on_batch(self, x, *args, **kwargs):
        """Evaluate one batch as Keras does; checks `x` first."""
        return super().test_on_batch(self.check_pixels(x), *args, **kwargs)

    def predict_on_batch(self, x):
        """Predict one batch as Keras does; checks `x` first."""
        return super().predict_on_batch(self.check_pixels(x))

    def _checked(self, data):
        """Return `data`, or an equal generator where looking at a batch consumed one."""
        if is_tensor(data) or isinstance(data, (list, tuple, dict)):
            return self.check_pixels(data)
        if hasattr(data, "element_spec"):  # a tf.data set tells without being read
            self.check_pixels(_pictures(data.element_spec))
        elif isinstance(data, keras.utils.PyDataset):
            self.check_pixels(_pictures(data[0]))
        elif inspect.isgenerator(data):
            first = next(data, None)
            self.check_pixels(_pictures(first))
            return _chained(first, data)
        elif hasattr(data, "__iter__") and not hasattr(data, "__next__"):  # a loader
            self.check_pixels(_pictures(next(iter(data), None)))
        else:
            self.check_pixels(data)
        return data


def _pictures(batch):
    """A batch as data sets give it, x or (x, y) or (x, y, weights) -> x."""
    return batch[0] if isinstance(batch, (list, tuple)) and len(batch) else batch


def _chained(first, rest):
    yield first
    yield from rest
