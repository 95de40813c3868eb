"""Finds the files in a folder that someone put there on purpose."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.console import UserError
from pipeline.images import OTHER_PICTURES, SUFFIXES
from pipeline.text import printable, some

IGNORED = {"thumbs.db", "desktop.ini", "splits.csv"}
# Thumbnails of a NAS, recycle bins, and what macOS adds to a zip file.
IGNORED_FOLDERS = {"@eadir", "#recycle", "$recycle.bin", "__macosx"}


def walk(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Yields files that are not hidden, nor put there by the system, and links to folders and
    undecodable names as faults."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name.lower() not in IGNORED_FOLDERS
        )
        for name in folders:
            if (path := Path(parent, name)).is_symlink():
                yield path, "folder_link"
        for name in sorted(files):
            if not name.startswith(".") and name.lower() not in IGNORED:
                path = Path(parent, name)
                yield path, None if is_utf8(path.relative_to(folder)) else "bad_name"


def find_pictures(given: Path) -> list[Path]:
    """A picture itself, or all that a folder holds; a line on standard error names links to folders
    and pictures of other formats. Raises UserError where there are none."""
    if not given.exists():
        raise UserError(f"{given}: no such picture or folder.")
    if not given.is_dir():
        return [given]
    found, left_out = [], []
    for path, fault in walk(given):
        if fault == "folder_link" or path.suffix.lower() in OTHER_PICTURES:
            left_out.append(path)
        elif path.suffix.lower() in SUFFIXES:
            found.append(path)
    if left_out:
        names = [str(path.relative_to(given)) for path in left_out]
        why = "a link to a folder, or a format that is not read: save such pictures as PNG"
        print(f"Note: {len(names)} left out ({why}): {printable(some(names))}", file=sys.stderr)
    if not found:
        raise UserError(f"{given}: no pictures there ({', '.join(sorted(SUFFIXES))}).")
    return sorted(found)


def is_utf8(path: Path) -> bool:
    """Whether a name can be written as text; those of an old zip file often can't."""
    return not any("\ud800" <= char <= "\udfff" for char in str(path))
