"""How far an object's sides are from a cell: each a mixture of some distances.

Li et al., "Generalized Focal Loss", NeurIPS 2020. Theirs are 0, 1, 2, ... strides; these lie
farther and farther apart, because objects are of any size. A side without a sharp edge is a wide
mixture, and what is to be expected of it still lies in the middle.
"""

import numpy as np
import paddle
from paddle.nn import functional as F

# Trained weights are for these distances: 0, 0.14, 0.34, 0.61, ... 54 strides.
BINS = 16
FIRST, GROWTH = 0.14, 1.4  # strides from the first to the second, and what each step grows by
UNSURE = 1.5  # bins, the standard deviation of a head that knows nothing yet
HELD = 2.0  # logarithms that a head without a mixture may give: from -HELD to 6 - HELD


def expected(sides, strides):
    """The distances that are to be expected.

    Args:
        sides: [..., 4, bins], logits; with one bin, as in runs of templates before 0.10, the
            logarithm of the distance in strides.
        strides: [..., 1], px.

    Returns:
        [..., 4], px.
    """
    bins = sides.shape[-1]
    if bins > 1:
        return strides * (F.softmax(sides) * paddle.to_tensor(choices(bins))).sum(-1)
    free = sides.squeeze(-1)
    held = F.relu6(free + HELD) - HELD
    if paddle.in_dynamic_mode():  # beyond the limits there would be no way back
        held = free + (held - free).detach()
    return strides * paddle.exp(held)


def sharpness_loss(sides, wanted):
    """Distribution focal loss: only the two distances beside the wanted one are to be likely.

    Args:
        sides: [P, 4, bins], logits.
        wanted: [P, 4], strides.

    Returns:
        [P], the mean over the sides.
    """
    known = paddle.to_tensor(choices(sides.shape[2]))
    wanted = paddle.clip(wanted, 0, 0.999 * float(known[-1]))
    above = paddle.searchsorted(known, wanted, right=True)
    low, high = known[above - 1], known[above]
    share = (wanted - low) / (high - low)
    surprise = -F.log_softmax(sides)
    near, far = (
        paddle.take_along_axis(surprise, index.unsqueeze(2), 2).squeeze(2)
        for index in (above - 1, above)
    )
    return ((1 - share) * near + share * far).mean(1)


def untrained(usual: float, bins: int) -> np.ndarray:
    """What a head begins with that knows nothing yet.

    Args:
        usual: distance that is to be expected of all four sides, strides.
        bins: as in `expected`.

    Returns:
        [4 * bins], logits.
    """
    if bins == 1:
        return np.full(4, np.log(usual), np.float32)
    middle = np.linspace(0, bins - 1, 20 * bins)[:, None]
    logits = -(((np.arange(bins) - middle) / UNSURE) ** 2) / 2
    share = np.exp(logits)
    means = share @ choices(bins) / share.sum(1)
    best = np.abs(np.log(means / usual)).argmin()
    return np.tile(logits[best], 4).astype(np.float32)


def choices(bins: int) -> np.ndarray:
    """The distances of so many bins, [bins] strides."""
    return (FIRST * (GROWTH ** np.arange(bins) - 1) / (GROWTH - 1)).astype(np.float32)
