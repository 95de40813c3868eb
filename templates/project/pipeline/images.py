"""Pictures from disk to arrays, whatever they are stored as."""

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile

from pipeline.console import UserError

SUFFIXES = {".bmp", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# Not read.
OTHER_PICTURES = {".avif", ".dib", ".exr", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".tga"}
# Pillow would open many more, and one of them with another program (Ghostscript).
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 200_000_000  # a picture beyond this is a mistake or an attack on the memory
DECODERS = min(8, len(os.sched_getaffinity(0)))  # threads; each needs memory for a whole picture
TURNS = {  # by the orientation tag of EXIF
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Up to twice that limit Pillow only warns, where `read_picture` refuses; and it warns of odd
# metadata that change nothing.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PictureError(UserError):
    """A picture that can't be used.

    Attributes:
        fault: missing, out_of_reach, huge, truncated or unreadable.
        reason: what the system or Pillow says of one that is out of reach or unreadable.
    """

    def __init__(self, fault: str, text: str, reason: str = ""):
        super().__init__(text)
        self.fault, self.reason = fault, reason


def read_picture(path: Path | BinaryIO) -> np.ndarray:
    """Reads a picture as an array [H, W, 3], uint8, RGB, turned upright as its EXIF says.

    Grey pictures get three equal channels, transparency is laid on black unless all is
    transparent, and pictures of 16 bits or floats are scaled by their own range; where floats have
    gaps, these get the lowest value.

    Raises:
        PictureError: the file is missing, out of reach, not a picture, truncated, or beyond
            MAX_PIXELS.
    """
    with _opened(path) as file:
        file.load()  # turns a TIFF, and takes its tag away
        turn = TURNS.get(orientation(file))
        return _rgb(file if turn is None else file.transpose(turn))


def orientation(file: Image.Image, of_header: bool = False) -> int:
    """The EXIF tag of an opened picture, 1 to 8: how it is turned to be upright.

    With `of_header` nothing is decoded; a PNG can have it behind its pixels, where it isn't seen.
    """
    try:
        exif = Image.Image.getexif(file) if of_header else file.getexif()
        tag = exif.get(ExifTags.Base.Orientation)
    except MemoryError:
        raise
    except Exception:  # broken EXIF beside sound pixels
        return 1
    return tag if tag in range(1, 9) else 1


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as `read_picture` gives it, px, from its header. Raises
    PictureError."""
    with _opened(path) as file:
        is_on_its_side = (
            orientation(file, of_header=True) >= 5 and file.format != "TIFF"
        )  # which Pillow turns
        return file.size[::-1] if is_on_its_side else file.size


def shorter_side(path: Path) -> int:
    """The shorter side of a picture, px, from its header. Raises PictureError."""
    with _opened(path) as file:
        return min(file.size)


@contextmanager
def _opened(path: Path | BinaryIO) -> Iterator[Image.Image]:
    """Opens a picture; whatever goes wrong from then on, but for memory, is a PictureError."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # PaddleDetection turns it on when it is imported
    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.width * file.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            yield file
    except Image.DecompressionBombError:
        text = f"{path}: over {MAX_PIXELS // 1_000_000} million pixels. Crop or shrink it."
        raise PictureError("huge", text) from None
    except FileNotFoundError:
        raise PictureError("missing", f"{path}: no such picture.") from None
    except MemoryError:
        raise
    except Exception as error:  # a broken file gets Pillow to raise nearly anything
        # EINVAL comes of a broken file, too: an offset before its beginning.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            reason = os.strerror(error.errno)
            text = f"{path}: can't be read: {reason}."
            raise PictureError("out_of_reach", text, reason) from None
        reason = str(error).split("'")[0].strip() or "unreadable"
        text = f"{path}: not a readable picture ({reason}). Replace it."
        fault = "truncated" if "truncated" in reason else "unreadable"
        raise PictureError(fault, text, reason) from None


def _rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, np.float32)
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        values = np.nan_to_num(values, nan=low, posinf=low, neginf=low)
        scaled = (values - low) * (255 / ((high - low) or 1))
        picture = Image.fromarray(scaled.astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layers = picture.convert("RGBA")
        # Windows software leaves the fourth channel unused, at 0.
        is_used = layers.getchannel("A").getextrema() != (0, 0)
        black = Image.new("RGBA", layers.size, "black")
        picture = Image.alpha_composite(black, layers) if is_used else layers
    return np.asarray(picture.convert("RGB"))
