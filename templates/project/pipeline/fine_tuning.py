"""Gentle fine-tuning of a pretrained network, from the top downwards."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle.utils import unique_name
from safetensors import safe_open
from safetensors.numpy import save as as_bytes
from tqdm import tqdm

from pipeline import files
from pipeline.curves import Phase
from pipeline.replicas import Replicas, ahead

WARM_UP_SHARE = 0.2  # of all steps
UNFREEZING_SHARE = 0.05  # of all steps: by then all that may be trained is, at a small rate


@dataclass
class Progress:
    """Where fine-tuning stands; all of it goes into a checkpoint."""

    epoch: int = 0
    best_epoch: int = 0
    lowest_loss: float = float("inf")


def fine_tune(
    replicas: Replicas,
    batches: Callable[[np.random.Generator], Iterable[tuple[np.ndarray, np.ndarray]]],
    losses: Callable,
    judge: Callable[[], tuple[float, dict]] | None,
    epochs: int,
    steps_an_epoch: int,
    phase: Phase,
    options,
    chooses: bool = True,
) -> None:
    """Trains `replicas.main` in place, from the phase's checkpoint on if there is one.

    The weights that are judged and kept are an exponential moving average. The network ends
    with those of the best epoch, where one is chosen, or else of the last one.

    Args:
        replicas: the network; `depth_groups()` gives its parameters from the input to the head.
        batches: rng -> an epoch's inputs and targets, [N, ...] each.
        losses: (network, inputs, targets) -> loss of each picture, [N].
        judge: called after each epoch while the network holds the averaged weights: a loss on
            held-out pictures, and what else belongs into the curves. None: nothing is judged.
        epochs: planned; the learning rate follows this number.
        steps_an_epoch: how many `batches` gives.
        phase: collects the curves and the checkpoint.
        options: `train` of the settings; `frozen_share` of the layers below the head, the lowest
            ones, stay as they are.
        chooses: whether that loss chooses the epoch and stops training early.

    Raises:
        UserError: through `batches`.
    """
    network = replicas.main
    rng = np.random.default_rng(options.seed)
    groups = network.depth_groups()
    optimizer = _optimizer(groups, options)
    average, best = _parameters(network), _state(network)
    progress = Progress()
    if phase.checkpoint.is_file():
        progress, average, best = _restore(phase.checkpoint, network, optimizer, rng)

    steps = epochs * steps_an_epoch
    start = progress.epoch
    earlier = max((row["seconds"] for row in phase.rows if row["epoch"] <= start), default=0.0)
    begun = time.monotonic() - earlier
    bar = tqdm(total=steps, initial=start * steps_an_epoch, desc=phase.name, unit="step")
    for epoch in range(start, epochs):
        if epoch - progress.best_epoch > options.patience * epochs:
            break
        found = []
        for x, targets in ahead(batches(rng)):
            step = epoch * steps_an_epoch + len(found)
            freeze(groups, (step + 1) / (UNFREEZING_SHARE * steps), options.frozen_share)
            rate = learning_rate(step, steps, options.learning_rate)
            optimizer.set_lr(rate)
            found.append(replicas.gradients(x, targets, losses))
            optimizer.step()
            # Set to zero they would let the statistics of batch normalisation decay as weights do.
            optimizer.clear_grad(set_to_zero=False)
            decay = min(options.ema, (1 + step) / (10 + step))
            average = _averaged(average, network, decay)
            bar.update()
        progress.epoch = epoch + 1
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": float(np.mean(found))}
        loss = 0.0  # as good as that of any epoch
        if judge is not None:
            training = _parameters(network)
            _set_parameters(network, average)
            judged, measured = judge()
            _set_parameters(network, training)
            loss = judged if chooses else loss
            row |= measured
            bar.set_postfix({name: f"{value:.3f}" for name, value in measured.items()})
        if loss <= progress.lowest_loss:  # AP can be 0 for a while: then the later epoch
            progress.best_epoch, progress.lowest_loss = epoch + 1, loss
            best = _state(network) | average
        row["seconds"] = round(time.monotonic() - begun, 1)
        phase.add(row)
        _save(phase.checkpoint, progress, network, optimizer, rng, average, best)
    bar.close()
    _set_state(network, best)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine down to 1% of the peak."""
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return peak * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))


def _optimizer(groups: list[list], options) -> paddle.optimizer.Optimizer:
    """AdamW; the rate falls layer by layer, from 1 at the head to `bottom_rate` at the input."""
    depth = len(groups) - 1
    parameters = [
        {"params": group, "learning_rate": options.bottom_rate ** (1 - index / depth)}
        for index, group in enumerate(groups)
    ]
    with unique_name.guard():  # so that a checkpoint's names fit in any later process
        optimizer = paddle.optimizer.AdamW(
            learning_rate=0.0,
            parameters=parameters,
            weight_decay=options.weight_decay,
            grad_clip=paddle.nn.ClipGradByGlobalNorm(options.clip_norm),
        )
        _touch(optimizer, groups)
    return optimizer


def _touch(optimizer: paddle.optimizer.Optimizer, groups: list[list]) -> None:
    # A step that changes nothing gives every parameter its state, also those that are still
    # frozen: Paddle refuses a checkpoint in which any is missing.
    for parameter in (parameter for group in groups for parameter in group):
        parameter.stop_gradient = False
        parameter.grad = paddle.zeros_like(parameter)
    optimizer.step()
    optimizer.clear_grad(set_to_zero=False)


def freeze(groups: list[list], unfrozen: float, frozen_share: float) -> None:
    """Lets the head train, and the layers below it from the top: all but `frozen_share`
    of them once `unfrozen` has reached 1."""
    depth = len(groups) - 1
    trained = int(np.ceil(min(unfrozen, 1) * depth * (1 - frozen_share)))
    for index, group in enumerate(groups):
        for parameter in group:
            parameter.stop_gradient = index < depth - trained


def _parameters(network) -> dict[str, paddle.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def _state(network) -> dict[str, paddle.Tensor]:
    """The parameters, and with them the statistics of batch normalisation."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@paddle.no_grad()
def _averaged(average: dict[str, paddle.Tensor], network, decay: float) -> dict[str, paddle.Tensor]:
    """The moving average after a step: of what is frozen nothing has moved."""
    return {
        name: average[name] if value.stop_gradient else paddle.lerp(average[name], value, 1 - decay)
        for name, value in network.named_parameters()
    }


def _set_parameters(network, weights: dict[str, paddle.Tensor]) -> None:
    for name, value in network.named_parameters():
        value.set_value(weights[name])


def _set_state(network, state: dict[str, paddle.Tensor]) -> None:
    """Sets what a state holds; in checkpoints before template 0.14 that is the parameters."""
    for name, value in network.state_dict().items():
        if name in state:
            value.set_value(state[name])


def _save(path: Path, progress: Progress, network, optimizer, rng, average, best) -> None:
    tensors = {f"network/{name}": value.numpy() for name, value in network.state_dict().items()}
    tensors |= {f"average/{name}": value.numpy() for name, value in average.items()}
    tensors |= {f"best/{name}": value.numpy() for name, value in best.items()}
    state = {key: value for key, value in optimizer.state_dict().items() if hasattr(value, "numpy")}
    tensors |= {f"optimizer/{name}": value.numpy() for name, value in state.items()}
    position = {"progress": vars(progress), "rng": rng.bit_generator.state}
    with files.replacing(path) as beside:
        beside.write_bytes(as_bytes(tensors, metadata={"position": json.dumps(position)}))


def _restore(path: Path, network, optimizer, rng) -> tuple[Progress, dict, dict]:
    parts: dict[str, dict] = {"network": {}, "average": {}, "best": {}, "optimizer": {}}
    with safe_open(path, framework="numpy") as stored:
        position = json.loads(stored.metadata()["position"])
        for key in stored.keys():
            part, name = key.split("/", 1)
            parts[part][name] = stored.get_tensor(key).copy()
    network.set_state_dict(parts["network"])
    optimizer.set_state_dict(
        {name: paddle.to_tensor(value) for name, value in parts["optimizer"].items()}
    )
    rng.bit_generator.state = position["rng"]
    average, best = (
        {name: paddle.to_tensor(value) for name, value in parts[part].items()}
        for part in ("average", "best")
    )
    at = position["progress"]
    # Templates before 0.13 give none by this name: theirs is of another figure for detectors.
    progress = Progress(at["epoch"], at["best_epoch"], at.get("lowest_loss", float("inf")))
    return progress, average, best
