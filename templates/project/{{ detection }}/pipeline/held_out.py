"""Which training pictures are kept aside to judge a detector by."""

import math

import numpy as np

from pipeline.console import UserError
from pipeline.dataset import Sample
from pipeline.preprocess import Preprocess


def split_off(
    samples: list[Sample], options, judges: list[str] | None = None
) -> tuple[list[Sample], list[Sample]]:
    """Pictures to train on and pictures to judge by.

    The split `val` is used if there is one. Else some of the pictures of `train` with objects,
    near-duplicates together, and none that holds the last objects of a class. Both in random
    order.

    Args:
        samples: all but those of the split `test`.
        options: the settings.
        judges: names of the pictures that a run was judged by before, and still is: it has
            learned others.

    Raises:
        UserError: nothing to train on, or nothing left to judge by.
    """
    train = [sample for sample in samples if sample.split == "train"]
    val = [sample for sample in samples if sample.split == "val" and len(sample.boxes)]
    if not any(len(sample.boxes) for sample in train):
        raise UserError("data/boxes.csv: no box in a training picture. Label some objects.")
    rng = np.random.default_rng(options.train.seed)
    train = [train[i] for i in rng.permutation(len(train))]
    if judges is not None:
        judging = {sample.name: sample for sample in samples if sample.name in set(judges)}
        held_out = [judging[name] for name in judges if name in judging]
        if not held_out:
            raise UserError("The pictures that the run was judged by are gone. Train again.")
        # Nor does it learn what is almost the same.
        groups = {sample.group for sample in held_out if sample.split == "train"}
        kept = [s for s in train if s.name not in judging and s.group not in groups]
        return kept, held_out
    if val:
        return train, [val[i] for i in rng.permutation(len(val))]
    groups: dict[str, list[Sample]] = {}
    for sample in train:
        if len(sample.boxes):  # good parts, however many, are no reason to hold out more
            groups.setdefault(sample.group, []).append(sample)
    sizes = {len(members) for members in groups.values()}
    wanted = max(1, round(options.train.held_out_share * sum(map(len, groups.values()))))
    for most in (wanted, *sorted(size for size in sizes if size > wanted)):
        if held_out := _choose(list(groups.values()), most, len(options.classes)):
            kept = {sample.group for sample in held_out}
            return [sample for sample in train if sample.group not in kept], held_out
    raise UserError(
        "Too few pictures: every one holds the only object of a class, so none can be held "
        "out to judge by. Label more, or give a split val."
    )


def some_of(samples: list[Sample], preprocess: Preprocess, inputs: int) -> list[Sample]:
    """The first of the samples, at least two, that make up at most so many inputs of the
    network: a picture that is cut into tiles takes that much longer to be looked at."""
    counts = np.cumsum([preprocess.count(*sample.size) for sample in samples])
    return samples[: max(2, int((counts <= inputs).sum()))]


def not_too_many(
    fitted: list[Sample], held_out: list[Sample], preprocess: Preprocess, inputs: int
) -> tuple[list[Sample], list[Sample]]:
    """What `split_off` gives, with `some_of` the pictures to judge by. The others are trained on,
    if they are of the split `train`."""
    judged = some_of(held_out, preprocess, inputs)
    groups = {sample.group for sample in judged}
    others = [s for s in held_out if s.split == "train" and s.group not in groups]
    return fitted + others, judged


def some_good(samples: list[Sample], preprocess: Preprocess, room: float) -> list[Sample]:
    """All pictures with objects, and the first ones of the others: those that still fit into so
    many bytes, or as much of them as there is of those with objects."""
    sizes = np.array([3 * math.prod(preprocess.scaled_size(*sample.size)) for sample in samples])
    is_good = np.array([not len(sample.boxes) for sample in samples])
    labelled = sizes[~is_good].sum()
    fits = np.cumsum(sizes * is_good) <= max(room - labelled, labelled)
    return [samples[i] for i in np.flatnonzero(~is_good | fits)]


def _choose(groups: list[list[Sample]], most: int, classes: int) -> list[Sample]:
    """Pictures of some groups, at most so many, that leave every class an object."""
    labels = [np.concatenate([sample.labels for sample in members]) for members in groups]
    counts = [np.bincount(mine, minlength=classes) for mine in labels]
    left = np.sum(counts, axis=0)
    held_out: list[Sample] = []
    for members, count in zip(groups, counts, strict=True):
        fits = len(held_out) + len(members) <= most
        if fits and count.any() and not (left - count < np.minimum(left, 1)).any():
            held_out += members
            left = left - count
    return held_out
