"""The journal of an update: what it touches, and the files as they were before.

It lies in the hidden folder `.fewshot-update` of the project until the update is committed.
"""

import hashlib
import json
import os
import shutil
import stat
from dataclasses import astuple
from pathlib import Path, PurePosixPath
from typing import Any

from scaffolder import reading
from scaffolder.errors import FewshotError
from scaffolder.messages import plain
from scaffolder.threeway import Entry

FOLDER = ".fewshot-update"


def keep_files(
    project: Path, files: dict[str, tuple[Entry | None, Entry | None]], folder: Path
) -> None:
    """Copies the files as they are into `before/`."""
    for path, (before, _) in files.items():
        if before:
            kept = folder / "before" / path
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / path, kept)


def write(
    folder: Path,
    files: dict[str, tuple[Entry | None, Entry | None]],
    old: str,
    new: str,
) -> None:
    about = {
        path: {
            "before": before and astuple(before),
            "digest_before": digest(folder / "before" / path) if before else None,
            "digest_after": digest(folder / "after" / path) if after else None,
        }
        for path, (before, after) in files.items()
    }
    journal = {"old": old, "new": new, "files": about}
    beside = folder / "journal"
    with beside.open("w", encoding="utf-8") as file:
        json.dump(journal, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(folder / "journal.json")


def read(folder: Path) -> dict[str, Any] | None:
    """Returns the journal, or None if no file was touched yet.

    Raises:
        FewshotError: It is broken, or names files that are not in the project.
    """
    path = folder / "journal.json"
    if folder.is_symlink() or not os.path.lexists(path):
        return None
    try:
        journal = reading.json_mapping(path)
        if not isinstance(journal["old"], str) or not isinstance(journal["new"], str):
            raise TypeError
        for name, about in journal["files"].items():
            parts = PurePosixPath(name).parts
            strange = not parts or ".." in parts or ".git" in parts or "\0" in name
            if strange or name.startswith("/"):
                raise ValueError(f"it names {plain(name)}, which is not in the project")
            about["digest_before"], about["digest_after"]
            if before(about) and kind(folder / "before" / name) != "file":
                raise ValueError(f"{plain(name)} is missing in it")
    except (FewshotError, KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        why = f" ({error})" if type(error) is ValueError else ""
        raise FewshotError(
            f"{folder} is broken{why}: bring the project back with git, and remove that folder"
        ) from None
    return journal


def before(about: dict[str, Any]) -> Entry | None:
    """Returns what git had at a path of the journal."""
    return Entry(*about["before"]) if about["before"] is not None else None


def digest(path: Path) -> str | None:
    """Returns the SHA-256 of a file; what else it is, if it is none; None if nothing is there."""
    try:
        found = kind(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest() if found == "file" else found


def kind(path: Path) -> str:
    mode = path.lstat().st_mode
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "link or device"


def mode(path: Path) -> int:
    return path.lstat().st_mode if os.path.lexists(path) else 0


def remove(folder: Path) -> None:
    """Removes the journal first: without it the rest means nothing."""
    if folder.is_symlink():
        return
    (folder / "journal.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
