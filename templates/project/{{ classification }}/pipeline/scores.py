"""Scores of log-probabilities, and the temperature that calibrates them."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def score(logs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and mean cross-entropy.

    Args:
        logs: [N, classes] log-probabilities.
        labels: [N].
    """
    return {
        "accuracy": float((logs.argmax(1) == labels).mean()),
        "cross_entropy": float(-logs[np.arange(len(labels)), labels].mean()),
    }


def mean_over_views(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities of pictures from their views' logits: [N, V, classes] -> [N, classes]."""
    return log_softmax(log_softmax(logits, axis=-1).mean(axis=1), axis=-1)


def fit_temperature(logs: np.ndarray, labels: np.ndarray) -> float:
    """The divisor of the logits with the smallest cross-entropy: Guo et al., ICML 2017.

    Args:
        logs: [N, classes], logits or log-probabilities of pictures that were not trained on.
        labels: [N].
    """

    def loss(log_temperature: float) -> float:
        return score(log_softmax(logs / np.exp(log_temperature), axis=1), labels)["cross_entropy"]

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))


def calibrated(logs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log-probabilities at the temperature that fits them best: what is left to compare is
    how well the classes are told apart, not how boldly."""
    return log_softmax(logs / fit_temperature(logs, labels), axis=1)
