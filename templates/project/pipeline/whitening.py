"""A linear map after which pictures scatter alike in all directions."""

from dataclasses import dataclass

import numpy as np

SHRINKAGE = 0.3  # towards equal scatter in all directions: there are fewer pictures than those


@dataclass(frozen=True)
class Whitening:
    """The linear map after which pictures scatter alike about their class's mean.

    Attributes:
        directions: [R, D], orthonormal: those in which they scattered.
        gains: [R], what becomes of a length in each.
        gain: what becomes of it in any other direction.
    """

    directions: np.ndarray
    gains: np.ndarray
    gain: float

    @classmethod
    def fit(cls, embeddings: np.ndarray, labels: np.ndarray) -> "Whitening":
        """From embeddings [N, D] with labels [N]."""
        rest = embeddings - means(embeddings, labels)[labels]
        # Eigenvectors by way of the [N, N] products: a large backbone has many more dimensions.
        squares, vectors = np.linalg.eigh(rest @ rest.T)
        kept = squares > 1e-6 * squares[-1]
        squares, vectors = squares[kept], vectors[:, kept]
        variances = squares / (len(rest) - len(np.unique(labels)))
        equal = SHRINKAGE * variances.sum() / embeddings.shape[1]
        directions = (vectors / np.sqrt(squares)).T @ rest
        return cls(directions, ((1 - SHRINKAGE) * variances + equal) ** -0.5, equal**-0.5)

    @classmethod
    def none(cls, dimensions: int) -> "Whitening":
        """Leaves everything as it is."""
        return cls(np.zeros((0, dimensions), np.float32), np.zeros(0, np.float32), 1.0)

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """[N, D] -> [N, D]."""
        along = embeddings @ self.directions.T
        return self.gain * embeddings + (along * (self.gains - self.gain)) @ self.directions


def means(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean embedding of each class, [classes, D]; labels go from 0 and leave none out."""
    return np.stack([embeddings[labels == label].mean(0) for label in range(labels.max() + 1)])
