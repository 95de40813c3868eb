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
    samples = read_splits(options)
    rng = np.random.default_rng(0)
    seen = {}
    for split in ("train", "val"):
        part = [sample.path for sample in samples if sample.split == split]
        paths = [part[i] for i in rng.permutation(len(part))[:PICTURES]]
        given = answers(predictor, preprocess, preprocess.read(paths)).embeddings if paths else None
        seen[split] = np.empty(0) if given is None else given
    return drift.keep(folder, seen["train"], seen["val"])
