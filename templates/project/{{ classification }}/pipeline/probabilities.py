"""What a classifier's network answers."""

import numpy as np

from pipeline.preprocess import Preprocess

BATCH = 16


def probabilities(predictor, preprocess: Preprocess, squares: list[np.ndarray]) -> np.ndarray:
    """N pictures [S, S, 3] uint8 -> [N, classes].

    Args:
        predictor: an exported network in one of the runtimes.
        preprocess: how pictures are laid out for it.
        squares: the pictures.
    """
    batches = preprocess.batches(squares, BATCH)
    return np.concatenate([predictor.run(x)[0] for x in batches])
