"""data/.checked: what check_data.py saw, so that nobody trains on labels that were others then."""

import hashlib
import sys
from collections.abc import Set
from functools import cache
from pathlib import Path

from pipeline import files
from pipeline.console import UserError
from pipeline.finding import walk
from pipeline.images import SUFFIXES
from pipeline.text import printable, some

FILE = ".checked"


def look(folder: Path, labels: Set[str], besides: Set[str] = frozenset()) -> dict[str, str | None]:
    """The SHA-256 of each file in the data folder that may hold labels; None for each picture.

    Args:
        folder: the data folder.
        labels: what such a file is called, or what its name ends in.
        besides: names of folders in it that don't count.
    """
    seen: dict[str, str | None] = {}
    for path, fault in walk(folder):
        name, ending = path.relative_to(folder), path.suffix.lower()
        if fault or besides.intersection(name.parent.parts) or not path.is_file():
            continue
        if ending in SUFFIXES:
            seen[name.as_posix()] = None
        elif ending in labels or name.as_posix() in labels:
            seen[name.as_posix()] = _digest(path)
    return seen


def write(folder: Path, seen: dict[str, str | None]) -> None:
    """Writes down what was seen."""
    files.write_json(folder / FILE, seen)


@cache
def stop_at_changes(folder: Path) -> None:
    """Raises UserError where files with labels are others than those that were seen.

    Only what is there is compared, and nothing where nothing was written down, as by earlier
    versions. Asked again in the same process it does not look again: what is under way goes on.
    """
    before = _read(folder) or {}
    there = {name: folder / name for name, digest in before.items() if digest}
    changed = [
        name for name, path in there.items() if path.is_file() and _digest(path) != before[name]
    ]
    if changed:
        raise UserError(
            f"{folder.name}/: labels have changed since check_data.py: "
            f"{printable(some(sorted(changed)))}. Run it again."
        )


def tell_new(folder: Path, labels: Set[str], besides: Set[str] = frozenset()) -> None:
    """Says on stderr which pictures and files with labels came after the check, and are not used.
    Arguments as for `look`."""
    before = _read(folder)
    new = sorted(look(folder, labels, besides).keys() - before) if before is not None else []
    if new:
        print(
            f"note: new in {folder.name}/ since check_data.py, and not used: "
            f"{printable(some(new))}. Run it again to use them.",
            file=sys.stderr,
        )


def _read(folder: Path) -> dict[str, str | None] | None:
    try:
        return dict(files.read_json(folder / FILE))
    except (OSError, TypeError, ValueError):  # none, or cut off, or merged by git
        return None


def _digest(path: Path) -> str:
    """SHA-256 of a text whatever its line ends: git and Excel change those."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
