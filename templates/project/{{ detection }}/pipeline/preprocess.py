"""A picture becomes one or several inputs of the network. The one place where that is decided."""

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np

GREY = 127  # around a picture that does not fill the input


@dataclass(frozen=True)
class Piece:
    """A part of a picture as an input of the network.

    Attributes:
        square: [S, S, 3] uint8.
        scale: px of the input for a px of the picture.
        left, top: where the part begins, px of the scaled picture.
        shown: width and height that show picture; what is right of it and below is grey.
        cut: [4] bool for x0, y0, x1, y1: the picture goes on beyond this border.
    """

    square: np.ndarray
    scale: float
    left: int
    top: int
    shown: tuple[int, int]
    cut: np.ndarray


@dataclass(frozen=True)
class Preprocess:
    """What happens to a picture between `read_picture` and the network.

    It is written beside every export, so that whoever runs the model elsewhere does the same.

    Attributes:
        input_size: S, side of the network's square input, px.
        tile_scale: None: the whole picture is scaled so that its longer side is S. A number: the
            picture is scaled by it and cut into tiles of S.
        overlap: of neighbouring tiles, px; an object up to this size is whole in one of them.
        channels: order of the channels.
        layout: order of the axes.
        resize: OpenCV's INTER_AREA where the picture shrinks, INTER_LINEAR where it grows.
        value_range: of the input. Mean and scale are applied inside of the network.
    """

    input_size: int
    tile_scale: float | None = None
    overlap: int = 0
    channels: str = "RGB"
    layout: str = "NCHW"
    resize: str = (
        "same factor for both sides, INTER_AREA when shrinking, else INTER_LINEAR; "
        "at the top left of a grey (127) square"
    )
    value_range: str = "0..255, float32"

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Preprocess":
        """Raises ValueError or TypeError for what `as_dict` did not write."""
        preprocess = cls(**values)
        if preprocess != cls(preprocess.input_size, preprocess.tile_scale, preprocess.overlap):
            raise ValueError("unknown preprocessing")
        return preprocess

    def scale_of(self, width: int, height: int) -> float:
        """Px of the input for a px of a picture of this size."""
        return self.tile_scale or self.input_size / max(width, height)

    def scaled_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of a picture of this size as the network sees it, px."""
        scale = self.scale_of(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def scaled(self, picture: np.ndarray) -> tuple[np.ndarray, float]:
        """[H, W, 3] uint8 -> the picture as large as the network sees it, and the scale."""
        height, width = picture.shape[:2]
        scale = self.scale_of(width, height)
        if scale == 1:
            return picture, scale
        size = self.scaled_size(width, height)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return cv2.resize(picture, size, interpolation=method), scale

    def pieces(self, picture: np.ndarray) -> list[Piece]:
        """[H, W, 3] uint8 -> its inputs: one, or the tiles row by row."""
        picture, scale = self.scaled(picture)
        height, width = picture.shape[:2]
        size = self.input_size
        found = []
        for top in self._starts(height):
            for left in self._starts(width):
                part = picture[top : top + size, left : left + size]
                square = np.full((size, size, 3), GREY, np.uint8)
                square[: part.shape[0], : part.shape[1]] = part
                cut = np.array([left > 0, top > 0, left + size < width, top + size < height])
                found.append(Piece(square, scale, left, top, part.shape[1::-1], cut))
        return found

    def count(self, width: int, height: int) -> int:
        """How many inputs a picture of this size becomes."""
        return math.prod(len(self._starts(side)) for side in self.scaled_size(width, height))

    def inputs(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 -> its inputs of the network [pieces, 3, S, S] float32."""
        return self.batch([piece.square for piece in self.pieces(picture)])

    def _starts(self, length: int) -> list[int]:
        """Where tiles begin along a side: evenly, the last one ends with the picture."""
        size = self.input_size
        if length <= size:
            return [0]
        count = 1 + -(-(length - size) // (size - self.overlap))
        return [round(i * (length - size) / (count - 1)) for i in range(count)]

    def batch(self, squares: list[np.ndarray]) -> np.ndarray:
        """N squares [S, S, 3] uint8 -> the network's input [N, 3, S, S] float32."""
        return np.ascontiguousarray(np.stack(squares).transpose(0, 3, 1, 2), np.float32)
