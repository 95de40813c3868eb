"""Stage 1: logistic regression on frozen features.

The head that fine-tuning starts from, after Kumar et al., "Fine-Tuning can Distort Pretrained
Features" (ICLR 2022): a fitted head first, so that no random gradients reach the backbone.
"""

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from pipeline.network import LinearHead

STRENGTHS = (0.003, 0.03, 0.3)  # inverse regularisation, on standardised features


def fit(features: np.ndarray, labels: np.ndarray, strength: float) -> LinearHead:
    """Fits the head.

    Args:
        features: [N, V, D]; every view counts as a picture.
        labels: [N], from 0; every class is there.
        strength: C of scikit-learn's LogisticRegression.
    """
    flat = features.reshape(-1, features.shape[-1])
    mean, deviation = flat.mean(0), flat.std(0)
    # The floor keeps features that hardly vary among the shots from exploding elsewhere.
    scale = 1 / (deviation + 0.01 * deviation.mean() + 1e-6)
    model = LogisticRegression(C=strength, max_iter=200)
    model.fit((flat - mean) * scale, np.repeat(labels, features.shape[1]))
    weight, bias = model.coef_.T, model.intercept_
    if weight.shape[1] == 1:  # two classes have one row: as two logits
        weight = np.concatenate([-weight, weight], axis=1) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return LinearHead(mean, scale, weight, bias)


def log_probabilities(head: LinearHead, features: np.ndarray) -> np.ndarray:
    """Averages over views: [N, V, D] -> [N, classes]."""
    return log_softmax(log_softmax(head.logits(features), axis=-1).mean(axis=1), axis=-1)


def choose_strength(
    features: np.ndarray, labels: np.ndarray, fitted: np.ndarray, held_out: np.ndarray
) -> float:
    """The strength with the smallest cross-entropy on the held-out pictures.

    Args:
        features: [N, V, D].
        labels: [N].
        fitted: indices to fit on.
        held_out: indices to judge on.
    """

    def loss(strength: float) -> float:
        logs = log_probabilities(
            fit(features[fitted], labels[fitted], strength), features[held_out]
        )
        return float(-logs[np.arange(len(held_out)), labels[held_out]].mean())

    return min(STRENGTHS, key=loss)
