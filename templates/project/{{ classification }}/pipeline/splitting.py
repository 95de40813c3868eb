"""Which pictures are for training and which for testing, where nobody has said so."""

import itertools
import random
from collections import defaultdict


def draw_splits(
    labels: list[str], groups: list[str], kept: list[str | None], share: float, seed: int
) -> list[str]:
    """Draws train and test within each class. Pictures of one group stay together.

    scikit-learn's group splitters leave small classes without a test picture and know nothing
    of earlier splits, hence this one.

    Args:
        labels: class of each picture.
        groups: the same name for pictures that are almost the same.
        kept: the split that a picture has already, which it keeps, or None.
        share: of each class that goes to test, 0 to 1. With 4 pictures and more in at least two
            groups a class gets one test picture or more; 2 are always left to train on.
        seed: of the draw.

    Returns:
        train or test for each picture, or what it was before.
    """
    splits = list(kept)
    members = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    fresh = defaultdict(list)
    for indices in members.values():
        earlier = sorted({kept[index] for index in indices if kept[index]})
        if not earlier:
            fresh[labels[indices[0]]].append(indices)
        for index in indices:
            splits[index] = kept[index] or (earlier[0] if earlier else None)

    for label in sorted(fresh):
        count = labels.count(label)
        wanted = max(round(share * count), 1 if count >= 4 else 0)
        room = min(wanted, count - 2)
        for index, split in enumerate(splits):
            room -= labels[index] == label and split == "test"
        random.Random(f"{seed} {label}").shuffle(fresh[label])
        # A group that is larger than the room goes to train, and a smaller one has its chance.
        test = []
        for indices in fresh[label]:
            if len(indices) <= room:
                test += indices
                room -= len(indices)
        if not test and room > 0:
            smallest = min(fresh[label], key=len)
            if len(fresh[label]) > 1 and count - len(smallest) >= 2:
                test = smallest
        for index in itertools.chain(*fresh[label]):
            splits[index] = "test" if index in test else "train"
    return splits
