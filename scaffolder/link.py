"""`fewshot link`: finds out which template version a project was made from, and records it."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scaffolder import answers, reading, source, writing
from scaffolder.errors import FewshotError, UsageError
from scaffolder.git import prepare
from scaffolder.rendering import ANSWERS_FILE, render, users_files
from scaffolder.source import Release, Source

_LIMIT = 2 << 20  # bytes; no file of a template is larger
LEAST = 0.3  # below this share of equal text a folder is taken for something else


@dataclass(frozen=True)
class Linked:
    """What a project was made from.

    Attributes:
        folder: The project.
        version: The template version that fits best.
        answers: The answers that fit best.
        likeness: Share of the template's text that the project still has, 0 to 1.
        edited: Template files that differ.
        missing: Template files that are not there.
    """

    folder: Path
    version: str
    answers: dict[str, Any]
    likeness: float
    edited: list[str]
    missing: list[str]


def link(
    folder: Path,
    given: answers.Answers,
    *,
    template: str | None = None,
    version: str | None = None,
) -> Linked:
    """Writes the answers file of a project that has lost it, or was copied by hand.

    Every release is rendered with each answer that any of them offers to choose from, and compared.

    Args:
        folder: The project.
        given: Answers that are known.
        template: Template source; by default what comes with `fewshot`.
        version: Template version, if it is known.

    Raises:
        FewshotError: It looks like no project, or has its answers file; nothing was written.
    """
    prepare()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    folder = folder.resolve()
    path = folder / ANSWERS_FILE
    if path.is_file() and not path.stat().st_size:
        raise FewshotError(f"{path} is empty: remove it, then try again")
    if os.path.lexists(path):
        raise FewshotError(f"{path} is there: the project is linked already")
    with source.opened(template) as opened:
        released = [tag for tag in opened.versions if source.newest([tag])]
        tried = [version] if version else released
        if not tried:
            raise UsageError(f"{opened.where} has no released version: name one with --version")
        _refuse_wrong(given, [opened.release(tag) for tag in tried])
        known = _classes(folder, opened.release(tried[-1])) | given
        best, chosen = max(
            (_best_task(opened, tag, folder, known) for tag in tried), key=lambda found: found[0]
        )
        release, fitting = chosen
        for name in release.questions:
            if name not in given and name != "task":
                for value in _offered(opened, released, name):
                    trial = fitting | {name: value}
                    likeness = _likeness(folder, release, trial)
                    if likeness > best:
                        best, fitting = likeness, trial
        if best < LEAST:
            raise FewshotError(
                f"{folder} does not look like a project of {opened.where}: "
                f"at most {best:.0%} of the template's text is in it"
            )
        return _write(folder, release, fitting, best)


def _best_task(
    opened: Source, tag: str, folder: Path, known: answers.Answers
) -> tuple[float, tuple[Release, answers.Answers]]:
    """Returns how well a version fits with the task that fits best."""
    release = opened.release(tag)
    tasks = answers.choices(release.questions.get("task", {}))
    trials = [known | {"task": task} for task in tasks if known.get("task", task) == task]
    found = [(_likeness(folder, release, trial), trial) for trial in trials or [known]]
    likeness, fitting = max(found, key=lambda pair: pair[0])
    return likeness, (release, fitting)


def _offered(opened: Source, tags: list[str], name: str) -> list[Any]:
    """Returns the values that any release offers for a question."""
    questions = [opened.release(tag).questions.get(name, {}) for tag in tags]
    return list(dict.fromkeys(value for one in questions for value in answers.choices(one)))


def _refuse_wrong(given: answers.Answers, tried: list[Release]) -> None:
    """Raises UsageError if the answers fit with no release."""
    fault = None
    for release in tried:
        try:
            answers.check(given, release.questions)
            return
        except UsageError as error:
            fault = error
    assert fault
    raise fault


def _classes(folder: Path, release: Release) -> answers.Answers:
    """Returns the class names that settings.yaml holds, if the template can take them."""
    try:
        path = folder / "settings.yaml"
        names = reading.yaml_mapping(reading.text(path), path.name).get("classes")
        found = answers.merge({"classes": names}) if isinstance(names, list) else {}
        task = {"task": "detection"} if "task" in release.questions else {}  # takes any name
        answers.check(found | task, release.questions)
    except FewshotError:
        return {}
    return found


def _likeness(folder: Path, release: Release, given: answers.Answers) -> float:
    """Returns the share of the template's lines that the project's files hold, 0 to 1."""
    try:
        checked = answers.check(given, release.questions)
    except UsageError:
        return 0.0
    with TemporaryDirectory(prefix="fewshot-") as temporary:
        rendered = Path(temporary) / "project"
        render(release, rendered, checked, left_out=users_files(release, checked))
        equal = whole = 0
        for path in _files(rendered):
            ours = Counter((rendered / path).read_bytes().splitlines())
            whole += ours.total()
            theirs = folder / path
            if theirs.is_file() and theirs.stat().st_size <= _LIMIT:
                equal += (ours & Counter(theirs.read_bytes().splitlines())).total()
    return equal / max(whole, 1)


def _files(rendered: Path) -> list[str]:
    paths = sorted(path for path in rendered.rglob("*") if path.is_file())
    return [p.relative_to(rendered).as_posix() for p in paths if p.name != ANSWERS_FILE]


def _write(folder: Path, release: Release, given: answers.Answers, likeness: float) -> Linked:
    with TemporaryDirectory(dir=folder, prefix=".fewshot-") as temporary:
        rendered = Path(temporary) / "project"
        checked = answers.check(given, release.questions)
        recorded = render(release, rendered, checked, left_out=users_files(release, checked))
        edited, missing = [], []
        for path in _files(rendered):
            file = folder / path
            if not file.is_file():
                missing.append(path)
            elif file.read_bytes() != (rendered / path).read_bytes():
                edited.append(path)
        ours = folder / ANSWERS_FILE
        ours.touch(exist_ok=False)  # never over another one
        try:
            writing.replace(ours, (rendered / ANSWERS_FILE).read_bytes())
        except BaseException:
            ours.unlink()
            raise
    own = {name: value for name, value in recorded.items() if not name.startswith("_")}
    return Linked(folder, release.version, own, likeness, edited, missing)
