"""Trains a detector on a few pictures with boxes.

Reads:  settings.yaml, data/splits.csv, data/boxes.csv and the pictures, custom.py
Writes: runs/<id>/: model.safetensors, run.json, curves/, vdl/ (curves for VisualDL)

    python train.py             # both stages, within train.minutes
    python train.py --frozen    # stage 1 only, in its share of the minutes: a first usable model
    python train.py --resume    # goes on with the newest run that was interrupted

Stage 1 trains a new head on the frozen, pretrained backbone. Stage 2 fine-tunes all of it, from
the top downwards, and is kept unless its AP on held-out pictures is lower. Both see augmented
crops at the scale at which the network will see the objects; crops, scale, tiles and levels
follow the sizes of the labelled boxes.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import console, custom_hooks, files, judging, project, runs, settings, sizes
from pipeline.crops import MOST_IN_MEMORY, Crops, read_scenes
from pipeline.curves import Phase, read_curves
from pipeline.dataset import manifest, read_training
from pipeline.detectors import Architecture, Beginning, choose_detector
from pipeline.distances import BINS
from pipeline.fine_tuning import fine_tune, freeze
from pipeline.held_out import not_too_many, some_good, some_of, split_off
from pipeline.preprocess import Preprocess
from pipeline.project import CACHE, ROOT, shown
from pipeline.replicas import TIMED_STEPS, Replicas, on_gpu
from pipeline.sheets import FrozenBackbone, Sheets, make_sheets
from pipeline.weights import read_weights

JUDGED = 32  # held-out pictures that are looked at after each epoch ...
INPUTS = 96, 480  # ... and inputs of the network at most; and for the choice between the stages
EPOCHS, FEWEST_STEPS = 10, 20  # of a stage, and of an epoch
JUDGING_SHARE = 0.15  # of a stage's time
TIMING_SHARE = 0.05  # of a stage's time at most goes into its plan
SHEETS_SHARE = 0.2  # of stage 1's time goes into frozen maps
WINDOWS = 4  # times as many crops a step as when the backbone learns, too


def main() -> None:
    started = time.monotonic()
    arguments = read_arguments()
    run = runs.newest_unfinished() if arguments.resume else None
    options = settings.load(run / "settings.yaml" if run else ROOT / "settings.yaml")
    samples = read_training(options)
    data = manifest(samples)
    if run:
        runs.check_resumed(run, data)
    before = runs.about(run) if run else {}
    judges = before.get("held_out_pictures")
    fitted, held_out = split_off(samples, options, judges)

    # Scale, tiles, levels and crops follow the sizes of the labelled objects. A resumed run keeps
    # what it has, whatever a later version would choose.
    if "preprocess" in before:
        preprocess = Preprocess.from_dict(before["preprocess"])
    else:
        preprocess = sizes.choose_preprocess(fitted, options.model)
    if judges is None:
        fitted, held_out = not_too_many(fitted, held_out, preprocess, INPUTS[1])
    kept = some_good(fitted, preprocess, MOST_IN_MEMORY)
    left_out, fitted = len(fitted) - len(kept), kept
    if run:
        began = Architecture.from_dict(before["weights"])
        detector, strides, bins = began.detector, began.strides, began.bins
    else:
        detector, strides, bins = choose(options), sizes.choose_levels(fitted, preprocess), BINS
    side = sizes.choose_crop(fitted, preprocess)
    beginning = Beginning(
        detector, strides, bins, options.classes, options.model, options.train.seed
    )
    custom_augment = custom_hooks.augment()
    run = run or runs.begin(
        options,
        beginning.about,
        data,
        frozen=arguments.frozen,
        held_out_pictures=[sample.name for sample in held_out],
        preprocess=preprocess.as_dict(),
    )
    tiles = f"tiles of pictures times {preprocess.tile_scale}" if preprocess.tile_scale else "whole"
    print(f"Run: {shown(run)}")
    print(f"Input {preprocess.input_size} px, {tiles}; strides {strides}; crops of {side} px")
    if left_out:
        print(f"Without objects: {left_out} pictures left out, to save memory")

    scenes = read_scenes(fitted, preprocess)
    crops = Crops(scenes, side, options.augment, custom_augment)
    is_dense = detector == "dense"
    batch_size = sizes.crops_at_once(side, options.train.batch_size)
    if not is_dense and on_gpu():  # which has room, and batch normalisation learns from the batch
        batch_size = max(batch_size, options.train.batch_size)
    if is_dense:
        replicas = Replicas(beginning.network, WINDOWS * batch_size, sizes.FOR_A_COPY, least=2)
    else:
        replicas = Replicas(beginning.network, batch_size, sizes.FOR_A_COPY)
    network = replicas.main
    x, targets = next(crops.batches(1, 16, np.random.default_rng(0)))
    if not beginning.is_same:
        network.standardise(x)
    if is_dense and not beginning.has_sides:
        network.begin_sides(targets)

    def train(stage: str, inputs, losses, size: int, rates, seconds: float, look) -> dict:
        """Trains for so many seconds on batches of `size` inputs; AP50 and AP of what `look`
        gives, the network's forms that can look at pictures, on the held-out ones."""
        freeze(network.depth_groups(), 1.0, rates.frozen_share)
        few = inputs.batches(TIMED_STEPS, size, np.random.default_rng(0))
        steps = affordable_steps(run, stage, replicas, few, losses, seconds * (1 - JUDGING_SHARE))
        looked_at = some_of(held_out[:JUDGED], preprocess, INPUTS[0])
        looks = sum(preprocess.count(*sample.size) for sample in looked_at)
        most = min(EPOCHS, max(1, EPOCHS * INPUTS[0] // looks))  # tiles take long to look at
        epochs = int(np.clip(steps // FEWEST_STEPS, 1, most))
        each = max(1, steps // epochs)
        print(f"{stage}: {epochs} epochs of {each} steps of {size} crops, {seconds / 60:.0f} min")
        judge = partial(judging.judge, look, preprocess, len(options.classes))
        batches, phase = partial(inputs.batches, each, size), Phase(run, stage)
        by_few = partial(judge, looked_at)
        fine_tune(replicas, batches, losses, by_few, epochs, each, phase, rates)
        measured = judge(held_out)[1]
        measured = {name.removeprefix("held_out_"): value for name, value in measured.items()}
        figures = ", ".join(f"{name} {value:.3f}" for name, value in measured.items())
        print(f"{stage}: {figures} on {len(held_out)} held-out pictures")
        return measured

    # Stage 1: a new head on the frozen backbone, whose maps are computed once.
    is_frozen = arguments.frozen or runs.about(run).get("frozen", False)
    budget = options.train.minutes * 60
    for_head = budget * options.train.head_share
    left = budget - for_head
    earlier = read_curves(run / "curves" / "head.csv")
    begun = time.monotonic() - (earlier[-1]["seconds"] if earlier else 0)
    known = runs.about(run).get("held_out")
    if known:  # resumed after it
        network.set_state_dict(read_weights(run / runs.MODEL))
    else:
        frozen = FrozenBackbone(network, beginning.network(), preprocess.input_size)
        folder = CACHE / f"sheets-{run.name}-{preprocess.input_size}"
        if not folder.is_dir():
            whole = Crops(scenes, preprocess.input_size, options.augment, custom_augment)
            rng = np.random.default_rng(options.train.seed)
            make_sheets(folder, frozen, whole, SHEETS_SHARE * for_head, rng)
        sheets = Sheets(folder, preprocess.input_size, side)
        size = WINDOWS * batch_size
        rates = {"learning_rate": options.train.head_rate, "frozen_share": 1.0}
        rates = options.train.model_copy(update=rates)
        losses = type(network).losses_of
        seconds = for_head - (time.monotonic() - begun)
        measured = train("head", sheets, losses, size, rates, seconds, lambda: [frozen])
        known = {"pictures": len(held_out), "stage_1": measured}
        runs.save(run, network, preprocess, stage=1, held_out=known)
        files.remove(folder)
        left = max(left, budget - (time.monotonic() - begun))
    if is_frozen or options.train.head_share == 1:
        return runs.finish(run, started)

    # Stage 2: everything, unfrozen from the top downwards.
    copies, losses = partial(judging.copies, replicas), type(network).losses
    known["stage_2"] = train("fine-tuning", crops, losses, batch_size, options.train, left, copies)
    if known["stage_2"]["AP"] >= known["stage_1"]["AP"]:
        runs.save(run, network, preprocess, stage=2, held_out=known)
    else:
        runs.note(run, held_out=known)
        print("Fine-tuning lowered AP: the model of stage 1 stays.")
    runs.finish(run, started)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frozen", action="store_true", help="stop after stage 1")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    return parser.parse_args()


def choose(options) -> str:
    """The detector for the target and this machine."""
    detector, reason = choose_detector(options.model.detector, project.targets()[0], on_gpu())
    print(f"Detector: {detector} ({reason})")
    return detector


def affordable_steps(run: Path, stage: str, replicas: Replicas, few, losses, seconds) -> int:
    """As many steps as fit into some seconds, measured on a few batches; noted in the run, so
    that a resumed one has the same plan."""
    plan = runs.about(run).get("planned_steps", {})
    if stage not in plan:
        each = replicas.seconds_a_step(few, losses, TIMING_SHARE * seconds)
        plan[stage] = max(1, int(seconds / each))
        runs.note(run, planned_steps=plan)
    return plan[stage]


if __name__ == "__main__":
    console.run(main)
