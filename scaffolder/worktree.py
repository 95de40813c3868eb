"""What git knows of a project, and what an update writes there."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from scaffolder.errors import FewshotError
from scaffolder.git import git, identity
from scaffolder.rendering import ANSWERS_FILE
from scaffolder.threeway import Change, Entry, Store, index_info

T = TypeVar("T")


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
        inner = tuple(folder for folder in inner if folder != prefix(project))
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


def root(project: Path) -> Path:
    return Path(git("rev-parse", "--show-toplevel", cwd=project).rstrip("\n"))


def prefix(project: Path) -> str:
    return git("rev-parse", "--show-prefix", cwd=project).rstrip("\n")


def from_root(project: Path, files: dict[str, T]) -> dict[str, T]:
    """Returns the files by their paths in the repository."""
    above = prefix(project)
    return {above + path: value for path, value in files.items()}


def index_path(project: Path) -> Path:
    return project / git("rev-parse", "--git-path", "index", cwd=project).rstrip("\n")


def write_objects(project: Path, store: Store, changes: list[Change]) -> None:
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


def update_index(
    project: Path,
    files: dict[str, tuple[Entry | None, Entry | None]],
    index: Path,
) -> None:
    """Writes the files as they are after the update into an index of their own."""
    lines = index_lines(project, {path: after for path, (_, after) in files.items()})
    env = {"GIT_INDEX_FILE": str(index)}
    git("update-index", "-z", "--index-info", cwd=root(project), env=env, stdin=lines)


def index_lines(project: Path, files: dict[str, Entry | None]) -> str:
    """Returns what tells git's index that the files are so, None if there is none."""
    nothing = "0" * len(head(project))
    lines = "".join(f"0 {nothing}\t{path}\0" for path in from_root(project, files))
    return lines + index_info(from_root(project, {p: e for p, e in files.items() if e}))


def mark_conflicts(project: Path, changes: list[Change], index: Path) -> None:
    """Enters the conflicts that stand in files into an index, as a merge does."""
    lines = index_lines(project, {change.path: None for change in changes if change.stages})
    above = prefix(project)
    for change in changes:
        path = above + change.path
        for number, entry in enumerate(change.stages or (), start=1):
            if entry:
                lines += f"{entry.mode} {entry.blob} {number}\t{path}\0"
    env = {"GIT_INDEX_FILE": str(index)}
    git("update-index", "-z", "--index-info", cwd=root(project), env=env, stdin=lines)


def write_files(project: Path, after: list[str], index: Path, folder: Path) -> None:
    """Writes new files into `after/`, as git would check them out in the project."""
    env = {"GIT_INDEX_FILE": str(index)}
    above = prefix(project)
    target = folder / "written"
    (target / above).mkdir(parents=True)
    names = "".join(f"{above}{path}\0" for path in after)
    command = ("checkout-index", "-z", "--stdin", "--quiet", f"--prefix={target}/")
    git(*command, cwd=root(project), env=env, stdin=names)
    os.rename(target / above if above else target, folder / "after")


def commit(project: Path, paths: Iterable[str], message: str) -> str:
    """Commits files as they stand in the index, and nothing else that is staged there.

    Returns:
        The commit's id.
    """
    parent, above = head(project), root(project)
    files: dict[str, Entry | None] = dict.fromkeys(paths)
    removed, wanted = index_lines(project, files), from_root(project, files)
    # All files are listed: a name that is given to git could be a pattern.
    staged = git("ls-files", "--stage", "-z", "--full-name", cwd=project).split("\0")[:-1]
    entries = "".join(f"{line}\0" for line in staged if line.partition("\t")[2] in wanted)
    with tempfile.TemporaryDirectory(prefix="fewshot-") as temporary:
        env = {"GIT_INDEX_FILE": str(Path(temporary) / "index")}
        git("read-tree", parent, cwd=above, env=env)
        git("update-index", "-z", "--index-info", cwd=above, env=env, stdin=removed + entries)
        tree = git("write-tree", cwd=above, env=env).strip()
    env = identity(project)
    made = git("commit-tree", tree, "-p", parent, "-m", message, cwd=above, env=env).strip()
    git("update-ref", "-m", message, "HEAD", made, parent, cwd=above, env=env)
    return made


def replace_index(new: Path, index: Path, before: bytes, locking: Path) -> None:
    """Makes `new` git's index, under git's own lock, unless that has another digest by now.

    Args:
        new: The index to be.
        index: Git's index.
        before: The SHA-256 that it must still have.
        locking: A file that is there as long as the lock may be ours and not whole.
    """
    held = index.with_name("index.lock")
    locking.touch()
    try:
        with held.open("xb") as lock:
            lock.write(new.read_bytes())
            lock.flush()
            os.fsync(lock.fileno())
    except FileExistsError:
        locking.unlink()
        raise FewshotError(f"git is at work ({held} exists): try again") from None
    locking.unlink()
    if hashlib.sha256(index.read_bytes()).digest() != before:
        held.unlink()
        raise FewshotError("git changed its index meanwhile: try again")
    os.replace(held, index)
    new.unlink()


def drop_lock(new: Path, index: Path, locking: Path) -> None:
    """Removes git's lock if an update that was stopped has left it; git's own stays."""
    held = index.with_name("index.lock")
    try:
        ours, left = new.read_bytes(), held.read_bytes()
    except FileNotFoundError:
        return
    if left == ours or (locking.exists() and ours.startswith(left)):
        held.unlink()
