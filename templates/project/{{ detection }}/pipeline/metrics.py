"""Metrics of a detector, each with a 95% bootstrap interval over the pictures.

AP and AP50 are COCO's (https://cocodataset.org/#detection-eval): the precision, at 101 recalls
from 0 to 1 the best one from that recall on, is averaged; AP50 counts boxes with an IoU of at
least 0.5 as right, AP is the mean over the IoUs 0.5, 0.55, ..., 0.95. Taking the best makes both
a little too high on few pictures; the intervals allow for that. Boxes are matched once; what a
resample says is computed from how often it drew each picture.
"""

from functools import partial

import numpy as np

from pipeline.bootstrap import interval, ratio, resamples
from pipeline.matching import IOUS, Matches

RECALLS = np.linspace(0, 1, 101)  # COCO's
ROWS = 100  # resamples at once, for the memory's sake
POINTS = 200  # of a curve


def evaluate(matches: list[Matches], groups: list[str], thresholds: list[float]) -> dict:
    """All metrics, ready for JSON.

    Args:
        matches: of every class in the same N pictures.
        groups: N names; near-duplicates share one and are drawn together.
        thresholds: score of every class from which on a box is shown.

    Returns:
        AP and AP50 as {value, low, high}, None where nothing is labelled; `classes`, a list with
        pictures, boxes, AP and AP50, and, of the boxes beyond the threshold, recall, precision
        and false_alarms a picture; `stopped`, the share of pictures on which any box is shown,
        for those `with_objects` and `without_objects`; `curves`, a list of what `curve` says.
    """
    draws = resamples(groups)
    names = np.array(groups)
    labelled = np.stack([one.objects for one in matches], axis=1)
    shown, right = map(np.array, zip(*map(Matches.counts, matches, thresholds), strict=True))
    shown, right = shown.T, right.T
    everywhere = len(set(names[labelled.any(1)]))
    with_objects = [len(set(names[column])) for column in labelled.T > 0]
    with_shown = [len(set(names[column])) for column in shown.T > 0]

    counts = [everywhere, *with_objects]
    average = {
        name: interval(partial(mean_and_classes, matches, ious), draws, counts, biased=True)
        for name, ious in (("AP50", 1), ("AP", len(IOUS)))
    }
    per_class = {name: values[1:] for name, values in average.items()} | {
        "recall": interval(ratio(right, labelled), draws, with_objects),
        "precision": interval(ratio(right, shown), draws, with_shown),
        "false_alarms": interval(ratio(shown - right, np.ones_like(shown)), draws),
    }
    for rate in per_class["false_alarms"]:
        if rate["high"] == 0:  # none was seen: the exact bound of Poisson's distribution
            rate["high"] = float(-np.log(0.025) / len(set(groups)))
    return {
        "pictures": len(groups),
        "boxes": int(labelled.sum()),
        **{name: values[0] for name, values in average.items()},
        "classes": [
            {
                "pictures": int((labelled[:, k] > 0).sum()),
                "boxes": int(labelled[:, k].sum()),
                "threshold": thresholds[k],
                **{name: values[k] for name, values in per_class.items()},
            }
            for k in range(len(matches))
        ],
        "stopped": stopped(labelled, shown, groups, draws),
        "curves": [curve(one) for one in matches],
    }


def stopped(labelled: np.ndarray, shown: np.ndarray, groups: list[str], draws: np.ndarray) -> dict:
    """What a line counts: parts that are taken out, with a defect and without one.

    Args:
        labelled: [N, classes], boxes of each picture.
        shown: [N, classes], found ones beyond the thresholds.
        groups: as in `evaluate`.
        draws: as from `resamples`.

    Returns:
        For `with_objects` and `without_objects` how many `pictures` there are and the `share` of
        them on which any box is shown, {value, low, high}, None without any picture.
    """
    has_objects = labelled.any(1)
    kinds = np.stack([has_objects, ~has_objects], axis=1)
    counts = [len(set(np.array(groups)[kind])) for kind in kinds.T]
    shares = interval(ratio(kinds & shown.any(1, keepdims=True), kinds), draws, counts)
    found = [
        {"pictures": int(kind.sum()), "share": share}
        for kind, share in zip(kinds.T, shares, strict=True)
    ]
    return dict(zip(("with_objects", "without_objects"), found, strict=True))


def mean_and_classes(matches: list[Matches], ious: int, weights: np.ndarray) -> np.ndarray:
    """Average precision over the first IoUs: weights [..., N] -> [..., 1 + classes].

    First the mean of the classes that have labelled boxes, then each class; nan without any.
    """
    rows = weights.reshape(-1, weights.shape[-1])
    parts = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
    per_class = np.stack(
        [
            np.concatenate([_average_precision(one, part, ious) for part in parts])
            for one in matches
        ],
        axis=1,
    )
    known = ~np.isnan(per_class)
    count = known.sum(1)
    mean = np.where(count, np.nansum(per_class, 1) / np.maximum(count, 1), np.nan)
    result = np.concatenate([mean[:, None], per_class], axis=1)
    return result.reshape(*weights.shape[:-1], -1)


def _average_precision(one: Matches, weights: np.ndarray, ious: int) -> np.ndarray:
    """[R, N] -> [R]. Precision is best where a right box was just found: only those count."""
    objects = weights @ one.objects
    shown = np.cumsum(weights[:, one.pictures], axis=1)
    total = np.zeros(len(weights))
    for hits in one.right[:ious]:
        ranks = np.flatnonzero(hits)
        right = np.cumsum(weights[:, one.pictures[ranks]], axis=1)
        precision = right / np.maximum(shown[:, ranks], 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = right / np.maximum(objects, 1)[:, None]
        reached = np.searchsorted(RECALLS, recall, side="right")
        total += (best * np.diff(reached, axis=1, prepend=0)).sum(1)
    return np.where(objects > 0, total / (ious * len(RECALLS)), np.nan)


def curve(one: Matches) -> dict[str, list[float]]:
    """Recall, precision and false alarms a picture at IoU 0.5 over the threshold of the score.

    Returns:
        score (falling), recall, precision, false_alarms: at most POINTS numbers each.
    """
    score, shown, right = one.levels()
    chosen = np.unique(np.linspace(0, len(score) - 1, min(POINTS, len(score))).round().astype(int))
    score, shown, right = score[chosen], shown[chosen], right[chosen]
    return {
        "score": score.tolist(),
        "recall": (right / max(one.objects.sum(), 1)).tolist(),
        "precision": (right / shown).tolist(),
        "false_alarms": ((shown - right) / len(one.objects)).tolist(),
    }
