"""Finds the labelled pictures in the data folder, in one of three layouts.

data/<class>/*.png, or data/{train,val,test}/<class>/*.png, or a CSV with path,label[,split].
A data/labels.csv is taken by itself.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import additions
from pipeline.finding import walk
from pipeline.images import SUFFIXES
from pipeline.picture_files import (
    PictureFile,
    data_folder,
    is_inside,
    known_class,
    nearest_class,
    read_rows,
)
from pipeline.problems import Problem, problem
from pipeline.project import shown
from pipeline.settings import Settings
from pipeline.splits import SPLITS, split_named
from pipeline.text import some

TABLE = "labels.csv"


@dataclass(eq=False)
class Picture(PictureFile):
    """A picture and the name of its class."""

    label: str = field(kw_only=True)


def find(settings: Settings) -> tuple[list[Picture], list[Problem]]:
    """Finds all pictures of known classes, in the order of their names, and what is in the way.

    Raises:
        UserError: no data folder, or a CSV file that can't be read at all.
    """
    folder = data_folder(settings.data.folder)
    if settings.data.labels is not None or (folder / TABLE).is_file():
        pictures, problems = _from_csv(folder, settings)
    else:
        pictures, problems = _from_folders(folder, settings)
    return sorted(pictures, key=lambda picture: picture.name), problems


def that_count(settings: Settings) -> tuple[frozenset[str], frozenset[str]]:
    """The name of the table with the labels, and the folders of classes that are not trained on."""
    besides = frozenset(additions.names_in_exports()) - set(settings.classes)
    return frozenset([settings.data.labels or TABLE]), besides


def _from_csv(folder: Path, settings: Settings) -> tuple[list[Picture], list[Problem]]:
    table = folder / (settings.data.labels or TABLE)
    rows = read_rows(table, ("path", "label"))
    has_splits = any((row.get("split") or "").strip() for _, row in rows)
    found: dict[Path, tuple[int, Picture]] = {}
    problems, listed = [], set()
    for line, row in rows:
        where = f"{shown(table)}:{line}"
        name, label = row["path"], known_class(row["label"].strip(), settings.classes)
        split = (row.get("split") or "").strip() or None
        path = Path(os.path.normpath(folder / name))
        if not os.path.isfile(path):  # perhaps a path of Windows
            path = Path(os.path.normpath(folder / name.replace("\\", "/")))
        listed.add(path)
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
            found[path] = line, Picture(path, name, split, label=label, given_by=shown(table))
    return [picture for _, picture in found.values()], problems + _unlisted(folder, listed, table)


def _unlisted(folder: Path, listed: set[Path], table: Path) -> list[Problem]:
    """Says how many pictures the table leaves out."""
    names = [
        path.relative_to(folder).as_posix()
        for path, fault in walk(folder)
        if not fault
        and path.suffix.lower() in SUFFIXES
        and Path(os.path.normpath(path)) not in listed
    ]
    if not names:
        return []
    details = {"count": len(names), "names": some(names), "table": table.name}
    return [problem("unlisted", f"{folder.name}/", **details)]


def _from_folders(folder: Path, settings: Settings) -> tuple[list[Picture], list[Problem]]:
    splits = _split_folders(folder, settings.classes)
    pictures, problems = [], []
    for path, fault in walk(folder):
        name = path.relative_to(folder).as_posix()
        where = f"{folder.name}/{name}"
        parts = name.split("/")
        given_by = f"{folder.name}/{parts[0]}"
        split = splits[parts.pop(0)] if parts[0] in splits else None
        label = known_class(parts[0], settings.classes)
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
            problems.append(problem("no_file", where))
        else:
            pictures.append(Picture(path, name, split, label=label, given_by=given_by))
    return pictures, _each_once(problems)


def _split_folders(folder: Path, classes: list[str]) -> dict[str, str]:
    """The split of each folder that is named after one, and not after a class."""
    classes = [*classes, *additions.names_in_exports()]
    names = [path.name for path in sorted(folder.iterdir()) if path.is_dir()]
    found = {name: split for name in names if name not in classes and (split := split_named(name))}
    return dict(sorted(found.items(), key=lambda pair: SPLITS.index(pair[1])))


def _unknown(label: str, where: str, classes: list[str]) -> Problem:
    if label in additions.names_in_exports():
        return problem("added_class", where, label=label)
    near = nearest_class(label, classes)
    if near:
        return problem("misspelt_class", where, label=label, near=near)
    return problem("unknown_class", where, label=label)


def _each_once(problems: list[Problem]) -> list[Problem]:
    return list({(fault.kind, fault.where): fault for fault in problems}.values())
