"""Trains a detector on a few pictures with boxes.

Reads:  settings.yaml, data/splits.csv, data/boxes.csv and the pictures, custom.py
Writes: runs/<id>/: model.safetensors, run.json, curves/, vdl/ (curves for VisualDL)

    python train.py             # both stages, within train.minutes
    python train.py --frozen    # stage 1 only: a first usable model
    python train.py --resume    # goes on with the newest run that was interrupted

Stage 1 trains a new head on the frozen, pretrained backbone. Stage 2 fine-tunes all of it, from
the top downwards, and is kept only if it finds more on held-out pictures. Both see augmented
crops at the scale at which the network will see the objects; crops, scale, tiles and levels
follow the sizes of the labelled boxes.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import console, custom_hooks, judging, project, runs, settings, sizes
from pipeline.console import UserError
from pipeline.crops import Crops, Scene, read_scene
from pipeline.curves import Phase
from pipeline.dataset import Sample, manifest, read_splits
from pipeline.depthwise import use_matmul
from pipeline.detectors import Architecture, Beginning, choose_detector
from pipeline.fine_tuning import fine_tune
from pipeline.preprocess import Preprocess
from pipeline.project import ROOT, shown
from pipeline.replicas import Replicas, on_gpu
from pipeline.weights import read_weights

JUDGED = 32  # held-out pictures that are looked at after each epoch
EPOCHS, FEWEST_STEPS = 10, 20  # of a stage, and of an epoch
JUDGING_SHARE = 0.15  # of a stage's time
USUAL_CROP = 256  # px; larger crops come fewer at a time


def main() -> None:
    started = time.monotonic()
    arguments = read_arguments()
    run = runs.newest_unfinished() if arguments.resume else None
    options = settings.load(run / "settings.yaml" if run else ROOT / "settings.yaml")
    samples = [sample for sample in read_splits(options) if sample.split != "test"]
    fitted, held_out = split_off(samples, options)

    # Scale, tiles, levels and crops follow the sizes of the labelled objects.
    preprocess = sizes.choose_preprocess(fitted, options.model)
    strides = sizes.choose_levels(fitted, preprocess)
    side = sizes.choose_crop(fitted, preprocess)
    beginning = choose_beginning(strides, options)
    run = run or runs.begin(options, beginning.about, manifest(samples))
    tiles = f"tiles of pictures times {preprocess.tile_scale}" if preprocess.tile_scale else "whole"
    print(f"Run: {shown(run)}")
    print(f"Input {preprocess.input_size} px, {tiles}; strides {strides}; crops of {side} px")

    crops = Crops(read_scenes(fitted, preprocess), side, options.augment, custom_hooks.augment())
    batch_size = max(1, min(options.train.batch_size * USUAL_CROP**2 // side**2, 64))
    replicas = Replicas(beginning.network, batch_size)
    for network in replicas.networks:
        use_matmul(network)
    if not options.model.start:
        x, _ = next(crops.batches(1, 16, np.random.default_rng(0)))
        replicas.main.standardise(x)

    def stage(name: str, share: float, frozen_share: float) -> dict[str, float]:
        """Trains for a share of the time; AP50 and AP on the held-out pictures."""
        steps = affordable_steps(
            run, name, replicas, crops, batch_size, frozen_share, share, options
        )
        epochs = int(np.clip(steps // FEWEST_STEPS, 1, EPOCHS))
        each = max(1, steps // epochs)
        fine_tune(
            replicas,
            partial(crops.batches, each, batch_size),
            type(replicas.main).losses,
            partial(judging.judge, replicas, held_out[:JUDGED], preprocess, len(options.classes)),
            *(epochs, each, Phase(run, name), options.train, frozen_share),
        )
        found = judging.found_by(replicas, held_out, preprocess)
        measured = judging.average_precision(held_out, found, len(options.classes))
        print(f"{name}: AP50 {measured['AP50']:.3f} on {len(held_out)} held-out pictures")
        return measured

    # Stage 1: a new head on the frozen backbone.
    only_head = arguments.frozen or options.train.head_share == 1
    known = runs.about(run).get("held_out")
    if known:  # resumed after it
        replicas.main.set_state_dict(read_weights(run / runs.MODEL))
    else:
        share = 1.0 if only_head else options.train.head_share
        known = {"pictures": len(held_out), "stage_1": stage("head", share, frozen_share=1.0)}
        runs.save(run, replicas.main, preprocess, stage=1, held_out=known)
    if only_head:
        return runs.finish(run, started)

    # Stage 2: everything, unfrozen from the top downwards.
    known["stage_2"] = stage(
        "fine-tuning", 1 - options.train.head_share, options.train.frozen_share
    )
    if known["stage_2"]["AP50"] > known["stage_1"]["AP50"]:
        runs.save(run, replicas.main, preprocess, stage=2, held_out=known)
    else:
        runs.note(run, held_out=known)
        print("Fine-tuning did not help on these pictures; the model of stage 1 stays.")
    runs.finish(run, started)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frozen", action="store_true", help="stop after stage 1")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    return parser.parse_args()


def split_off(samples: list[Sample], options) -> tuple[list[Sample], list[Sample]]:
    """Pictures to train on and pictures to judge by.

    The split `val` is used if there is one. Else some pictures of `train`, near-duplicates
    together, and none that holds the last objects of a class.

    Raises:
        UserError: nothing to train on, or nothing left to judge by.
    """
    train = [sample for sample in samples if sample.split == "train"]
    val = [sample for sample in samples if sample.split == "val" and len(sample.boxes)]
    if not any(len(sample.boxes) for sample in train):
        raise UserError("data/boxes.csv: no box in a training picture. Label some objects.")
    order = np.random.default_rng(options.train.seed).permutation(len(train))
    train = [train[i] for i in order]
    if val:
        return train, val
    left = np.bincount(
        np.concatenate([sample.labels for sample in train]), minlength=len(options.classes)
    )
    wanted = max(1, round(options.train.held_out_share * len(train)))
    chosen: set[str] = set()
    held_out: list[Sample] = []
    for first in train:
        members = [sample for sample in train if sample.group == first.group]
        objects = np.concatenate([sample.labels for sample in members])
        rest = left - np.bincount(objects, minlength=len(left))
        fits = len(held_out) + len(members) <= wanted
        if (
            first.group in chosen
            or not len(objects)
            or not fits
            or (rest < np.minimum(left, 1)).any()
        ):
            continue
        chosen.add(first.group)
        held_out += members
        left = rest
    if not held_out:
        raise UserError(
            "Too few pictures: every one holds the only object of a class, so none can be held "
            "out to judge by. Label more, or give a split val."
        )
    return [sample for sample in train if sample.group not in chosen], held_out


def choose_beginning(strides: tuple[int, ...], options) -> Beginning:
    """The detector for the target and this machine, and the weights that it begins with."""
    target = project.answers().get("target", "x86-cpu")
    detector, reason = choose_detector(options.model.detector, target, on_gpu())
    print(f"Detector: {detector} ({reason})")
    native = detector != "dense" and options.model.weights
    backbone = "native" if native else options.model.backbone
    return Beginning(Architecture(detector, backbone, strides), options.classes, options.model)


def read_scenes(samples: list[Sample], preprocess: Preprocess) -> list[Scene]:
    """Decodes every picture once, on all cores. Raises PictureError, which names the picture."""
    with ThreadPoolExecutor() as pool:
        scenes = pool.map(lambda sample: read_scene(sample, preprocess), samples)
        return list(tqdm(scenes, "pictures", len(samples), leave=False))


def affordable_steps(
    run: Path,
    name: str,
    replicas: Replicas,
    crops: Crops,
    batch_size: int,
    frozen_share: float,
    share: float,
    options,
) -> int:
    """As many steps as fit into a share of `train.minutes`, measured on a few; noted in the run,
    so that a resumed one has the same plan."""
    plan = runs.about(run).get("planned_steps", {})
    if name not in plan:
        network = replicas.main
        for index, group in enumerate(network.depth_groups()):
            for parameter in group:
                parameter.stop_gradient = index < round(
                    frozen_share * (len(network.depth_groups()) - 1)
                )
        rng = np.random.default_rng(0)
        for step, (x, targets) in enumerate(crops.batches(4, batch_size, rng)):
            if step == 1:  # the first one prepares the kernels
                before = time.monotonic()
            replicas.gradients(x, targets, type(network).losses)
            network.clear_gradients()
        seconds = (time.monotonic() - before) / 3
        room = share * options.train.minutes * 60 * (1 - JUDGING_SHARE)
        plan[name] = max(1, int(room / seconds))
        runs.note(run, planned_steps=plan)
    print(
        f"{name}: {plan[name]} steps of {batch_size} crops, {share * options.train.minutes:.0f} min"
    )
    return plan[name]


if __name__ == "__main__":
    console.run(main)
