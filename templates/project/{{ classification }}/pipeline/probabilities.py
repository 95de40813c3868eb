"""What a classifier's network answers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.preprocess import Preprocess

BATCH = 16


class Answers(NamedTuple):
    """What a network says of N pictures.

    Attributes:
        probabilities: [N, classes].
        embeddings: [N, D], what its linear head sees; None from exports of earlier versions.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray | None = None

    @classmethod
    def joined(cls, batches: Iterable[Sequence[np.ndarray]]) -> "Answers":
        """Those of several batches, one after the other."""
        return cls(*map(np.concatenate, zip(*batches, strict=True)))


def answers(predictor, preprocess: Preprocess, squares: list[np.ndarray]) -> Answers:
    """What an exported network says of N pictures [S, S, 3] uint8.

    Args:
        predictor: the network in one of the runtimes.
        preprocess: how pictures are laid out for it.
        squares: the pictures.
    """
    return Answers.joined(predictor.run(x) for x in preprocess.batches(squares, BATCH))


def probabilities(predictor, preprocess: Preprocess, squares: list[np.ndarray]) -> np.ndarray:
    """The same without the embeddings: [N, classes]."""
    return answers(predictor, preprocess, squares).probabilities
