"""Whether pictures still look as they did in training, by what the network sees in them.

How far a picture is: its squared Mahalanobis distance from the centre of the training pictures'
features, with a shrunk covariance. How far pictures of the same kind are is known from training
pictures that had no part in centre and covariance; there every kind counts the same, so that a day
on which a rare defect is frequent is no drift.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load_file, save

from pipeline.balance import class_by_class
from pipeline.whitening import Whitening

FILE = "drift.safetensors"
FEWEST = 20  # training pictures; fewer don't tell how far a picture may be
FOLDS = 5
FAR = 0.99  # the share of such pictures that are not far; of fewer than 100, all of them
USUAL = 0.8  # of pictures of the same kind, more than half are that near ...
JUDGED = 12  # ... in 99 of 100 calls with so many pictures (binomial); fewer are not judged


@dataclass(frozen=True)
class Familiar:
    """What the network saw in the training pictures.

    Attributes:
        centre: [D], their mean features.
        whitening: makes them scatter alike in all directions.
        far: distance beyond which a single picture is far.
        usual: score, as `scores` gives it, that the median of many pictures does not exceed.
    """

    centre: np.ndarray
    whitening: Whitening
    far: float
    usual: float

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Features of N pictures, [N, D] -> how far each is, [N]; beyond 1 is far."""
        return _distances(self.centre, self.whitening, features) / self.far


class Seen(NamedTuple):
    """Some pictures: `features` [N, D] and `kinds` [N], class numbers, or 0 where none has one."""

    features: np.ndarray
    kinds: np.ndarray


def keep(folder: Path, train: Seen, val: Seen) -> dict | None:
    """Writes FILE into the folder of an export, unless the pictures are too few.

    Args:
        folder: of the export.
        train: pictures that training saw.
        val: pictures that it did not see; where they are too few, training pictures are left out
            in turn.

    Returns:
        What is known of it: the numbers of pictures, and `usual`.
    """
    if len(train.features) < FEWEST:
        return None
    centre, whitening = _fit(train.features)
    if len(val.features) >= FEWEST:
        distances, kinds = _distances(centre, whitening, val.features), val.kinds
    else:
        distances, kinds = _left_out(train.features), train.kinds
    usual, far = (_quantile(distances, kinds, share) for share in (USUAL, FAR))
    tensors = {
        "centre": np.float32(centre),
        "directions": np.ascontiguousarray(whitening.directions, np.float16),
        "gains": np.float32(whitening.gains),
        "limits": np.float32([whitening.gain, far, usual / far]),
    }
    (folder / FILE).write_bytes(save(tensors))  # save_file would keep others from reading it
    return {
        "pictures": len(train.features),
        "judged_by": len(distances),
        "usual": float(usual / far),
    }


def keep_some(
    folder: Path,
    samples: Sequence,
    kinds: Sequence[int],
    most: int,
    features_of: Callable[[list[Path]], np.ndarray],
) -> dict | None:
    """`keep` for training and val pictures, drawn kind by kind where they are many.

    Args:
        folder: of an export.
        samples: all that splits.csv names.
        kinds: of the samples.
        most: pictures of a split.
        features_of: paths of N pictures, at least one -> their features [N, D], or [0].
    """
    rng = np.random.default_rng(0)
    seen = {}
    for split in ("train", "val"):
        rows = np.flatnonzero([sample.split == split for sample in samples])
        rows = rows[class_by_class(np.asarray(kinds)[rows], rng)[:most]]
        features = features_of([samples[row].path for row in rows]) if len(rows) else np.empty(0)
        seen[split] = Seen(features, np.asarray(kinds)[rows])
    return keep(folder, seen["train"], seen["val"])


def of_runtime(kind: str) -> str:
    """The name of FILE where each runtime has its own: int8 is another network in each."""
    return f"drift-{kind}.safetensors"


def read(folder: Path, kind: str) -> Familiar | None:
    """What `keep` wrote, for a runtime; None where it wrote nothing."""
    found = [path for name in (of_runtime(kind), FILE) if (path := folder / name).is_file()]
    if not found:
        return None
    tensors = load_file(found[0])
    gain, far, usual = tensors["limits"].tolist()
    directions = tensors["directions"].astype(np.float32)
    return Familiar(tensors["centre"], Whitening(directions, tensors["gains"], gain), far, usual)


def judged(scores: np.ndarray, usual: float) -> dict | None:
    """What N scores say together; None for fewer than JUDGED."""
    if len(scores) < JUDGED:
        return None
    median = float(np.median(scores))
    far = int(_is_far(scores).sum())
    return {"pictures": len(scores), "far": far, "median": median, "changed": median > usual}


def mark(score: float) -> str:
    """What a table says beside a picture with this score."""
    return "unlike the training pictures" if _is_far(score) else ""


def told(found: dict, usual: float) -> str:
    """The line for people where `judged` found a change."""
    return (
        f"Drift: these pictures differ from the training pictures: median score "
        f"{found['median']:.2f} (usual is up to {usual:.2f}), {found['far']} of "
        f"{found['pictures']} beyond 1. Look at light, focus, camera and product; if the line is "
        "to stay so, label some of them and train again."
    )


def _is_far(score):
    return score > 1


def _fit(features: np.ndarray) -> tuple[np.ndarray, Whitening]:
    return features.mean(0), Whitening.fit(features, np.zeros(len(features), int))


def _distances(centre: np.ndarray, whitening: Whitening, features: np.ndarray) -> np.ndarray:
    return (whitening(features - centre) ** 2).sum(1)


def _quantile(distances: np.ndarray, kinds: np.ndarray, share: float) -> float:
    """The distance that this share does not exceed, where every kind counts the same."""
    order = distances.argsort()
    weights = 1 / np.bincount(kinds)[kinds[order]]
    below = (weights.cumsum() - weights) / (weights.sum() - weights[-1])
    return float(distances[order][np.searchsorted(below, share - 1e-9)])


def _left_out(features: np.ndarray) -> np.ndarray:
    """How far each picture is from the others, [N]."""
    fold = np.random.default_rng(0).permutation(len(features)) % FOLDS
    distances = np.empty(len(features))
    for number in range(FOLDS):
        centre, whitening = _fit(features[fold != number])
        distances[fold == number] = _distances(centre, whitening, features[fold == number])
    return distances
