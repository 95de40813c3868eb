"""The data sets of the benchmarks, cut from DeepPCB exactly as they were measured.

    git clone https://github.com/tangsanli5201/DeepPCB
    git -C DeepPCB checkout 08e98c4db5922613fb97176eb3d6497d48260cb1
    python benchmarks/deeppcb.py DeepPCB build/data
    python benchmarks/classification.py --data build/data/pcb_cls

pcb_det/ holds images/, which are upstream's files byte for byte, and train.json, val.json and
test.json in COCO format. pcb_cls/ holds <split>/<class>/<picture>_<box>.jpg: squares of 96x96 px,
each around one defect that has no other close by. No board is in two splits. pcb_good/ holds the
scans without defects that belong to the training pictures of pcb_det.

The pictures were drawn at random, once; deeppcb.csv, beside this file, keeps the draw. A row is a
split, a picture in it, and which of the picture's boxes are in pcb_cls, counted from 0 in the
order of upstream's annotation file. Needs git and Pillow.
"""

import csv
import re
import shutil
from pathlib import Path

from checkouts import new_folder, run, write_coco
from PIL import Image

COMMIT = "08e98c4db5922613fb97176eb3d6497d48260cb1"
CHOICE = Path(__file__).with_suffix(".csv")
CLASSES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")  # upstream's 1 to 6
ROOM = 1.5  # a crop's side over the longer side of its box
SMALLEST, SIZE = 64, 96  # px, a crop's side at least, and after resizing


def build(checkout: Path, folder: Path, choice: Path = CHOICE) -> None:
    """Writes pcb_cls, pcb_det and pcb_good into a new or empty folder, or nothing at all.

    Raises:
        ValueError: The folder is in use, or a chosen picture or box is not in the checkout.
        OSError: A file can't be read or written.
    """
    with choice.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    paths = [path for row in rows for path in upstream(checkout, row["picture"])]
    good = [without_defects(checkout, row["picture"]) for row in rows if row["split"] == "train"]
    with new_folder(folder, [checkout / "LICENSE", *paths, *good]) as new:
        (new / "pcb_det" / "images").mkdir(parents=True)
        (new / "pcb_good").mkdir()
        for path in good:
            shutil.copyfile(path, new / "pcb_good" / path.name)
        for split in ("train", "val", "test"):
            write_split(new, split, checkout, [row for row in rows if row["split"] == split])
        for name in ("pcb_cls", "pcb_det", "pcb_good"):
            shutil.copyfile(checkout / "LICENSE", new / name / "LICENSE")


def upstream(checkout: Path, name: str) -> tuple[Path, Path]:
    """Upstream's files of a picture and of its boxes; the first five digits are the board."""
    group = checkout / "PCBData" / f"group{name[:5]}"
    return group / name[:5] / f"{name}_test.jpg", group / f"{name[:5]}_not" / f"{name}.txt"


def without_defects(checkout: Path, name: str) -> Path:
    """Upstream's scan of the same part of the board before anything was wrong with it."""
    return upstream(checkout, name)[0].with_name(f"{name}_temp.jpg")


def write_split(new: Path, split: str, checkout: Path, rows: list[dict[str, str]]) -> None:
    """Writes a split of pcb_cls and pcb_det: pictures, COCO file, crops."""
    pictures = []
    for row in rows:
        name = row["picture"]
        path, boxes_path = upstream(checkout, name)
        shutil.copyfile(path, new / "pcb_det" / "images" / f"{name}.jpg")
        picture = Image.open(path).convert("RGB")
        boxes = read_boxes(boxes_path)
        pictures.append((f"{name}.jpg", *picture.size, boxes))
        for index in map(int, row["crops"].split()):
            if index >= len(boxes):
                raise ValueError(f"{boxes_path} has no box {index}")
            *box, kind = boxes[index]
            target = new / "pcb_cls" / split / CLASSES[kind - 1] / f"{name}_{index:02}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            crop(picture, *box).save(target, quality=90, optimize=True)
    write_coco(new / "pcb_det" / f"{split}.json", CLASSES, pictures)


def read_boxes(path: Path) -> list[list[int]]:
    """Boxes as left, top, right, bottom (px) and type (1 to 6), one from each line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not re.fullmatch(r"(\d+ ){4}[1-6]", line):
            raise ValueError(f"{path}, line {number}: not four coordinates and a type from 1 to 6")
    return [[int(word) for word in line.split()] for line in lines]


def crop(picture: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    """A square around a box (px), pushed inwards at the picture's edge; 96x96 px."""
    side = max(SMALLEST, round(ROOM * max(right - left, bottom - top)))
    x = min(max(round((left + right - side) / 2), 0), picture.width - side)
    y = min(max(round((top + bottom - side) / 2), 0), picture.height - side)
    return picture.crop((x, y, x + side, y + side)).resize((SIZE, SIZE), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    run(__doc__, "PCBData", COMMIT, build)
