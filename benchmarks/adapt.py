"""AP50 of a new line's detector: adapted from another line's, from the base model, or from scratch.

    python benchmarks/adapt.py --source build/data/pcb_det --data FOLDER
    python benchmarks/adapt.py --source ... --data ... --images 20 --train-minutes 5 --seeds 3

Both folders are as for benchmarks/detection.py. A project is trained on pictures of the source
first, and `fewshot adapt` starts the new line's from it. "From scratch" begins with a backbone of
random weights, its batch normalisation with the statistics of training pictures. All three get the
same pictures, minutes and scripts; seeds draw the pictures and order the training. Results are kept
as they come in benchmarks/results/, and a second call goes on where the first one stopped.
"""

import argparse
import shutil
from pathlib import Path

import coco
import detection
import harness
from harness import BUILD, chosen

TITLES = {
    "adapted": "adapted from the other line",
    "base": "from the base model",
    "scratch": "from scratch",
}
STEPS = ("check_data.py", "train.py", "evaluate.py")
RANDOM_WEIGHTS = "random.safetensors"
WRITE_RANDOM = """
import sys
import numpy as np
import paddle
from safetensors.numpy import save_file
from pipeline import settings
from pipeline.backbone import EMBEDDED, new_backbone
from pipeline.dataset import read_splits
from pipeline.images import read_picture
from pipeline.preprocess import Preprocess

network = new_backbone(EMBEDDED)
for layer in network.sublayers():
    if isinstance(layer, paddle.nn.BatchNorm2D):
        layer._momentum = 0.0  # the statistics of this one batch
network.train()
samples = [sample for sample in read_splits(settings.load()) if sample.split == "train"][:16]
pictures = [Preprocess(256).inputs(read_picture(sample.path)) for sample in samples]
network(paddle.to_tensor(np.concatenate(pictures)))
save_file({name: value.numpy() for name, value in network.state_dict().items()}, sys.argv[1])
"""


def main() -> None:
    arguments = read_arguments()
    rows = harness.measure_all(
        f"adapt-{arguments.data.name}",
        plan(arguments),
        lambda key: measure(arguments, key),
        arguments.minutes,
    )
    print(f"\n{arguments.data.name} after {arguments.source.name}, test pictures\n")
    print("| start | seeds | AP50 | 95% interval | AP | minutes |")
    print("|---|---:|---:|---|---:|---:|")
    for start, title in TITLES.items():
        keys = [key for key in plan(arguments) if key["start"] == start]
        mine = [row for key in keys for row in chosen(rows, **key)]
        if mine:
            print("|", " | ".join([title, str(len(mine)), *detection.figures(mine)[:4]]), "|")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True, help="data of the first line")
    parser.add_argument("--source-images", type=int, default=200, help="of them for training")
    parser.add_argument("--data", type=Path, required=True, help="data of the new line")
    parser.add_argument("--images", type=int, help="of them for training; all by default")
    parser.add_argument("--train-minutes", type=float, help="train.minutes of both lines")
    parser.add_argument("--seeds", type=int, default=3)
    harness.add_arguments(parser)
    arguments = parser.parse_args()
    harness.need(arguments.source / "train.json", arguments.data / "train.json", arguments.python)
    arguments.source, arguments.data = arguments.source.resolve(), arguments.data.resolve()
    return arguments


def plan(arguments) -> list[dict]:
    known = {"images": arguments.images, "train_minutes": arguments.train_minutes}
    seeds = range(arguments.seeds)
    return [known | {"seed": seed, "start": start} for seed in seeds for start in TITLES]


def measure(arguments, key: dict) -> dict:
    """AP50 and AP on the test pictures with their intervals, and seconds."""
    project = BUILD / f"adapt-{arguments.data.name}-{key['seed']}-{key['start']}"
    shutil.rmtree(project, ignore_errors=True)
    drawn = key | {"shots": None, "leave_out": None}
    train, test, classes = coco.draw(arguments.data, drawn)
    options = ["--defaults", "--template", harness.template()]
    options += [part for name in classes for part in ("--class", name)]
    if key["start"] == "adapted":
        harness.fewshot("scaffolder", "adapt", source_project(arguments), project, *options)
    else:
        harness.fewshot("scaffolder", "new", project, "--task", "detection", *options)
    harness.set_values(project, {"train.seed": key["seed"], "train.minutes": key["train_minutes"]})
    coco.write(arguments.data, project / "data", train, test, classes, None)
    if key["start"] == "scratch":
        harness.run(arguments.python, project, "check_data.py")
        harness.run(arguments.python, project, "-c", WRITE_RANDOM, RANDOM_WEIGHTS)
        harness.set_values(project, {"model.weights": RANDOM_WEIGHTS})
    seconds = harness.timed(arguments.python, project, STEPS)
    return detection.measured(project) | {"seconds": sum(seconds.values()), "steps": seconds}


def source_project(arguments) -> Path:
    """The first line's project, trained."""
    key = dict.fromkeys(("images", "shots", "leave_out", "windows", "train_minutes"))
    key |= {"images": arguments.source_images, "train_minutes": arguments.train_minutes}
    key |= {"seed": 0, "method": "fewshot"}
    folder = detection.project_folder(arguments.source, key)
    if not list(folder.glob("runs/*/evaluation/metrics.json")):
        detection.draw(arguments.source, key)
        harness.timed(arguments.python, folder, STEPS)
    return folder


if __name__ == "__main__":
    main()
