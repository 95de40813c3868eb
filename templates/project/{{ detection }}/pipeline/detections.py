"""What a detector found in a picture, and how it comes about from the network's raw answers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.boxes import keep_best
from pipeline.images import read_picture
from pipeline.preprocess import Piece, Preprocess

BORDER = 2  # px; a box that ends so close to the border of a tile may go on beyond it
INSIDE = 0.6  # of a cut box lies within another one: then it is a part of that one
SAME = 0.5  # IoU; two boxes of a class beyond it are one object, as COCO's AP50 has it


@dataclass(frozen=True)
class Detections:
    """What was found in one picture, the highest score first.

    Attributes:
        boxes: [D, 4] float32: x0, y0, x1, y1 in px of the upright picture.
        labels: [D] int64, indices of classes.
        scores: [D] float32, 0 to 1.
        features: [F], what the network saw; None from exports of earlier versions.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    features: np.ndarray | None = None


def detect(predictor, preprocess: Preprocess, paths: list[Path]) -> Iterator[Detections]:
    """Yields what is found in each picture.

    Args:
        predictor: `run(x)`: [N, 3, S, S] float32 -> rows [M, 6] of label, score, x0, y0, x1, y1
            in px of the input, how many of them belong to each of the N inputs, [N], and maybe
            features [N, F].
        preprocess: how a picture becomes one or several inputs.
        paths: the pictures.

    Raises:
        PictureError: a picture can't be read.
    """
    for path in paths:
        picture = read_picture(path)
        pieces = preprocess.pieces(picture)
        found, seen = [], []
        for piece in pieces:  # one at a time: ONNX's non-maximum suppression knows no more
            rows, _, *features = predictor.run(preprocess.batch([piece.square]))
            found.append(_in_picture(rows, piece))
            seen += features
        merged = _merged(found, picture.shape[1], picture.shape[0])
        yield replace(merged, features=np.concatenate(seen).mean(0) if seen else None)


def _in_picture(rows: np.ndarray, piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Rows in px of the picture, and which of them end at a border that is only the tile's."""
    rows = np.float32(rows).reshape(-1, 6)
    rows = rows[np.isfinite(rows).all(1)]
    low, high = rows[:, 2:4], rows[:, 4:6]
    limit = np.array(piece.shown)  # px of the input that show picture, not padding
    cut = (piece.cut[:2] & (low <= BORDER)) | (piece.cut[2:] & (high >= limit - BORDER))
    corner = np.array([piece.left, piece.top, piece.left, piece.top])
    rows[:, 2:] = (rows[:, 2:] + corner) / piece.scale
    return rows, cut.any(1)


def _merged(found: list[tuple[np.ndarray, np.ndarray]], width: int, height: int) -> Detections:
    """One list for the picture: what two tiles saw counts once, and whole rather than cut."""
    rows = np.concatenate([rows for rows, _ in found])
    cut = np.concatenate([cut for _, cut in found])
    boxes = np.clip(rows[:, 2:], 0, [width, height, width, height])
    there = (boxes[:, 2:] > boxes[:, :2]).all(1)  # the others lie in the padding
    rows, cut, boxes = rows[there], cut[there], boxes[there]
    labels, scores = rows[:, 0].astype(np.int64), rows[:, 1]
    kept = keep_best(boxes, labels, scores, SAME, cut if len(found) > 1 else None, INSIDE)
    return Detections(boxes[kept], labels[kept], scores[kept])
