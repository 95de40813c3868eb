"""Draws pictures so that rare classes are among them."""

from collections.abc import Sequence

import numpy as np

MAX_IMBALANCE = 5  # times as many pictures of one class as of another


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


def epoch(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The pictures of an epoch: each once, in random order.

    Where a class has over MAX_IMBALANCE times the pictures of the rarest one, as many are drawn
    with replacement, and a class comes up at most so many times as often as the rarest: among
    2000 good parts those with a defect would hardly ever be seen.

    Args:
        labels: [N].
        rng: of the draw.

    Returns:
        [N], indices.
    """
    counts = np.bincount(labels)
    most = MAX_IMBALANCE * counts[counts > 0].min()
    if counts.max() <= most:
        return rng.permutation(len(labels))
    weights = np.minimum(1, most / np.maximum(counts, 1))[labels]
    return rng.choice(len(labels), len(labels), p=weights / weights.sum())
