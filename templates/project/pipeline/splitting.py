"""Which pictures are for training and which for testing, where nobody has said so."""

import random
from collections import Counter, defaultdict


def draw_splits(
    labels: list[set[str]], groups: list[str], kept: list[str | None], share: float, seed: int
) -> list[str]:
    """Draws train and test within each class. Pictures of one group stay together.

    The rarest class comes first. A picture with several classes goes to test only where each of
    them has room for it. scikit-learn's group splitters leave small classes without a test
    picture and know nothing of earlier splits, hence this one.

    Args:
        labels: classes in each picture.
        groups: the same name for pictures that are almost the same.
        kept: the split that a picture has already, which it keeps, or None.
        share: of each class that goes to test, 0 to 1. With 3 pictures and more in at least two
            groups a class gets one test picture or more; 2 are always left to train on.
        seed: of the draw.

    Returns:
        train or test for each picture, or what it was before.
    """
    splits = list(kept)
    members = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    fresh: dict[str, list[int]] = {}
    for group, indices in members.items():
        earlier = sorted({split for index in indices if (split := kept[index])})
        if not earlier:
            fresh[group] = indices
        for index in indices:
            splits[index] = kept[index] or (earlier[0] if earlier else None)

    def count(indices: list[int]) -> Counter[str]:
        return Counter(label for index in indices for label in labels[index])

    total = count(list(range(len(labels))))
    tested = count([index for index, split in enumerate(splits) if split == "test"])
    wanted = {
        label: min(max(round(share * most), 1 if most >= 3 else 0), most - 2)
        for label, most in total.items()
    }
    largest = {label: most - 2 for label, most in total.items()}
    amounts = {group: count(indices) for group, indices in fresh.items()}

    def has_room(group: str, limits: dict[str, int]) -> bool:
        return all(tested[c] + more <= limits[c] for c, more in amounts[group].items())

    def to_test(group: str) -> None:
        tested.update(amounts.pop(group))
        for index in fresh[group]:
            splits[index] = "test"

    for label in sorted(total, key=lambda label: (total[label], label)):
        own = [group for group, amount in amounts.items() if label in amount]
        random.Random(f"{seed} {label}").shuffle(own)
        # A group that is larger than the room goes to train, and a smaller one has its chance.
        for group in own:
            if tested[label] < wanted[label] and has_room(group, wanted):
                to_test(group)
        if not tested[label] and wanted[label] > 0:
            possible = [group for group in own if has_room(group, largest)]
            if possible:
                to_test(min(possible, key=lambda group: len(fresh[group])))
    return [split or "train" for split in splits]
