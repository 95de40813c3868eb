"""Which training pictures are kept aside to judge a classifier by."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.console import UserError
from pipeline.dataset import Sample

ENOUGH_HELD_OUT = 18  # pictures; below, one fold more or less right decides nothing


def held_out_folds(samples: list[Sample], options) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of indices: to fit on, and to judge by.

    The split `val` is used if there is one. Else folds of `train`, stratified and with
    near-duplicates together: one when it is large enough to tell, several when shots are few.
    """
    train = np.array([i for i, sample in enumerate(samples) if sample.split == "train"])
    val = np.array([i for i, sample in enumerate(samples) if sample.split == "val"])
    if len(val):
        return [(train, val)]
    labels = [samples[i].label for i in train]
    groups = [samples[i].group for i in train]
    fewest = min(labels.count(label) for label in set(labels))
    count = min(round(1 / options.train.held_out_share), fewest)
    if count < 2:
        raise UserError("A class has a single training picture; at least two are needed.")
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=options.train.seed)
    folds = [(train[a], train[b]) for a, b in splitter.split(train, labels, groups)]
    enough = np.cumsum([len(held_out) for _, held_out in folds]) >= ENOUGH_HELD_OUT
    return folds[: int(np.argmax(enough)) + 1] if enough.any() else folds
