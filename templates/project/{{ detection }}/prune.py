"""Makes a trained detector smaller and faster: takes out channels, and trains what is left.

Reads:  runs/<id>/ (model.safetensors, run.json), settings.yaml, data/splits.csv, data/boxes.csv
        and the pictures, custom.py
Writes: runs/<id>-pruned/: a run like any other, for evaluate.py, export.py and compress.py

    python prune.py             # the newest run
    python prune.py --run 20260131-120000
    python prune.py --resume    # goes on where it was interrupted

How much each block of the network can miss is measured on held-out pictures. Those channels go
that cost least there, until the share prune.keep of the multiply-adds is left. What is left is
trained for up to prune.minutes, with the unpruned network as its teacher. Only the dense detector
is pruned.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import (
    console,
    custom_hooks,
    input_check,
    judging,
    pruned,
    pruning,
    runs,
    settings,
    sizes,
    splits,
)
from pipeline.crops import Crops, read_scenes
from pipeline.dataset import manifest, read_splits
from pipeline.distillation import distilled
from pipeline.held_out import some_of, split_off
from pipeline.network import DenseDetector
from pipeline.project import ROOT
from pipeline.replicas import Replicas
from pipeline.trained import load_run, network_of
from pipeline.weights import read_weights

SEEN = 8  # batches of augmented crops, to learn from what the channels give
CROPS = 12  # of held-out pictures, to try the cuts on
JUDGED = 32  # held-out pictures that are looked at after each epoch ...
INPUTS = 96  # ... and inputs of the network at most
EPOCHS, FEWEST_STEPS = 5, 20  # of the training, and of an epoch


def main() -> None:
    started = time.monotonic()
    arguments = read_arguments()
    parent = load_run(pruned.parent_of(arguments.run))
    input_check.check(parent.run, parent.preprocess, parent.about)
    run = pruned.unfinished(parent.run) if arguments.resume else None
    options = settings.load(run / "settings.yaml" if run else ROOT / "settings.yaml")
    everything = read_splits(options)
    for split in ("test", "val"):
        if split == "test" or any(sample.split == split for sample in everything):
            splits.unseen(everything, split, options.classes, parent.about)
    samples = [sample for sample in everything if sample.split != "test"]
    data = manifest(samples)
    if run:
        runs.check_resumed(run, data)
    judges = parent.about.get("held_out_pictures")
    fitted, held_out = split_off(samples, options, judges)
    preprocess = parent.preprocess
    held_out = some_of(held_out[:JUDGED], preprocess, INPUTS)
    side = sizes.choose_crop(fitted, preprocess)
    size = sizes.crops_at_once(side, options.train.batch_size)
    build = partial(network_of, parent.about, read_weights(parent.run / runs.MODEL))
    copies = partial(Replicas, batch_size=size, each=sizes.FOR_A_COPY, least=2)
    teachers = copies(build)
    losses = distilled(teachers.main.backbone, DenseDetector.losses_of)

    def judged_by(replicas: Replicas):
        look = partial(judging.copies, replicas)
        return partial(judging.judge, look, preprocess, len(options.classes), held_out)

    def measure(what: str, replicas: Replicas) -> dict[str, float]:
        _, measured = judged_by(replicas)()
        return pruned.show(what, replicas.main, preprocess.input_size, measured, "AP50")

    custom_augment = custom_hooks.augment()
    crops = Crops(read_scenes(fitted, preprocess), side, options.augment, custom_augment)
    rng = np.random.default_rng(options.train.seed)
    if run:
        weights = read_weights(run / runs.MODEL)
        replicas = copies(partial(network_of, runs.about(run), weights))
        known = runs.about(run)["held_out"]
    else:
        # The channels that cost least go.
        known = {"pictures": len(held_out), "unpruned": measure("Unpruned", teachers)}
        network = build()
        others = Crops(read_scenes(held_out, preprocess), side, options.augment, custom_augment)
        x, targets = next(others.batches(1, CROPS, rng))
        cuts = pruning.choose_cuts(
            network,
            preprocess.input_size,
            seen=[x for x, _ in crops.batches(SEEN, size, rng)],
            loss=pruning.loss_of(network, DenseDetector.losses_of, x, targets),
            keep=options.prune.keep,
        )
        run = pruned.begin(parent.about, options, data, network, cuts)
        narrow = pruning.narrowed(network.state_dict(), cuts)
        replicas = copies(partial(network_of, runs.about(run), narrow))
        known["cut"] = measure("Channels removed", replicas)
        runs.save(run, replicas.main, preprocess, stage=2, held_out=known)

    # What is left learns to see what the whole network sees.
    few = crops.batches(4, size, rng)
    steps = pruned.affordable_steps(run, replicas, few, losses, options)
    epochs = int(np.clip(steps // FEWEST_STEPS, min(steps, 1), EPOCHS))
    each = steps // max(epochs, 1)
    epoch, judge = partial(crops.batches, each, size), judged_by(replicas)
    pruned.train_again(run, replicas, epoch, losses, judge, epochs, each, options.train)
    known["pruned"] = measure("Trained again", replicas)
    runs.save(run, replicas.main, preprocess, held_out=known)
    loss = known["unpruned"]["AP50"] - known["pruned"]["AP50"]
    if loss > options.limits.max_metric_loss:
        limit = f"limits.max_metric_loss is {options.limits.max_metric_loss:g}"
        pruned.advise(f"AP50 fell by {loss:.3f} on held-out pictures ({limit}).")
    runs.finish(run, started)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted pruning")
    return parser.parse_args()


if __name__ == "__main__":
    console.run(main)
