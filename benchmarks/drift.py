"""How often predict.py says that the line has changed: on new pictures as they are, darkened,
blurred, and of another product.

    python benchmarks/drift.py --project PROJECT --data build/data/pcb_cls \
        --other FOLDER

The project has an export; its predict.py answers everything. The pictures are those of the test
split, which training never saw. An alarm is counted for windows of so many pictures drawn at
random, and for windows of pictures that follow each other by name, which mostly show one class.
Results are appended to benchmarks/results/drift.jsonl.
"""

import argparse
import json
import random
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
from harness import RESULTS, run
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

DRAWS = 200  # of a window
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}
CHANGES = {
    "as they are": lambda picture: picture,
    "brightness -20%": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "brightness -40%": lambda picture: ImageEnhance.Brightness(picture).enhance(0.6),
    "contrast -30%": lambda picture: ImageEnhance.Contrast(picture).enhance(0.7),
    "blur, 1 px": lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
    "blur, 2 px": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
    "negative": ImageOps.invert,
}


def main() -> None:
    arguments = read_arguments()
    about = harness.read_json(newest_export(arguments.project) / "export.json")
    cases = [(name, arguments.data, change) for name, change in CHANGES.items()]
    if arguments.other:
        other = arguments.other
        cases.append((f"{other.name}, as they are", other, CHANGES["as they are"]))
    rows = []
    for name, data, change in cases:
        scores = scores_of(arguments, pictures(data, arguments.pictures), change)
        row = {"data": arguments.data.name, "case": name, "commit": harness.commit()}
        row |= {"stage": about["run"]["stage"], "training_pictures": about["drift"]["pictures"]}
        row |= {"pictures": len(scores)}
        row |= measured(scores, about["drift"]["usual"], arguments.window)
        rows.append(row)
        print(f"{name}: {row}", flush=True)
    with (RESULTS / "drift.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    report(rows, arguments.window)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, required=True, help="with an export")
    parser.add_argument("--data", type=Path, required=True, help="the pack it was trained on")
    parser.add_argument("--other", type=Path, help="a pack of another product")
    parser.add_argument("--pictures", type=int, default=120, help="of a case at most")
    parser.add_argument("--window", type=int, default=20, help="pictures of a call")
    parser.add_argument("--python", type=Path, default=harness.ENVIRONMENT)
    arguments = parser.parse_args()
    needed = [arguments.project / "export", arguments.data, arguments.other, arguments.python]
    harness.need(*filter(None, needed))
    return arguments


def newest_export(project: Path) -> Path:
    return max(path.parent for path in project.glob("export/*/export.json"))


def pictures(data: Path, most: int) -> list[Path]:
    """Test pictures of a pack, drawn at random where they are many, sorted by name."""
    if (data / "test.json").is_file():
        listed = harness.read_json(data / "test.json")["images"]
        found = sorted(data / "images" / image["file_name"] for image in listed)
    else:
        found = sorted(p for p in (data / "test").rglob("*") if p.suffix.lower() in SUFFIXES)
    return sorted(random.Random(0).sample(found, min(most, len(found))))


def scores_of(arguments: argparse.Namespace, paths: list[Path], change) -> list[float]:
    """The score `drift` that predict.py gives to each picture once it has changed."""
    with TemporaryDirectory() as folder:
        for number, path in enumerate(paths):
            with Image.open(path) as picture:
                change(picture.convert("RGB")).save(Path(folder) / f"{number:05}.png")
        options = ("--json", "--format", "paddle")
        said = run(arguments.python, arguments.project, "predict.py", folder, *options)
        return [json.loads(line)["drift"] for line in said.splitlines()]


def measured(scores: list[float], usual: float, window: int) -> dict:
    drawn = (random.Random(seed).sample(scores, window) for seed in range(DRAWS))
    following = [scores[i : i + window] for i in range(0, len(scores) - window + 1, window)]
    return {
        "far": statistics.mean(score > 1 for score in scores),
        "median": statistics.median(scores),
        "usual": usual,
        "alarms": statistics.mean(statistics.median(part) > usual for part in drawn),
        "alarms_in_order": statistics.mean(statistics.median(part) > usual for part in following),
    }


def report(rows: list[dict], window: int) -> None:
    print(f"\n| Test pictures | far | median / usual | windows of {window} with an alarm |")
    print("| --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row['case']} ({row['pictures']}) | {row['far']:.0%} | "
            f"{row['median']:.2f} / {row['usual']:.2f} | {row['alarms']:.0%}, in order of their "
            f"names {row['alarms_in_order']:.0%} |"
        )


if __name__ == "__main__":
    main()
