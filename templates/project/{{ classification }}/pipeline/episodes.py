"""Episodes: small tasks of telling classes apart by one picture of each.

Snell et al., "Prototypical Networks for Few-shot Learning" (NIPS 2017). The embedding of a network
is measured with them, and fine-tuning learns from them where `train.episodic` says so.
"""

import numpy as np

SHOTS = 1  # of each class; they make its prototype, and the other pictures are the queries
WAYS = 5  # classes, where there are as many
QUERIES = 15  # of each class, when an embedding is measured


def ways(labels: np.ndarray) -> int:
    """Classes of an episode drawn from pictures with these labels."""
    return min(WAYS, len(np.unique(labels)))


def draw(labels: np.ndarray, ways: int, pictures: int, rng: np.random.Generator) -> np.ndarray:
    """An episode: indices [ways, pictures] of pictures, a row of a class, the shots first.

    A class with fewer pictures has some of them more than once.

    Args:
        labels: [N], of the pictures to draw from.
        ways: how many classes.
        pictures: of each, shots and queries.
        rng: source of chance.
    """
    classes = rng.choice(np.unique(labels), ways, replace=False)
    mine = [np.flatnonzero(labels == label) for label in classes]
    return np.stack([rng.choice(rows, pictures, len(rows) < pictures) for rows in mine])


def one_shot(
    embeddings: np.ndarray, labels: np.ndarray, ways: int, count: int = 600, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Gives the queries of many episodes the class whose prototype is nearest.

    Args:
        embeddings: [N, D].
        labels: [N]; at least two pictures of each class.
        ways: classes of an episode.
        count: of episodes.
        seed: of the draws.

    Returns:
        Whether a query got its own class, [count, ways, queries]; and the classes, [count, ways].
    """
    rng = np.random.default_rng(seed)
    pictures = min(SHOTS + QUERIES, np.unique(labels, return_counts=True)[1].min())
    drawn = [draw(labels, ways, pictures, rng) for _ in range(count)]
    right = []
    for rows in drawn:
        seen = embeddings[rows]
        prototypes, queries = seen[:, :SHOTS].mean(1), seen[:, SHOTS:]
        far = ((queries[:, :, None] - prototypes) ** 2).sum(-1)
        right.append(far.argmin(-1) == np.arange(ways)[:, None])
    return np.stack(right), labels[np.stack(drawn)[:, :, 0]]


def interval(accuracies: np.ndarray) -> dict[str, float]:
    """The mean over episodes, {value, low, high}, with the 95% interval of the normal
    distribution, as in the paper. It is over episodes of these pictures, not over pictures."""
    value = accuracies.mean()
    half = 1.96 * accuracies.std(ddof=1) / np.sqrt(len(accuracies))
    return {"value": float(value), "low": float(value - half), "high": float(value + half)}
