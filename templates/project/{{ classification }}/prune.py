"""Makes a trained classifier smaller and faster: takes out channels, and trains what is left.

Reads:  runs/<id>/ (model.safetensors, run.json), settings.yaml, data/splits.csv and its pictures,
        custom.py
Writes: runs/<id>-pruned/: a run like any other, for evaluate.py, export.py and compress.py

    python prune.py             # the newest run
    python prune.py --run 20260131-120000
    python prune.py --resume    # goes on where it was interrupted

How much each block of the network can miss is measured on held-out pictures. Those channels go
that cost least there, until the share prune.keep of the multiply-adds is left. What is left is
trained for up to prune.minutes, with the unpruned network as its teacher. Without a val split the
unpruned network knows the held-out pictures already, and they train what is left, too, which then
keeps to the plan to its end: evaluate.py has the figures that count.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
from scipy.special import softmax

from pipeline import (
    console,
    custom_hooks,
    input_check,
    parity,
    pruned,
    pruning,
    runs,
    settings,
    splits,
)
from pipeline.balance import class_by_class
from pipeline.batches import Pictures, batches, judged_by, losses_of, steps_an_epoch
from pipeline.dataset import manifest, read_splits
from pipeline.distillation import distilled
from pipeline.held_out import held_out_folds
from pipeline.network import Classifier
from pipeline.project import ROOT
from pipeline.replicas import Replicas
from pipeline.trained import load_run, network_of
from pipeline.weights import read_weights

SEEN = 16  # batches of augmented pictures, to learn from what the channels give
JUDGED = 48  # held-out pictures to try the cuts on


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
    train = [i for i, sample in enumerate(samples) if sample.split == "train"]
    _, held_out = held_out_folds(samples, options)[0]
    has_val = len(train) < len(samples)
    preprocess, side = parent.preprocess, parent.preprocess.input_size
    size = options.train.batch_size
    squares = preprocess.read([sample.path for sample in samples])
    labels = np.array([sample.label for sample in samples])
    build = partial(network_of, parent.about, read_weights(parent.run / runs.MODEL))
    teachers = Replicas(build, size)
    losses = distilled(teachers.main.backbone, losses_of)
    rng = np.random.default_rng(options.train.seed)

    shots = Pictures([squares[i] for i in train], labels[train])
    epoch = partial(batches, shots, options, preprocess, custom_hooks.augment())
    x = preprocess.batch([squares[i] for i in held_out])
    seen = teachers.outputs(Classifier.features, x)
    others = Pictures([squares[i] for i in held_out], labels[held_out], seen)

    def measure(what: str, replicas: Replicas) -> dict[str, float]:
        _, measured = judged_by(others, replicas, preprocess)()
        return pruned.show(what, replicas.main, side, measured, "accuracy")

    if run:
        weights = read_weights(run / runs.MODEL)
        replicas = Replicas(partial(network_of, runs.about(run), weights), size)
        known = runs.about(run)["held_out"]
    else:
        # The channels that cost least go.
        known = {"pictures": len(held_out), "unpruned": measure("Unpruned", teachers)}
        network = build()
        few = class_by_class(others.labels, rng)[:JUDGED]
        targets = np.eye(len(options.classes), dtype=np.float32)[others.labels[few]]
        cuts = pruning.choose_cuts(
            network,
            side,
            seen=[x for x, _ in several(epoch, SEEN, rng)],
            loss=pruning.loss_of(network, losses_of, x[few], targets),
            keep=options.prune.keep,
        )
        run = pruned.begin(parent.about, options, data, network, cuts)
        narrow = pruning.narrowed(network.state_dict(), cuts)
        replicas = Replicas(partial(network_of, runs.about(run), narrow), size)
        known["cut"] = measure("Channels removed", replicas)
        kept = {name: parent.about[name] for name in ("views", "temperature")}
        runs.save(run, replicas.main, preprocess, stage=2, held_out=known, **kept)

    # What is left learns to see what the whole network sees.
    steps = pruned.affordable_steps(run, replicas, several(epoch, 4, rng), losses, options)
    steps = min(steps, options.train.steps)
    each = min(max(1, steps), steps_an_epoch(len(train), size))
    some = partial(several, epoch, each)
    judge = judged_by(others, replicas, preprocess) if has_val else None
    pruned.train_again(run, replicas, some, losses, judge, round(steps / each), each, options.train)
    known["pruned"] = measure("Trained again", replicas)
    runs.save(run, replicas.main, preprocess, held_out=known)
    before, after = (
        softmax(each.outputs(Classifier.forward, x), axis=1) for each in (teachers, replicas)
    )
    compared = parity.compare(before, after, others.labels, options.classes)
    for fault in parity.faults("held-out pictures", compared, options.limits, exact=False):
        pruned.advise(fault)
    runs.finish(run, started)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted pruning")
    return parser.parse_args()


def several(epoch: Callable, count: int, rng: np.random.Generator) -> Iterator:
    """So many batches, from as many epochs as it takes."""
    return islice(chain.from_iterable(epoch(rng) for _ in range(count)), count)


if __name__ == "__main__":
    console.run(main)
