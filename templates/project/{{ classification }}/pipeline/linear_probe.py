"""Stage 1: logistic regression on frozen features.

The head that fine-tuning starts from, after Kumar et al., "Fine-Tuning can Distort Pretrained
Features" (ICLR 2022): a fitted head first, so that no random gradients reach the backbone.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from pipeline.network import LinearHead
from pipeline.scores import mean_over_views, score

STRENGTHS = (0.01, 0.1, 1.0)  # inverse regularisation, on standardised features


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


def choose_strength(
    features: np.ndarray,
    labels: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    views: int,
) -> tuple[float, np.ndarray]:
    """The strength with the smallest Brier score on the held-out pictures.

    Args:
        features: [N, V, D].
        labels: [N].
        folds: pairs of indices, to fit on and to judge by.
        views: how many of the views, from the first on, are averaged when judging.

    Returns:
        The strength, and its log-probabilities for the held-out pictures, fold after fold.
    """
    judged = labels[np.concatenate([held_out for _, held_out in folds])]
    logs = {
        strength: np.concatenate(
            [
                mean_over_views(fit(features[a], labels[a], strength).logits(features[b, :views]))
                for a, b in folds
            ]
        )
        for strength in STRENGTHS
    }
    best = min(STRENGTHS, key=lambda strength: score(logs[strength], judged)["brier"])
    return best, logs[best]
