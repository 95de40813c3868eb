"""Training a network so that it sees what a better one, its teacher, sees."""

from collections.abc import Callable

import paddle
from paddle import nn

WEIGHT = 20.0  # of the maps' difference beside the task's own loss


def distilled(look: Callable, losses_of: Callable) -> Callable:
    """Losses of a network whose backbone has the same maps as the teacher's.

    To the task's own loss comes how far the maps are from the teacher's: the squared difference
    as a share of the teacher's square, the mean over the maps (Romero et al., "FitNets", ICLR
    2015).

    Args:
        look: inputs -> the teacher's maps; its backbone, say.
        losses_of: (network, maps, targets) -> loss of each picture, [N].

    Returns:
        (network, inputs [N, 3, S, S], targets) -> loss of each picture, [N].
    """

    def losses(network: nn.Layer, x: paddle.Tensor, targets: paddle.Tensor) -> paddle.Tensor:
        maps = network.backbone(x)
        with paddle.no_grad():
            wanted = look(x)
        apart = 0.0
        for mine, theirs in zip(maps, wanted, strict=True):
            scale = (theirs**2).mean([1, 2, 3])
            apart = apart + ((mine - theirs) ** 2).mean([1, 2, 3]) / scale / len(maps)
        return losses_of(network, maps, targets) + WEIGHT * apart

    return losses
