"""Many projects at once: how each stands, and their updates side by side."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scaffolder import existing, git, source, transaction, worktree
from scaffolder import update as updates
from scaffolder.errors import FewshotError, said
from scaffolder.existing import Existing
from scaffolder.rendering import ANSWERS_FILE
from scaffolder.source import Source
from scaffolder.update import Request

# Folders of a project that hold no other project, and some of them very many files.
_SKIPPED = {"runs", "data", "cache", "export", "node_modules", "__pycache__"}


@dataclass(frozen=True)
class Row:
    """How a project stands.

    Attributes:
        folder: Where it is.
        task: classification or detection.
        target: The answer.
        version: Its template version.
        behind: Number of newer releases; None if its source cannot be read.
        metric: Name and value of the main metric of its newest finished run.
        dirty: Whether tracked files differ from the last commit.
        waiting: What an update left: "conflicts", "update not committed", "update cut off" or
            nothing.
        fault: Why the rest is not known.
    """

    folder: Path
    task: str = ""
    target: str = ""
    version: str = ""
    behind: int | None = None
    metric: tuple[str, float] | None = None
    dirty: bool = False
    waiting: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one project's update.

    Attributes:
        folder: Where it is.
        old: Template version before.
        new: Template version after.
        files: How many files changed.
        conflicts: Files with conflicts.
        fault: Why it was not updated.
        untested: Why its smoke test was not run.
    """

    folder: Path
    old: str = ""
    new: str = ""
    files: int = 0
    conflicts: tuple[str, ...] = ()
    fault: str = ""
    untested: str = ""

    @property
    def good(self) -> bool:
        return not self.fault and not self.conflicts


def projects(folders: list[Path]) -> list[Path]:
    """Returns every project in or below the folders, sorted.

    Raises:
        FewshotError: One of them is no folder.
    """
    found: set[Path] = set()

    def unreadable(error: OSError) -> None:  # there may be one in it: reading it says why not
        found.add(Path(error.filename).resolve())

    for folder in folders:
        if not folder.is_dir():
            raise FewshotError(f"there is no folder {folder}")
        for parent, inside, files in os.walk(folder, onerror=unreadable):
            skipped: set[str] = set()
            if ANSWERS_FILE in files:
                found.add(Path(parent).resolve())
                skipped = _SKIPPED
            inside[:] = [name for name in inside if name[0] != "." and name not in skipped]
    return sorted(found)


def status(folders: list[Path]) -> Iterator[Row]:
    """Yields how each project in or below the folders stands."""
    git.prepare()
    known: dict[str, list[str]] = {}
    for folder in projects(folders):
        try:
            yield _row(existing.read(folder), known)
        except (FewshotError, OSError) as error:
            yield Row(folder, fault=said(error))


def update_all(
    folders: list[Path],
    request: Request,
    *,
    test: bool = True,
    commit: bool = False,
    told: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Updates projects side by side; what goes wrong in one does not stop the others.

    Args:
        folders: The projects.
        request: What is asked for, of each.
        test: Whether each must pass its smoke test.
        commit: Whether to commit each.
        told: Called with each outcome as it comes.

    Returns:
        The outcomes in the order of `folders`.
    """
    git.prepare()
    found: dict[Path, Outcome] = {}
    workers = max(1, min(len(folders), os.cpu_count() or 1))
    with ExitStack() as stack:
        sources = _sources(folders, request, stack)
        work = partial(_update, request=request, sources=sources, test=test, commit=commit)
        # A process that dies takes those beside it along: what is left then is done one by one.
        batches = [(folders, workers), *(([folder], 1) for folder in folders)]
        for batch, size in batches:
            for outcome in _side_by_side([f for f in batch if f not in found], size, work):
                found[outcome.folder] = outcome
                told(outcome)
    return [found[folder] for folder in folders]


def _side_by_side(
    folders: list[Path], workers: int, work: Callable[[Path], Outcome]
) -> Iterator[Outcome]:
    """Yields outcomes as they come. Of several projects none is said to be the one that died."""
    if not folders:
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(work, folder): folder for folder in folders}
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    if len(folders) == 1:
                        yield Outcome(folders[0], fault="its process was killed")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _sources(folders: list[Path], request: Request, stack: ExitStack) -> dict[str, Source]:
    """Opens each template source once, with the versions that the projects need.

    What fails here fails again in the project's own update, which says so.
    """
    sources: dict[str, Source] = {}
    for folder in folders:
        with suppress(FewshotError):
            recorded = existing.read(folder).answers
            where = source.locate(request.template or str(recorded.get("_src_path")))
            if where not in sources:
                sources[where] = stack.enter_context(source.opened(where))
            for version in (str(recorded.get("_commit")), request.to):
                sources[where].release(version)
    return sources


def _update(
    folder: Path, *, request: Request, sources: dict[str, Source], test: bool, commit: bool
) -> Outcome:
    try:
        done = updates.update(folder, request, sources=sources, test=test, commit=commit)
    except Exception as error:  # also a fault of our own stops nobody else
        return Outcome(folder, fault=said(error))
    plan = done.plan
    return Outcome(
        folder,
        plan.old,
        plan.new,
        len(plan.changes),
        tuple(change.path for change in plan.conflicts),
        untested=done.untested or "",
    )


def _row(project: Existing, known: dict[str, list[str]]) -> Row:
    answers = project.answers
    fault, behind = "", None
    try:
        behind = updates.standing(project.folder, known).behind
    except FewshotError as error:
        fault = str(error)
    dirty, waiting = False, ""
    try:
        updates.require_commit(project.folder)
        dirty = bool(worktree.status(project.folder))
        waiting = _waiting(project.folder)
    except FewshotError as error:
        fault = fault or str(error)
    return Row(
        project.folder,
        str(answers.get("task", "")),
        str(answers.get("target", "")),
        str(answers.get("_commit", "")),
        behind,
        _metric(project),
        dirty,
        waiting,
        fault,
    )


def _waiting(folder: Path) -> str:
    if git.git("ls-files", "--unmerged", "-z", "--", ".", cwd=folder):
        return "conflicts"
    pending = transaction.pending(folder)
    if not pending:
        return ""
    return "update not committed" if pending.whole else "update cut off"


def _metric(project: Existing) -> tuple[str, float] | None:
    """Returns the main metric of the newest run that was evaluated on test pictures."""
    for name in project.run_ids():
        with suppress(
            FewshotError, LookupError, AttributeError, TypeError, ValueError, ArithmeticError
        ):
            measured: Any = project.run(name).about["metrics"]["test"]
            for key in ("AP50", "accuracy"):
                if key in measured:
                    return key, float(measured[key]["value"])
    return None
