"""data/.checked: what check_data.py looked at, so that later steps work with nothing else.

Sizes of the pictures, and SHA-256 of the files that may label them: copying a project changes
nothing about those.
"""

import os
from collections.abc import Set
from pathlib import Path

from pipeline import files
from pipeline.console import UserError
from pipeline.images import SUFFIXES
from pipeline.picture_files import walk
from pipeline.picture_problems import printable, some

FILE = ".checked"
LABELS = {".csv", ".json", ".names", ".txt", ".xml", ".yaml", ".yml"}
TABLES = {"boxes.csv", "splits.csv"}  # that check_data.py writes


def look(folder: Path, besides: Set[str] = frozenset()) -> dict[str, int | str]:
    """The size in bytes of each picture in the data folder, and the SHA-256 of each label file.

    Args:
        folder: the data folder.
        besides: names of folders in it that don't count.
    """
    seen: dict[str, int | str] = {}
    for path, fault in walk(folder):
        name, suffix = path.relative_to(folder), path.suffix.lower()
        if fault or str(name) in TABLES or besides.intersection(name.parent.parts):
            continue
        if suffix in SUFFIXES | LABELS and os.path.isfile(path):
            is_picture = suffix in SUFFIXES
            seen[name.as_posix()] = path.stat().st_size if is_picture else files.sha256(path)
    return seen


def write(folder: Path, seen: dict[str, int | str]) -> None:
    """Writes down what was checked."""
    files.write_json(folder / FILE, seen)


def stop_at_changes(folder: Path, besides: Set[str] = frozenset()) -> None:
    """Raises UserError where pictures or labels are others than those that were checked.

    Where nothing was written down, as by earlier versions, nothing is compared.
    """
    record = folder / FILE
    if not record.is_file():
        return
    try:
        before = dict(files.read_json(record))
    except (TypeError, ValueError):  # cut off, or merged by git
        before = {}
    now = look(folder, besides)
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if changed:
        raise UserError(
            f"{folder.name}/: labels or pictures have changed since check_data.py: "
            f"{printable(some(changed))}. Run it again."
        )
