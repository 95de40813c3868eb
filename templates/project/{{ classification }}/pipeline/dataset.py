"""The labelled pictures as the later steps see them: data/splits.csv."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline import files, layout
from pipeline.console import UserError
from pipeline.project import ROOT, shown
from pipeline.settings import Settings


@dataclass(frozen=True)
class Sample:
    """A labelled picture.

    Attributes:
        path: absolute.
        label: index into the settings' classes.
        split: train, val or test.
        group: the same for pictures that are almost the same.
    """

    path: Path
    label: int
    split: str
    group: str


def splits_file(settings: Settings) -> Path:
    return ROOT / settings.data.folder / "splits.csv"


def read_splits(settings: Settings) -> list[Sample]:
    """Reads data/splits.csv.

    Raises:
        UserError: no such file yet, no rows, or rows that name a missing picture, an unknown
            class or an unknown split: all of them, each with its line.
    """
    table = splits_file(settings)
    if not table.is_file():
        raise UserError(f"{shown(table)}: no such file. Run check_data.py first.")
    folder = layout.data_folder(settings)
    samples, faults = [], []
    for line, row in layout.read_rows(table, ("path", "label", "split", "group")):
        path = folder / row["path"]
        if not os.path.isfile(path) or not layout.is_inside(folder, path):
            faults.append(f"{shown(table)}:{line}: no such picture: {row['path']!r}.")
        if row["label"] not in settings.classes:
            faults.append(f"{shown(table)}:{line}: unknown class {row['label']!r}.")
        if row["split"] not in layout.SPLITS:
            faults.append(f"{shown(table)}:{line}: unknown split {row['split']!r}.")
        if not faults:
            label = settings.classes.index(row["label"])
            samples.append(Sample(path, label, row["split"], row["group"]))
    if faults or not samples:
        empty = f"{shown(table)}: names no pictures."
        raise UserError("\n".join([*(faults or [empty]), "Run check_data.py again."]))
    return samples


def manifest(samples: list[Sample]) -> list[dict]:
    """What a run was trained and tested on: path, label, split and SHA-256 of each file."""
    return [
        {
            "path": os.path.relpath(sample.path, ROOT),
            "label": sample.label,
            "split": sample.split,
            "sha256": files.sha256(sample.path),
        }
        for sample in samples
    ]
