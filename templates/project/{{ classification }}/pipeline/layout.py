"""Finds the labelled pictures in the data folder, in one of three layouts.

data/<class>/*.png, or data/{train,val,test}/<class>/*.png, or a CSV with path,label[,split].
"""

import csv
import difflib
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.console import UserError
from pipeline.duplicates import Fingerprint
from pipeline.images import SUFFIXES
from pipeline.problems import Problem, problem
from pipeline.project import ROOT, shown
from pipeline.settings import Settings

SPLITS = ("train", "val", "test")
IGNORED = {"thumbs.db", "desktop.ini"}


@dataclass
class Picture:
    """A labelled picture; check_data.py fills in what it finds out.

    Attributes:
        path: absolute.
        name: relative to the data folder, with `/`.
        label: name of the class.
        split: train, val or test; None until one was given or drawn.
        fingerprint: None until it was decoded.
        group: the same for pictures that are almost the same.
    """

    path: Path
    name: str
    label: str
    split: str | None = None
    fingerprint: Fingerprint | None = None
    group: str = ""


def data_folder(settings: Settings) -> Path:
    """Raises UserError where there is no such folder."""
    folder = ROOT / settings.data.folder
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Make it, or mend data.folder in settings.yaml.")
    return folder


def find(settings: Settings) -> tuple[list[Picture], list[Problem]]:
    """Finds all pictures of known classes, in the order of their names, and what is in the way.

    Raises:
        UserError: no data folder, or a CSV file that can't be read at all.
    """
    folder = data_folder(settings)
    if settings.data.labels is not None or (folder / "labels.csv").is_file():
        pictures, problems = _from_csv(folder, settings)
    else:
        pictures, problems = _from_folders(folder, settings)
    return sorted(pictures, key=lambda picture: picture.name), problems


def is_inside(folder: Path, path: Path) -> bool:
    """Whether a path is still in the folder when `..` and links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def read_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Reads a CSV file as pairs (line number, row); absent fields are empty.

    Raises:
        UserError: no such file, not UTF-8, not CSV, or a column is missing.
    """
    name = shown(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            header = reader.fieldnames or []
            missing = [column for column in columns if column not in header]
            if missing:
                raise UserError(
                    f"{name}:1: no column {', '.join(missing)}. The first line must name the "
                    f"columns: {','.join(columns)}."
                )
            return [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise UserError(f"{name}: no such file. Make it, or mend settings.yaml.") from None
    except UnicodeDecodeError:
        raise UserError(f'{name}: not UTF-8 text. Save it as "CSV UTF-8".') from None
    except csv.Error as error:
        raise UserError(f"{name}: not a readable CSV file ({error}). Save it again.") from None


def _from_csv(folder: Path, settings: Settings) -> tuple[list[Picture], list[Problem]]:
    table = folder / (settings.data.labels or "labels.csv")
    rows = read_rows(table, ("path", "label"))
    has_splits = any((row.get("split") or "").strip() for _, row in rows)
    found: dict[Path, tuple[int, Picture]] = {}
    problems = []
    for line, row in rows:
        where = f"{shown(table)}:{line}"
        name, label = row["path"], _known(row["label"].strip(), settings.classes)
        split = (row.get("split") or "").strip() or None
        path = Path(os.path.normpath(folder / name))
        if not os.path.isfile(path):
            problems.append(problem("no_such_picture", where, path=name or "''"))
            continue
        if not is_inside(folder, path) or not path.is_relative_to(os.path.normpath(folder)):
            problems.append(problem("outside", where))
            continue
        if not label:
            problems.append(problem("no_label", where))
            continue
        if label not in settings.classes:
            problems.append(_unknown(label, where, settings.classes))
            continue
        if split is None and has_splits:
            problems.append(problem("no_split", where))
        elif split not in (None, *SPLITS):
            problems.append(problem("unknown_split", where, split=split))
        elif path in found:
            first, other = found[path]
            kind = "same_row" if other.label == label else "contrary_row"
            details = {"path": name, "label": label, "other": other.label, "first": first}
            problems.append(problem(kind, where, **details))
        else:
            name = path.relative_to(os.path.normpath(folder)).as_posix()
            found[path] = line, Picture(path, name, label, split)
    return [picture for _, picture in found.values()], problems


def _from_folders(folder: Path, settings: Settings) -> tuple[list[Picture], list[Problem]]:
    splits = [name for name in SPLITS if (folder / name).is_dir() and name not in settings.classes]
    pictures, problems = [], []
    for path, fault in _walk(folder):
        name = path.relative_to(folder).as_posix()
        where = f"{folder.name}/{name}"
        parts = name.split("/")
        split = parts.pop(0) if splits and parts[0] in splits else None
        label = _known(parts[0], settings.classes)
        if fault:
            problems.append(problem(fault, where))
        elif path.suffix.lower() not in SUFFIXES:
            # A note or a licence beside the class folders is no one's mistake.
            if len(parts) > 1:
                problems.append(problem("not_a_picture", where))
        elif len(parts) == 1:
            problems.append(problem("no_class", where))
        elif label not in settings.classes:
            problems.append(_unknown(label, where.rsplit("/", len(parts) - 1)[0], settings.classes))
        elif splits and split is None:
            place = f"{folder.name}/{parts[0]}"
            problems.append(problem("beside_splits", place, splits=", ".join(splits)))
        elif not is_inside(folder, path):
            problems.append(problem("outside", where))
        elif not os.path.isfile(path):  # a link that leads nowhere, a pipe
            problems.append(problem("unreadable", where))
        else:
            pictures.append(Picture(path, name, label, split))
    return pictures, _each_once(problems)


def _walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Yields files that are not hidden, and links to folders and undecodable names as faults."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (path := Path(parent, name)).is_symlink():
                yield path, "folder_link"
        for name in sorted(files):
            if not name.startswith(".") and name.lower() not in IGNORED and name != "splits.csv":
                path = Path(parent, name)
                yield path, None if _is_utf8(path.relative_to(folder)) else "bad_name"


def _is_utf8(path: Path) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in str(path))


def _known(name: str, classes: list[str]) -> str:
    """The class of this name, however its accents are composed; else the name itself."""
    composed = {unicodedata.normalize("NFC", label): label for label in classes}
    return composed.get(unicodedata.normalize("NFC", name), name)


def _unknown(label: str, where: str, classes: list[str]) -> Problem:
    folded = {name.casefold(): name for name in classes}
    near = difflib.get_close_matches(label.casefold(), folded, n=1)
    if near:
        return problem("misspelt_class", where, label=label, near=folded[near[0]])
    return problem("unknown_class", where, label=label)


def _each_once(problems: list[Problem]) -> list[Problem]:
    return list({(fault.kind, fault.where): fault for fault in problems}.values())
