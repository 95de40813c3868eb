"""Pictures from disk to the network's input. The one place where pixels are prepared."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from pipeline.console import UserError

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
MAX_PIXELS = 200_000_000  # a picture beyond this is a mistake or an attack on the memory

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Up to twice that limit Pillow only warns, where `read_picture` refuses; and it warns of odd
# metadata that change nothing.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PictureError(UserError):
    """A picture that can't be used. `fault` is missing, huge, truncated or unreadable."""

    def __init__(self, fault: str, text: str):
        super().__init__(text)
        self.fault = fault


def read_picture(path: Path) -> np.ndarray:
    """Reads a picture as an array [H, W, 3], uint8, RGB, turned upright as its EXIF says.

    Grey pictures get three equal channels, transparency is laid on black, and 16 bit pictures
    are scaled by their own range.

    Raises:
        PictureError: the file is missing, not a picture, truncated, or beyond MAX_PIXELS.
    """
    with _opened(path) as file:
        return _rgb(ImageOps.exif_transpose(file))


def shorter_side(path: Path) -> int:
    """The shorter side of a picture, px, from its header. Raises PictureError."""
    with _opened(path) as file:
        return min(file.size)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Opens a picture; whatever goes wrong from then on becomes a PictureError."""
    try:
        with Image.open(path) as file:
            if file.width * file.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            yield file
    except Image.DecompressionBombError:
        text = f"{path}: over {MAX_PIXELS // 1_000_000} million pixels. Crop or shrink it."
        raise PictureError("huge", text) from None
    except FileNotFoundError:
        raise PictureError("missing", f"{path}: no such picture.") from None
    except Exception as error:  # a broken file gets Pillow to raise nearly anything
        reason = str(error).split("'")[0].strip() or "unreadable"
        text = f"{path}: not a readable picture ({reason}). Replace it."
        raise PictureError("truncated" if "truncated" in reason else "unreadable", text) from None


def _rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(picture, np.float32))
        low, high = float(values.min()), float(values.max())
        scaled = (values - low) * (255 / max(high - low, 1))
        picture = Image.fromarray(scaled.astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layers = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layers.size, "black"), layers)
    return np.asarray(picture.convert("RGB"))


@dataclass(frozen=True)
class Preprocess:
    """What happens to a picture between `read_picture` and the network.

    It is written beside every export, so that whoever runs the model elsewhere does the same.

    Attributes:
        input_size: side of the square that the whole picture is resized to, px.
        channels: order of the channels.
        layout: order of the axes.
        resize: OpenCV's INTER_AREA where the picture shrinks, INTER_LINEAR where it grows.
        value_range: of the input. Mean and scale are applied inside of the network.
    """

    input_size: int
    channels: str = "RGB"
    layout: str = "NCHW"
    resize: str = "whole picture to a square, INTER_AREA when shrinking, else INTER_LINEAR"
    value_range: str = "0..255, float32"

    def as_dict(self) -> dict:
        return asdict(self)

    def square(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 -> [S, S, 3] uint8."""
        size = self.input_size
        if picture.shape[:2] == (size, size):
            return picture
        shrinks = min(picture.shape[:2]) > size
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(picture, (size, size), interpolation=method)

    def read(self, paths: list[Path]) -> list[np.ndarray]:
        """Decodes pictures on all cores -> [S, S, 3] uint8 each. Raises PictureError."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda path: self.square(read_picture(path)), paths))

    def batches(self, squares: list[np.ndarray], size: int) -> Iterator[np.ndarray]:
        """The network's inputs for N pictures [S, S, 3] uint8, `size` pictures at a time."""
        for start in range(0, len(squares), size):
            yield self.batch(squares[start : start + size])

    def batch(self, squares: list[np.ndarray] | np.ndarray) -> np.ndarray:
        """N pictures [S, S, 3] uint8 -> the network's input [N, 3, S, S] float32."""
        return np.ascontiguousarray(np.stack(list(squares)).transpose(0, 3, 1, 2), np.float32)
