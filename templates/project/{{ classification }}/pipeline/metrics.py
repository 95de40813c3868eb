"""Metrics of a classifier, each with a 95% interval over the pictures, by bootstrap.interval."""

from collections.abc import Callable

import numpy as np

from pipeline.bootstrap import interval, ratio, resamples

BINS = 15  # of the calibration error


def evaluate(probabilities: np.ndarray, labels: np.ndarray, groups: list[str]) -> dict:
    """All metrics, ready for JSON.

    Args:
        probabilities: [N, classes].
        labels: [N], indices of classes.
        groups: N names; near-duplicates share one and are drawn together.

    Returns:
        accuracy, macro_f1, cross_entropy and calibration_error as {value, low, high}; `classes`,
        a list with pictures, precision, recall and f1; `confusion`, rows true and columns
        predicted; `calibration`, the bins of the reliability diagram.
    """
    draws = resamples(groups)
    predicted, classes = probabilities.argmax(1), probabilities.shape[1]
    names = np.array(groups)
    everywhere = len(set(groups))
    found = np.array([len(set(names[labels == i])) for i in range(classes)])
    said = np.array([len(set(names[predicted == i])) for i in range(classes)])
    scores = class_scores(probabilities, labels)
    per_class = {
        name: interval(scores[name], draws, count)
        for name, count in (("precision", said), ("recall", found), ("f1", found))
    }
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (labels, predicted), 1)
    losses = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1))
    right = (predicted == labels).astype(float)
    return {
        "pictures": len(labels),
        "accuracy": interval(lambda w: w @ right / w.sum(-1), draws, everywhere),
        "macro_f1": interval(lambda w: np.nanmean(scores["f1"](w), axis=-1), draws, everywhere),
        "cross_entropy": interval(lambda w: w @ losses / w.sum(-1), draws),
        "calibration_error": centred_interval(calibration_error(probabilities, labels), draws),
        "classes": [
            {"pictures": int(confusion[i].sum())} | {name: per_class[name][i] for name in per_class}
            for i in range(classes)
        ],
        "confusion": confusion.tolist(),
        "calibration": calibration_bins(probabilities, labels),
    }


def centred_interval(metric: Callable[[np.ndarray], np.ndarray], draws: np.ndarray) -> dict:
    """{value, low, high} of a sum of absolute gaps, which is never below 0.

    Drawing anew adds gaps of its own, so that resamples lie above the value; they are moved back
    by their mean excess.
    """
    value = float(metric(np.ones(draws.shape[1])))
    sampled = metric(draws)
    low, high = np.percentile(sampled - sampled.mean() + value, (2.5, 97.5))
    return {"value": value, "low": max(0.0, float(low)), "high": float(high)}


def class_scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Callable]:
    """Precision, recall and F1 as functions of weights [..., N] -> [..., classes].

    Precision of a class that was never predicted, and recall of one without pictures, are nan.
    """
    predicted = probabilities.argmax(1)
    identity = np.eye(probabilities.shape[1])
    is_true, is_predicted = identity[labels], identity[predicted]
    is_hit = is_true * is_predicted

    return {
        "precision": ratio(is_hit, is_predicted),
        "recall": ratio(is_hit, is_true),
        "f1": ratio(2 * is_hit, is_true + is_predicted),
    }


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> Callable:
    """Expected calibration error of the predicted class: Guo et al., ICML 2017."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    gap = np.eye(BINS)[_bin(confidence)] * (right - confidence)[:, None]
    return lambda weights: np.abs(weights @ gap).sum(-1) / weights.sum(-1)


def calibration_bins(probabilities: np.ndarray, labels: np.ndarray) -> list[dict]:
    """Pictures, mean confidence and share of right answers in every bin that is not empty."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bins = _bin(confidence)
    return [
        {
            "pictures": int((bins == i).sum()),
            "confidence": float(confidence[bins == i].mean()),
            "accuracy": float(right[bins == i].mean()),
        }
        for i in np.unique(bins)
    ]


def _bin(confidence: np.ndarray) -> np.ndarray:
    return np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
