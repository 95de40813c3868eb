"""Judging by a few held-out pictures: a score, and the temperature that calibrates."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

PRIOR_DEVIATION = 0.5  # of the logarithm of the temperature


def score(logs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and Brier score, once the log-probabilities are calibrated.

    The Brier score (Brier, 1950) is the squared distance between the probabilities and the truth:
    0 is perfect, 2 the worst. Unlike cross-entropy it is bounded, so that among a few pictures
    one odd one does not decide; calibrated, it says how well classes are told apart, not how
    boldly. It is the mean over the classes, so that a rare one counts like any other; for the
    temperature it does so as well.

    Args:
        logs: [N, classes] log-probabilities of pictures that were not trained on.
        labels: [N].
    """
    weights = 1 / np.bincount(labels)[labels]  # every class counts the same
    weights *= weights.sum() / (weights**2).sum()  # as many as they are worth (Kish, 1965)
    probabilities = softmax(logs / fit_temperature(logs, labels, weights), axis=1)
    truth = np.eye(logs.shape[1])[labels]
    squares = ((probabilities - truth) ** 2).sum(1)
    return {
        "accuracy": float((logs.argmax(1) == labels).mean()),
        "brier": float(np.average(squares, weights=weights)),
    }


def mean_over_views(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities of pictures from their views' logits: [N, V, classes] -> [N, classes]."""
    return log_softmax(log_softmax(logits, axis=-1).mean(axis=1), axis=-1)


def fit_temperature(
    logs: np.ndarray, labels: np.ndarray, weights: np.ndarray | float = 1.0
) -> float:
    """The divisor of the logits with the smallest cross-entropy: Guo et al., ICML 2017.

    A few pictures say little, and where all of them are right nothing would be too bold. So its
    logarithm has a normal prior around 0 that any larger number of pictures outvotes.

    Args:
        logs: [N, classes], logits or log-probabilities of pictures that were not trained on.
        labels: [N].
        weights: [N], as how many pictures each counts. Where 0.9 is to be right 9 times in 10 of
            the pictures as they come, each counts as one.
    """

    def misfit(log_temperature: float) -> float:
        scaled = log_softmax(logs / np.exp(log_temperature), axis=1)
        prior = (log_temperature / PRIOR_DEVIATION) ** 2 / 2
        return float(prior - (weights * scaled[np.arange(len(labels)), labels]).sum())

    return float(np.exp(minimize_scalar(misfit, bounds=(-1.5, 1.5), method="bounded").x))
