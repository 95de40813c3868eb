"""Puts an update into a project so that it can be taken back, whatever stops it.

All that is needed to go back lies in the hidden folder `.fewshot-update` of the project before
the first file is touched: the journal, and the files as they were. It stays there until the
update is committed. A file is written beside and renamed; so is git's index.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from scaffolder import reading
from scaffolder.errors import FewshotError
from scaffolder.git import git
from scaffolder.messages import plain
from scaffolder.threeway import Change, Entry, Store, index_info, touched

T = TypeVar("T")

FOLDER = ".fewshot-update"
KEPT = ".fewshot-kept"


@dataclass(frozen=True)
class Pending:
    """An update that is not committed yet.

    Attributes:
        old: The template version before it.
        new: The template version after it.
        head: The commit that the user was on.
        files: The paths that it touches.
        whole: Whether all of them were written.
    """

    old: str
    new: str
    head: str
    files: list[str]
    whole: bool


@contextmanager
def lock(project: Path) -> Iterator[None]:
    """Keeps a second command away from the project's files.

    Raises:
        FewshotError: Another one is at work.
    """
    descriptor = os.open(project, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise FewshotError(f"another fewshot is at work in {project}: wait for it") from None
    finally:
        os.close(descriptor)


def pending(project: Path) -> Pending | None:
    """Returns the update that waits in a project, if there is one.

    Raises:
        FewshotError: Its journal is broken.
    """
    folder = project / FOLDER
    journal = _read_journal(folder)
    if not journal:  # it has not touched anything yet
        return None
    found = Pending(
        journal["old"],
        journal["new"],
        journal["head"],
        list(journal["files"]),
        (folder / "done").exists(),
    )
    # Else the user has committed it, or taken it back with git.
    waits = not found.whole or (head(project) == found.head and status(project))
    return found if waits else None


def finish(project: Path) -> None:
    """Removes what an update that is committed kept for going back."""
    _remove(project / FOLDER)


def head(project: Path) -> str:
    """Returns the commit that a project is on."""
    return git("rev-parse", "HEAD", cwd=project).strip()


def status(project: Path) -> list[str]:
    """Returns the tracked files below the project that differ from the last commit."""
    options = ("--porcelain", "-z", "--untracked-files=no", "--no-renames")
    listed = git("--no-optional-locks", "status", *options, "--", ".", cwd=project)
    return [entry[3:] for entry in listed.split("\0") if entry]


def apply(project: Path, store: Store, changes: list[Change], old: str, new: str) -> None:
    """Writes the changes into the project's files and git's index; nothing is committed.

    Conflicts stand in git's index as after a merge.

    Raises:
        FewshotError: A file could not be written; everything is as before then.
    """
    files = touched(changes)
    folder = project / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / ".gitignore").write_text("*\n")
    index = _index(project)
    ours = index.with_name("index.fewshot")
    try:
        _write_objects(project, store, changes)
        shutil.copyfile(index, ours)
        before = hashlib.sha256(ours.read_bytes()).digest()
        _update_index(project, files, ours)
        _write_files(project, [path for path, (_, entry) in files.items() if entry], ours, folder)
        _mark_conflicts(project, changes, ours)
        _keep_files(project, files, folder)
        _write_journal(folder, files, head(project), old, new)
    except BaseException:
        ours.unlink(missing_ok=True)
        _remove(folder)
        raise
    try:
        for path, (_, entry) in files.items():
            _put(folder / "after" / path if entry else None, project / path, project)
        if hashlib.sha256(index.read_bytes()).digest() != before:
            raise FewshotError("git changed its index meanwhile: try again")
        _replace_index(ours, index)
        (folder / "done").touch()
    except BaseException as error:
        abort(project)
        if isinstance(error, OSError):
            raise FewshotError(f"cannot write {error.filename}: {error.strerror}") from None
        raise


def abort(project: Path) -> Path | None:
    """Brings a project back to where it was before the update that waits in it.

    Returns:
        The folder with what the user wrote into touched files since then, if there is any.

    Raises:
        FewshotError: There is none, or its journal is broken.
    """
    folder = project / FOLDER
    journal = _read_journal(folder)
    if not journal:
        raise FewshotError(f"{project} has no update that could be taken back")
    kept = project / KEPT / time.strftime("%Y%m%d-%H%M%S")
    index = _index(project)
    ours, held = index.with_name("index.fewshot"), index.with_name("index.lock")
    with suppress(FileNotFoundError):  # left by an update that was killed in this moment
        if os.path.samefile(ours, held):
            held.unlink()
    ours.unlink(missing_ok=True)
    for path, about in journal["files"].items():
        file, before = project / path, folder / "before" / path
        now = _digest(file)
        if now not in (None, about["digest_before"], about["digest_after"]):
            (kept / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, kept / path)
            (project / KEPT / ".gitignore").write_text("*\n")
        if about["before"] is None:
            _put(None, file, project)
        elif now != about["digest_before"] or _mode(file) != _mode(before):
            beside = folder / "restored"
            shutil.copy2(before, beside)
            _put(beside, file, project)
    lines = "".join(f"0 {'0' * 40}\t{path}\0" for path in _from_root(project, journal["files"]))
    tracked = {path: about["before"] for path, about in journal["files"].items()}
    entries = {path: Entry(*entry) for path, entry in tracked.items() if entry}
    lines += index_info(_from_root(project, entries))
    git("update-index", "-z", "--index-info", cwd=_root(project), stdin=lines)
    git("update-index", "-q", "--refresh", cwd=project, check=False)
    _remove(folder)
    return kept if kept.is_dir() else None


def _root(project: Path) -> Path:
    return Path(git("rev-parse", "--show-toplevel", cwd=project).rstrip("\n"))


def _prefix(project: Path) -> str:
    return git("rev-parse", "--show-prefix", cwd=project).rstrip("\n")


def _from_root(project: Path, files: dict[str, T]) -> dict[str, T]:
    """Returns the files by their paths in the repository."""
    prefix = _prefix(project)
    return {prefix + path: value for path, value in files.items()}


def _index(project: Path) -> Path:
    return project / git("rev-parse", "--git-path", "index", cwd=project).rstrip("\n")


def _write_objects(project: Path, store: Store, changes: list[Change]) -> None:
    """Copies the content of new files, and what conflicts consist of, into the project's git."""
    entries = [change.after for change in changes]
    entries += [stage for change in changes for stage in change.stages or ()]
    blobs = sorted({entry.blob for entry in entries if entry})
    folder = store.folder / "blobs"
    folder.mkdir()
    for blob in blobs:
        (folder / blob).write_bytes(store.read(blob))
    paths = "".join(f"{folder / blob}\n" for blob in blobs)
    git("hash-object", "-w", "--no-filters", "--stdin-paths", cwd=project, stdin=paths)


def _update_index(
    project: Path,
    files: dict[str, tuple[Entry | None, Entry | None]],
    index: Path,
) -> None:
    """Writes the files as they are after the update into an index of their own."""
    lines = "".join(f"0 {'0' * 40}\t{path}\0" for path in _from_root(project, files))
    after = {path: entry for path, (_, entry) in files.items() if entry}
    lines += index_info(_from_root(project, after))
    env = {"GIT_INDEX_FILE": str(index)}
    git("update-index", "-z", "--index-info", cwd=_root(project), env=env, stdin=lines)


def _mark_conflicts(project: Path, changes: list[Change], index: Path) -> None:
    """Enters the conflicts that stand in files into an index, as a merge does."""
    lines = ""
    for change in changes:
        path = _prefix(project) + change.path
        if change.stages:
            lines += f"0 {'0' * 40}\t{path}\0"
        for number, entry in enumerate(change.stages or (), start=1):
            if entry:
                lines += f"{entry.mode} {entry.blob} {number}\t{path}\0"
    env = {"GIT_INDEX_FILE": str(index)}
    git("update-index", "-z", "--index-info", cwd=_root(project), env=env, stdin=lines)


def _write_files(project: Path, after: list[str], index: Path, folder: Path) -> None:
    """Writes new files into `after/`, as git would check them out in the project."""
    env = {"GIT_INDEX_FILE": str(index)}
    root, prefix = _root(project), _prefix(project)
    target = folder / "written"
    (target / prefix).mkdir(parents=True)
    names = "".join(f"{prefix}{path}\0" for path in after)
    command = ("checkout-index", "-z", "--stdin", "--quiet", f"--prefix={target}/")
    git(*command, cwd=root, env=env, stdin=names)
    os.rename(target / prefix if prefix else target, folder / "after")


def _keep_files(
    project: Path, files: dict[str, tuple[Entry | None, Entry | None]], folder: Path
) -> None:
    """Copies the files as they are into `before/`."""
    for path, (before, _) in files.items():
        if before:
            kept = folder / "before" / path
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / path, kept)


def _write_journal(
    folder: Path,
    files: dict[str, tuple[Entry | None, Entry | None]],
    commit: str,
    old: str,
    new: str,
) -> None:
    about = {
        path: {
            "before": before and astuple(before),
            "digest_before": _digest(folder / "before" / path),
            "digest_after": _digest(folder / "after" / path),
        }
        for path, (before, _) in files.items()
    }
    journal = {"old": old, "new": new, "head": commit, "files": about}
    beside = folder / "journal"
    with beside.open("w", encoding="utf-8") as file:
        json.dump(journal, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(folder / "journal.json")


def _read_journal(folder: Path) -> dict[str, Any] | None:
    """Returns the journal, or None if no file was touched yet.

    Raises:
        FewshotError: It is broken, or names files outside of the project.
    """
    path = folder / "journal.json"
    if folder.is_symlink() or not os.path.lexists(path):
        return None
    journal = reading.json_mapping(path)
    try:
        for name, about in journal["files"].items():
            parts = PurePosixPath(name).parts
            inside = folder.parent.joinpath(*parts[:-1]).resolve()
            outside = not inside.is_relative_to(folder.parent.resolve())
            if outside or ".." in parts or ".git" in parts or name.startswith("/"):
                raise FewshotError(f"{path} names {plain(name)}, which is not in the project")
            about["before"], about["digest_before"], about["digest_after"]
        journal["old"], journal["new"], journal["head"]
    except (KeyError, TypeError, AttributeError):
        raise FewshotError(f"{path} is broken: bring the project back with git") from None
    return journal


def _put(source: Path | None, target: Path, project: Path) -> None:
    """Renames a file into its place, or removes what is there with the folders it leaves empty."""
    if source:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        return
    target.unlink(missing_ok=True)
    for parent in target.parents:
        if parent == project:
            break
        try:
            parent.rmdir()
        except OSError:
            break


def _replace_index(new: Path, index: Path) -> None:
    """Makes `new` git's index, under git's own lock."""
    held = index.with_name("index.lock")
    try:
        os.link(new, held)
    except FileExistsError:
        raise FewshotError(f"git is at work ({held} exists): try again") from None
    os.replace(held, index)
    new.unlink()


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _mode(path: Path) -> int:
    return path.stat().st_mode if path.exists() else 0


def _remove(folder: Path) -> None:
    """Removes the journal first: without it the rest means nothing."""
    if folder.is_symlink():
        return
    (folder / "journal.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
