"""Accuracy and time of a rendered classification project on real pictures, beside baselines.

    python benchmarks/classification.py --data build/data/pcb_cls
    python benchmarks/classification.py --data ... --shots 5 20 --seeds 2 --minutes 30
    python benchmarks/classification.py --data ... --compare-labels 100   # against all of them
    python benchmarks/classification.py --data ... --first-model          # minutes to an export

The folder holds train/<class>/ and test/<class>/. For each number of shots and each seed the
shots are drawn from train/; nothing but them is used before the model is final, and the test
split is looked at once. Results are kept as they come in benchmarks/results/, and a second
call goes on where the first one stopped.

A draw is a project of its own, made by `fewshot new`; its own scripts do the work. The baselines
run in the same environment on the same draw: benchmarks/baselines.py.
"""

import argparse
import json
import shutil
import statistics
import time
from pathlib import Path

import harness
from harness import BUILD, REPOSITORY, chosen, interval, resampled, run

TITLES = {
    "fewshot": "fewshot (train.py)",
    "nearest_mean": "nearest class mean, frozen features",
    "logistic_regression": "logistic regression, frozen features",
    "fine_tuning": "ordinary fine-tuning of the whole network",
    "from_scratch": "training from scratch",
}


def main() -> None:
    arguments = read_arguments()
    if arguments.first_model:
        print(json.dumps(first_model(arguments), indent=2))
        return
    rows = harness.measure_all(
        arguments.data.name,
        plan(arguments),
        lambda key: measure(arguments, key),
        arguments.minutes,
    )
    if arguments.compare_labels:
        report_ratios(rows, arguments)
    else:
        report(rows, arguments)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and test/")
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 20, 100], help="a class")
    parser.add_argument("--seeds", type=int, help="draws; default 5, and 3 from 100 shots on")
    parser.add_argument("--methods", nargs="+", choices=TITLES, default=list(TITLES))
    parser.add_argument("--compare-labels", type=int, help="so many labels in all against all")
    parser.add_argument("--first-model", action="store_true", help="time from data to an export")
    harness.add_arguments(parser)
    arguments = parser.parse_args()
    harness.need(arguments.data / "train", arguments.data / "test", arguments.python)
    arguments.data = arguments.data.resolve()
    arguments.classes = sorted(path.name for path in (arguments.data / "train").iterdir())
    return arguments


def plan(arguments) -> list[dict]:
    """What is to be measured: labels in all, draw, method."""
    count = len(arguments.classes)
    if arguments.compare_labels:
        everything = sum(1 for _ in (arguments.data / "train").glob("*/*"))
        seeds = range(arguments.seeds or 3)
        labels = [arguments.compare_labels, everything]
        methods = ["fewshot", "fewshot+mixup"]
    else:
        seeds = range(arguments.seeds or 5)
        labels = [shots * count for shots in arguments.shots]
        methods = arguments.methods
    return [
        {"labels": number, "seed": seed, "method": method}
        for number in labels
        for seed in (seeds if number < 100 * count or arguments.seeds else range(3))
        for method in methods
    ]


def measure(arguments, key: dict) -> dict:
    """Accuracy on the test split, its answers one by one ("1" is right), and seconds."""
    project = draw(arguments, key["labels"], key["seed"])
    if not key["method"].startswith("fewshot"):
        script = REPOSITORY / "benchmarks" / "baselines.py"
        return json.loads(run(arguments.python, project, script, key["method"]).splitlines()[-1])
    probability = 0.5 if key["method"].endswith("+mixup") else 0.0
    harness.set_values(project, {"augment.mixup": probability, "train.seed": key["seed"]})
    started = time.monotonic()
    run(arguments.python, project, "train.py")
    seconds = time.monotonic() - started
    run(arguments.python, project, "evaluate.py")
    folder, about = harness.newest_run(project)
    answers = harness.answers(folder / "evaluation")
    right = "".join(str(int(row["label"] == row["predicted"])) for row in answers)
    accuracy = right.count("1") / len(right)
    return {"accuracy": accuracy, "right": right, "seconds": seconds, "stage": about["stage"]}


def draw(arguments, labels: int, seed: int) -> Path:
    """A rendered project with `labels` pictures and the whole test split as its data."""
    project = BUILD / f"{arguments.data.name}-{labels}-{seed}"
    if (project / "data" / "splits.csv").is_file():
        return project
    shutil.rmtree(project, ignore_errors=True)
    each, more = divmod(labels, len(arguments.classes))
    classes = [part for name in arguments.classes for part in ("--class", name)]
    harness.new_project(project, "--shots", str(each), *classes)
    for index, name in enumerate(arguments.classes):
        source, folder = arguments.data / "train" / name, project / "data" / "train" / name
        harness.copy_draw(source, folder, each + (index < more), seed)
    shutil.copytree(arguments.data / "test", project / "data" / "test")
    run(arguments.python, project, "check_data.py")
    return project


def first_model(arguments) -> dict:
    """Seconds from a folder of pictures to an evaluated export, step by step."""
    project = draw(arguments, max(arguments.shots) * len(arguments.classes), 0)
    shutil.rmtree(project / "cache", ignore_errors=True)
    steps = ("check_data.py", "train.py --frozen", "evaluate.py", "export.py")
    seconds = harness.timed(arguments.python, project, steps)
    metrics = harness.newest_run(project)[1]["metrics"]
    return {"seconds": seconds, "in all": round(sum(seconds.values()), 1), "metrics": metrics}


def report(rows: list[dict], arguments) -> None:
    """Prints a table: mean over draws, its 95% interval, median seconds."""
    print(f"\n{arguments.data.name}, accuracy on the test split\n")
    print("| shots | method | draws | accuracy | 95% interval | seconds |")
    print("|---:|---|---:|---:|---|---:|")
    for shots in arguments.shots:
        for method, title in TITLES.items():
            mine = chosen(rows, labels=shots * len(arguments.classes), method=method)
            if not mine:
                continue
            low, mean, high = interval(mine)
            seconds = statistics.median(row["seconds"] for row in mine)
            print(
                f"| {shots} | {title} | {len(mine)} | {mean:.3f} | {low:.3f} to {high:.3f} "
                f"| {seconds:.0f} |"
            )


def report_ratios(rows: list[dict], arguments) -> None:
    """Prints accuracy with few labels divided by accuracy with all, with 95% intervals."""
    everything = max(row["labels"] for row in rows)
    print(f"\n{arguments.data.name}: {arguments.compare_labels} labels against {everything}\n")
    print("| training | few | all | ratio | 95% interval |")
    print("|---|---:|---:|---:|---|")
    for method, title in (("fewshot", "without Mixup"), ("fewshot+mixup", "with Mixup")):
        few, full = (
            chosen(rows, labels=n, method=method) for n in (arguments.compare_labels, everything)
        )
        if few and full:
            ratios = sorted(a / b for a, b in zip(resampled(few), resampled(full), strict=True))
            mean_few, mean_full = (statistics.mean(r["accuracy"] for r in s) for s in (few, full))
            print(
                f"| {title} | {mean_few:.3f} | {mean_full:.3f} | {mean_few / mean_full:.3f} "
                f"| {ratios[49]:.3f} to {ratios[1949]:.3f} |"
            )


if __name__ == "__main__":
    main()
