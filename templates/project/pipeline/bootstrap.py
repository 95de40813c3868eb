"""Intervals by drawing the pictures anew (Efron, 1979): how far would another sample lead?

A metric is a function of weights, one a picture, so that its value (all weights one) and its
resamples (how often a picture was drawn) go through the same lines.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import beta

RESAMPLES = 2000


def resamples(groups: list[str], count: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each picture is drawn in each resample: [count, N]. Groups are drawn whole."""
    names, index = np.unique(groups, return_inverse=True)
    share = np.full(len(names), 1 / len(names))
    return np.random.default_rng(seed).multinomial(len(names), share, count)[:, index].astype(float)


def interval(
    metric: Callable[[np.ndarray], np.ndarray], draws: np.ndarray, counts=None, biased: bool = False
):
    """{value, low, high}, the percentile interval; a list of them when there is one a class.

    On few pictures it is too narrow, and none at all where all were right. So the interval of a
    share is the wider one of it and the exact binomial one: of 12 pictures all right, 0.735 to 1.

    Args:
        metric: weights [..., N] -> [...] or [..., classes]; nan where it is not defined.
        draws: as from `resamples`.
        counts: of the groups that a share is of, and of each class; None for what is no share.
        biased: a share that comes out too high, or too low, on few pictures. The interval is
            moved by what the resamples differ from the value, twice: once for them, and once for
            the value, which differs as much from the truth (Efron and Tibshirani, 1993, ch. 10).
    """
    value = metric(np.ones(draws.shape[1]))
    sampled = metric(draws)
    sampled = np.where(np.isnan(sampled).all(0), np.nan_to_num(sampled), sampled)
    low, high = np.nanpercentile(sampled, (2.5, 97.5), axis=0)
    if biased:
        excess = np.nanmean(sampled, axis=0) - value
        low = np.clip(low - 2 * excess, 0, value)
        high = np.clip(high - 2 * excess, value, 1)
    if counts is not None:
        exact_low, exact_high = binomial_interval(value, trials(value, sampled, counts))
        low, high = np.minimum(low, exact_low), np.maximum(high, exact_high)
    if np.ndim(value) == 0:
        return {"value": float(value), "low": float(low), "high": float(high)}
    return [
        None if np.isnan(v) else {"value": float(v), "low": float(a), "high": float(b)}
        for v, a, b in zip(value, low, high, strict=True)
    ]


def binomial_interval(share: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact 95% interval of a share of so many trials (Clopper and Pearson, 1934); nan where
    the share is nan."""
    right = share * counts
    wrong = counts - right
    low = np.where(right > 0, beta.ppf(0.025, right, wrong + 1), 0 * share)
    high = np.where(wrong > 0, beta.ppf(0.975, right + 1, wrong), 1 + 0 * share)
    return low, high


def trials(value: np.ndarray, sampled: np.ndarray, counts) -> np.ndarray:
    """How many trials a share is worth: at least one a group, and more where a group holds many,
    as boxes, and the resamples scatter less (Korn and Graubard, 1998).

    Args:
        value: [...], the share.
        sampled: [resamples, ...], of the resamples.
        counts: [...], of the groups.
    """
    counts, scatter = np.maximum(counts, 1), np.nanvar(sampled, axis=0)
    worth = np.divide(
        value * (1 - value), scatter, out=np.zeros_like(scatter), where=scatter > 1e-12
    )
    return np.maximum(counts, worth)


def ratio(above: np.ndarray, below: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A ratio of two sums over pictures as a metric; nan where the lower sum is 0.

    Args:
        above: [N, classes].
        below: [N, classes].
    """

    def metric(weights: np.ndarray) -> np.ndarray:
        total = weights @ below
        nowhere = np.full_like(total, np.nan)
        return np.divide(weights @ above, total, out=nowhere, where=total > 0)

    return metric
