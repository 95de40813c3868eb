"""The labelled pictures as the later steps see them: data/splits.csv and data/boxes.csv."""

import math
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import checked, files, layout, splits
from pipeline.images import PictureError, read_picture, upright_size
from pipeline.picture_files import data_folder, read_rows
from pipeline.project import ROOT, shown
from pipeline.settings import Settings

CORNERS = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and its objects.

    Attributes:
        path: absolute.
        size: width and height of the upright picture, px.
        boxes: [B, 4] float32: x0, y0, x1, y1 in px of the upright picture.
        labels: [B] int64, indices into the settings' classes.
        split: train, val or test.
        group: the same for pictures that are almost the same.
    """

    path: Path
    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    split: str
    group: str

    @property
    def name(self) -> str:
        """Its path in the project, as run.json has it."""
        return os.path.relpath(self.path, ROOT)


def boxes_file(folder: Path) -> Path:
    """The table's place in the data folder."""
    return folder / "boxes.csv"


def read_splits(settings: Settings) -> list[Sample]:
    """Reads data/splits.csv and data/boxes.csv.

    Raises:
        UserError: a file is not there yet, splits.csv has no rows, or rows name a missing picture,
            an unknown class or split, or no numbers, or pictures have another size: all of them,
            each with its line. Or the labels have changed since they were checked.
    """
    folder = data_folder(settings.data.folder)
    rows, faults = splits.read_splits_file(folder, ("group", "width", "height"))
    objects, more = _read_boxes(folder, {row["path"] for _, _, row in rows}, settings.classes)
    sizes = []
    for where, path, row in rows:
        if row["width"].isdecimal() and row["height"].isdecimal():
            sizes.append((int(row["width"]), int(row["height"])))
            faults += _another_size(where, path, sizes[-1])
        else:
            faults.append(f"{where}: width and height are no numbers.")
    splits.stop_at(faults + more)
    checked.stop_at_changes(folder)
    samples = []
    for (_, path, row), size in zip(rows, sizes, strict=True):
        found = objects[row["path"]]
        boxes = np.array([corners for _, corners in found], np.float32).reshape(-1, 4)
        labels = np.array([label for label, _ in found], np.int64)
        samples.append(Sample(path, size, boxes, labels, row["split"], row["group"]))
    return samples


def read_training(settings: Settings) -> list[Sample]:
    """The pictures to train with: those that are not for testing.

    Raises:
        UserError: as `read_splits`, or classes have no box to train on.
    """
    samples = [sample for sample in read_splits(settings) if sample.split != "test"]
    taught = {label for s in samples if s.split == "train" for label in s.labels.tolist()}
    splits.stop_at_untaught(settings.classes, taught, "box")
    checked.tell_new(data_folder(settings.data.folder), layout.THAT_COUNT)
    return samples


def _another_size(where: str, path: Path, known: tuple[int, int]) -> list[str]:
    """That a picture was replaced by a larger or smaller one, on which its boxes lie elsewhere."""
    try:
        now = upright_size(path)
        if now != known:  # then for sure
            now = read_picture(path).shape[1::-1]
    except PictureError:
        return []  # reading it names the fault
    sizes = [f"{width}×{height}" for width, height in (now, known)]
    text = f"{where}: {sizes[0]} px, but {sizes[1]} when it was checked. Run check_data.py again."
    return [text] if now != known else []


def _read_boxes(
    folder: Path, pictures: set[str], classes: list[str]
) -> tuple[dict[str, list[tuple[int, list[float]]]], list[str]]:
    """Labels and corners of each picture, and the faults of the table."""
    table = boxes_file(folder)
    if not table.is_file():
        splits.stop_at([f"{shown(table)}: no such file."])
    objects: dict[str, list] = defaultdict(list)
    faults: list[str] = []
    for line, row in read_rows(table, ("path", "label", *CORNERS)):
        where, known = f"{shown(table)}:{line}", len(faults)
        if row["path"] not in pictures:
            faults.append(f"{where}: not in splits.csv: {row['path']!r}.")
        if row["label"] not in classes:
            faults.append(f"{where}: unknown class {row['label']!r}.")
        try:
            corners = [float(row[name]) for name in CORNERS]
        except ValueError:
            corners = [math.nan]
        if not all(map(math.isfinite, corners)):
            faults.append(f"{where}: {', '.join(CORNERS)} are no numbers.")
        if len(faults) == known:
            objects[row["path"]].append((classes.index(row["label"]), corners))
    return objects, faults


def manifest(samples: list[Sample]) -> list[dict]:
    """What a run was trained and tested on: path, split, SHA-256 and boxes of each file."""
    return [
        {
            "path": sample.name,
            "split": sample.split,
            "sha256": files.sha256(sample.path),
            "boxes": [
                [label, *(round(value, 2) for value in corners)]
                for label, corners in zip(
                    sample.labels.tolist(), sample.boxes.tolist(), strict=True
                )
            ],
        }
        for sample in samples
    ]
