"""One-shot episodes as in Snell et al. 2017, on the features of a trained model and frozen ones.

    python benchmarks/episodes.py --data ../shared/data/pcb_cls --ways 5 --new spur
    python benchmarks/episodes.py --data ../shared/data/screws_cls --ways 2

An episode draws classes, one support picture and 15 queries of each from test/, and gives each
query the class of the nearest support. The model was trained on train/ (--train-shots of each class
but --new, which it never saw). Printed: mean accuracy over 600 episodes, and its 95% interval.
"""

import argparse
import json
from pathlib import Path

import harness
from add_class import trained_project
from harness import REPOSITORY, run


def main() -> None:
    arguments = read_arguments()
    keys = [
        {
            "data": arguments.data.name,
            "new": arguments.new,
            "train_shots": arguments.train_shots,
            "train_minutes": arguments.train_minutes,
            "ways": arguments.ways,
            "episodes": arguments.episodes,
        }
    ]
    rows = harness.measure_all(
        "episodes", keys, lambda key: measure(arguments, key), arguments.minutes
    )
    report([row for row in rows if keys[0].items() <= row.items()])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and test/")
    parser.add_argument("--ways", type=int, default=5, help="classes of an episode")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--new", default="", help="a class that the model is not trained on")
    parser.add_argument("--train-shots", type=int, default=20, help="of each other class")
    parser.add_argument("--train-minutes", type=float, default=15, help="of fine-tuning at most")
    harness.add_arguments(parser)
    arguments = parser.parse_args()
    harness.need(arguments.data / "train", arguments.data / "test", arguments.python)
    arguments.data = arguments.data.resolve()
    names = sorted(path.name for path in (arguments.data / "train").iterdir())
    arguments.classes = [name for name in names if name != arguments.new]
    return arguments


def measure(arguments, key: dict) -> dict:
    """Accuracy and half of its interval for each kind of feature."""
    budget = key["train_shots"], key["train_minutes"]
    project = trained_project(
        arguments.data, arguments.classes, *budget, arguments.python, key["new"]
    )
    script = REPOSITORY / "benchmarks" / "few_shot.py"
    options = ["--ways", str(key["ways"]), "--episodes", str(key["episodes"])]
    options += ["--new", key["new"]] if key["new"] else []
    return {"features": json.loads(run(arguments.python, project, script, "episodes", *options))}


def report(rows: list[dict]) -> None:
    for row in rows:
        print(f"\n{row['data']}: {row['ways']}-way-1-shot, {row['episodes']} episodes\n")
        print("| features | accuracy | 95% interval | queries of the class never trained on |")
        print("|---|---:|---|---|")
        for name, found in row["features"].items():
            low, high = (found["accuracy"] + sign * found["half_interval"] for sign in (-1, 1))
            new = (
                f"{found['new']:.3f} ± {found['new_half_interval']:.3f}" if "new" in found else "-"
            )
            print(f"| {name} | {found['accuracy']:.3f} | {low:.3f} to {high:.3f} | {new} |")


if __name__ == "__main__":
    main()
