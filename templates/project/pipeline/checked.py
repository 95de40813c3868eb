"""data/.checked: what check_data.py looked at, so that later steps work with nothing else.

Names and sizes of the pictures, and the content of the files that may label them: copying the
project changes nothing about those.
"""

import hashlib
import json
import os
from collections.abc import Set
from pathlib import Path

from pipeline import files
from pipeline.console import UserError
from pipeline.images import SUFFIXES
from pipeline.picture_files import walk

FILE = ".checked"
LABELS = {".csv", ".json", ".names", ".txt", ".xml", ".yaml", ".yml"}
TABLES = {"boxes.csv", "splits.csv"}  # that check_data.py writes


def digest(folder: Path, besides: Set[str] = frozenset()) -> str:
    """SHA-256 over the pictures and labels in the data folder, in hexadecimal.

    Args:
        folder: the data folder.
        besides: names of folders in it that don't count.
    """
    seen = []
    for path, _ in walk(folder):
        name, suffix = path.relative_to(folder), path.suffix.lower()
        if str(name) in TABLES or besides.intersection(name.parent.parts):
            continue
        if suffix in SUFFIXES | LABELS and os.path.isfile(path):
            fact = path.stat().st_size if suffix in SUFFIXES else files.sha256(path)
            seen.append((name.as_posix(), fact))
    return hashlib.sha256(json.dumps(sorted(seen)).encode()).hexdigest()


def write(folder: Path, seen: str) -> None:
    """Writes down the digest of what was checked."""
    files.write_text(folder / FILE, seen + "\n")


def stop_at_changes(folder: Path, besides: Set[str] = frozenset()) -> None:
    """Raises UserError where pictures or labels are others than those that were checked.

    Where nothing was written down, as by earlier versions, nothing is compared.
    """
    record = folder / FILE
    if record.is_file() and record.read_bytes().strip() != digest(folder, besides).encode():
        raise UserError(
            f"{folder.name}/: labels or pictures have changed since check_data.py. Run it again."
        )
