"""Yours: an update never touches this file, and everything works without it."""

import numpy as np


def augment(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Called on every training picture after the built-in augmentation.

    Put in what happens to your pictures on the line: glare, dust, another board colour. In
    detection leave everything in its place: the boxes are not moved along. Moves, zoom and flips
    are settings (`augment` in settings.yaml), which move the boxes too.

    Args:
        picture: [S, S, 3], uint8, RGB.
        rng: source of chance; use it alone, so that a run can be repeated.

    Returns:
        A picture of the same shape and type.
    """
    return picture
