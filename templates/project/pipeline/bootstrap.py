"""Intervals by drawing the pictures anew (Efron, 1979): how far would another sample lead?

A metric is a function of weights, one a picture, so that its value (all weights one) and its
resamples (how often a picture was drawn) go through the same lines.
"""

from collections.abc import Callable

import numpy as np

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

    Where all pictures were right, or all wrong, every resample says the same however few they
    are. There the exact binomial bound is taken: of 12 pictures all right, 0.735 to 1.

    Args:
        metric: weights [..., N] -> [...] or [..., classes]; nan where it is not defined.
        draws: as from `resamples`.
        counts: of the groups that a share is of; None for what is no share.
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
        bound = 0.025 ** (1 / np.maximum(counts, 1))
        low = np.where((value == 1) & (low == 1), bound, low)
        high = np.where((value == 0) & (high == 0), 1 - bound, high)
    if np.ndim(value) == 0:
        return {"value": float(value), "low": float(low), "high": float(high)}
    return [
        None if np.isnan(v) else {"value": float(v), "low": float(a), "high": float(b)}
        for v, a, b in zip(value, low, high, strict=True)
    ]


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
