"""AP50 and time of a rendered detection project on real pictures, beside other detectors.

    python benchmarks/detection.py --data build/data/pcb_det --images 200
    python benchmarks/detection.py --data ... --images 200 --leave-out spur   # five classes
    python benchmarks/detection.py --data ... --images 200 --windows 160      # large objects
    python benchmarks/detection.py --data ... --shots 30 --seeds 3            # objects a class
    python benchmarks/detection.py --data ... --shots 30 --set augment.mosaic=0.5
    python benchmarks/detection.py --data ... --shots 30 --val --methods fewshot cosine contrast
    python benchmarks/detection.py --data ... --shots 30 --good build/data/pcb_good

The folder holds images/, train.json and test.json (COCO). For each seed pictures are drawn from
train.json; nothing but them is used before the model is final, and the test pictures are looked
at once. --windows cuts a square of so many px, with whole objects only, out of each picture and
enlarges it to the picture's size. --val judges on val.json and without export: what is chosen must
not be chosen on the test pictures. --set does so too, and tries other values of settings.yaml, each
beside the template's.
Results are kept as they come in benchmarks/results/, and a second call goes on where the first one
stopped.

Each method is a project of its own, made by `fewshot new`; its scripts go the whole way from
check_data.py to compress.py. `picodet` sets `model.detector` and nothing else, so it gets the same
crops, stages and minutes. `plain` is PaddleDetection's own training: benchmarks/plain_detector.py.
`cosine` and `contrast` have another head: benchmarks/few_shot_heads.py.
"""

import argparse
import csv
import json
import shutil
import statistics
from pathlib import Path

import coco
import harness
import yaml
from harness import BUILD, REPOSITORY, chosen, read_json

TITLES = {
    "fewshot": "fewshot (train.py)",
    "picodet": "fewshot with PicoDet",
    "plain": "plain PaddleDetection, PicoDet",
    "cosine": "fewshot with a cosine classifier",
    "contrast": "fewshot with a contrastive head",
}
OTHER_HEADS = ("cosine", "contrast")
STEPS = ("check_data.py", "train.py", "evaluate.py", "export.py", "compress.py")


def main() -> None:
    arguments = read_arguments()
    rows = harness.measure_all(
        arguments.data.name + ("-val" if arguments.val else ""),
        plan(arguments),
        lambda key: measure(arguments, key),
        arguments.minutes,
    )
    report(rows, arguments)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with COCO files")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--images", type=int, help="training pictures; all by default")
    amount.add_argument("--shots", type=int, help="labelled objects a class, instead")
    parser.add_argument("--leave-out", help="a class that is neither learned nor tested")
    parser.add_argument("--windows", type=int, help="px; enlarged parts instead of pictures")
    parser.add_argument("--good", type=Path, help="folder of pictures without objects, to train on")
    parser.add_argument("--train-minutes", type=float, help="train.minutes; the template's if not")
    parser.add_argument("--seeds", type=int, default=1, help="draws")
    parser.add_argument("--methods", nargs="+", choices=TITLES, default=["fewshot"])
    parser.add_argument(
        "--set", nargs="+", metavar="SECTION.NAME=VALUE", help="settings to try, on val"
    )
    parser.add_argument("--val", action="store_true", help="judge on val.json instead of test.json")
    harness.add_arguments(parser)
    arguments = parser.parse_args()
    arguments.val = arguments.val or bool(arguments.set)
    data, judged = arguments.data, "val" if arguments.val else "test"
    needed = [data / "train.json", data / f"{judged}.json", data / "images", arguments.good]
    harness.need(*filter(None, needed), arguments.python)
    arguments.data = data.resolve()
    return arguments


def plan(arguments) -> list[dict]:
    """What is to be measured: which pictures, draw, method."""
    pictures = {
        name: getattr(arguments, name)
        for name in ("images", "shots", "leave_out", "windows", "train_minutes")
    }
    pictures["good"] = arguments.good.name if arguments.good else None
    tried = [{"set": value} for value in [None, *(arguments.set or [])]] if arguments.val else [{}]
    return [
        pictures | {"seed": seed, "method": method} | setting
        for seed in range(arguments.seeds)
        for method in arguments.methods
        for setting in tried
    ]


def measure(arguments, key: dict) -> dict:
    """What a project reaches: AP50 and AP on the test pictures with their intervals, seconds of
    each step, AP50 on held-out pictures over time, and what became of the int8 export."""
    project = draw(arguments.data, key, arguments.good)
    if key["method"] == "plain":
        harness.run(arguments.python, project, "check_data.py")
        script = REPOSITORY / "benchmarks" / "plain_detector.py"
        return json.loads(harness.run(arguments.python, project, script).splitlines()[-1])
    steps = STEPS[:3] if arguments.val else STEPS
    script = REPOSITORY / "benchmarks" / "few_shot_heads.py"
    launcher = [script, key["method"]] if key["method"] in OTHER_HEADS else []
    seconds = harness.timed(arguments.python, project, steps, launcher)
    found = measured(project) | {"seconds": sum(seconds.values()), "steps": seconds}
    return found if arguments.val else found | {"int8": int8(project)}


def measured(project: Path) -> dict:
    """What the newest run reached, and AP50 on held-out pictures over time."""
    folder, about = harness.newest_run(project)
    metrics = read_json(folder / "evaluation" / "metrics.json")
    return {
        "AP50": metrics["AP50"]["value"],
        "test": {name: metrics[name] for name in ("pictures", "boxes", "AP50", "AP")},
        "class_AP50": dict(
            zip(metrics["names"], (row["AP50"] for row in metrics["classes"]), strict=True)
        ),
        "stage": about["stage"],
        "held_out": about["held_out"],
        "curves": {path.stem: read_csv(path) for path in by_age(folder / "curves")},
    }


def int8(project: Path) -> dict:
    """What compress.py measured of the smallest int8 form on the test pictures, and why it refused
    that one, if it did."""
    name = harness.newest_run(project)[0].name
    forms = read_json(project / "export" / name / "pick.json")["forms"]
    small = [form for form in forms if form["export"].endswith("-int8")]
    smallest = min(small, key=lambda form: (form["refused"] is not None, form["megabytes"]))
    return {
        "forms": [forms[0], smallest],
        "AP50": smallest["AP50"]["value"],
        "refused": smallest["refused"],
    }


def by_age(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)


def read_csv(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def project_folder(data: Path, key: dict) -> Path:
    parts = [f"{name}{value}" for name, value in key.items() if value is not None]
    return BUILD / "-".join([data.name, *parts]).replace("_", "")


def draw(data: Path, key: dict, good: Path | None = None) -> Path:
    """A rendered project with the drawn pictures, all good ones and all test pictures as its
    data."""
    project = project_folder(data, key)
    shutil.rmtree(project, ignore_errors=True)
    train, test, classes = coco.draw(data, key, "val" if "set" in key else "test")
    options = [part for name in classes for part in ("--class", name)]
    harness.new_project(project, "--task", "detection", *options)
    detector = "picodet" if key["method"] in ("picodet", "plain") else None
    values = {"train.seed": key["seed"], "train.minutes": key["train_minutes"]}
    values |= {"model.detector": detector}
    if key.get("set"):
        name, value = key["set"].split("=")
        values[name] = yaml.safe_load(value)
    harness.set_values(project, values)
    train += coco.without_objects(good) if good else []
    coco.write(data, project / "data", train, test, classes, key["windows"])
    return project


def report(rows: list[dict], arguments) -> None:
    """Prints a table and plots AP50 over minutes of training."""
    keys = plan(arguments)
    mine: dict[str, list[dict]] = {}
    for key in keys:
        title = " ".join([TITLES[key["method"]], key.get("set") or ""]).strip()
        mine.setdefault(title, []).extend(chosen(rows, **key))
    print(f"\n{arguments.data.name}: {keys[0]}\n")
    print("| method | draws | AP50 | 95% interval | AP | minutes | int8 size | int8 AP50 |")
    print("|---|---:|---:|---|---:|---:|---:|---:|")
    for title, measured in mine.items():
        if measured:
            print("|", " | ".join([title, str(len(measured)), *figures(measured)]), "|")
    target = BUILD / f"{arguments.data.name}.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    plot(mine, target)
    print(f"\nAP50 over time: {target}")


def figures(rows: list[dict]) -> list[str]:
    """Means over draws, in the order of the table. The interval is that of the test pictures, and
    with several draws at least the draws' own: 1.96 standard errors."""
    mean = statistics.mean(row["AP50"] for row in rows)
    low, high = (
        statistics.mean(row["test"]["AP50"][end] for row in rows) for end in ("low", "high")
    )
    if len(rows) > 1:
        error = 1.96 * statistics.stdev(row["AP50"] for row in rows) / len(rows) ** 0.5
        low, high = max(0, min(low, mean - error)), min(1, max(high, mean + error))
    ap = statistics.mean(row["test"]["AP"]["value"] for row in rows)
    minutes = statistics.median(row["seconds"] for row in rows) / 60
    small = [row["int8"] for row in rows if "int8" in row]
    sizes = [one["forms"][-1]["megabytes"] / one["forms"][0]["megabytes"] for one in small]
    accepted = sum(not one["refused"] for one in small)
    return [
        f"{mean:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{ap:.3f}",
        f"{minutes:.1f}",
        f"{statistics.mean(sizes):.2f}" if small else "",
        f"{statistics.mean(one['AP50'] for one in small):.3f}, accepted {accepted} of {len(small)}"
        if small
        else "",
    ]


def plot(mine: dict[str, list[dict]], target: Path) -> None:
    """AP50 over minutes: of the first draw, after each epoch on held-out pictures (lines; plain
    training: on test pictures) and in the end on test pictures (dots, at the end of the steps)."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for title, measured in mine.items():
        if not measured:
            continue
        first, x, y = measured[0], [0.0], [0.0]
        learning = sum(rows[-1]["seconds"] for rows in first["curves"].values())
        # What train.py does besides, such as frozen maps, is drawn as if it all came first.
        start = first.get("steps", {}).get("train.py", learning) - learning
        for rows in first["curves"].values():
            on_test = "AP50" in rows[0]
            x += [(start + row["seconds"]) / 60 for row in rows]
            y += [row["AP50" if on_test else "held_out_AP50"] for row in rows]
            start += rows[-1]["seconds"]
        label = f"{title}, on {'test' if on_test else 'held-out'} pictures"
        (line,) = axes.plot(x, y, ".-", label=label)
        axes.plot(first["seconds"] / 60, first["AP50"], "o", ms=9, color=line.get_color())
    axes.plot([], [], "o", ms=9, color="grey", label="in the end, on test pictures")
    axes.set(xlabel="minutes", ylabel="AP50", xlim=0, ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(target)


if __name__ == "__main__":
    main()
