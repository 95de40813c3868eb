"""Files that are either whole or not there: write beside, then rename."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write a file or folder to, then renames it to `path`.

    When it fails, what stood at `path` stands there still and the half-written rest is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    remove(beside)
    try:
        yield beside
        if beside.is_dir():
            if path.exists():
                path.rename(old)
            beside.rename(path)
            remove(old)
        else:
            beside.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        remove(beside)


def remove(path: Path) -> None:
    """Removes a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, rows: list[dict]) -> None:
    """Writes rows with the keys of the first one as header, as UTF-8 that Excel knows as such."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@contextmanager
def reading_csv(path: Path) -> Iterator[csv.DictReader]:
    """Yields a reader of a table with a header, as `write_csv` or a person wrote it; absent
    fields are empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield csv.DictReader(file, restval="")


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()


def size_mb(paths: list[Path]) -> float:
    """Size of the files together, in units of 10^6 bytes."""
    return sum(path.stat().st_size for path in paths) / 1e6
