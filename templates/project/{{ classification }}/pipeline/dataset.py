"""The labelled pictures as the later steps see them: data/splits.csv."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import checked, files, layout, splits
from pipeline.balance import class_by_class
from pipeline.picture_files import data_folder
from pipeline.project import ROOT
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


def read_splits(settings: Settings) -> list[Sample]:
    """Reads data/splits.csv.

    Raises:
        UserError: no such file yet, no rows, or rows that name a missing picture, an unknown
            class or an unknown split: all of them, each with its line. Or the labels have changed
            since they were checked.
    """
    folder = data_folder(settings.data.folder)
    rows, faults = splits.read_splits_file(folder, ("label", "group"))
    faults += [
        f"{where}: unknown class {row['label']!r}."
        for where, _, row in rows
        if row["label"] not in settings.classes
    ]
    splits.stop_at(faults)
    checked.stop_at_changes(folder)
    return [
        Sample(path, settings.classes.index(row["label"]), row["split"], row["group"])
        for _, path, row in rows
    ]


def read_training(settings: Settings) -> list[Sample]:
    """The pictures to train with: those that are not for testing.

    Raises:
        UserError: as `read_splits`, or classes have no picture to train on.
    """
    samples = [sample for sample in read_splits(settings) if sample.split != "test"]
    taught = {sample.label for sample in samples if sample.split == "train"}
    splits.stop_at_untaught(settings.classes, taught, "picture")
    checked.tell_new(data_folder(settings.data.folder), *layout.that_count(settings))
    return samples


def balanced(samples: list[Sample]) -> list[Sample]:
    """The pictures as `class_by_class` orders them, always in the same way."""
    order = class_by_class([sample.label for sample in samples], np.random.default_rng(0))
    return [samples[i] for i in order]


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
