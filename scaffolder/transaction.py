"""Puts an update into a project so that it can be taken back, whatever stops it.

All that is needed to go back is in the journal before the first file is touched, and stays there
until the update is committed. A file is written beside and renamed; so is git's index.
"""

import hashlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scaffolder import journal, worktree
from scaffolder.errors import FewshotError
from scaffolder.git import git
from scaffolder.journal import FOLDER
from scaffolder.locking import locked
from scaffolder.threeway import Change, Store, touched

KEPT = ".fewshot-kept"


@dataclass(frozen=True)
class Pending:
    """An update that is not committed yet.

    Attributes:
        old: The template version before it.
        new: The template version after it.
        files: The paths that it touches.
        whole: Whether all of them were written.
    """

    old: str
    new: str
    files: list[str]
    whole: bool


@contextmanager
def lock(project: Path) -> Iterator[None]:
    """Keeps a second command away from the project's files.

    Raises:
        FewshotError: Another one is at work.
    """
    try:
        with locked(project, wait=False):
            yield
    except BlockingIOError:
        raise FewshotError(f"another fewshot is at work in {project}: wait for it") from None


def _git_alone(project: Path) -> AbstractContextManager[None]:
    """Waits for other projects of the same repository: they have one index."""
    return locked(worktree.index_path(project).parent)


def pending(project: Path) -> Pending | None:
    """Returns the update that waits in a project, if there is one.

    Raises:
        FewshotError: Its journal is broken.
    """
    folder = project / FOLDER
    about = journal.read(folder)
    if not about:  # it has not touched anything yet
        return None
    files = about["files"]
    whole = (folder / "done").exists()
    found = Pending(about["old"], about["new"], list(files), whole)
    if whole:  # unless the user has committed it, or taken it back with git
        committed = worktree.tracked(project)
        same = all(committed.get(path) == journal.before(known) for path, known in files.items())
        if not same or not worktree.from_root(project, files).keys() & set(
            worktree.status(project)
        ):
            return None
    return found


def apply(project: Path, store: Store, changes: list[Change], old: str, new: str) -> None:
    """Writes the changes into the project's files and git's index; nothing is committed.

    Conflicts stand in git's index as after a merge.

    Raises:
        FewshotError: A file could not be written; everything is as before then.
    """
    with _git_alone(project):
        _apply(project, store, changes, old, new)


def commit(project: Path, changes: list[Change], message: str) -> str:
    """Commits an update, and nothing else; returns the commit's id."""
    with _git_alone(project):
        made = worktree.commit(project, touched(changes), message)
    journal.remove(project / FOLDER)
    return made


def _apply(project: Path, store: Store, changes: list[Change], old: str, new: str) -> None:
    files = touched(changes)
    folder = project / FOLDER
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FewshotError(f"{folder} is in the way: remove it")
    index = worktree.index_path(project)
    ours = index.with_name("index.fewshot")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        (folder / ".gitignore").write_text("*\n")
        worktree.write_objects(project, store, changes)
        shutil.copyfile(index, ours)
        before = hashlib.sha256(ours.read_bytes()).digest()
        worktree.update_index(project, files, ours)
        worktree.write_files(
            project, [path for path, (_, entry) in files.items() if entry], ours, folder
        )
        worktree.mark_conflicts(project, changes, ours)
        journal.keep_files(project, files, folder)
        journal.write(folder, files, old, new)
        if worktree.from_root(project, files).keys() & set(worktree.status(project)):
            raise FewshotError(f"{project} was changed meanwhile: try again")
    except BaseException as error:
        ours.unlink(missing_ok=True)
        journal.remove(folder)
        _name_place(error, project)
        raise
    try:
        # What goes makes room for what comes.
        for path, (mine, entry) in sorted(files.items(), key=lambda file: file[1][1] is not None):
            if journal.digest(project / path) != (
                journal.digest(folder / "before" / path) if mine else None
            ):
                raise FewshotError(f"{project / path} was changed meanwhile: try again")
            _put(folder / "after" / path if entry else None, project / path, project)
        worktree.replace_index(ours, index, before, folder / "locking")
        (folder / "done").touch()
    except BaseException as error:
        with _no_ctrl_c():
            _abort(project)
        _name_place(error, project)
        raise


def _name_place(error: BaseException, project: Path) -> None:
    """Raises FewshotError in the place of an OSError: a full disk does not say where it is."""
    if isinstance(error, OSError):
        where = error.filename2 or error.filename or project
        raise FewshotError(f"cannot write {where}: {error.strerror}") from None


def abort(project: Path) -> Path | None:
    """Brings a project back to where it was before the update that waits in it.

    Returns:
        The folder with what the user wrote into touched files since then, if there is any.

    Raises:
        FewshotError: There is none, or its journal is broken.
    """
    with _git_alone(project), _no_ctrl_c():
        return _abort(project)


def _abort(project: Path) -> Path | None:
    folder = project / FOLDER
    about = journal.read(folder)
    if not about:
        raise FewshotError(f"{project} has no update that could be taken back")
    kept = project / KEPT / time.strftime("%Y%m%d-%H%M%S")
    if any(
        os.path.lexists(path) and journal.kind(path) != "folder" for path in (kept.parent, kept)
    ):
        raise FewshotError(f"{kept.parent} is in the way: move it elsewhere")
    (folder / "done").unlink(missing_ok=True)  # from here on it is whole no longer
    shutil.rmtree(folder / "after", ignore_errors=True)  # a disk may be full
    index = worktree.index_path(project)
    ours = index.with_name("index.fewshot")
    worktree.drop_lock(ours, index, folder / "locking")
    ours.unlink(missing_ok=True)
    files = about["files"]
    # What goes makes room for what comes back.
    for path, known in sorted(files.items(), key=lambda file: file[1]["before"] is not None):
        file, before = project / path, folder / "before" / path
        in_the_way = _no_folders(project, path)  # a link is never followed
        if in_the_way and known["before"] is None:
            continue
        for parent in in_the_way:
            _set_aside(project / parent, kept / parent)
        now = journal.digest(file)
        if now not in (None, known["digest_before"], known["digest_after"]):
            _set_aside(file, kept / path)
        if known["before"] is None:
            _put(None, file, project)
        elif now != known["digest_before"] or journal.mode(file) != journal.mode(before):
            beside = folder / "restored"
            beside.unlink(missing_ok=True)
            shutil.copy2(before, beside)
            _put(beside, file, project)
    if kept.is_dir() and not os.path.lexists(kept.parent / ".gitignore"):
        (kept.parent / ".gitignore").write_text("*\n")
    lines = worktree.index_lines(
        project, {path: journal.before(known) for path, known in files.items()}
    )
    git("update-index", "-z", "--index-info", cwd=worktree.root(project), stdin=lines)
    git("update-index", "-q", "--refresh", cwd=project, check=False)
    journal.remove(folder)
    return kept if kept.is_dir() else None


def _no_folders(project: Path, path: str) -> list[PurePosixPath]:
    """Returns what stands where the folders above a path should be: at most one thing."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        if os.path.lexists(project / parent) and journal.kind(project / parent) != "folder":
            return [parent]
    return []


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Going back is short, and not to be stopped half-way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _set_aside(file: Path, kept: Path) -> None:
    """Moves what the user has put in the way of a file."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    while os.path.lexists(kept):
        kept = kept.with_name(f"{kept.name}~")
    os.rename(file, kept)


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
