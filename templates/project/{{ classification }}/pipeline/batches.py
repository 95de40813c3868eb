"""What fine-tuning a classifier learns from and is judged by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import paddle
from paddle.nn import functional as F

from pipeline import balance
from pipeline.augment import augment, mix
from pipeline.network import Classifier
from pipeline.preprocess import Preprocess
from pipeline.replicas import Replicas
from pipeline.scores import score

FEWEST_STEPS = 10  # of an epoch: with few shots it goes over them several times


@dataclass(frozen=True)
class Pictures:
    """Pictures to train on or to judge by.

    Attributes:
        squares: N times [S, S, 3] uint8.
        labels: [N] int.
        frozen: [N, D], their features in the network that training starts from, seen as they
            are; only where they are judged by.
    """

    squares: list[np.ndarray]
    labels: np.ndarray
    frozen: np.ndarray | None = None


def batches(
    shots: Pictures,
    settings,
    preprocess: Preprocess,
    custom_augment: Callable,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Augmented pictures [N, 3, S, S] and their smoothed labels [N, classes], for as many steps as
    `steps_an_epoch` says; no class is seen much more often than another, as in `balance.epoch`.

    Raises:
        UserError: through `custom_augment`, (picture, rng) -> picture, the user's own.
    """
    targets = smoothed(shots.labels, settings)
    parts = -(-len(targets) // settings.train.batch_size)
    for _ in range(steps_an_epoch(len(targets), settings.train.batch_size) // parts):
        for batch in np.array_split(balance.epoch(shots.labels, rng), parts):
            squares = [shots.squares[i] for i in batch]
            x = augmented(squares, settings, preprocess, custom_augment, rng)
            yield mix(x, targets[batch], settings.augment, rng)


def augmented(
    squares: list[np.ndarray],
    settings,
    preprocess: Preprocess,
    custom_augment: Callable,
    rng: np.random.Generator,
) -> np.ndarray:
    """A random variant of each of N pictures [S, S, 3] uint8, as the network's input
    [N, 3, S, S].

    Raises:
        UserError: through `custom_augment`, (picture, rng) -> picture, the user's own.
    """
    return preprocess.batch(
        [custom_augment(augment(square, settings.augment, rng), rng) for square in squares]
    )


def smoothed(labels: np.ndarray, settings) -> np.ndarray:
    """Labels [N] -> the probabilities that the head is to learn, [N, classes]."""
    identity = np.eye(len(settings.classes), dtype=np.float32)
    smooth = settings.train.label_smoothing
    return identity[labels] * (1 - smooth) + smooth / len(identity)


def steps_an_epoch(pictures: int, batch_size: int) -> int:
    """Whole passes over the pictures, as many as make FEWEST_STEPS."""
    parts = -(-pictures // batch_size)
    return parts * -(-FEWEST_STEPS // parts)


def losses(network: Classifier, x: paddle.Tensor, targets: paddle.Tensor) -> paddle.Tensor:
    """Cross-entropy of each picture, [N]."""
    return losses_of(network, network.backbone(x), targets)


def losses_of(network: Classifier, maps: list, targets: paddle.Tensor) -> paddle.Tensor:
    """`losses` of pictures whose maps are known."""
    logits = network.head(network.pooled(maps))
    return F.cross_entropy(logits, targets, soft_label=True, reduction="none").flatten()


def judged_by(held_out: Pictures, replicas: Replicas, preprocess: Preprocess) -> Callable:
    """How `fine_tune` judges an epoch: by the Brier score on the held-out pictures."""
    return partial(_judge, held_out, replicas, preprocess)


def _judge(
    held_out: Pictures, replicas: Replicas, preprocess: Preprocess
) -> tuple[float, dict[str, float]]:
    """Brier score, accuracy and feature drift.

    Drift is one minus the cosine between a picture's standardised features now and in the
    pretrained backbone, averaged over the pictures: 0 is no drift.
    """
    network = replicas.main
    x = preprocess.batch(held_out.squares)
    features = replicas.outputs(Classifier.features, x)
    logits = network.head(paddle.to_tensor(features)).numpy()
    mean, scale = network.feature_mean.numpy(), network.feature_scale.numpy()
    now, before = (features - mean) * scale, (held_out.frozen - mean) * scale
    cosine = (now * before).sum(1) / np.linalg.norm(now, axis=1) / np.linalg.norm(before, axis=1)
    found = score(logits, held_out.labels)
    return found["brier"], {
        "held_out_brier": found["brier"],
        "held_out_accuracy": found["accuracy"],
        "feature_drift": float(1 - cosine.mean()),
    }
