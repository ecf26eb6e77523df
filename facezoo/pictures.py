"""Bytes of one still picture -> uint8 array, safely: the only place that decodes files.

Pillow decodes. What a person sees in a viewer is what comes out: the orientation tag is
applied, palettes and CMYK become colours, transparency lies on white, 16 bits become 8,
an animation gives its first frame. A picture that declares more than `MAX_PIXELS` is
refused before a pixel of it is decoded.
"""

import contextlib
import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from facezoo.errors import PictureError

MAX_PIXELS = 50_000_000  # our choice: twice a full-frame camera, 150 MB as RGB
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "box": Image.Resampling.BOX}
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "GIF", "WEBP", "TIFF")  # PPM reads PGM too


def decode(data, *, channels=None, size=None, resampling="bilinear"):
    """Decode one picture.

    Args:
        data: bytes of a JPEG, PNG, PGM, PPM, BMP, GIF, WebP or TIFF file.
        channels: 1 for gray, 3 for RGB, None for gray if the file is gray and else RGB.
        size: (height, width) to resize to; None keeps the size.
        resampling: "bilinear", antialiased, or "box": the mean of what a pixel covers, and
            repeated pixels where it gets larger.

    Returns:
        uint8 (height, width, channels), 0-255.

    Raises:
        PictureError: empty, truncated, no picture, or more than `MAX_PIXELS` pixels.
    """
    picture = _to_eight_bits(_open(data))
    if channels is None:
        channels = 1 if picture.mode == "L" else 3
    picture = picture.convert("L" if channels == 1 else "RGB")
    if size is not None and picture.size != (size[1], size[0]):
        picture = picture.resize((size[1], size[0]), RESAMPLING[resampling])
    return np.asarray(picture, dtype=np.uint8).reshape(picture.height, picture.width, channels)


def from_pillow(picture):
    """Return a Pillow picture as a viewer shows it, of an animation the frame that it is at.

    Args:
        picture: `PIL.Image.Image`.

    Returns:
        uint8 (height, width, 1) for a gray one, else (height, width, 3) RGB.

    Raises:
        PictureError: it cannot be decoded, or has more than `MAX_PIXELS` pixels.
    """
    with _broken_pictures_told():
        _check_size(picture)
        upright = _to_eight_bits(_upright(picture))
    upright = upright.convert("L" if upright.mode == "L" else "RGB")
    return np.asarray(upright, dtype=np.uint8).reshape(upright.height, upright.width, -1)


def decode_all(tasks):
    """Decode many pictures, in whatever process.

    Args:
        tasks: list of (function of bytes, bytes).

    Returns:
        list of what the functions returned, or the text of their `PictureError`.
    """
    decoded = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Image size")  # Pillow's: `_open` refuses sooner
        for function, data in tasks:
            try:
                decoded.append(function(data))
            except PictureError as error:
                decoded.append(str(error))
    return decoded


def _open(data):
    """bytes -> upright, wholly decoded Pillow image."""
    if not data:
        raise PictureError("zero bytes")
    with _broken_pictures_told():
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        _check_size(picture)
        picture.seek(0)
        return _upright(picture)


def _check_size(picture):
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"{width} x {height} pixels; at most {MAX_PIXELS:,} are read")
    if min(width, height) < 1:
        raise PictureError(f"{width} x {height} pixels")


def _upright(picture):
    """Pillow image -> a wholly decoded one that is upright; an animation's present frame."""
    picture.load()
    return ImageOps.exif_transpose(picture)


@contextlib.contextmanager
def _broken_pictures_told():
    """Turn whatever Pillow raises into a `PictureError`."""
    try:
        yield
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"more than {MAX_PIXELS:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise PictureError("not a picture") from None
    except Exception as error:  # decoders raise anything on broken bytes
        raise PictureError(f"broken picture ({str(error) or type(error).__name__})") from None


def _to_eight_bits(picture):
    """Any Pillow mode -> "L" or "RGB", as a viewer would show it."""
    if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow's own convert clips them
        values = np.asarray(picture).astype(np.int64)
        return Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    if picture.mode == "F":
        raise PictureError("floating-point pixels, whose range a file does not say")
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(paper, picture).convert("RGB")
    if picture.mode in ("L", "1"):
        return picture.convert("L")
    return picture.convert("RGB")
