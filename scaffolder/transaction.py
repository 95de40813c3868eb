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
import signal
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from scaffolder import reading
from scaffolder.errors import FewshotError
from scaffolder.git import commit_paths, git
from scaffolder.messages import plain
from scaffolder.rendering import ANSWERS_FILE
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
    files = journal["files"]
    whole = (folder / "done").exists()
    found = Pending(journal["old"], journal["new"], list(files), whole)
    if whole:  # unless the user has committed it, or taken it back with git
        committed = tracked(project)
        same = all(committed.get(path) == _before(about) for path, about in files.items())
        if not same or not _from_root(project, files).keys() & set(status(project)):
            return None
    return found


def head(project: Path) -> str:
    """Returns the commit that a project is on."""
    return git("rev-parse", "HEAD", cwd=project).strip()


def status(project: Path) -> list[str]:
    """Returns the project's tracked files that differ from the last commit.

    Those of projects inside of it are not its own.
    """
    options = ("--porcelain", "-z", "--untracked-files=no", "--no-renames")
    listed = git("--no-optional-locks", "status", *options, "--", ".", cwd=project)
    changed = [entry[3:] for entry in listed.split("\0") if entry]
    if changed:
        inner = _folders(git("ls-files", "-z", "--full-name", cwd=project).split("\0"))
        inner = tuple(folder for folder in inner if folder != _prefix(project))
        changed = [path for path in changed if not path.startswith(inner)]
    return changed


def tracked(project: Path) -> dict[str, Entry]:
    """Returns the project's files in the last commit, without those of projects inside of it."""
    lines = git("ls-tree", "-r", "-z", "HEAD", "./", cwd=project).split("\0")[:-1]
    fields = [line.partition("\t") for line in lines]
    inner = _folders(path for _, _, path in fields)
    return {
        path: Entry(about.split()[0], about.split()[2])
        for about, _, path in fields
        if not path.startswith(inner)
    }


def _folders(paths: Iterable[str]) -> tuple[str, ...]:
    """Returns the folders of the projects inside of a project, each with a / at its end."""
    return tuple(p.removesuffix(ANSWERS_FILE) for p in paths if p.endswith(f"/{ANSWERS_FILE}"))


def ever(project: Path, path: str, entry: Entry) -> bool:
    """Whether a file was ever committed with this content at a path, as far as history is there."""
    options = ("-1", "--format=%H", f"--find-object={entry.blob}")
    try:
        return bool(git("--literal-pathspecs", "log", *options, "HEAD", "--", path, cwd=project))
    except FewshotError:  # git does not know the content at all
        return False


def hidden(project: Path, paths: Iterable[str]) -> list[str]:
    """Returns those of the paths whose changes git was told not to see."""
    lines = git("ls-files", "-v", "-z", cwd=project).split("\0")[:-1]
    unseen = {line[2:] for line in lines if line[0] == "S" or line[0].islower()}
    return sorted(unseen.intersection(paths))


@contextmanager
def _git_alone(project: Path) -> Iterator[None]:
    """Waits for other projects of the same repository: they have one index."""
    descriptor = os.open(_index(project).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
        made = commit_paths(project, list(touched(changes)), message)
    _remove(project / FOLDER)
    return made


def _apply(project: Path, store: Store, changes: list[Change], old: str, new: str) -> None:
    files = touched(changes)
    folder = project / FOLDER
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FewshotError(f"{folder} is in the way: remove it")
    index = _index(project)
    ours = index.with_name("index.fewshot")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        (folder / ".gitignore").write_text("*\n")
        _write_objects(project, store, changes)
        shutil.copyfile(index, ours)
        before = hashlib.sha256(ours.read_bytes()).digest()
        _update_index(project, files, ours)
        _write_files(project, [path for path, (_, entry) in files.items() if entry], ours, folder)
        _mark_conflicts(project, changes, ours)
        _keep_files(project, files, folder)
        _write_journal(folder, files, old, new)
        if _from_root(project, files).keys() & set(status(project)):
            raise FewshotError(f"{project} was changed meanwhile: try again")
    except BaseException:
        ours.unlink(missing_ok=True)
        _remove(folder)
        raise
    try:
        # What goes makes room for what comes.
        for path, (mine, entry) in sorted(files.items(), key=lambda file: file[1][1] is not None):
            if _digest(project / path) != (_digest(folder / "before" / path) if mine else None):
                raise FewshotError(f"{project / path} was changed meanwhile: try again")
            _put(folder / "after" / path if entry else None, project / path, project)
        _replace_index(ours, index, before)
        (folder / "done").touch()
    except BaseException as error:
        with _no_ctrl_c():
            _abort(project)
        if isinstance(error, OSError):
            where = error.filename2 or error.filename or project
            raise FewshotError(f"cannot write {where}: {error.strerror}") from None
        raise


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
    journal = _read_journal(folder)
    if not journal:
        raise FewshotError(f"{project} has no update that could be taken back")
    kept = project / KEPT / time.strftime("%Y%m%d-%H%M%S")
    if any(os.path.lexists(path) and _kind(path) != "folder" for path in (kept.parent, kept)):
        raise FewshotError(f"{kept.parent} is in the way: move it elsewhere")
    (folder / "done").unlink(missing_ok=True)  # from here on it is whole no longer
    shutil.rmtree(folder / "after", ignore_errors=True)  # a disk may be full
    index = _index(project)
    ours, held = index.with_name("index.fewshot"), index.with_name("index.lock")
    with suppress(FileNotFoundError):  # left by an update that was killed in this moment
        if os.path.samefile(ours, held):
            held.unlink()
    ours.unlink(missing_ok=True)
    files = journal["files"]
    # What goes makes room for what comes back.
    for path, about in sorted(files.items(), key=lambda file: file[1]["before"] is not None):
        file, before = project / path, folder / "before" / path
        in_the_way = _no_folders(project, path)  # a link is never followed
        if in_the_way and about["before"] is None:
            continue
        for parent in in_the_way:
            _set_aside(project / parent, kept / parent)
        now = _digest(file)
        if now not in (None, about["digest_before"], about["digest_after"]):
            _set_aside(file, kept / path)
        if about["before"] is None:
            _put(None, file, project)
        elif now != about["digest_before"] or _mode(file) != _mode(before):
            beside = folder / "restored"
            beside.unlink(missing_ok=True)
            shutil.copy2(before, beside)
            _put(beside, file, project)
    if kept.is_dir() and not os.path.lexists(kept.parent / ".gitignore"):
        (kept.parent / ".gitignore").write_text("*\n")
    lines = _index_lines(project, {path: _before(about) for path, about in files.items()})
    git("update-index", "-z", "--index-info", cwd=_root(project), stdin=lines)
    git("update-index", "-q", "--refresh", cwd=project, check=False)
    _remove(folder)
    return kept if kept.is_dir() else None


def _no_folders(project: Path, path: str) -> list[PurePosixPath]:
    """Returns what stands where the folders above a path should be: at most one thing."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        if os.path.lexists(project / parent) and _kind(project / parent) != "folder":
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
    lines = _index_lines(project, {path: after for path, (_, after) in files.items()})
    env = {"GIT_INDEX_FILE": str(index)}
    git("update-index", "-z", "--index-info", cwd=_root(project), env=env, stdin=lines)


def _index_lines(project: Path, files: dict[str, Entry | None]) -> str:
    """Returns what tells git's index that the files are so, None if there is none."""
    nothing = "0" * len(head(project))
    lines = "".join(f"0 {nothing}\t{path}\0" for path in _from_root(project, files))
    return lines + index_info(_from_root(project, {p: e for p, e in files.items() if e}))


def _mark_conflicts(project: Path, changes: list[Change], index: Path) -> None:
    """Enters the conflicts that stand in files into an index, as a merge does."""
    lines = _index_lines(project, {change.path: None for change in changes if change.stages})
    prefix = _prefix(project)
    for change in changes:
        path = prefix + change.path
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
    old: str,
    new: str,
) -> None:
    about = {
        path: {
            "before": before and astuple(before),
            "digest_before": _digest(folder / "before" / path) if before else None,
            "digest_after": _digest(folder / "after" / path) if after else None,
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


def _read_journal(folder: Path) -> dict[str, Any] | None:
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
            if _before(about) and _kind(folder / "before" / name) != "file":
                raise ValueError(f"{plain(name)} is missing in it")
    except (FewshotError, KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        why = f" ({error})" if type(error) is ValueError else ""
        raise FewshotError(
            f"{folder} is broken{why}: bring the project back with git, and remove that folder"
        ) from None
    return journal


def _before(about: dict[str, Any]) -> Entry | None:
    """Returns what git had at a path of the journal."""
    return Entry(*about["before"]) if about["before"] is not None else None


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


def _replace_index(new: Path, index: Path, before: bytes) -> None:
    """Makes `new` git's index, under git's own lock, unless that has another digest by now."""
    held = index.with_name("index.lock")
    try:
        os.link(new, held)
    except FileExistsError:
        raise FewshotError(f"git is at work ({held} exists): try again") from None
    if hashlib.sha256(index.read_bytes()).digest() != before:
        held.unlink()
        raise FewshotError("git changed its index meanwhile: try again")
    os.replace(held, index)
    new.unlink()


def _digest(path: Path) -> str | None:
    """Returns the SHA-256 of a file; what else it is, if it is none; None if nothing is there."""
    try:
        kind = _kind(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest() if kind == "file" else kind


def _kind(path: Path) -> str:
    mode = path.lstat().st_mode
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "link or device"


def _mode(path: Path) -> int:
    return path.lstat().st_mode if os.path.lexists(path) else 0


def _remove(folder: Path) -> None:
    """Removes the journal first: without it the rest means nothing."""
    if folder.is_symlink():
        return
    (folder / "journal.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
