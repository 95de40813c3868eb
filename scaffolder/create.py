"""Renders a project, commits it, and puts it in its place, all or nothing."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from scaffolder import answers, git
from scaffolder.errors import FewshotError, UsageError
from scaffolder.messages import texts
from scaffolder.rendering import render
from scaffolder.source import Release, checkout
from scaffolder.staging import remove_abandoned, staging


@dataclass(frozen=True)
class Project:
    """A project that was made.

    Attributes:
        folder: Where it is.
        version: The template version that it was made from.
        answers: The recorded answers.
        repository: The repository that holds the folder, if it was there before; nothing was
            committed to it then.
    """

    folder: Path
    version: str
    answers: dict[str, Any]
    repository: Path | None


class Decision(Enum):
    """What is to become of the answers that were shown."""

    WRITE = auto()
    ASK_AGAIN = auto()
    STOP = auto()


Confirm = Callable[[dict[str, Any], dict[str, str]], Decision]


def new(
    dest: Path,
    given: answers.Answers,
    *,
    initial: answers.Answers | None = None,
    source: str | None = None,
    version: str | None = None,
    defaults: bool = False,
    confirm: Confirm = lambda recorded, shown: Decision.WRITE,
    fill: Callable[[Path, dict[str, Any]], None] | None = None,
) -> Project | None:
    """Makes a project.

    The project is made in a hidden folder on the same disk and renamed at the end, so that
    whatever stops it before leaves nothing behind; what a killed one leaves is removed by the next.

    Args:
        dest: A folder that is empty or not there yet.
        given: Answers to questions that are not to be asked.
        initial: Answers that stand in for the questions' own defaults. What the template does
            not ask is left out.
        source: Template source; by default what comes with `fewshot`.
        version: Template version; by default the newest.
        defaults: Ask nothing: questions without an answer take their defaults.
        confirm: Called, unless `defaults`, with the answers, and each as the questions show it,
            before the project is put in its place. ASK_AGAIN asks all questions but a given task
            once more, with these answers as defaults.
        fill: Called with the folder and the answers before the first commit, to add files.

    Returns:
        The project, or None if `confirm` said STOP.

    Raises:
        FewshotError: Nothing was made.
    """
    git.prepare()
    dest = _free(dest)
    beside = dest if dest.is_dir() else dest.parent
    with checkout(source, version) as release, staging(beside) as stage:
        offered = {k: v for k, v in (initial or {}).items() if k in release.questions}
        given = answers.check(given, release.questions, offered.get("language"))
        offered = _checked_together(offered, given, release)
        if defaults:
            given = offered
        while True:
            with _named(dest):
                recorded = render(release, stage, given, offered=offered, defaults=defaults)
            if defaults:
                break
            decision = confirm(recorded, answers.shown(recorded, release.questions))
            if decision is Decision.STOP:
                return None
            if decision is Decision.WRITE:
                break
            _empty(stage)
            offered = {name: recorded[name] for name in release.questions if name in recorded}
            # The task stays: presets and weights to start from are for one.
            given = {name: value for name, value in given.items() if name == "task"}
        if fill:
            with _named(dest):
                fill(stage, recorded)
        outer = git.enclosing_repository(dest.parent, dest.name)
        if not outer:
            git.first_commit(stage, f"New project from template {recorded['_commit']}")
        _put(stage, dest)
    return Project(dest, recorded["_commit"], recorded, outer)


def _free(dest: Path) -> Path:
    """Returns the absolute path of a folder that can be made or is empty."""
    if "\0" in str(dest) or not str(dest).isprintable():
        raise UsageError(f"{str(dest)!r} cannot be the name of a folder")
    try:
        parent = dest.absolute().parent
        remove_abandoned(dest if dest.is_dir() else parent)
        if dest.is_dir():
            if any(dest.iterdir()):
                raise FewshotError(f"{dest} is not empty: choose another folder")
        elif os.path.lexists(dest):
            raise FewshotError(f"{dest} is not a folder: choose another name")
        elif not parent.is_dir():
            raise FewshotError(f"there is no folder {parent}: make it first, or correct the path")
        return dest.resolve()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "it is a loop of links"
        raise FewshotError(f"cannot use {dest}: {reason}") from None


@contextmanager
def _named(dest: Path) -> Iterator[None]:
    """Says where, when something cannot be written: a full disk does not."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise FewshotError(f"cannot write {dest}: {error.strerror or error}") from None


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _checked_together(
    offered: answers.Answers, given: answers.Answers, release: Release
) -> answers.Answers:
    """Returns the given answers on top of the offered ones."""
    merged = answers.merge(offered, given)
    try:
        return answers.check(merged, release.questions)
    except UsageError as error:
        say = texts(merged.get("language"))
        raise UsageError(say["other_projects_answers"].format(fault=error)) from None


def _put(stage: Path, dest: Path) -> None:
    """Renames the finished project to `dest`; into it if the folder is there already."""
    try:
        if stage.parent != dest:
            # Fails if something appeared there in the meantime.
            os.rename(stage, dest)
            return
        if [entry.name for entry in dest.iterdir()] != [stage.name]:
            raise FewshotError(f"{dest} is no longer empty: nothing was written")
        moved: list[Path] = []
        try:
            for entry in sorted(stage.iterdir()):
                entry.rename(dest / entry.name)
                moved.append(dest / entry.name)
        except BaseException:
            for entry in moved:
                entry.rename(stage / entry.name)
            raise
    except OSError as error:
        raise FewshotError(f"cannot write {dest}: {error.strerror}") from None
