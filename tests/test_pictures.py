import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from conftest import picture_bytes
from facezoo.errors import PictureError
from facezoo.pictures import decode

GRADIENT = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def encoded(picture, form="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["PPM", "PNG", "BMP", "TIFF"])
def test_gray_files_keep_every_pixel(form):
    pixels = decode(picture_bytes(GRADIENT, form))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, GRADIENT[..., None])


def test_colour_stays_rgb_and_becomes_gray_on_request():
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    assert decode(picture_bytes(red, "PNG")).tolist() == red.tolist()
    assert decode(picture_bytes(red, "PNG"), channels=1)[0, 0].tolist() == [76]  # luma of red


def test_gray_repeats_to_three_channels():
    pixels = decode(picture_bytes(GRADIENT, "PNG"), channels=3)
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])


def test_resizing_averages_rather_than_skips():
    stripes = np.tile(np.array([0, 254], np.uint8), (8, 8))
    small = decode(picture_bytes(stripes, "PNG"), size=(4, 4))
    assert small.shape == (4, 4, 1)
    assert abs(int(small.mean()) - 127) < 3
    assert small.std() < 40


def test_orientation_tag_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    data = picture_bytes(GRADIENT, "PNG", exif=exif)
    np.testing.assert_array_equal(decode(data)[..., 0], np.rot90(GRADIENT, -1))


def test_sixteen_bits_are_scaled_not_clipped():
    deep = (GRADIENT.astype(np.uint16)) * 257
    data = encoded(Image.fromarray(deep))
    np.testing.assert_array_equal(decode(data)[..., 0], GRADIENT)


def test_transparency_lies_on_white():
    glass = np.zeros((2, 2, 4), np.uint8)
    assert decode(picture_bytes(glass, "PNG")).min() == 255


def test_palette_becomes_its_colours():
    red = Image.new("P", (2, 2), 1)
    red.putpalette([0, 0, 0, 250, 10, 20])
    assert decode(encoded(red))[0, 0].tolist() == [250, 10, 20]


def test_cmyk_becomes_rgb():
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    red, green, blue = decode(encoded(cyan, "JPEG"))[4, 4].tolist()
    assert red < 60 < 150 < green and blue > 150


def test_animation_gives_its_first_frame():
    frames = [Image.new("L", (3, 3), level) for level in (10, 200)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data, channels=1).max() < 20


def test_float_pixels_are_refused():
    data = encoded(Image.fromarray(GRADIENT.astype(np.float32)), "TIFF")
    with pytest.raises(PictureError, match="floating-point"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "zero bytes"),
        (b"no picture at all", "not a picture"),
        (picture_bytes(np.zeros((64, 64), np.uint8), "PNG")[:60], "broken"),
        (picture_bytes(np.zeros((64, 64), np.uint8))[:100], "broken"),
        (picture_bytes(np.zeros((64, 64, 3), np.uint8), "JPEG")[:300], "broken"),
    ],
)
def test_broken_bytes_say_why(data, reason):
    with pytest.raises(PictureError, match=reason):
        decode(data)


@pytest.mark.parametrize("side", [8_000, 60_000])
def test_a_bomb_is_refused_by_its_header(side):
    def chunk(kind, body):
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    with pytest.raises(PictureError, match="pixels"):
        decode(bomb)
