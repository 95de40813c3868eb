"""Boxes: x0, y0, x1, y1 in px, x to the right and y down."""

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """[..., 4] -> [...], px."""
    return np.prod(np.clip(boxes[..., 2:] - boxes[..., :2], 0, None), axis=-1)


def intersection(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[N, 4] and [M, 4] -> [N, M], px."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    return np.prod(np.clip(high - low, 0, None), axis=-1)


def iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union: [N, 4] and [M, 4] -> [N, M], 0 to 1."""
    both = intersection(one, other)
    return both / np.maximum(area(one)[:, None] + area(other)[None] - both, 1e-9)


def keep_best(
    boxes: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    same: float,
    cut: np.ndarray | None = None,
    inside: float = 1.0,
) -> np.ndarray:
    """Non-maximum suppression within each class.

    Args:
        boxes: [D, 4].
        labels: [D].
        scores: [D].
        same: IoU beyond which two boxes of a class are one object.
        cut: [D], which boxes end where the picture was cut; whole boxes go before them.
        inside: a cut box of which more than this share lies in a kept box is dropped.

    Returns:
        Indices of the boxes that are kept, the highest score first.
    """
    parts = np.zeros(len(boxes), bool) if cut is None else cut
    areas, kept = area(boxes), np.zeros(len(boxes), bool)
    order = np.lexsort([-scores, parts])
    for label in np.unique(labels):
        left = order[labels[order] == label]
        while len(left):
            best, left = left[0], left[1:]
            kept[best] = True
            both = intersection(boxes[best : best + 1], boxes[left])[0]
            alike = both > same * (areas[best] + areas[left] - both)
            covered = parts[left] & (both > inside * areas[left])
            left = left[~(alike | covered)]
    by_score = np.lexsort([parts, -scores])
    return by_score[kept[by_score]]
