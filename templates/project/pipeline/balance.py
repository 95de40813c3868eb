"""Draws pictures so that rare classes are among them."""

from collections.abc import Sequence

import numpy as np


def class_by_class(labels: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Random order in which every class comes once before any comes again.

    Args:
        labels: [N].
        rng: of the draw.

    Returns:
        [N], indices.
    """
    order = rng.permutation(len(labels))
    drawn = np.asarray(labels)[order]
    turns = np.empty(len(order), int)
    for label in np.unique(drawn):
        turns[drawn == label] = np.arange((drawn == label).sum())
    return order[np.lexsort((rng.random(len(order)), turns))]
