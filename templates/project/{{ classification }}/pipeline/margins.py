"""How much nearer an added class's prototype must be before a picture is of that class.

The margin is chosen so that hardly a picture of the trained classes is taken for the added one, on
pictures that the prototypes don't know: those of the split val, or else training pictures, each
judged by prototypes that were made without it. Test pictures have no part in it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from pipeline.added import trained_prototypes
from pipeline.additions import Added
from pipeline.prototypes import Prototypes, enough
from pipeline.reference import Reference

FOLDS = 5
FAR = 1.5  # times the squared distance within which 99 of 100 pictures have a prototype


@dataclass(frozen=True)
class Trial:
    """Prototypes, and pictures that they don't know: embeddings [N, D] and labels [N]."""

    prototypes: Prototypes
    embeddings: np.ndarray
    labels: np.ndarray


def trials(seen: Reference) -> list[Trial]:
    """The split val, judged by the training pictures; where there is none, those in folds."""
    train, val = seen.part("train"), seen.part("val")
    if len(val.labels):
        return [Trial(trained_prototypes(seen), val.embeddings, val.labels)]
    return in_folds(train.embeddings, train.labels)


def in_folds(embeddings: np.ndarray, labels: np.ndarray) -> list[Trial]:
    """A part of each class judged by the rest of it, until each picture was judged."""
    counts = np.bincount(labels)
    folds = min(FOLDS, counts.min())
    fold = np.zeros(len(labels), int)
    for label, count in enumerate(counts):
        fold[labels == label] = np.arange(count) % folds
    found = []
    for number in range(folds):
        out = fold == number
        prototypes = Prototypes(embeddings[~out], labels[~out], enough(labels))
        found.append(Trial(prototypes, embeddings[out], labels[out]))
    return found


def add(
    name: str,
    shots: np.ndarray,
    trained: Prototypes,
    judged: list[Trial],
    loss: float,
    fine_tuned: bool,
) -> Added:
    """Makes an added class of a few pictures.

    Args:
        name: of the class.
        shots: [n, D], the pictures' embeddings.
        trained: the prototypes of the trained classes.
        judged: pictures of the trained classes, from `trials`.
        loss: share of these pictures that the added class may take from their own.
        fine_tuned: whether the network was trained on them, and not its head alone. It tells them
            apart better than others, so that the margin is one standard deviation at the least.
    """
    prototype = shots.mean(0)
    near = [t.prototypes.similarities(t.embeddings, prototype[None]) for t in judged]
    near, labels = np.concatenate(near), np.concatenate([t.labels for t in judged])
    nearer = near[:, -1] - near[:, :-1].max(1)
    margin, scale = _margin(nearer, labels, near[:, :-1].argmax(1) == labels, max(loss, 0.001))
    margin = max(margin, scale if fine_tuned else 0.0)

    far = np.concatenate([t.prototypes.distances(t.embeddings, shots[:0]).min(1) for t in judged])
    # Pictures lie farther from a prototype of few: it has the scatter of a mean of so many.
    radius = float(np.quantile(far, 0.99)) * (1 + 1 / len(shots))
    if len(shots) > 1:  # the class's own pictures, each seen by the prototype of the others
        others = (shots.sum(0) - shots) / (len(shots) - 1)
        radius = max(
            radius, float(np.diag(trained.distances(shots, others)[:, -len(shots) :]).max())
        )
    return Added(name, prototype.tolist(), margin, scale, FAR * radius)


def _margin(
    nearer: np.ndarray, labels: np.ndarray, right: np.ndarray, loss: float
) -> tuple[float, float]:
    """The margin at which the share `loss` of pictures is lost, and the scatter of `nearer`.

    Args:
        nearer: [N], how much nearer than the nearest trained class the added one is.
        labels: [N].
        right: [N], which pictures have their own class as the nearest one: others can't be lost.
        loss: between 0 and 1.
    """
    share = np.array([np.mean(right & (labels == c)) for c in range(labels.max() + 1)])
    centres = np.array(
        [nearer[right & (labels == c)].mean() if n else 0 for c, n in enumerate(share)]
    )
    rest = (nearer - centres[labels])[right]
    scale = float(np.sqrt((rest**2).sum() / max(1, len(rest) - len(centres)))) or 1.0
    if share.sum() <= loss:
        return 0.0, scale
    # Both the pictures themselves and the normal distributions that they suggest: a few pictures
    # say little of the rare ones among them.
    observed = np.quantile(np.where(right, nearer, -2), 1 - loss)
    expected = brentq(
        lambda m: share @ ndtr((centres - m) / scale) - loss, -3 - 10 * scale, 3 + 10 * scale
    )
    return float(max(observed, expected)), scale
