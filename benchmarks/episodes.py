"""One-shot episodes as in Snell et al. 2017: frozen features, fine-tuned ones, episodic training.

    python benchmarks/episodes.py --data build/data/pcb_cls --new spur
    python benchmarks/episodes.py --data FOLDER --ways 2
    python benchmarks/episodes.py --data ... --episodic 0 1 --steps 150 --seeds 3 --minutes 30

An episode draws classes, one support picture and 15 queries of each from test/, and gives each
query the class of the nearest support. The model was trained on train/ (--train-shots of each class
but --new, which it never saw; another draw for each seed), once for each weight of the loss of
episodes (`train.episodic` of the settings; 0 is fine-tuning without it). Printed: mean accuracy
over 600 episodes with its 95% interval, and the accuracy of the head on the classes that it was
trained on. Results are kept in benchmarks/results/episodes.jsonl.
"""

import argparse
import json
import statistics

import harness
from harness import REPOSITORY, chosen, run


def main() -> None:
    arguments = read_arguments()
    keys = [
        {
            **harness.training_key(arguments),
            "steps": arguments.steps,
            "episodic": weight,
            "seed": seed,
            "ways": arguments.ways,
            "episodes": arguments.episodes,
        }
        for seed in range(arguments.seeds)
        for weight in arguments.episodic
    ]
    rows = harness.measure_all(
        "episodes", keys, lambda key: measure(arguments, key), arguments.minutes
    )
    report([row for row in rows if any(key.items() <= row.items() for key in keys)])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ways", type=int, default=5, help="classes of an episode")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument(
        "--episodic", type=float, nargs="+", default=[0.0], help="weights of the loss of episodes"
    )
    parser.add_argument("--steps", type=int, default=400, help="of fine-tuning")
    parser.add_argument("--seeds", type=int, default=1, help="draws of the pictures to train on")
    return harness.read_few_shot_arguments(parser)


def measure(arguments, key: dict) -> dict:
    """The trained classes' test accuracy (`accuracy`; "1" in `right` is a picture that was found),
    seconds of training, and what episodes find for each kind of features."""
    train = {"steps": key["steps"], "episodic": key["episodic"]}
    project = harness.trained_project(arguments, key["seed"], **train)
    folder, about = harness.newest_run(project)
    found = harness.answers(folder / "evaluation")
    script = REPOSITORY / "benchmarks" / "few_shot.py"
    options = ["--ways", str(key["ways"]), "--episodes", str(key["episodes"])]
    options += ["--new", key["new"]] if key["new"] else []
    return {
        "accuracy": about["metrics"]["test"]["accuracy"]["value"],
        "right": "".join(str(int(row["label"] == row["predicted"])) for row in found),
        "stage": about["stage"],
        "seconds": about["seconds"],
        "features": json.loads(run(arguments.python, project, script, "episodes", *options)),
    }


def report(rows: list[dict]) -> None:
    """Prints a table: a row for each kind of features and weight, the mean over the draws."""
    print("\n| features | weight of episodes | draws | accuracy | 95% interval ", end="")
    print("| queries of the class never trained on | head, trained classes |")
    print("|---|---:|---:|---:|---|---|---|")
    for weight in sorted({row["episodic"] for row in rows}):
        mine = chosen(rows, episodic=weight)
        told = "-"
        if all("right" in row for row in mine):
            low, mean, high = harness.interval(mine)
            told = f"{mean:.3f} ({low:.3f} to {high:.3f})"
        for name in mine[0]["features"]:
            features = [row["features"][name] for row in mine]
            accuracy, new = (
                over_draws([one[kind] for one in features if kind in one])
                for kind in ("accuracy", "new")
            )
            value, _, interval = accuracy.partition(" ")
            head = "-" if name.startswith("frozen") else told
            print(f"| {name} | {weight:g} | {len(mine)} | {value} | {interval} | {new} | {head} |")


def over_draws(found: list[dict]) -> str:
    """The mean of several draws' figures, and the interval over the episodes of all."""
    if not found:
        return "-"
    value = statistics.mean(one["value"] for one in found)
    half = sum((one["value"] - one["low"]) ** 2 for one in found) ** 0.5 / len(found)
    return f"{value:.3f} {value - half:.3f} to {value + half:.3f}"


if __name__ == "__main__":
    main()
