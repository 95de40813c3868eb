"""Data of the detection benchmarks: draws from a folder with images/, train.json and test.json."""

import json
import random
import shutil
from collections import Counter
from pathlib import Path

from harness import read_json
from PIL import Image

PLACES = 200  # to try for a window before a picture is left out


def draw(folder: Path, key: dict, judged: str = "test") -> tuple[list[dict], list[dict], list[str]]:
    """Training pictures, all test pictures, and the names of the classes.

    Args:
        folder: with the COCO files.
        key: `seed`; `images`, how many for training, or `shots`, how many objects of each class;
            `leave_out`, a class that is neither learned nor tested.
        judged: the split that the test pictures are from.

    Returns:
        Pictures {"name", "boxes": [{"class", "bbox": x, y, w, h in px}]}, and the classes.
    """
    train, test = (read(folder / f"{split}.json", key["leave_out"]) for split in ("train", judged))
    random.Random(key["seed"]).shuffle(train)
    if key["shots"] is None:
        train = train[: key["images"]]
    else:
        train = with_objects(train, key["shots"])
    return train, test, sorted({box["class"] for picture in test for box in picture["boxes"]})


def read(file: Path, leave_out: str | None) -> list[dict]:
    coco = read_json(file)
    names = {category["id"]: category["name"] for category in coco["categories"]}
    pictures = {image["id"]: {"name": image["file_name"], "boxes": []} for image in coco["images"]}
    for row in coco["annotations"]:
        name = names[row["category_id"]]
        if name != leave_out:
            pictures[row["image_id"]]["boxes"].append({"class": name, "bbox": row["bbox"]})
    return sorted(pictures.values(), key=lambda picture: picture["name"])


def without_objects(folder: Path) -> list[dict]:
    """All JPEGs of a folder, as pictures without boxes."""
    return [{"name": str(path.resolve()), "boxes": []} for path in sorted(folder.glob("*.jpg"))]


def with_objects(pictures: list[dict], shots: int) -> list[dict]:
    """The first pictures that bring every class to so many objects, with all of their boxes."""
    counts: Counter = Counter()
    taken = []
    for picture in pictures:
        found = Counter(box["class"] for box in picture["boxes"])
        if any(counts[name] < shots for name in found):
            counts += found
            taken.append(picture)
    return taken


def write(
    source: Path,
    data: Path,
    train: list[dict],
    test: list[dict],
    classes: list[str],
    window: int | None,
) -> None:
    """Writes train.json, test.json and their pictures, or enlarged windows of them, into `data`."""
    for split, pictures in (("train", train), ("test", test)):
        write_split(source / "images", data, split, pictures, classes, window)


def write_split(
    images: Path,
    data: Path,
    split: str,
    pictures: list[dict],
    classes: list[str],
    window: int | None,
) -> None:
    """Writes <split>/*.jpg or .png and <split>.json."""
    (data / split).mkdir(parents=True)
    rows, boxes = [], []
    for picture in pictures:
        source = images / picture["name"]
        target = data / split / source.name
        if window:
            target = target.with_suffix(".png")
            found = write_window(source, target, picture["boxes"], window)
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
