"""Which training pictures are kept aside to judge a classifier by."""

from collections import Counter, defaultdict

import numpy as np

from pipeline.console import UserError
from pipeline.dataset import Sample

# Pictures in all and of each class; below, one fold more or less right decides nothing.
ENOUGH_HELD_OUT = 18
ENOUGH_OF_A_CLASS = 3


def held_out_folds(samples: list[Sample], options) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of indices: to fit on, and to judge by.

    The split `val` is used if there is one. Else folds of `train`, each with pictures of every
    class to fit on, and with near-duplicates together, unless a class consists of nothing else:
    one fold when it is large enough to tell, several when shots are few. The first fold has
    pictures of every class to judge by; a class with fewer pictures than there are folds has none
    in the last ones.
    """
    train = np.array([i for i, sample in enumerate(samples) if sample.split == "train"])
    val = np.array([i for i, sample in enumerate(samples) if sample.split == "val"])
    if len(val):
        return [(train, val)]
    families: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i in train.tolist():
        families[samples[i].label][samples[i].group].append(i)
    together = {label: list(groups.values()) for label, groups in families.items()}
    for label, groups in together.items():
        if len(groups) == 1:
            together[label] = [[i] for i in groups[0]]
    if min(map(len, together.values())) < 2:
        raise UserError("A class has a single training picture; at least two are needed.")
    count = min(round(1 / options.train.held_out_share), max(map(len, together.values())))
    enough = {
        label: min(ENOUGH_OF_A_CLASS, sum(map(len, groups))) for label, groups in together.items()
    }
    fold_of = _deal(together, count, np.random.default_rng(options.train.seed))
    folds: list[tuple[np.ndarray, np.ndarray]] = []
    judged: Counter[int] = Counter()
    for fold in range(count):
        held_out = np.array([i for i in train.tolist() if fold_of[i] == fold])
        folds.append((np.setdiff1d(train, held_out), held_out))
        judged.update(samples[i].label for i in held_out)
        if judged.total() >= ENOUGH_HELD_OUT and all(judged[i] >= enough[i] for i in enough):
            break
    return folds


def _deal(
    together: dict[int, list[list[int]]], count: int, rng: np.random.Generator
) -> dict[int, int]:
    """Pictures of each class that stay together -> the fold of each picture. Within a class, the
    largest come first, each to the fold with the fewest of the class, and a class of few keeps to
    as many of the first folds. scikit-learn's group folds can be empty, or leave a class nothing to
    fit on, where classes are this small."""
    fold_of: dict[int, int] = {}
    total = np.zeros(count)
    for label in sorted(together):
        own = np.zeros(count)
        families = [together[label][i] for i in rng.permutation(len(together[label]))]
        for members in sorted(families, key=len, reverse=True):
            folds = range(min(count, len(families)))
            fold = min(folds, key=lambda fold: (own[fold], total[fold]))
            own[fold] += len(members)
            total[fold] += len(members)
            fold_of |= dict.fromkeys(members, fold)
    return fold_of
