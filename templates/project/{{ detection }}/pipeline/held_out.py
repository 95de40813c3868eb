"""Which training pictures are kept aside to judge a detector by."""

import numpy as np

from pipeline.console import UserError
from pipeline.dataset import Sample


def split_off(samples: list[Sample], options) -> tuple[list[Sample], list[Sample]]:
    """Pictures to train on and pictures to judge by.

    The split `val` is used if there is one. Else some pictures of `train`, near-duplicates
    together, and none that holds the last objects of a class.

    Raises:
        UserError: nothing to train on, or nothing left to judge by.
    """
    train = [sample for sample in samples if sample.split == "train"]
    val = [sample for sample in samples if sample.split == "val" and len(sample.boxes)]
    if not any(len(sample.boxes) for sample in train):
        raise UserError("data/boxes.csv: no box in a training picture. Label some objects.")
    order = np.random.default_rng(options.train.seed).permutation(len(train))
    train = [train[i] for i in order]
    if val:
        return train, val
    left = np.bincount(
        np.concatenate([sample.labels for sample in train]), minlength=len(options.classes)
    )
    wanted = max(1, round(options.train.held_out_share * len(train)))
    chosen: set[str] = set()
    held_out: list[Sample] = []
    for first in train:
        members = [sample for sample in train if sample.group == first.group]
        objects = np.concatenate([sample.labels for sample in members])
        rest = left - np.bincount(objects, minlength=len(left))
        fits = len(held_out) + len(members) <= wanted
        if (
            first.group in chosen
            or not len(objects)
            or not fits
            or (rest < np.minimum(left, 1)).any()
        ):
            continue
        chosen.add(first.group)
        held_out += members
        left = rest
    if not held_out:
        raise UserError(
            "Too few pictures: every one holds the only object of a class, so none can be held "
            "out to judge by. Label more, or give a split val."
        )
    return [sample for sample in train if sample.group not in chosen], held_out
