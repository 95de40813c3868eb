"""Pictures of every kind become upright RGB, and broken ones are refused in one line."""

import errno
import importlib
import io
import random
import struct
import zlib
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def images(in_project):
    return importlib.import_module("pipeline.images")


def corners(pixels):
    return [tuple(int(v) for v in pixels[y, x]) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1))]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tif", ".webp"])
def test_lossless_formats_keep_every_pixel(images, tmp_path, picture, suffix):
    path = tmp_path / f"图片 'x' {{{{ y }}}}{suffix}"
    picture(0).save(path, lossless=True)
    assert np.array_equal(images.read_picture(path), np.asarray(picture(0)))


def test_rgb_order(images, tmp_path):
    Image.new("RGB", (2, 2), (200, 100, 0)).save(tmp_path / "x.png")
    assert corners(images.read_picture(tmp_path / "x.png")) == [(200, 100, 0)] * 4


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 90, (90, 90, 90)),
        ("1", 1, (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
        ("RGBA", (200, 100, 0, 0), (200, 100, 0)),
        ("RGBA", (200, 100, 0, 51), (40, 20, 0)),
        ("RGBA", (200, 100, 0, 255), (200, 100, 0)),
        ("LA", (90, 0), (90, 90, 90)),
    ],
)
def test_modes(images, tmp_path, mode, colour, expected):
    Image.new(mode, (3, 2), colour).save(tmp_path / "x.png")
    pixels = images.read_picture(tmp_path / "x.png")
    assert (pixels.shape, pixels.dtype) == ((2, 3, 3), np.uint8)
    assert corners(pixels) == [expected] * 4


def test_transparent_parts_are_black(images, tmp_path):
    rgba = Image.new("RGBA", (2, 2), (200, 100, 0, 255))
    rgba.putpixel((0, 0), (200, 100, 0, 0))
    rgba.save(tmp_path / "x.png")
    expected = [(0, 0, 0)] + [(200, 100, 0)] * 3
    assert corners(images.read_picture(tmp_path / "x.png")) == expected


def test_cmyk(images, tmp_path):
    Image.new("CMYK", (3, 2), (0, 0, 0, 255)).save(tmp_path / "x.jpg")
    assert corners(images.read_picture(tmp_path / "x.jpg")) == [(0, 0, 0)] * 4


def test_a_grey_pgm(images, tmp_path, picture):
    grey = picture(0).convert("L")
    grey.save(tmp_path / "x.pgm")
    pixels = images.read_picture(tmp_path / "x.pgm")
    assert np.array_equal(pixels, np.stack([np.asarray(grey)] * 3, axis=-1))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_pictures_are_scaled_by_their_own_range(images, tmp_path, dtype):
    values = np.array([[1000, 1051], [1102, 1255]], dtype)
    Image.fromarray(values).save(tmp_path / "x.tif")
    pixels = images.read_picture(tmp_path / "x.tif")
    assert pixels[..., 0].tolist() == [[0, 51], [102, 255]]


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, NAN], [1, 1]], [[0, 0], [255, 255]]),
        ([[1000, NAN], [1100, 1255]], [[0, 0], [100, 255]]),
        ([[1000, INF], [-INF, 1255]], [[0, 0], [0, 255]]),
        ([[0.25, 0.3125], [0.375, 0.5]], [[0, 63], [127, 255]]),
        ([[0.5, 0.5], [0.5, NAN]], [[0, 0], [0, 0]]),
        ([[NAN, NAN], [INF, NAN]], [[0, 0], [0, 0]]),
    ],
)
def test_float_pictures(images, tmp_path, values, expected):
    Image.fromarray(np.array(values, np.float32)).save(tmp_path / "x.tif")
    assert images.read_picture(tmp_path / "x.tif")[..., 0].tolist() == expected


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_turned_upright(images, tmp_path, tag, suffix):
    values = np.random.default_rng(0).integers(0, 256, (2, 4, 3), np.uint8)
    mirrored, right = values[:, ::-1], np.rot90(values, -1)
    expected = {1: values, 2: mirrored, 3: values[::-1, ::-1], 4: values[::-1]}
    expected |= {5: right[:, ::-1], 6: right, 7: right[::-1], 8: right[::-1, ::-1]}
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(values).save(tmp_path / f"x{suffix}", exif=exif, lossless=True)
    assert np.array_equal(images.read_picture(tmp_path / f"x{suffix}"), expected[tag])


def test_odd_exif_is_in_no_ones_way(images, tmp_path, picture):
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0  # to be turned right; XResolution
    data = exif.tobytes()
    rational, text = struct.pack(">HHI", 0x011A, 5, 1), struct.pack(">HHI", 0x011A, 2, 8)
    assert rational in data
    picture(0).resize((48, 32)).save(path, exif=data.replace(rational, text))
    assert images.read_picture(path).shape == (48, 32, 3)
    picture(0).resize((48, 32)).save(path, exif=b"Exif\0\0no TIFF at all")
    assert images.read_picture(path).shape == (32, 48, 3)
    with Image.open(path) as file:
        assert images.orientation(file) == 1


def fault(images, path):
    with pytest.raises(images.PictureError) as error:
        images.read_picture(path)
    assert "\n" not in str(error.value)
    return error.value.fault, str(error.value)


def test_missing(images, tmp_path):
    path = tmp_path / "x.png"
    expected = f"{path}: no such picture."
    assert fault(images, path) == ("missing", expected)


def test_truncated(images, tmp_path, picture):
    for suffix in (".jpg", ".png"):
        path = tmp_path / f"x{suffix}"
        picture(0).save(path)
        path.write_bytes(path.read_bytes()[:-200])
        kind, text = fault(images, path)
        assert kind == "truncated"
        assert text.startswith(f"{path}: not a readable picture (image file is truncated")
        assert text.endswith("). Replace it.")


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"  # a program


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"GIF89a", POSTSCRIPT]
)
def test_unreadable(images, tmp_path, content):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    kind, text = fault(images, path)
    assert kind == "unreadable"
    assert text == f"{path}: not a readable picture (cannot identify image file). Replace it."


def test_what_the_system_does_not_let_read_is_not_called_broken(
    images, tmp_path, picture, monkeypatch
):
    text = f"{tmp_path}: can't be read: Is a directory."
    assert fault(images, tmp_path) == ("out_of_reach", text)
    path = tmp_path / "x.png"
    picture(0).save(path)
    for number, reason in ((errno.EACCES, "Permission denied"), (errno.EIO, "Input/output error")):
        failing = Mock(side_effect=OSError(number, reason, str(path)))
        monkeypatch.setattr(images, "_rgb", failing)
        assert fault(images, path) == ("out_of_reach", f"{path}: can't be read: {reason}.")


def test_an_offset_before_the_file_is_a_broken_file(images, tmp_path, picture, monkeypatch):
    path = tmp_path / "x.png"
    picture(0).save(path)
    failing = Mock(side_effect=OSError(errno.EINVAL, "Invalid argument"))
    monkeypatch.setattr(images, "_rgb", failing)
    assert fault(images, path)[0] == "unreadable"


def test_too_little_memory_is_no_fault_of_the_picture(images, tmp_path, picture, monkeypatch):
    path = tmp_path / "x.png"
    picture(0).save(path)
    monkeypatch.setattr(images, "_rgb", Mock(side_effect=MemoryError))
    with pytest.raises(MemoryError):
        images.read_picture(path)


def test_a_bomb_is_refused_before_it_is_decoded(images, tmp_path):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    path = tmp_path / "x.png"
    for width, height in ((20_001, 10_000), (2**31 - 1, 2**31 - 1)):
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
        expected = f"{path}: over 200 million pixels. Crop or shrink it."
        assert fault(images, path) == ("huge", expected)


@pytest.mark.filterwarnings("ignore")
def test_broken_bytes_never_raise_anything_else(images, tmp_path, picture):
    """Whatever a disk or a network does to a file: a picture or one line."""
    rng = random.Random(0)
    path = tmp_path / "x.bin"
    for kind in ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP", "GIF"):
        buffer = io.BytesIO()
        picture(0).save(buffer, kind)
        for _ in range(60):
            data = bytearray(buffer.getvalue())
            for _ in range(rng.choice([1, 3, 30])):
                data[rng.randrange(min(len(data), rng.choice([64, len(data)])))] = rng.randrange(
                    256
                )
            path.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
            try:
                pixels = images.read_picture(path)
            except images.PictureError as error:
                assert "\n" not in str(error)
            else:
                assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8


def test_square_and_batch(images):
    from pipeline.preprocess import Preprocess

    preprocess = Preprocess(input_size=32)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (64, 96, 3), np.uint8)
    square = preprocess.square(pixels)
    # Shrinking averages the area: 2 x 3 pixels make one.
    expected = pixels.reshape(32, 2, 32, 3, 3).mean((1, 3))
    assert np.abs(square - expected).max() <= 0.5 + 1e-6
    assert np.array_equal(preprocess.square(square), square)
    batch = preprocess.batch([square, square[::-1]])
    assert (batch.shape, batch.dtype) == ((2, 3, 32, 32), np.float32)
    assert np.array_equal(batch[0].transpose(1, 2, 0), square)
    assert batch.flags["C_CONTIGUOUS"]
