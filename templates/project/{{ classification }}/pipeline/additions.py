"""export/<id>/added.json: the classes that were added to an export, and where they come from."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline import files
from pipeline.console import UserError
from pipeline.project import EXPORTS, shown

FILE = "added.json"


@dataclass(frozen=True)
class Added:
    """An added class.

    Attributes:
        name: of the class.
        prototype: D numbers, the mean embedding of its pictures.
        margin: its cosine must exceed that of the nearest trained class by so much.
        scale: standard deviation of that difference among pictures of one class.
        radius: squared distance from which on a picture is far.
    """

    name: str
    prototype: list[float]
    margin: float
    scale: float
    radius: float


def read(export: Path) -> list[dict]:
    """Every addition that was not undone, the oldest first.

    Each has `class` (the fields of `Added`), `pictures`, `measured`, `export`, `time`, `made_with`.

    Raises:
        UserError: the file was changed by hand.
    """
    path = export / FILE
    if not path.is_file():
        return []
    try:
        entries = files.read_json(path)["additions"]
        active(entries)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{shown(path)}: not as add_class.py wrote it. Remove it.") from None
    return entries


@contextmanager
def locked(export: Path) -> Iterator[None]:
    """Keeps other calls from changing the additions in the block; waits for one that does so."""
    folder = os.open(export, os.O_RDONLY)  # a lock on the folder itself leaves no file behind
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another add_class.py to end ...", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write(export: Path, entries: list[dict]) -> None:
    """Replaces them all; without any, the export is as export.py left it."""
    if entries:
        files.write_json(export / FILE, {"additions": entries})
    else:
        files.remove(export / FILE)


def latest(entries: list[dict]) -> list[dict]:
    """Of several additions with one name the last one."""
    return list({entry["class"]["name"]: entry for entry in entries}.values())


def active(entries: list[dict]) -> list[Added]:
    """The added classes."""
    return [Added(**entry["class"]) for entry in latest(entries)]


@cache
def names_in_exports() -> set[str]:
    """The classes that were added to any export of the project."""
    folders = (path.parent for path in EXPORTS.glob(f"*/{FILE}"))
    return {one.name for folder in folders for one in active(read(folder))}


def left_behind(export: Path) -> list[str]:
    """The classes that were added to the newest earlier export, and not to this one."""
    others = (path.parent for path in EXPORTS.glob(f"*/{FILE}"))
    earlier = sorted(path.name for path in others if path.name < export.name)
    if not earlier:
        return []
    here = {one.name for one in active(read(export))}
    names = [one.name for one in active(read(EXPORTS / earlier[-1]))]
    return [name for name in names if name not in here]
