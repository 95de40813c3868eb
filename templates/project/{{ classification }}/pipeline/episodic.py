"""Episodic training, where `train.episodic` asks for it: the embedding learns from episodes.

Snell et al., "Prototypical Networks for Few-shot Learning" (NIPS 2017), with the cross-entropy of
the head beside it, so that the head stays a classifier of the project's own classes.
"""

from collections.abc import Callable, Iterator

import numpy as np
import paddle
from paddle.nn import functional as F

from pipeline import episodes
from pipeline.batches import Pictures, augmented, smoothed, steps_an_epoch
from pipeline.network import Classifier
from pipeline.preprocess import Preprocess

EPISODES = 2  # of a batch: a core takes a whole one
SHARPNESS = 3.0  # of the softmax over distances; of 1, 3 and 20 the best on pictures not tested on


def episodic_batches(
    shots: Pictures,
    settings,
    preprocess: Preprocess,
    custom_augment: Callable,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """As many batches as `batches` has, of about as many augmented pictures, as episodes.

    Gives pictures [EPISODES, ways, shots and queries, 3, S, S] and their smoothed labels
    [EPISODES, ways, shots and queries, classes].

    Raises:
        UserError: through `custom_augment`, (picture, rng) -> picture, the user's own.
    """
    targets = smoothed(shots.labels, settings)
    ways = episodes.ways(shots.labels)
    pictures = max(episodes.SHOTS + 1, settings.train.batch_size // (EPISODES * ways))
    for _ in range(steps_an_epoch(len(targets), settings.train.batch_size)):
        rows = np.stack([episodes.draw(shots.labels, ways, pictures, rng) for _ in range(EPISODES)])
        squares = [shots.squares[i] for i in rows.flat]
        x = augmented(squares, settings, preprocess, custom_augment, rng)
        yield x.reshape(*rows.shape, *x.shape[1:]), targets[rows]


def episodic_losses(
    weight: float, network: Classifier, x: paddle.Tensor, targets: paddle.Tensor
) -> paddle.Tensor:
    """Cross-entropy of the head, plus `weight` times that of the prototypes, for each episode.

    A prototype is the mean embedding of a class's shots. A query's logits are its negative squared
    Euclidean distances from the prototypes, SHARPNESS times their mean over the dimensions: with
    the sum over thousands of them the softmax would be 0 or 1 from the start.

    Args:
        weight: of the prototypes.
        network: the embedding and the head.
        x: [E, ways, shots and queries, 3, S, S].
        targets: [E, ways, shots and queries, classes].

    Returns:
        [E].
    """
    seen = network.embeddings(x.flatten(0, 2))
    head = F.cross_entropy(
        network.fc(seen), targets.flatten(0, 2), soft_label=True, reduction="none"
    )
    seen = seen.reshape([*x.shape[:3], -1])
    prototypes = seen[:, :, : episodes.SHOTS].mean(2)
    queries = seen[:, :, episodes.SHOTS :].unsqueeze(3)
    logits = -SHARPNESS * ((queries - prototypes[:, None, None]) ** 2).mean(-1)
    own = paddle.arange(x.shape[1])[:, None].expand(logits.shape[:3])
    nearest = F.cross_entropy(logits, own.unsqueeze(-1), reduction="none")
    return head.reshape([len(x), -1]).mean(1) + weight * nearest.flatten(1).mean(1)
