"""data/splits.csv: which picture is for training, judging or testing, from one check to the next.

check_data.py writes it; the later steps read it.
"""

import os
import re
from collections.abc import Sequence, Set
from pathlib import Path

from pipeline import files
from pipeline.console import UserError
from pipeline.picture_files import PictureFile, is_inside, read_rows
from pipeline.picture_problems import Problem, picture_problem
from pipeline.project import ROOT, shown
from pipeline.splitting import draw_splits
from pipeline.text import some

SPLITS = ("train", "val", "test")
# As other tools name their folders and files: train, train_images, trainset, 训练集.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "训练": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "验证": "val",
    "test": "test",
    "testing": "test",
    "测试": "test",
}
SPLIT_NAME = rf"(?P<split>{'|'.join(SPLIT_NAMES)})(?:集|[ _-]?(?:set|images|imgs))?"
GIVEN = "given"


def split_named(name: str) -> str | None:
    """The split that a folder or a list is named after, as Train, valid, test2017 or val_list."""
    named = re.fullmatch(rf"{SPLIT_NAME}\d*(?:_list)?", name.lower())
    return SPLIT_NAMES[named["split"]] if named else None


def splits_file(folder: Path) -> Path:
    """The table's place in the data folder."""
    return folder / "splits.csv"


def forget_train_alone(pictures: Sequence[PictureFile], data: str) -> list[Problem]:
    """Takes the split from all pictures where it is train for all, and says so.

    Args:
        pictures: with the splits that were given.
        data: name of the data folder.
    """
    if {picture.split for picture in pictures} != {"train"}:
        return []
    fault = picture_problem("train_alone", f"{data}/", sources=_sources(pictures))
    for picture in pictures:
        picture.split = None
    return [fault]


def without_test(pictures: Sequence[PictureFile], data: str, origin: str) -> Problem:
    """Says why there are no test pictures. `origin` comes from `give_splits`."""
    if origin == GIVEN:
        return picture_problem("no_test_given", f"{data}/", sources=_sources(pictures))
    return picture_problem("no_test_drawn", f"{data}/")


def _sources(pictures: Sequence[PictureFile]) -> str:
    return some(list(dict.fromkeys(p.given_by for p in pictures if p.split)))


def give_splits(
    pictures: Sequence[PictureFile],
    labels: list[set[str]],
    table: Path,
    share: float,
    seed: int,
    anew: bool,
) -> str:
    """Gives every picture its split.

    Args:
        pictures: with their groups. Whoever gave splits gave them for all; else they are drawn.
        labels: classes in each picture.
        table: the splits of before, which are kept.
        share: of each class that goes to test.
        seed: of the draw.
        anew: forget the splits of before.

    Returns:
        Where the splits come from, in words.

    Raises:
        UserError: the splits of before can't be read.
    """
    if any(picture.split for picture in pictures):
        return GIVEN
    before = {} if anew else _read_before(table)
    kept = [before.get(picture.name) for picture in pictures]
    if "test" not in kept:  # nothing that could be gone on with
        before, kept = {}, [None] * len(kept)
    groups = [picture.group for picture in pictures]
    drawn = draw_splits(labels, groups, kept, share, seed)
    for picture, split in zip(pictures, drawn, strict=True):
        picture.split = split
    if not before:
        return "drawn"
    return "kept" if all(kept) else "kept, new pictures added"


def _read_before(table: Path) -> dict[str, str]:
    """The split of each picture that had one, by its path in the data folder."""
    if not table.exists():
        return {}
    try:
        rows = read_rows(table, ("path", "split"))
    except UserError as error:
        raise UserError(f"{error} Or run check_data.py --resplit.") from None
    return {row["path"]: row["split"] for _, row in rows if row["split"] in SPLITS}


def read_splits_file(
    folder: Path, columns: tuple[str, ...]
) -> tuple[list[tuple[str, Path, dict[str, str]]], list[str]]:
    """Reads the table as it is.

    Args:
        folder: the data folder.
        columns: beside path and split.

    Returns:
        For each row its place (file and line), the picture and the row; and the faults: rows that
        name a missing picture or an unknown split, or no rows.

    Raises:
        UserError: no such file yet, or a column is missing.
    """
    table = splits_file(folder)
    if not table.is_file():
        raise UserError(f"{shown(table)}: no such file. Run check_data.py first.")
    rows, faults = [], []
    for line, row in read_rows(table, ("path", "split", *columns)):
        where, path = f"{shown(table)}:{line}", folder / row["path"]
        if not os.path.isfile(path) or not is_inside(folder, path):
            faults.append(f"{where}: no such picture: {row['path']!r}.")
        if row["split"] not in SPLITS:
            faults.append(f"{where}: unknown split {row['split']!r}.")
        rows.append((where, path, row))
    if not rows:
        faults.append(f"{shown(table)}: names no pictures.")
    return rows, faults


def stop_at(faults: list[str]) -> None:
    """Raises UserError with all faults of the tables, if there are any."""
    if faults:
        raise UserError("\n".join([*faults, "Run check_data.py again."]))


def stop_at_untaught(classes: list[str], taught: Set[int], what: str) -> None:
    """Raises UserError with all classes that have nothing to train on, if there are any.

    Args:
        classes: of the settings.
        taught: indices of those that training pictures show.
        what: picture or box, whichever is labelled.
    """
    missing = [name for label, name in enumerate(classes) if label not in taught]
    if missing:
        raise UserError(
            f"no {what} to train on of class {', '.join(missing)}. Run check_data.py again."
        )


def unseen(samples: Sequence, split: str, classes: list[str], about: dict) -> list:
    """The pictures of a split, by which a trained model may be judged.

    Args:
        samples: all that splits.csv names.
        split: train, val or test.
        classes: of the settings.
        about: `run.json` of the model.

    Raises:
        UserError: the classes are no longer the model's, the split is empty, or it now holds
            pictures that the model was trained on, so that its figures would be too good.
    """
    if classes != about["settings"]["classes"]:
        raise UserError(
            f"settings.yaml: the classes have changed since run {about['id']}. Train again, or "
            "put them back."
        )
    chosen = [sample for sample in samples if sample.split == split]
    if not chosen:
        raise UserError(f"data/splits.csv: no picture in the split {split}. Run check_data.py.")
    judges = {"test": ("train", "val"), "val": ("train",)}.get(split, ())
    seen = _of_training(
        chosen, [row for row in about["data"] if row.get("split", "train") in judges]
    )
    if seen:
        raise UserError(
            f"data/splits.csv: {len(seen)} {split} pictures were training pictures of run "
            f"{about['id']}: {seen[0]}, ... The splits have changed since; train again."
        )
    return chosen


def _of_training(samples: Sequence, data: list[dict]) -> list[str]:
    """Those that a model was trained on, by their paths or, where they were moved, by content."""
    paths = {row["path"] for row in data}
    contents = {row.get("sha256") for row in data}
    found = []
    for sample in samples:
        path = os.path.relpath(sample.path, ROOT)
        if path in paths or files.sha256(sample.path) in contents:
            found.append(path)
    return found
