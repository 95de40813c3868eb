"""Stage 2: gentle fine-tuning of the backbone, from the top downwards."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle.nn import functional as F
from safetensors import safe_open
from safetensors.numpy import save_file
from tqdm import tqdm

from pipeline import files
from pipeline.augment import augment, mix
from pipeline.curves import Phase
from pipeline.images import Preprocess
from pipeline.network import Classifier
from pipeline.replicas import Replicas
from pipeline.scores import score

WARM_UP_SHARE = 0.1  # of all steps
UNFREEZING_SHARE = 0.3  # of all epochs: by then all that may be trained is


@dataclass(frozen=True)
class Pictures:
    """Pictures to train on or to judge by.

    Attributes:
        squares: N times [S, S, 3] uint8.
        labels: [N] int.
        frozen: [N, D], their features in the pretrained backbone, seen as they are.
    """

    squares: list[np.ndarray]
    labels: np.ndarray
    frozen: np.ndarray


@dataclass
class Progress:
    """Where fine-tuning stands; all of it goes into a checkpoint."""

    epoch: int = 0
    best_epoch: int = 0
    best_brier: float = float("inf")


def fine_tune(
    replicas: Replicas,
    shots: Pictures,
    held_out: Pictures | None,
    epochs: int,
    phase: Phase,
    settings,
    preprocess: Preprocess,
    custom_augment: Callable,
) -> None:
    """Trains `replicas.main` in place, from the phase's checkpoint on if there is one.

    The weights that are judged and kept are an exponential moving average. The network ends
    with those of the best epoch by Brier score on `held_out`, or else of the last epoch.

    Args:
        replicas: the network; its head is fitted already.
        shots: pictures to train on.
        held_out: pictures to judge by after each epoch, with early stopping; None: no stopping.
        epochs: planned; the learning rate follows this number.
        phase: collects the curves and the checkpoint.
        settings: the project's.
        preprocess: how pictures are laid out for the network.
        custom_augment: (picture, rng) -> picture, the user's own augmentation.

    Raises:
        UserError: through `custom_augment`.
    """
    options = settings.train
    network = replicas.main
    rng = np.random.default_rng(options.seed)
    groups = [*network.backbone.depth_groups(), network.fc.parameters()]
    optimizer = _optimizer(groups, options)
    average = {name: value.numpy() for name, value in network.named_parameters()}
    best = dict(average)
    progress = Progress()
    if phase.checkpoint.is_file():
        progress, average, best = _restore(phase.checkpoint, network, optimizer, rng)

    identity = np.eye(network.fc.bias.shape[0], dtype=np.float32)
    smooth = options.label_smoothing
    targets = identity[shots.labels] * (1 - smooth) + smooth / len(identity)
    steps_an_epoch = -(-len(targets) // options.batch_size)
    steps = epochs * steps_an_epoch
    start = progress.epoch
    bar = tqdm(total=steps, initial=start * steps_an_epoch, desc=phase.name, unit="step")
    for epoch in range(start, epochs):
        if held_out is not None and epoch - progress.best_epoch > options.patience * epochs:
            break
        _freeze(groups, epoch / (UNFREEZING_SHARE * epochs), options.frozen_share)
        losses = []
        for batch in np.array_split(rng.permutation(len(targets)), steps_an_epoch):
            step = epoch * steps_an_epoch + len(losses)
            rate = learning_rate(step, steps, options.learning_rate)
            optimizer.set_lr(rate)
            squares = [
                custom_augment(augment(shots.squares[i], settings.augment, rng), rng) for i in batch
            ]
            x, y = mix(preprocess.batch(squares), targets[batch], settings.augment, rng)
            losses.append(replicas.gradients(x, y, _cross_entropy))
            optimizer.step()
            optimizer.clear_grad()
            decay = min(options.ema, (1 + step) / (10 + step))
            for name, value in network.named_parameters():
                average[name] += (1 - decay) * (value.numpy() - average[name])
            bar.update()
        progress.epoch = epoch + 1
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": float(np.mean(losses))}
        if held_out is not None:
            row |= _judge(replicas, average, held_out, preprocess)
            if row["held_out_brier"] < progress.best_brier:
                progress.best_epoch, progress.best_brier = epoch + 1, row["held_out_brier"]
                best = {name: value.copy() for name, value in average.items()}
            bar.set_postfix(accuracy=f"{row['held_out_accuracy']:.3f}")
        else:
            progress.best_epoch, best = epoch + 1, average
        phase.add(row)
        _save(phase.checkpoint, progress, network, optimizer, rng, average, best)
    bar.close()
    _set_parameters(network, best)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine down to 1% of the peak."""
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return peak * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))


def _cross_entropy(logits, targets):
    return F.cross_entropy(logits, targets, soft_label=True, reduction="none")


def _optimizer(groups: list[list], options) -> paddle.optimizer.Optimizer:
    """AdamW; the rate falls layer by layer, from 1 at the head to `bottom_rate` at the input."""
    depth = len(groups) - 1
    parameters = [
        {"params": group, "learning_rate": options.bottom_rate ** (1 - index / depth)}
        for index, group in enumerate(groups)
    ]
    optimizer = paddle.optimizer.AdamW(
        learning_rate=0.0,
        parameters=parameters,
        weight_decay=options.weight_decay,
        grad_clip=paddle.nn.ClipGradByGlobalNorm(options.clip_norm),
    )
    # A step that changes nothing gives every parameter its state, also those that are still
    # frozen: Paddle refuses a checkpoint in which any is missing.
    for parameter in (parameter for group in groups for parameter in group):
        parameter.stop_gradient = False
        parameter.grad = paddle.zeros_like(parameter)
    optimizer.step()
    optimizer.clear_grad()
    return optimizer


def _freeze(groups: list[list], unfrozen: float, frozen_share: float) -> None:
    """Lets the head train, and the layers below it from the top: all but `frozen_share`
    of them once `unfrozen` has reached 1."""
    depth = len(groups) - 1
    trained = int(np.ceil(min(unfrozen, 1) * depth * (1 - frozen_share)))
    for index, group in enumerate(groups):
        for parameter in group:
            parameter.stop_gradient = index < depth - trained


def _judge(replicas: Replicas, weights: dict, held_out: Pictures, preprocess: Preprocess) -> dict:
    """Brier score, accuracy and feature drift of the averaged weights on the held-out fold.

    Drift is one minus the cosine between a picture's standardised features now and in the
    pretrained backbone, averaged over the pictures: 0 is no drift.
    """
    network = replicas.main
    training = {name: value.numpy() for name, value in network.named_parameters()}
    _set_parameters(network, weights)
    x = preprocess.batch(held_out.squares)
    features = replicas.outputs(Classifier.features, x)
    logits = network.head(paddle.to_tensor(features)).numpy()
    _set_parameters(network, training)
    mean, scale = network.feature_mean.numpy(), network.feature_scale.numpy()
    now, before = (features - mean) * scale, (held_out.frozen - mean) * scale
    cosine = (now * before).sum(1) / np.linalg.norm(now, axis=1) / np.linalg.norm(before, axis=1)
    found = score(logits, held_out.labels)
    return {
        "held_out_brier": found["brier"],
        "held_out_accuracy": found["accuracy"],
        "feature_drift": float(1 - cosine.mean()),
    }


def _set_parameters(network, weights: dict[str, np.ndarray]) -> None:
    for name, value in network.named_parameters():
        value.set_value(weights[name])


def _save(path: Path, progress: Progress, network, optimizer, rng, average, best) -> None:
    tensors = {f"network/{name}": value.numpy() for name, value in network.named_parameters()}
    tensors |= {f"average/{name}": value for name, value in average.items()}
    tensors |= {f"best/{name}": value for name, value in best.items()}
    state = {key: value for key, value in optimizer.state_dict().items() if hasattr(value, "numpy")}
    tensors |= {f"optimizer/{name}": value.numpy() for name, value in state.items()}
    position = {"progress": vars(progress), "rng": rng.bit_generator.state}
    with files.replacing(path) as beside:
        save_file(tensors, beside, metadata={"position": json.dumps(position)})


def _restore(path: Path, network, optimizer, rng) -> tuple[Progress, dict, dict]:
    parts: dict[str, dict] = {"network": {}, "average": {}, "best": {}, "optimizer": {}}
    with safe_open(path, framework="numpy") as stored:
        position = json.loads(stored.metadata()["position"])
        for key in stored.keys():
            part, name = key.split("/", 1)
            parts[part][name] = stored.get_tensor(key).copy()
    _set_parameters(network, parts["network"])
    optimizer.set_state_dict(
        {name: paddle.to_tensor(value) for name, value in parts["optimizer"].items()}
    )
    rng.bit_generator.state = position["rng"]
    return Progress(**position["progress"]), parts["average"], parts["best"]
