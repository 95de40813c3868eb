"""`fewshot adapt`: a new project from an existing one, with its trained weights as the start."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffolder import answers, create, existing, reading, settings_text
from scaffolder import source as sources
from scaffolder import start as starts
from scaffolder.carry_over import listed, settings_of
from scaffolder.errors import FewshotError, UsageError
from scaffolder.existing import Existing
from scaffolder.messages import Note, texts
from scaffolder.rendering import ANSWERS_FILE, render
from scaffolder.source import Release
from scaffolder.start import START, Start

# What is rendered to tell what an owner has edited.
_BUT_THE_OWNERS = ("*", f"!{ANSWERS_FILE}", "!settings.yaml", "!custom.py")


@dataclass(frozen=True)
class Adapted:
    """A project that was made from another.

    Attributes:
        project: The new project.
        notes: What was carried over, and what not.
    """

    project: create.Project
    notes: list[Note] = field(default_factory=list)


def adapt(
    source: Path,
    dest: Path,
    given: answers.Answers,
    *,
    run_id: str | None = None,
    settings: dict[str, Any] | None = None,
    template: str | None = None,
    defaults: bool = False,
    confirm: Callable[[dict[str, Any], dict[str, str], Note], create.Decision] = (
        lambda recorded, shown, start: create.Decision.WRITE
    ),
) -> Adapted | None:
    """Makes a project from an existing one, which is only read.

    Args:
        source: The existing project.
        dest: A folder that is empty or not there yet.
        given: Answers that replace those of the existing project.
        run_id: The run whose weights to start from; the newest finished one by default.
        settings: Values of settings.yaml on top of the carried ones, by dotted name.
        template: Template source; by default what comes with `fewshot`.
        defaults: Ask nothing.
        confirm: Called, unless `defaults`, with the answers, each as the questions show it, and
            what training would start from, before anything is put in its place; see `create.new`.

    Returns:
        The project, or None if `confirm` said STOP.

    Raises:
        FewshotError: Nothing was made.
    """
    origin = existing.read(source)
    dest_path = Path(os.path.realpath(dest))
    if dest_path.is_relative_to(origin.folder):
        raise UsageError(f"{dest} lies inside {source}, which is only read: choose another folder")
    task = origin.task
    if not isinstance(task, str):
        raise FewshotError(f"{origin.folder / ANSWERS_FILE} names no task")
    if given.get("task", task) != task:
        say = texts(given.get("language", origin.answers.get("language")))
        raise UsageError(
            say["other_projects_task"].format(
                project=origin.name, its_task=task, task=given["task"]
            )
        )
    notes: list[Note] = []
    if run_id is not None:
        start: Start | None = starts.of_run(origin, run_id)
    else:
        start = starts.of_project(origin, notes)
    told = ("start_run", start.names) if start else ("start_base", {"project": origin.name})

    def fill(folder: Path, recorded: dict[str, Any]) -> None:
        own = [name for name in origin.answers if not name.startswith("_")]
        if left := [name for name in own if name not in recorded]:
            notes.append(("dropped_answers", {"answers": listed(left)}))
        ours = _settings(folder)
        replaced = settings or {}
        with _as_made(origin, template, notes) as made:
            theirs = _as_given(origin, made)
            changes = settings_of(origin, theirs, ours, replaced, dest_path, notes)
            _carry_custom(origin, [*made, folder], folder, notes)
        if start:
            starts.require_known(["model.start"], ours, recorded["_commit"])
            changes |= _fitting(start, ours | changes, notes) | {"model.start": START}
            start.write(folder / START)
            notes.extend(start.notes(ours["classes"]))
        settings_text.change_file(folder / "settings.yaml", changes | replaced)

    project = create.new(
        dest,
        given | {"task": task},
        initial=_initial(origin),
        source=template,
        defaults=defaults,
        confirm=lambda recorded, shown: confirm(recorded, shown, told),
        fill=fill,
    )
    return Adapted(project, notes) if project else None


def _initial(origin: Existing) -> answers.Answers:
    """Returns the answers of a project as they are now: settings.yaml decides on the classes."""
    own = {name: value for name, value in origin.answers.items() if not name.startswith("_")}
    classes = origin.settings.get("classes")
    return answers.merge(own, {"classes": classes} if isinstance(classes, list) else {})


@contextmanager
def _as_made(origin: Existing, template: str | None, notes: list[Note]) -> Iterator[list[Path]]:
    """Yields settings.yaml and custom.py as the versions of the origin's template make them of its
    answers, up to its own: nobody chose what stands there, and an update leaves the older ones."""
    version, where = str(origin.answers.get("_commit")), str(origin.answers.get("_src_path"))
    with tempfile.TemporaryDirectory(prefix="fewshot-") as temporary:
        made: list[Path] = []
        try:
            if not sources.is_in_use(where, template):
                raise FewshotError(f"it is another one; to stay with it add --template {where!r}")
            with sources.opened(where) as opened:
                _make(origin, opened.release(version), made, Path(temporary))
                tags = [tag for tag in opened.versions if sources.newest([tag])]
                for tag in reversed(tags):
                    if _is_untouched(origin, made[-1]):
                        break
                    if tag != version and opened.contains(version, tag):
                        with suppress(FewshotError):  # a broken version, or one with other answers
                            _make(origin, opened.release(tag), made, Path(temporary))
        except FewshotError as error:
            notes.append(("origin_template", {"version": version, "why": error}))
        yield made


def _make(origin: Existing, release: Release, made: list[Path], place: Path) -> None:
    """Adds to `made` what a version makes of the origin's answers."""
    known = {k: v for k, v in origin.answers.items() if k in release.questions}
    known = answers.check(known, release.questions)
    folder = place / str(len(made))
    try:
        slim = replace(release, folder=place / f"{len(made)}-template")
        shutil.copytree(release.folder, slim.folder, ignore=_not_needed)
        render(slim, folder, known, left_out=_BUT_THE_OWNERS)
    except FewshotError:  # what is needed includes what seemed not to be
        shutil.rmtree(folder, ignore_errors=True)
        render(release, folder, known, left_out=_BUT_THE_OWNERS)
    made.append(folder)


def _not_needed(folder: str, names: list[str]) -> set[str]:
    """Returns the files of a template that none of the owner's is made of, as far as their names
    tell: copier renders the name of each before it leaves one out, which takes most of its time."""
    needed = re.compile(r"settings\.yaml|custom\.py|copier\.yml|\.jinja$|\{\{|\{%")
    return {
        name
        for name in names
        if not needed.search(name) and not os.path.isdir(os.path.join(folder, name))
    }


def _is_untouched(origin: Existing, made: Path) -> bool:
    """Whether the owner's files say what a version made of them."""
    with suppress(FewshotError):
        custom = reading.text(origin.folder / "custom.py")
        own = settings_text.dotted(origin.settings)
        return own == _settings(made) and _is_custom_of(custom, made)
    return False


def _as_given(origin: Existing, made: list[Path]) -> dict[str, Any]:
    """Returns the settings of the version that wrote the origin's settings.yaml: an update leaves
    that file, so that it has most values in common with it."""
    own = settings_text.dotted(origin.settings)

    def alike(theirs: dict[str, Any]) -> int:
        return sum(name in theirs and theirs[name] == value for name, value in own.items())

    return max(map(_settings, made), key=alike, default={})


def _settings(folder: Path) -> dict[str, Any]:
    """Returns the settings of a rendered project by dotted name; none if it has no file."""
    path = folder / "settings.yaml"
    return settings_text.read(path) if path.is_file() else {}


def _fitting(
    start: Start, ours: dict[str, Any], notes: list[Note]
) -> dict[str, settings_text.Scalar]:
    """Returns the settings that must be as the model had them, whatever they have become since."""
    changes: dict[str, settings_text.Scalar] = {
        name: value for name, value in start.networks.items() if ours.get(name, value) != value
    }
    if changes:
        shown = ", ".join(f"{name}: {value}" for name, value in changes.items())
        notes.append(("fitting", {"settings": shown}))
    return changes


def _carry_custom(origin: Existing, made: Iterable[Path], folder: Path, notes: list[Note]) -> None:
    """Copies custom.py, unless it says what that of a template says, its own or the new one."""
    path = origin.folder / "custom.py"
    try:
        text = reading.text(path)
    except FewshotError as error:
        if os.path.lexists(path):
            notes.append(("custom_left", {"why": error}))
        return
    if not any(_is_custom_of(text, place) for place in made):
        (folder / "custom.py").write_bytes(text.encode("utf-8"))
        notes.append(("custom", {}))


def _is_custom_of(text: str, made: Path) -> bool:
    path = made / "custom.py"
    return path.is_file() and path.read_bytes() == text.encode("utf-8")
