"""`fewshot update`: a project gets what the template learned since; what its owner wrote stays."""

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scaffolder import answers, existing, gate, releases, source, threeway, transaction, worktree
from scaffolder.errors import FewshotError, UsageError
from scaffolder.existing import Existing
from scaffolder.git import git, prepare
from scaffolder.messages import texts
from scaffolder.rendering import ANSWERS_FILE, render, users_files
from scaffolder.source import Release, Source
from scaffolder.threeway import Change, Entry, Kind, Store

# An answer that a project is built on: another one makes another project.
_FIXED = {
    "task": "what one task has learned does not fit another: make a new project",
    "classes": "they stand in settings.yaml; for another product: fewshot adapt",
    "num_classes": "the classes stand in settings.yaml; for another product: fewshot adapt",
}


@dataclass(frozen=True)
class Plan:
    """What an update would do to a project.

    Attributes:
        project: The project as it is.
        old: Its template version.
        new: The version that it would get.
        changes: What happens to each file.
        answers: The answers afterwards, where they differ.
        log: The change log between the two versions.
    """

    project: Existing
    old: str
    new: str
    changes: list[Change]
    answers: dict[str, Any]
    log: str

    @property
    def conflicts(self) -> list[Change]:
        return [change for change in self.changes if change.kind is Kind.CONFLICT]


@dataclass(frozen=True)
class Updated:
    """An update that was made.

    Attributes:
        plan: What it did.
        commit: The id of its commit, if one was asked for.
        untested: Why the smoke test was not run, if it was not: key of a text.
    """

    plan: Plan
    commit: str | None = None
    untested: str | None = None


@dataclass(frozen=True)
class Standing:
    """How a project stands to the newest release of its template."""

    version: str
    newest: str
    behind: int
    language: object = None


class Rejected(FewshotError):
    """The updated project did not work, and is as before."""


@dataclass(frozen=True)
class Request:
    """What is asked of an update.

    Attributes:
        to: Template version; the newest by default.
        changed: Answers to change.
        template: Another template source than the recorded one.
        defaults: New questions take their defaults.
        can_ask: Whether they could be asked instead.
    """

    to: str | None = None
    changed: answers.Answers | None = None
    template: str | None = None
    defaults: bool = False
    can_ask: bool = False


def standing(folder: Path, known: dict[str, list[str]] | None = None) -> Standing:
    """Says how far a project is behind the newest release of its template.

    Args:
        folder: The project.
        known: The versions of sources that were looked up already; new ones are added.

    Raises:
        FewshotError: It is no project, or its template source cannot be read.
    """
    project = existing.read(folder)
    version, origin = _recorded(project)
    known = {} if known is None else known
    if origin not in known:
        known[origin] = source.versions(origin)
    newest = source.newest(known[origin])
    if newest is None:
        raise FewshotError(f"{origin} has no released version")
    later = [tag for tag in known[origin] if source.newest([tag])]
    # A commit that git describes by its id alone lies before every release.
    if version in known[origin] or "-g" in version:
        later = [tag for tag in later if releases.order(tag) > releases.order(version)]
    return Standing(version, newest, len(later), project.answers.get("language"))


@contextmanager
def planned(
    folder: Path, request: Request, sources: dict[str, Source]
) -> Iterator[tuple[Plan, Store]]:
    """Yields what an update would do; nothing in the project is written.

    Args:
        folder: The project.
        request: What is asked for.
        sources: Template sources that are open already; one that is opened here is closed here.

    Raises:
        FewshotError: The project cannot be updated as it is; says what to do.
    """
    project = existing.read(folder)
    version, origin = _recorded(project)
    _check_repository(project.folder)
    with (
        tempfile.TemporaryDirectory(prefix="fewshot-") as temporary,
        _opened(request.template or origin, sources) as template,
    ):
        old, new = template.release(version), template.release(request.to)
        _refuse_downgrade(template, old, new)
        given = _answers(project, request, new)
        work = Path(temporary)
        for name in ("old", "new", "store"):
            (work / name).mkdir()
        known = {k: v for k, v in project.answers.items() if k in old.questions}
        left_out = tuple(dict.fromkeys([*users_files(old, known), *users_files(new, given)]))
        render(old, work / "old", answers.check(known, old.questions), left_out=left_out)
        recorded = render(new, work / "new", given, defaults=request.defaults, left_out=left_out)
        store = Store(work / "store", project.folder)
        changes = _changes(project, store, work, f"template {new.version}")
        _refuse_hidden(project.folder, changes)
        differing = {
            name: value
            for name, value in recorded.items()
            if not name.startswith("_") and project.answers.get(name) != value
        }
        log = change_log(new, old.version)
        yield Plan(project, old.version, new.version, changes, differing, log), store


def update(
    folder: Path,
    request: Request,
    *,
    sources: dict[str, Source] | None = None,
    test: bool = True,
    commit: bool = False,
) -> Updated:
    """Updates a project; what cannot be merged stands in its files and in git as a conflict.

    Args:
        folder: The project.
        request: What is asked for.
        sources: Template sources that are open already.
        test: Whether the updated project must pass its smoke test.
        commit: Whether to make one commit of it, unless there are conflicts.

    Raises:
        Rejected: The updated project does not work. It is as before.
        FewshotError: It cannot be updated as it is. Nothing was written.
    """
    prepare()
    folder = existing.folder_of(folder)
    with transaction.lock(folder), planned(folder, request, sources or {}) as (plan, store):
        project = plan.project.folder
        if not plan.changes:
            return Updated(plan)
        transaction.apply(project, store, plan.changes, plan.old, plan.new)
        if plan.conflicts:
            return Updated(plan)
        try:
            untested = gate.check(project, plan.changes, test)
        except BaseException as error:
            transaction.abort(project)
            if isinstance(error, gate.Failed):
                raise Rejected(f"{error}; {project.name} is as before") from None
            raise
        made = None
        if commit:
            made = transaction.commit(project, plan.changes, f"Update to template {plan.new}")
        return Updated(plan, made, untested)


def abort(folder: Path) -> Path | None:
    """Brings a project back to before the update that is not committed yet.

    Returns:
        The folder with what the user wrote into the update's files since, if there is any.

    Raises:
        FewshotError: There is no such update.
    """
    prepare()
    project = existing.folder_of(folder)
    with transaction.lock(project):
        if not transaction.pending(project):
            raise FewshotError(f"{folder} has no update that could be taken back")
        return transaction.abort(project)


def diff(plan: Plan, store: Store) -> str:
    """Returns what the update would change, as `git diff` shows it."""
    files = threeway.touched(plan.changes)
    before = store.tree({path: entry for path, (entry, _) in files.items() if entry})
    after = store.tree({path: entry for path, (_, entry) in files.items() if entry})
    return git("diff-tree", "-r", "-p", "--find-renames", before, after, cwd=store.folder)


def change_log(release: Release, since: str) -> str:
    """Returns the sections of a template's CHANGELOG.md that are newer than a version."""
    path = release.folder / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    newer = []
    for section in sections:
        found = re.match(r"## (?:v?(\d+(?:\.\d+)*)|Unreleased)", section)
        if not found:
            continue
        number = f"v{found[1]}" if found[1] else release.version
        if releases.order(since) < releases.order(number) <= releases.order(release.version):
            newer.append(section.strip())
    return "\n\n".join(newer)


def _recorded(project: Existing) -> tuple[str, str]:
    """Returns the template version and source that a project records."""
    version, origin = (project.answers.get(key) for key in ("_commit", "_src_path"))
    if not isinstance(version, str) or not isinstance(origin, str):
        raise FewshotError(
            f"{project.folder / ANSWERS_FILE} does not say which template version the project "
            "was made from: remove that file, and fewshot link finds it"
        )
    return version, origin


def require_commit(folder: Path) -> None:
    """Raises FewshotError unless a project is committed; says what to do."""
    try:
        worktree.head(folder)
        git("rev-parse", "HEAD:./", cwd=folder)
    except FewshotError as error:
        if "dubious ownership" in str(error):
            raise FewshotError(
                f"git does not trust {folder}, which is another user's: "
                f"git config --global --add safe.directory {shlex.quote(str(folder))}"
            ) from None
        raise FewshotError(
            f"{folder} is not committed: git init && git add --all && git commit, then try again"
        ) from None


def _check_repository(folder: Path) -> None:
    """Refuses a project whose files git could not give back."""
    require_commit(folder)
    abort = f"fewshot update --abort {shlex.quote(str(folder))}"
    waiting = transaction.pending(folder)
    if waiting and not waiting.whole:
        raise FewshotError(f"the last update was cut off: {abort}")
    if waiting:
        raise FewshotError(
            f"the update to {waiting.new} is not finished: commit it, or take it back with {abort}"
        )
    changed = worktree.status(folder)
    if changed:
        shown = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")
        raise FewshotError(f"{folder} has changes that are not committed ({shown}): commit them")


def _refuse_hidden(folder: Path, changes: list[Change]) -> None:
    """Refuses to touch a file whose content on disk git does not compare."""
    before = [path for path, (entry, _) in threeway.touched(changes).items() if entry]
    unseen = worktree.hidden(folder, before)
    if unseen:
        raise FewshotError(
            f"git does not look at {unseen[0]} in {folder} (sparse checkout, skip-worktree or "
            "assume-unchanged), and the update changes it: undo that, then try again"
        )


@contextmanager
def _opened(origin: str, sources: dict[str, Source]) -> Iterator[Source]:
    where = source.locate(origin)
    if where in sources:
        yield sources[where]
        return
    with source.opened(origin) as found:
        yield found


def _refuse_downgrade(template: Source, old: Release, new: Release) -> None:
    if old.version != new.version and (
        template.contains(old.version, new.version)
        or (
            {old.version, new.version} <= {*template.versions}
            and releases.order(new.version) < releases.order(old.version)
        )
    ):
        raise UsageError(
            f"the project has template {old.version}, and {new.version} is older: "
            "go back with git instead"
        )


def _answers(project: Existing, request: Request, new: Release) -> answers.Answers:
    """Returns the answers that are known, in the new release's types."""
    changed = request.changed or {}
    for name in changed:
        if name in _FIXED and changed[name] != str(project.answers.get(name)):
            raise UsageError(f"{name} cannot be changed by an update: {_FIXED[name]}")
    asked = {name for name, about in new.questions.items() if about.get("when") is not False}
    known = {name: value for name, value in project.answers.items() if name in asked}
    unanswered = sorted(asked - known.keys() - changed.keys())
    if unanswered and not request.defaults and not request.can_ask:
        raise UsageError(
            f"the template asks something new ({', '.join(unanswered)}): "
            f"add --defaults, or --set {unanswered[0]}=..."
        )
    merged = known | changed
    try:
        return answers.check(merged, new.questions)
    except UsageError as error:
        say = texts(merged.get("language"))
        raise UsageError(say["correct_with_set"].format(fault=error)) from None


def _changes(project: Existing, store: Store, work: Path, label: str) -> list[Change]:
    """Compares the renderings with what the user has committed."""
    recorded = work / "new" / ANSWERS_FILE
    text = recorded.read_bytes()
    for name in ("old", "new"):
        (work / name / ANSWERS_FILE).unlink(missing_ok=True)
    ours = store.tree(worktree.tracked(project.folder))
    base, theirs = store.write_tree(work / "old"), store.write_tree(work / "new")
    found = threeway.changes(
        store,
        base,
        ours,
        theirs,
        taken=partial(_taken, project.folder),
        ever=partial(worktree.ever, project.folder),
        label=label,
    )
    # The answers file is ours alone: it is written anew, whatever it holds.
    before = git("ls-tree", "-z", "HEAD", f"./{ANSWERS_FILE}", cwd=project.folder).split()
    recorded.write_bytes(text)
    blob = git("hash-object", "-w", "--no-filters", recorded, cwd=store.folder).strip()
    after = Entry("100644", blob)
    mine = Entry(before[0], before[2]) if before else None
    if mine != after:
        kind = Kind.CLEAN if mine else Kind.ADDED
        found.append(Change(ANSWERS_FILE, kind, before=mine, after=after))
    return found


def _taken(folder: Path, path: str, gone: set[str]) -> bool:
    """Whether something is in the way of a new file, once other files are gone."""
    file = folder / path
    if os.path.lexists(file):
        return not file.is_dir() or file.is_symlink() or not _is_emptied(folder, file, gone)
    for parent in file.parents:
        if parent == folder:
            return False
        if os.path.lexists(parent):
            is_folder = parent.is_dir() and not parent.is_symlink()
            return not is_folder and parent.relative_to(folder).as_posix() not in gone
    return False


def _is_emptied(folder: Path, inner: Path, gone: set[str]) -> bool:
    """Whether a folder holds nothing else than files that go."""
    for parent, folders, names in os.walk(inner):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        paths = [(Path(parent) / name).relative_to(folder).as_posix() for name in links + names]
        if not folders + names or not gone.issuperset(paths):
            return False
    return True
