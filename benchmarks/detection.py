"""AP50 and time of a rendered detection project on real pictures, beside other detectors.

    python benchmarks/detection.py --data ../shared/data/pcb_det --images 200
    python benchmarks/detection.py --data ... --images 200 --leave-out spur   # five classes
    python benchmarks/detection.py --data ... --images 200 --windows 160      # large objects
    python benchmarks/detection.py --data ... --shots 30 --seeds 3            # objects a class

The folder holds images/, train.json and test.json (COCO). For each seed pictures are drawn from
train.json; nothing but them is used before the model is final, and the test pictures are looked
at once. --windows cuts a square of so many px, with whole objects only, out of each picture and
enlarges it to the picture's size. Results are kept as they come in build/benchmarks/, and a second
call goes on where the first one stopped; remove that folder after a change of the templates.

Each method is a project of its own, made by `fewshot new`; its scripts go the whole way from
check_data.py to compress.py. `picodet` sets `model.detector` and nothing else, so it gets the same
crops, stages and minutes. `plain` is PaddleDetection's own training: benchmarks/plain_detector.py.
"""

import argparse
import csv
import json
import random
import re
import shutil
import statistics
from collections import Counter
from pathlib import Path

import harness
from harness import BUILD, REPOSITORY, chosen, read_json
from PIL import Image

TITLES = {
    "fewshot": "fewshot (train.py)",
    "picodet": "fewshot with PicoDet",
    "plain": "plain PaddleDetection, PicoDet",
}
STEPS = ("check_data.py", "train.py", "evaluate.py", "export.py", "compress.py")
PLACES = 200  # to try for a window before a picture is left out


def main() -> None:
    arguments = read_arguments()
    rows = harness.measure_all(
        BUILD / f"{arguments.data.name}.jsonl",
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
    parser.add_argument("--train-minutes", type=float, help="train.minutes; the template's if not")
    parser.add_argument("--seeds", type=int, default=1, help="draws")
    parser.add_argument("--methods", nargs="+", choices=TITLES, default=["fewshot"])
    harness.add_arguments(parser)
    arguments = parser.parse_args()
    data = arguments.data
    harness.need(data / "train.json", data / "test.json", data / "images", arguments.python)
    arguments.data = data.resolve()
    return arguments


def plan(arguments) -> list[dict]:
    """What is to be measured: which pictures, draw, method."""
    pictures = {
        name: getattr(arguments, name)
        for name in ("images", "shots", "leave_out", "windows", "train_minutes")
    }
    return [
        pictures | {"seed": seed, "method": method}
        for seed in range(arguments.seeds)
        for method in arguments.methods
    ]


def measure(arguments, key: dict) -> dict:
    """What a project reaches: AP50 and AP on the test pictures with their intervals, seconds of
    each step, AP50 on held-out pictures over time, and what became of the int8 export."""
    project = draw(arguments, key)
    if key["method"] == "plain":
        harness.run(arguments.python, project, "check_data.py")
        script = REPOSITORY / "benchmarks" / "plain_detector.py"
        return json.loads(harness.run(arguments.python, project, script).splitlines()[-1])
    seconds = harness.timed(arguments.python, project, STEPS)
    folder, about = harness.newest_run(project)
    measured = read_json(folder / "evaluation" / "metrics.json")
    return {
        "AP50": measured["AP50"]["value"],
        "test": {name: measured[name] for name in ("pictures", "boxes", "AP50", "AP")},
        "class_AP50": dict(
            zip(measured["names"], (row["AP50"] for row in measured["classes"]), strict=True)
        ),
        "stage": about["stage"],
        "held_out": about["held_out"],
        "seconds": sum(seconds.values()),
        "steps": seconds,
        "curves": {path.stem: read_csv(path) for path in by_age(folder / "curves")},
        "int8": int8(project, folder.name),
    }


def int8(project: Path, name: str) -> dict:
    """What compress.py measured on the test pictures, and why it refused the result, if it did."""
    accepted = project / "export" / f"{name}-int8" / "export.json"
    refused = project / "export" / f"{name}-int8.refused" / "refused.json"
    about = read_json(accepted if accepted.is_file() else refused)
    return about["compression"] | {"refused": about.get("reason")}


def by_age(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)


def read_csv(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def draw(arguments, key: dict) -> Path:
    """A rendered project with the drawn pictures and all test pictures as its data."""
    parts = [f"{name}{value}" for name, value in key.items() if value is not None]
    project = BUILD / "-".join([arguments.data.name, *parts]).replace("_", "")
    shutil.rmtree(project, ignore_errors=True)
    train, test = (read_coco(arguments, name) for name in ("train", "test"))
    chance = random.Random(key["seed"])
    train = chosen_pictures(train, key, chance)
    classes = sorted({box["class"] for picture in test for box in picture["boxes"]})
    options = [part for name in classes for part in ("--class", name)]
    harness.new_project(project, "--task", "detection", *options)
    set_values(project / "settings.yaml", key)
    for split, pictures in (("train", train), ("test", test)):
        write_coco(arguments.data / "images", project / "data", split, pictures, classes, key)
    return project


def set_values(settings: Path, key: dict) -> None:
    text = settings.read_text(encoding="utf-8")
    wanted = {"seed": key["seed"], "minutes": key["train_minutes"]}
    if key["method"] != "fewshot":
        wanted["detector"] = "picodet"
    for name, value in wanted.items():
        if value is not None:
            text, count = re.subn(rf"(?m)^(  {name}:) \S+", rf"\1 {value}", text)
            assert count == 1, name
    settings.write_text(text, encoding="utf-8")


def read_coco(arguments, split: str) -> list[dict]:
    """Pictures with their boxes, without those of the class that is left out."""
    coco = read_json(arguments.data / f"{split}.json")
    names = {category["id"]: category["name"] for category in coco["categories"]}
    pictures = {image["id"]: {"name": image["file_name"], "boxes": []} for image in coco["images"]}
    for row in coco["annotations"]:
        name = names[row["category_id"]]
        if name != arguments.leave_out:
            pictures[row["image_id"]]["boxes"].append({"class": name, "bbox": row["bbox"]})
    return sorted(pictures.values(), key=lambda picture: picture["name"])


def chosen_pictures(pictures: list[dict], key: dict, chance: random.Random) -> list[dict]:
    """So many pictures, or as many as hold the wanted number of objects of each class."""
    chance.shuffle(pictures)
    if key["shots"] is None:
        return pictures[: key["images"]]
    counts: Counter = Counter()
    taken = []
    for picture in pictures:
        found = Counter(box["class"] for box in picture["boxes"])
        if any(counts[name] < key["shots"] for name in found):
            counts += found
            taken.append(picture)
    return taken


def write_coco(
    images: Path, data: Path, split: str, pictures: list[dict], classes: list[str], key: dict
) -> None:
    """Writes <split>/*.jpg or .png and <split>.json."""
    (data / split).mkdir(parents=True)
    rows, boxes = [], []
    for picture in pictures:
        source = images / picture["name"]
        target = data / split / source.name
        if key["windows"]:
            target = target.with_suffix(".png")
            found = write_window(source, target, picture["boxes"], key["windows"])
            if found is None:
                continue
        else:
            shutil.copyfile(source, target)
            found = picture["boxes"]
        with Image.open(target) as opened:
            width, height = opened.size
        number = len(rows) + 1
        name = f"{split}/{target.name}"
        rows.append({"id": number, "file_name": name, "width": width, "height": height})
        boxes += [
            {
                "id": len(boxes) + i,
                "image_id": number,
                "category_id": classes.index(box["class"]) + 1,
                "bbox": box["bbox"],
                "area": box["bbox"][2] * box["bbox"][3],
                "iscrowd": 0,
            }
            for i, box in enumerate(found, 1)
        ]
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    coco = {"images": rows, "annotations": boxes, "categories": categories}
    (data / f"{split}.json").write_text(json.dumps(coco), encoding="utf-8")


def write_window(source: Path, target: Path, boxes: list[dict], side: int) -> list[dict] | None:
    """Cuts out a window of `side` px, enlarges it to the picture's size and gives its boxes.
    None if no place was found where it holds an object and cuts none."""
    chance = random.Random(source.name)
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    for _ in range(PLACES):
        left = chance.randint(0, picture.width - side)
        top = chance.randint(0, picture.height - side)
        inside, cut = [], False
        for box in boxes:
            x, y, w, h = box["bbox"]
            seen_w = min(x + w, left + side) - max(x, left)
            seen_h = min(y + h, top + side) - max(y, top)
            if (seen_w, seen_h) == (w, h):
                inside.append((box["class"], x - left, y - top, w, h))
            elif min(seen_w, seen_h) > 0:
                cut = True
        if inside and not cut:
            break
    else:
        return None
    scale = picture.width / side
    window = picture.crop((left, top, left + side, top + side))
    window.resize(picture.size, Image.Resampling.BICUBIC).save(target)
    return [
        {"class": name, "bbox": [round(value * scale, 1) for value in values]}
        for name, *values in inside
    ]


def report(rows: list[dict], arguments) -> None:
    """Prints a table and plots AP50 over minutes of training."""
    keys = plan(arguments)
    mine = {
        method: [row for key in keys if key["method"] == method for row in chosen(rows, **key)]
        for method in arguments.methods
    }
    print(f"\n{arguments.data.name}: {mine and next(iter(keys))}\n")
    print("| method | draws | AP50 | 95% interval | AP | minutes | int8 size | int8 AP50 |")
    print("|---|---:|---:|---|---:|---:|---:|---:|")
    for method, measured in mine.items():
        if measured:
            print("|", " | ".join([TITLES[method], str(len(measured)), *figures(measured)]), "|")
    target = BUILD / f"{arguments.data.name}.svg"
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
        low, high = min(low, mean - error), max(high, mean + error)
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
    for method, measured in mine.items():
        if not measured:
            continue
        first, start, x, y = measured[0], 0.0, [0.0], [0.0]
        for rows in first["curves"].values():
            name = "AP50" if "AP50" in rows[0] else "held_out_AP50"
            x += [(start + row["seconds"]) / 60 for row in rows]
            y += [row[name] for row in rows]
            start += rows[-1]["seconds"]
        (line,) = axes.plot(x, y, label=TITLES[method])
        axes.plot(first["seconds"] / 60, first["AP50"], "o", color=line.get_color())
    axes.set(xlabel="minutes", ylabel="AP50", ylim=(0, 1))
    axes.legend()
    figure.tight_layout()
    figure.savefig(target)


if __name__ == "__main__":
    main()
