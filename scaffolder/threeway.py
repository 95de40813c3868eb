"""What an update does to each file: three-way, from two renderings and the user's commit.

`base` is the project as the old template renders it, `theirs` as the new one does, `ours` what
the user has committed. Only what differs between `base` and `theirs` is ever touched.
"""

import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from scaffolder.errors import FewshotError
from scaffolder.git import git

_SIMILAR = ("--find-renames=60%", "-l0")  # however many files there are


class Kind(Enum):
    """What happens to a file."""

    CLEAN = "clean"  # the template's new text; the user had left the old one as it was
    MERGED = "merged"  # both changed it, in different places
    CONFLICT = "conflict"
    ADDED = "added"
    DELETED = "deleted"
    RENAMED = "renamed"
    KEPT = "kept"  # the template changes it, but the user's way stays


class Why(Enum):
    """Why a file is a conflict, or kept."""

    SAME_LINES = "same_lines"
    BINARY = "binary"
    REMOVED = "removed"  # the template removes what the user has edited
    USER_DELETED = "user_deleted"
    USER_ADDED = "user_added"


@dataclass(frozen=True)
class Entry:
    """A file in a tree: git's mode, and the id of its content."""

    mode: str
    blob: str


@dataclass(frozen=True)
class Change:
    """What happens to a file.

    Attributes:
        path: From the project's folder; after a rename the new one.
        kind: What happens.
        before: The user's file at `path`, or at `source`; None if there is none.
        after: The file afterwards; None if it is gone.
        source: The path before a rename.
        why: Of a conflict, or of a file that is kept.
        stages: The three sides of a conflict that stands in the file: base, ours, theirs.
    """

    path: str
    kind: Kind
    before: Entry | None = None
    after: Entry | None = None
    source: str | None = None
    why: Why | None = None
    stages: tuple[Entry | None, Entry, Entry] | None = None


@dataclass(frozen=True)
class _Difference:
    """How a file differs between two trees."""

    status: str  # A, D, M or R
    before: Entry
    after: Entry
    path: str
    source: str | None


class Store:
    """A git repository beside the project's: it sees the project's objects, and writes none.

    Args:
        folder: An empty folder.
        project: The project, or a folder above it in the same repository.
    """

    def __init__(self, folder: Path, project: Path) -> None:
        self.folder = folder
        kind = git("rev-parse", "--show-object-format", cwd=project).strip()
        objects = git("rev-parse", "--git-path", "objects", cwd=project).rstrip("\n")
        git("init", "--quiet", "--bare", f"--object-format={kind}", cwd=folder)
        alternates = folder / "objects/info/alternates"
        alternates.write_bytes(os.fsencode(project / objects) + b"\n")

    def write_tree(self, folder: Path) -> str:
        """Writes all files below a folder, byte for byte, and returns the tree's id."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        names = [path.relative_to(folder).as_posix() for path in paths]
        listed = "".join(f"./{name}\n" for name in names)  # a quote at the beginning is git's
        blobs = git(
            *("--git-dir", self.folder, "hash-object", "-w", "--no-filters", "--stdin-paths"),
            cwd=folder,
            stdin=listed,
        ).split()
        modes = ["100755" if os.access(path, os.X_OK) else "100644" for path in paths]
        entries = [Entry(mode, blob) for mode, blob in zip(modes, blobs, strict=True)]
        return self.tree(dict(zip(names, entries, strict=True)))

    def tree(self, entries: dict[str, Entry]) -> str:
        """Writes a tree of files and returns its id."""
        index = self.folder / "index"
        index.unlink(missing_ok=True)
        git("update-index", "-z", "--index-info", cwd=self.folder, stdin=index_info(entries))
        return git("write-tree", cwd=self.folder).strip()

    def differences(self, one: str, two: str) -> list[_Difference]:
        """Compares two trees; files that moved are found by their content."""
        options = ("-r", "-z", *_SIMILAR, "--no-rename-empty")
        fields = iter(git("diff-tree", *options, one, two, cwd=self.folder).split("\0")[:-1])
        found = []
        for about in fields:
            old_mode, new_mode, old_blob, new_blob, status = about[1:].split()
            source = next(fields) if status[0] == "R" else None
            before, after = Entry(old_mode, old_blob), Entry(new_mode, new_blob)
            found.append(_Difference(status[0], before, after, next(fields), source))
        return found

    def read(self, blob: str) -> bytes:
        """Returns the content of a file."""
        command = ["git", "cat-file", "blob", blob]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True).stdout

    def merge(self, ours: Entry, base: Entry, theirs: Entry, label: str) -> tuple[Entry, int]:
        """Merges a text file and returns it with the number of conflicts that stand in it.

        Raises:
            FewshotError: It is not text.
        """
        texts = [self.read(entry.blob) for entry in (ours, base, theirs)]
        if _has_crlf(texts[0]) and b"\r" not in texts[1] + texts[2]:  # an editor of Windows
            texts[1:] = [text.replace(b"\n", b"\r\n") for text in texts[1:]]
        sides = [str(self.folder / name) for name in ("ours", "base", "theirs")]
        for side, text in zip(sides, texts, strict=True):
            Path(side).write_bytes(text)
        labels = [part for text in ("yours", "before", label) for part in ("-L", text)]
        command = ["git", "merge-file", "-p", "--quiet", *labels, *sides]
        done = subprocess.run(command, cwd=self.folder, capture_output=True)
        if not 0 <= done.returncode < 128:
            raise FewshotError("it is not text")
        (self.folder / "merged").write_bytes(done.stdout)
        blob = git("hash-object", "-w", "--no-filters", "merged", cwd=self.folder).strip()
        mode = theirs.mode if ours.mode == base.mode else ours.mode
        return Entry(mode, blob), done.returncode


def _has_crlf(text: bytes) -> bool:
    """Whether each line ends as on Windows."""
    return b"\n" in text and text.count(b"\n") == text.count(b"\r\n")


def index_info(entries: dict[str, Entry]) -> str:
    """Returns files as `git update-index -z --index-info` reads them."""
    return "".join(f"{e.mode} {e.blob}\t{path}\0" for path, e in entries.items())


def changes(
    store: Store,
    base: str,
    ours: str,
    theirs: str,
    *,
    taken: Callable[[str, set[str]], bool],
    ever: Callable[[str, Entry], bool],
    label: str,
) -> list[Change]:
    """Returns what an update does, file by file, sorted by path.

    Args:
        store: Holds the three trees.
        base: The tree of the old rendering.
        ours: The tree that the user has committed.
        theirs: The tree of the new rendering.
        taken: Whether something is in the way at a path, once the paths of a set are gone.
        ever: Whether a file was ever committed with this content at a path.
        label: What the template's side is called between conflict markers.
    """
    user = {d.source or d.path: d for d in store.differences(base, ours)}
    user_added = {d.path for d in user.values() if d.status in "AR"}
    found = []
    gone: set[str] = set()  # what makes room for a file where a folder was, or the reverse
    for theirs_did in sorted(store.differences(base, theirs), key=_makes_room):
        # The user's file, wherever it is by now; None if it is deleted.
        path = theirs_did.source or theirs_did.path
        yours = user.get(path)
        mine: Entry | None = theirs_did.before
        if theirs_did.status == "A":
            in_the_way = path in user_added or taken(path, gone)
            if not in_the_way:
                found.append(Change(path, Kind.ADDED, after=theirs_did.after))
            elif not (yours and yours.after == theirs_did.after):
                found.append(Change(path, Kind.KEPT, why=Why.USER_ADDED))
            continue
        if yours:
            mine = None if yours.status == "D" else yours.after
            path = yours.path
        if mine and not mine.mode.startswith("100"):  # a link, or another repository
            found.append(Change(path, Kind.KEPT, why=Why.USER_ADDED))
        elif mine is None:
            if theirs_did.status != "D":
                found.append(Change(path, Kind.KEPT, why=Why.USER_DELETED))
        elif theirs_did.status == "D":
            found.append(_deleted(path, mine, theirs_did.before))
            if found[-1].kind is Kind.DELETED:
                gone.add(path)
        else:
            target = path if yours and yours.status == "R" else theirs_did.path
            if target != path and (target in user_added or taken(target, gone | {path})):
                found.append(Change(target, Kind.KEPT, why=Why.USER_ADDED))
                target = path
            if target != path:
                gone.add(path)
            change = _changed(store, path, target, mine, theirs_did, label)
            if change.kind is Kind.CONFLICT and _is_own(store, change, theirs_did.before, ever):
                change = Change(path, Kind.KEPT, why=Why.USER_ADDED)
            found.append(change)
    return sorted((c for c in found if c.before != c.after or c.why or c.source), key=_by_path)


def _by_path(change: Change) -> str:
    return change.path


def _makes_room(difference: _Difference) -> int:
    return "DRMTA".index(difference.status)


def _is_own(store: Store, change: Change, base: Entry, ever: Callable[[str, Entry], bool]) -> bool:
    """Whether a file was never the template's: an earlier update has left the user's own there."""
    assert change.before
    path = change.source or change.path
    mine, old = (set(store.read(e.blob).split(b"\n")) for e in (change.before, base))
    if change.why is not Why.BINARY and sum(bool(line.strip()) for line in old) < 2:
        return False  # one line says too little
    return not any(line.strip() for line in mine & old) and not ever(path, base)


def _deleted(path: str, mine: Entry, base: Entry) -> Change:
    if mine == base:
        return Change(path, Kind.DELETED, before=mine)
    return Change(path, Kind.CONFLICT, before=mine, after=mine, why=Why.REMOVED)


def _changed(
    store: Store, path: str, target: str, mine: Entry, theirs: _Difference, label: str
) -> Change:
    """Returns what becomes of a file that both may have changed."""
    source = path if target != path else None
    same = theirs.before.blob == theirs.after.blob, mine.blob == theirs.after.blob
    if mine == theirs.before:
        kind = Kind.RENAMED if source else Kind.CLEAN
        return Change(target, kind, mine, theirs.after, source)
    if any(same) or mine.blob == theirs.before.blob:
        blob = mine.blob if any(same) else theirs.after.blob
        mode = theirs.after.mode if mine.mode == theirs.before.mode else mine.mode
        return Change(target, Kind.MERGED, mine, Entry(mode, blob), source)
    try:
        merged, conflicts = store.merge(mine, theirs.before, theirs.after, label)
    except FewshotError:
        return Change(target, Kind.CONFLICT, mine, mine, source, Why.BINARY)
    if conflicts:
        stages = theirs.before, mine, theirs.after
        return Change(target, Kind.CONFLICT, mine, merged, source, Why.SAME_LINES, stages)
    return Change(target, Kind.MERGED, mine, merged, source)


def touched(changes: Iterable[Change]) -> dict[str, tuple[Entry | None, Entry | None]]:
    """Returns every path that changes, with the file before and after; None where none is."""
    found: dict[str, tuple[Entry | None, Entry | None]] = {}
    for change in changes:
        if change.source:
            found[change.source] = change.before, None
            found[change.path] = None, change.after
        elif change.before != change.after:
            found[change.path] = change.before, change.after
    return found
