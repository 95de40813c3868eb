"""Judging by a few held-out pictures: a score, and the temperature that calibrates."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax


def score(logs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and Brier score, once the log-probabilities are calibrated.

    The Brier score (Brier, 1950) is the squared distance between the probabilities and the truth:
    0 is perfect, 2 the worst. Unlike cross-entropy it is bounded, so that among a few pictures
    one odd one does not decide; calibrated, it says how well classes are told apart, not how
    boldly.

    Args:
        logs: [N, classes] log-probabilities of pictures that were not trained on.
        labels: [N].
    """
    probabilities = softmax(logs / fit_temperature(logs, labels), axis=1)
    truth = np.eye(logs.shape[1])[labels]
    return {
        "accuracy": float((logs.argmax(1) == labels).mean()),
        "brier": float(((probabilities - truth) ** 2).sum(1).mean()),
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

    def cross_entropy(log_temperature: float) -> float:
        scaled = log_softmax(logs / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-1.5, 1.5), method="bounded").x))
