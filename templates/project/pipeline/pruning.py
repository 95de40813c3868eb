"""Structured pruning: the hidden channels of a backbone's blocks that can go, and what then stays.

The channels between a block's expansion and its projection are nobody else's: with fewer of them
every map that leaves a block keeps its channels. What the removed ones gave is taken over by the
others as far as a linear map can: the projection is fitted anew by least squares (He et al.,
"Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017), in closed form. Channels
whose loss then costs least go first (Hassibi and Stork, "Optimal Brain Surgeon", NIPS 1992).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import paddle
from paddle import nn
from tqdm import tqdm

from pipeline.backbone import EMBEDDED
from pipeline.console import UserError
from pipeline.distillation import distilled
from pipeline.efficientnet_lite import Block

GRAIN = 16  # channels: runtimes compute so many at once
SHARES = (0.75, 0.5, 0.33, 0.17)  # of a block's hidden channels that are tried
RIDGE = 1e-3  # of the mean variance: a channel that never varies has no inverse


@dataclass(frozen=True)
class Cut:
    """A block with fewer hidden channels.

    Attributes:
        kept: [K], indices of the channels that stay.
        weight: [outputs, K], of the projection.
        mean: [outputs], what the batch normalisation behind it takes off.
    """

    kept: np.ndarray
    weight: np.ndarray
    mean: np.ndarray


class Moments:
    """Mean and covariance of a block's hidden channels, where its projection sees them."""

    def __init__(self, channels: int):
        self.count = 0
        self.sums = np.zeros(channels)
        self.products = np.zeros((channels, channels))

    def add(self, _, inputs: tuple[paddle.Tensor]) -> None:
        """As a hook before the projection: inputs [N, C, H, W]."""
        rows = inputs[0].transpose([0, 2, 3, 1]).flatten(0, 2)
        self.count += rows.shape[0]
        self.sums += rows.sum(0).numpy()
        self.products += paddle.matmul(rows, rows, transpose_x=True).numpy()

    @property
    def mean(self) -> np.ndarray:
        return self.sums / self.count

    @property
    def covariance(self) -> np.ndarray:
        found = self.products / self.count - np.outer(self.mean, self.mean)
        return found + RIDGE * np.trace(found) / len(found) * np.eye(len(found))


def check(about: dict) -> None:
    """Raises UserError for a network that can't be pruned; `about` is run.json of its run."""
    if "pruned_from" in about:
        parent = about["pruned_from"]["run"]
        raise UserError(f"{about['id']} is pruned already. Prune {parent} again, with --run.")
    known = about["weights"]
    if known.get("detector", "dense") != "dense":
        raise UserError(f"Only the dense detector can be pruned; {about['id']} is another one.")
    if known["backbone"] != EMBEDDED:
        raise UserError(f"Only {EMBEDDED} can be pruned; {about['id']} has {known['backbone']}.")


def blocks_of(network: nn.Layer) -> dict[str, Block]:
    """The blocks of a network that have hidden channels of their own, by name."""
    layers = network.named_sublayers()
    return {name: layer for name, layer in layers if isinstance(layer, Block) and layer.expands}


def widths_after(network: nn.Layer, cuts: dict[str, Cut]) -> list[int]:
    """The hidden channels of a network's blocks after some cuts, as `new_backbone` takes them."""
    return [
        len(cuts[name].kept) if name in cuts else layer.hidden
        for name, layer in network.named_sublayers()
        if isinstance(layer, Block)
    ]


def loss_of(network: nn.Layer, losses_of: Callable, x: np.ndarray, targets: np.ndarray) -> Callable:
    """A function that gives the loss of some pictures with the weights of the moment, the maps of
    now being the teacher's; arguments as for `distilled`."""
    x, targets = paddle.to_tensor(x), paddle.to_tensor(targets)
    with paddle.no_grad():
        maps = network.backbone(x)
    losses = distilled(lambda _: maps, losses_of)

    def loss() -> float:
        with paddle.no_grad():
            return float(losses(network, x, targets).mean())

    return loss


def multiply_adds(network: nn.Layer, side: int) -> dict[str, int]:
    """How often the convolutions of a network multiply and add for a picture of this side, px, by
    the layers' names. The few of other layers don't count."""
    found = {}

    def count(name: str, layer: nn.Conv2D, _, y: paddle.Tensor) -> None:
        found[name] = y.size * int(np.prod(layer.weight.shape[1:]))

    hooks = [
        layer.register_forward_post_hook(partial(count, name))
        for name, layer in network.named_sublayers()
        if isinstance(layer, nn.Conv2D)
    ]
    with paddle.no_grad():
        network(paddle.zeros([1, 3, side, side]))
    for hook in hooks:
        hook.remove()
    return found


def choose_cuts(
    network: nn.Layer,
    side: int,
    seen: Iterable[np.ndarray],
    loss: Callable[[], float],
    keep: float,
) -> dict[str, Cut]:
    """Cuts of blocks, by name, that together leave the share `keep` of the multiply-adds.

    Each cut is tried alone, for how much it raises the loss. Those are chosen for which the rises
    add up to the least.

    Args:
        network: as it was trained; it is changed and changed back.
        side: of its input, px.
        seen: training pictures, [N, 3, S, S] each.
        loss: of held-out pictures with the weights of the moment.
        keep: between 0 and 1.

    Raises:
        UserError: so little can't be left.
    """
    blocks = blocks_of(network)
    work = multiply_adds(network, side)
    moments = _moments(network, blocks, seen)
    tried: dict[str, dict[int, Cut]] = {}
    rises: dict[str, dict[int, float]] = {}
    before = loss()
    for name, block in tqdm(blocks.items(), "sensitivity", unit="block", leave=False):
        tried[name] = cuts(block, moments[name])
        rises[name] = {block.hidden: 0.0}
        for width, cut in tried[name].items():
            with _cut(block, cut):
                rises[name][width] = loss() - before
    each = {
        name: sum(count for layer, count in work.items() if layer.startswith(f"{name}."))
        / block.hidden
        for name, block in blocks.items()
    }
    fixed = sum(work.values()) - sum(each[name] * block.hidden for name, block in blocks.items())
    widths = _cheapest(rises, each, keep * sum(work.values()) - fixed)
    if widths is None:
        least = fixed + sum(each[name] * min(options) for name, options in rises.items())
        raise UserError(
            f"settings.yaml: prune.keep: {keep:g} is too little for this network; it can be "
            f"{least / sum(work.values()) + 0.005:.2f} or more."
        )
    return {name: tried[name][width] for name, width in widths.items() if width in tried[name]}


def cuts(block: Block, moments: Moments) -> dict[int, Cut]:
    """Cuts of a block by the number of channels that stay, which are SHARES of its own."""
    covariance, mean, norm = moments.covariance, moments.mean, block.bn2
    weight = block.conv_pwl.weight.numpy()[:, :, 0, 0].astype(float)
    loudness = norm.weight.numpy() / np.sqrt(norm._variance.numpy() + norm._epsilon)
    wanted = {GRAIN * max(1, round(share * block.hidden / GRAIN)) for share in SHARES}
    found = {}
    left = np.ones(block.hidden, bool)
    fitted = np.float32(loudness[:, None] * weight)
    inverse = np.float32(np.linalg.inv(covariance))
    for width in range(block.hidden - 1, min(wanted) - 1, -1):
        # One channel goes, and the others change so that the outputs change least.
        costs = np.full(block.hidden, np.inf)
        np.divide((fitted**2).sum(0), np.diag(inverse), out=costs, where=left)
        goes = costs.argmin()
        share = inverse[goes] / inverse[goes, goes]
        fitted -= np.outer(fitted[:, goes], share)
        inverse -= np.outer(inverse[:, goes], share)
        left[goes] = False
        if width in wanted:
            kept = np.flatnonzero(left)
            exact = weight @ covariance[:, kept] @ np.linalg.inv(covariance[np.ix_(kept, kept)])
            shift = exact @ mean[kept] - weight @ mean
            found[width] = Cut(kept, np.float32(exact), np.float32(norm._mean.numpy() + shift))
    return found


def narrowed(state: dict[str, paddle.Tensor], chosen: dict[str, Cut]) -> dict[str, np.ndarray]:
    """A network's weights after some cuts."""
    arrays = {name: value.numpy() for name, value in state.items()}
    for name, cut in chosen.items():
        inside = tuple(f"{name}.{layer}." for layer in ("conv_pw", "bn0", "conv_dw", "bn1"))
        for key in arrays:
            if key.startswith(inside):
                arrays[key] = arrays[key][cut.kept]
        arrays[f"{name}.conv_pwl.weight"] = cut.weight[:, :, None, None]
        arrays[f"{name}.bn2._mean"] = cut.mean
    return arrays


def _moments(network, blocks: dict[str, Block], batches) -> dict[str, Moments]:
    found = {name: Moments(block.hidden) for name, block in blocks.items()}
    hooks = [
        block.conv_pwl.register_forward_pre_hook(found[name].add) for name, block in blocks.items()
    ]
    with paddle.no_grad():
        for x in batches:
            network(paddle.to_tensor(x))
    for hook in hooks:
        hook.remove()
    return found


@contextmanager
def _cut(block: Block, cut: Cut) -> Iterator[None]:
    """Cuts a block for a while. Removed channels are not seen, which is the same."""
    weight, mean = block.conv_pwl.weight.numpy(), block.bn2._mean.numpy()
    only = np.zeros_like(weight)
    only[:, cut.kept, 0, 0] = cut.weight
    block.conv_pwl.weight.set_value(only)
    block.bn2._mean.set_value(cut.mean)
    yield
    block.conv_pwl.weight.set_value(weight)
    block.bn2._mean.set_value(mean)


def _cheapest(
    rises: dict[str, dict[int, float]], each: dict[str, float], most: float
) -> dict[str, int] | None:
    """The widths with the smallest sum of rises whose work is `most` at most, by a price of the
    work that goes up until it is low enough. None if it never is."""
    for price in np.geomspace(1e-15, 1e3, 2000):
        chosen = {
            name: min(options, key=lambda width: options[width] + price * each[name] * width)
            for name, options in rises.items()
        }
        if sum(each[name] * width for name, width in chosen.items()) <= most:
            return chosen
    return None
