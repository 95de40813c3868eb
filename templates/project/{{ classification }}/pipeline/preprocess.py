"""A picture becomes the network's input. The one place where that is decided."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.images import DECODERS, read_picture


def fitting_size(shorter_sides: list[int]) -> int:
    """The input size for pictures with such shorter sides, px, where the settings name none:
    their median, rounded to a multiple of 32, from 64 to 224 px."""
    return int(np.clip(round(float(np.median(shorter_sides)) / 32) * 32, 64, 224))


@dataclass(frozen=True)
class Preprocess:
    """What happens to a picture between `read_picture` and the network.

    It is written beside every export, so that whoever runs the model elsewhere does the same.

    Attributes:
        input_size: side of the square that the whole picture is resized to, px.
        channels: order of the channels.
        layout: order of the axes.
        resize: OpenCV's INTER_AREA along the sides that shrink, then INTER_LINEAR along those that
            grow.
        value_range: of the input. Mean and scale are applied inside of the network.
    """

    input_size: int
    channels: str = "RGB"
    layout: str = "NCHW"
    resize: str = "whole picture to a square, INTER_AREA when shrinking, else INTER_LINEAR"
    value_range: str = "0..255, float32"

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Preprocess":
        """Raises ValueError or TypeError for what `as_dict` did not write."""
        preprocess = cls(**values)
        if preprocess != cls(preprocess.input_size):
            raise ValueError("unknown preprocessing")
        return preprocess

    def square(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 -> [S, S, 3] uint8."""
        size = self.input_size
        height, width = picture.shape[:2]
        smaller = min(width, size), min(height, size)
        if smaller != (width, height):
            picture = cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA)
        if smaller != (size, size):
            picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
        return picture

    def inputs(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 -> its input of the network [1, 3, S, S] float32."""
        return self.batch([self.square(picture)])

    def read(self, paths: list[Path]) -> list[np.ndarray]:
        """Decodes pictures on all cores -> [S, S, 3] uint8 each. Raises PictureError."""
        with ThreadPoolExecutor(DECODERS) as pool:
            return list(pool.map(lambda path: self.square(read_picture(path)), paths))

    def batches(self, squares: list[np.ndarray], size: int) -> Iterator[np.ndarray]:
        """The network's inputs for N pictures [S, S, 3] uint8, `size` pictures at a time."""
        for start in range(0, len(squares), size):
            yield self.batch(squares[start : start + size])

    def batch(self, squares: list[np.ndarray] | np.ndarray) -> np.ndarray:
        """N pictures [S, S, 3] uint8 -> the network's input [N, 3, S, S] float32."""
        return np.ascontiguousarray(np.stack(list(squares)).transpose(0, 3, 1, 2), np.float32)
