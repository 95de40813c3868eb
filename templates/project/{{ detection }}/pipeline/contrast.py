"""What the head sees of objects: alike within a class, unlike all else.

A class of a few objects is told from others by few features, which many things have. Learning to
keep the classes apart in all features finds more: Sun et al., "FSCE: Few-Shot Object Detection via
Contrastive Proposal Encoding", CVPR 2021. Here cells take the place of proposals.
"""

import numpy as np
import paddle
from paddle.nn import functional as F

TEMPERATURE = 0.2
OBJECTS, BACKGROUND = 1024, 256  # cells of a step at most
NO_HEAT = 0.01  # a cell with less is background


def contrastive_loss(features, heat: np.ndarray, care: np.ndarray, weight: np.ndarray):
    """Supervised contrastive loss (Khosla et al., NeurIPS 2020).

    Args:
        features: [N, cells, D], what the head sees.
        heat, care, weight: of the cells, as `dense_targets` gives them.

    Returns:
        The mean over the cells that learn an object of which there are others of the class, [];
        0 where there are none.
    """
    is_background = (heat.max(2) < NO_HEAT) & (care[:, :, 0] == 1)
    objects, others = _some(weight, OBJECTS), _some(is_background, BACKGROUND)
    labels = heat.reshape(-1, heat.shape[2])[objects].argmax(1)
    same = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
    count = int(same.any(1).sum())
    if not count:
        return paddle.zeros([])
    cells = paddle.to_tensor(np.concatenate([objects, others]))
    seen = F.normalize(features.reshape([-1, features.shape[2]]).gather(cells))
    likeness = seen[: len(objects)] @ seen.T / TEMPERATURE
    itself = paddle.eye(*likeness.shape)
    likely = F.log_softmax(likeness - 1e9 * itself)[:, : len(objects)]
    share = np.float32(same / np.maximum(1, same.sum(1, keepdims=True)))
    return -(likely * paddle.to_tensor(share)).sum() / count


def _some(wanted: np.ndarray, most: int) -> np.ndarray:
    """The cells of [N, cells] that are not 0; of more than `most` some, evenly spread."""
    cells = np.flatnonzero(wanted)
    return cells[np.linspace(0, len(cells) - 1, min(most, len(cells))).astype(int)]
