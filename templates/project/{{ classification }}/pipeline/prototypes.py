"""Prototypes: a class is the mean of its pictures' embeddings.

Snell et al., "Prototypical Networks for Few-shot Learning" (NIPS 2017): a picture belongs to the
class whose prototype is nearest. Here that is measured after a linear map that makes the pictures
of a class scatter alike in all directions, as in Fisher's linear discriminant analysis.
"""

import numpy as np

from pipeline.whitening import Whitening, means

FEWEST = 3  # pictures of each class; with fewer of one, how they scatter can't be told


class Prototypes:
    """The prototypes of some classes, and how near pictures are to them.

    Args:
        embeddings: [N, D].
        labels: [N], from 0; every class is there.
        whitened: whether to measure after whitening, for which there must be `enough` pictures.
    """

    def __init__(self, embeddings: np.ndarray, labels: np.ndarray, whitened: bool):
        self.means = means(embeddings, labels)
        fit = Whitening.fit if whitened else lambda rows, _: Whitening.none(rows.shape[1])
        self.whitening = fit(embeddings, labels)
        self.centre = self.whitening(self.means).mean(0)

    def similarities(self, embeddings: np.ndarray, more: np.ndarray) -> np.ndarray:
        """Cosines [N, classes + K] between embeddings [N, D] and the prototypes of the classes and
        `more`, [K, D], as seen from the centre of the classes.

        By direction alone, since training draws its own pictures farther out than others come.
        The order is that of squared Euclidean distances on the unit sphere.
        """
        prototypes = np.concatenate([self.means, more])
        return self.directions(embeddings) @ self.directions(prototypes).T

    def distances(self, embeddings: np.ndarray, more: np.ndarray) -> np.ndarray:
        """Squared distances [N, classes + K] from the same prototypes."""
        prototypes = self.whitening(np.concatenate([self.means, more]))
        embeddings = self.whitening(embeddings)
        products = embeddings @ prototypes.T
        squares = (embeddings**2).sum(1)[:, None] - 2 * products + (prototypes**2).sum(1)
        return np.maximum(squares, 0)

    def directions(self, embeddings: np.ndarray) -> np.ndarray:
        """[N, D] -> [N, D] of length 1: where they lie as seen from the centre of the classes."""
        out = self.whitening(embeddings) - self.centre
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


def enough(labels: np.ndarray) -> bool:
    """Whether each class has so many pictures that they show how they scatter, less a fold."""
    return bool(np.bincount(labels).min() >= FEWEST)
