"""Steel surfaces for the detection benchmark, from a copy of NEU-DET: textured, large defects.

    git clone https://github.com/siddhartamukherjee/NEU-DET-Steel-Surface-Defect-Detection NEU-DET
    git -C NEU-DET checkout 351bee21b56bbf97a1e1d18262bceb202eb7ef41
    python benchmarks/neu_det.py NEU-DET build/data/neu_det
    python benchmarks/detection.py --data build/data/neu_det --images 200

1770 grey pictures of 200x200 px with boxes of six classes (Song and Yan, "A noise robust method
based on completed local binary patterns for hot-rolled steel strip surface defects", 2013; boxes:
He et al., "An End-to-End Steel Surface Defect Detection Approach", 2020). The copy names no
licence; its makers give the data to researchers. images/ holds upstream's files byte for byte,
beside train.json, val.json and test.json in COCO format. Pictures that follow each other may show
the same strip, so the splits are ranges of their numbers, of every class the same. Needs git.
"""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

from checkouts import new_folder, run, write_coco

COMMIT = "351bee21b56bbf97a1e1d18262bceb202eb7ef41"
CLASSES = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")
LAST = {"train": 200, "val": 240, "test": 300}  # number of a class's last picture in a split


def build(checkout: Path, folder: Path) -> None:
    """Writes the data set into a new or empty folder, or nothing at all.

    Raises:
        ValueError: the folder is in use, or a picture or a box is not as expected.
        OSError: a file can't be read or written.
    """
    texts = sorted((checkout / "ANNOTATIONS").glob("*.xml"))
    pictures = [checkout / "IMAGES" / f"{path.stem}.jpg" for path in texts]
    with new_folder(folder, pictures) as new:
        (new / "images").mkdir()
        splits: dict[str, list] = {split: [] for split in LAST}
        for text, picture in zip(texts, pictures, strict=True):
            shutil.copyfile(picture, new / "images" / picture.name)
            splits[split_of(text.stem)].append((picture.name, *read(text)))
        for split, rows in splits.items():
            write_coco(new / f"{split}.json", CLASSES, rows)


def split_of(name: str) -> str:
    """The split of a picture such as crazing_17."""
    number = int(re.fullmatch(r".+_(\d+)", name)[1])
    return next(split for split, last in LAST.items() if number <= last)


def read(text: Path) -> tuple[int, int, list[list[int]]]:
    """Width and height of a picture (px) and its boxes: left, top, right, bottom (px; the file
    counts from 1 and names the last px inside), number of the class."""
    try:
        root = ElementTree.parse(text).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{text}: {error}") from None
    boxes = []
    for one in root.iter("object"):
        left, top, right, bottom = (
            int(one.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
        )
        boxes.append([left - 1, top - 1, right, bottom, CLASSES.index(one.findtext("name")) + 1])
    width, height = (int(root.findtext(f"size/{side}")) for side in ("width", "height"))
    return width, height, boxes


if __name__ == "__main__":
    run(__doc__, "ANNOTATIONS", COMMIT, build)
