"""What a detector sees in training pictures, from which predict.py knows what is usual."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import drift
from pipeline.dataset import read_splits
from pipeline.detections import detect
from pipeline.preprocess import Preprocess

PICTURES = 64  # of a split


def keep(folder: Path, predictor, preprocess: Preprocess, options) -> dict | None:
    """Writes it into a folder; what is known of it. None for exports of earlier versions, which
    give no features.

    Args:
        folder: of the export.
        predictor: the exported network, as `detect` wants it.
        preprocess: how a picture becomes its inputs.
        options: the settings.
    """

    def features(paths: list[Path]) -> np.ndarray:
        found = detect(predictor, preprocess, paths)
        # disable=None: shown only where someone can watch
        bar = tqdm(found, "usual pictures", len(paths), leave=False, disable=None)
        return np.array([one.features for one in bar if one.features is not None])

    samples = read_splits(options)
    return drift.keep_some(folder, samples, [0] * len(samples), PICTURES, features)
