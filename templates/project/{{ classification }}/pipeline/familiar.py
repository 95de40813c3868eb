"""What a classifier sees in training pictures, from which predict.py knows what is usual."""

from pathlib import Path

import numpy as np

from pipeline import drift
from pipeline.dataset import read_splits
from pipeline.preprocess import Preprocess
from pipeline.probabilities import answers

PICTURES = 120  # of a split


def keep(folder: Path, predictor, preprocess: Preprocess, options) -> dict | None:
    """Writes it into a folder; what is known of it. None for exports of earlier versions, which
    give no embeddings.

    Args:
        folder: of the export.
        predictor: the exported network.
        preprocess: how a picture becomes its input.
        options: the settings.
    """

    def embeddings(paths: list[Path]) -> np.ndarray:
        given = answers(predictor, preprocess, preprocess.read(paths)).embeddings
        return np.empty(0) if given is None else given

    samples = read_splits(options)
    kinds = [sample.label for sample in samples]
    return drift.keep_some(folder, samples, kinds, PICTURES, embeddings)
