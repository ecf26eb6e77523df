"""What every network is given: uint8 (batch, height, width, channels) in 0-255, or a refusal.

The one message of Keras models and of exported networks; no library is needed to say it.
"""

from facezoo.errors import PixelError


def check_pixels(pixels, shape):
    """Raise `PixelError` unless `pixels` is uint8 (batch, *shape); read no value.

    Args:
        pixels: array, tensor of any library, or spec of one.
        shape: (height, width, channels), None for any number.
    """
    height, width, channels = ("any" if side is None else side for side in shape)
    expected = f"expected uint8 (batch, {height}, {width}, {channels}) in 0-255"
    if not is_tensor(pixels):
        raise PixelError(
            f"Got {type(pixels).__name__}; {expected}. Pass an array, such as np.stack(pictures)."
        )
    dtype = _dtype_name(pixels.dtype)
    unknown_rank = getattr(pixels.shape, "rank", 0) is None  # a tf.data set can be so
    got = None if unknown_rank else tuple(pixels.shape)
    remedy = _dtype_remedy(dtype) or (got and _shape_remedy(got, shape))
    if remedy:
        raise PixelError(f"Got {dtype} {got or 'of unknown shape'}; {expected}. {remedy}")


def is_tensor(value):
    """Whether a value has a dtype and a shape."""
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _dtype_name(dtype):
    """The name of a dtype of NumPy, Keras, TensorFlow, JAX or PyTorch ("torch.uint8")."""
    return getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]


def _dtype_remedy(dtype):
    if dtype == "uint8":
        return ""
    if "float" in dtype:
        return (
            "Pass the picture as it was read, or np.round(x * 255).astype('uint8') if "
            "its floats are in 0-1."
        )
    return "Pass the picture as it was read, or x.astype('uint8') if its values are in 0-255."


def _shape_remedy(got, shape):
    """Return what to do about pictures of shape `got` for a model of (h, w, c), or ""."""
    if _fits(got[1:], shape):
        return ""
    if _fits(got, shape):
        return "Add the batch axis: x[None]."
    if len(got) != 4:
        gray = shape[2] == 1 and _fits(got[1:], shape[:2])
        return "Add the channel axis: x[..., None]." if gray else "Pass a batch of pictures."
    if _fits((*got[2:], got[1]), shape):
        return "Put the channels last: np.moveaxis(x, 1, -1)."
    built = f"build the model with input_shape={got[1:]}"
    if not _fits(got[3:], shape[2:]):
        convert = "Convert to gray" if shape[2] == 1 else "Convert to RGB"
        return f"{convert} first, or {built}."
    return f"Resize the pictures first, or {built}."


def _fits(got, shape):
    """Whether two shapes agree, None standing for any number."""
    return len(got) == len(shape) and all(
        a is None or b is None or a == b for a, b in zip(got, shape, strict=True)
    )
