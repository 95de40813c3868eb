"""`fewshot adapt`: a new project from an existing one, with its trained weights as the start."""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffolder import answers, create, existing, provenance, reading, settings_text
from scaffolder import source as sources
from scaffolder.carry_over import START, require_start, settings_of, start_notes
from scaffolder.errors import FewshotError, UsageError
from scaffolder.existing import Existing, NoStart, Run
from scaffolder.messages import Note
from scaffolder.rendering import ANSWERS_FILE, render
from scaffolder.source import Release

# What is rendered to tell what an owner has edited.
_BUT_THE_OWNERS = ("*", f"!{ANSWERS_FILE}", "!settings.yaml", "!custom.py")


@dataclass(frozen=True)
class Adapted:
    """A project that was made from another.

    Attributes:
        project: The new project.
        run: The run whose weights it starts from; None for the base model.
        notes: What was carried over, and what not.
    """

    project: create.Project
    run: Run | None
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
    task = origin.answers.get("task")
    if not isinstance(task, str):
        raise FewshotError(f"{origin.folder / ANSWERS_FILE} names no task")
    if given.get("task", task) != task:
        raise UsageError(
            f"{origin.name} is a project for {task}, not for {given['task']}: "
            "what one task has learned does not fit another"
        )
    notes: list[Note] = []
    if run_id is not None:
        run: Run | None = origin.run_to_start_from(run_id)
    else:
        run = _newest(origin, notes)
    names = {"project": origin.name, "run": run.id if run else None}
    start = "start_run" if run else "start_base", names

    def fill(folder: Path, recorded: dict[str, Any]) -> None:
        ours = _settings(folder)
        replaced = settings or {}
        with _as_made(origin, template, notes) as made:
            theirs = _as_given(origin, made)
            changes = settings_of(origin, theirs, ours, replaced, dest_path, notes)
            _carry_custom(origin, [*made, folder], folder, notes)
        if run:
            require_start(["model.start"], ours, recorded["_commit"])
            changes |= _fitting(run, ours | changes, notes) | {"model.start": START}
            about = _write_start(folder / START, origin, run)
            notes.extend(start_notes(about, ours["classes"]))
        settings_text.change_file(folder / "settings.yaml", changes | replaced)

    project = create.new(
        dest,
        given | {"task": task},
        initial=_initial(origin),
        source=template,
        defaults=defaults,
        confirm=lambda recorded, shown: confirm(recorded, shown, start),
        fill=fill,
    )
    return Adapted(project, run, notes) if project else None


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
                    if tag != version and opened.contains(version, tag):
                        with suppress(FewshotError):  # a broken version, or one with other answers
                            _make(origin, opened.release(tag), made, Path(temporary))
        except FewshotError as error:
            notes.append(("origin_template", {"version": version, "why": error}))
        yield made


def _make(origin: Existing, release: Release, made: list[Path], place: Path) -> None:
    """Adds to `made` what a version makes of the origin's answers."""
    known = {k: v for k, v in origin.answers.items() if k in release.questions}
    folder = place / str(len(made))
    render(release, folder, answers.check(known, release.questions), left_out=_BUT_THE_OWNERS)
    made.append(folder)


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


def _newest(origin: Existing, notes: list[Note]) -> Run | None:
    run, passed = origin.newest_to_start_from()
    for name, error in passed.items():
        key = error.key if isinstance(error, NoStart) else "unusable_run"
        notes.append((key, {"run": name, "why": error}))
    if not run:
        notes.append(("no_run", {"project": origin.name}))
    return run


def _fitting(run: Run, ours: dict[str, Any], notes: list[Note]) -> dict[str, settings_text.Scalar]:
    """Returns the settings that must be as the run had them, whatever they have become since."""
    model = run.about["settings"].get("model")
    backbone = model.get("backbone") if isinstance(model, dict) else None
    needed = {
        "model.backbone": backbone,
        "model.detector": provenance.architecture(run).get("detector"),
    }
    changes: dict[str, settings_text.Scalar] = {
        name: value
        for name, value in needed.items()
        if _is_network(value) and ours.get(name, value) != value
    }
    if changes:
        shown = ", ".join(f"{name}: {value}" for name, value in changes.items())
        notes.append(("fitting", {"settings": shown}))
    return changes


def _is_network(value: object) -> bool:
    """Whether a value of run.json can be the name of a network."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w{0,99}", value) is not None


def _write_start(folder: Path, origin: Existing, run: Run) -> dict[str, Any]:
    """Writes the weights, and beside them where they come from, which it returns."""
    folder.mkdir(exist_ok=True)
    sha256 = reading.copy(run.model, folder / "model.safetensors")
    about = provenance.of_run(origin, run, sha256)
    provenance.write(folder / "source.json", about)
    return about


def _carry_custom(origin: Existing, made: Iterable[Path], folder: Path, notes: list[Note]) -> None:
    """Copies custom.py, unless it says what that of a template says, its own or the new one."""
    path = origin.folder / "custom.py"
    try:
        text = reading.text(path)
    except FewshotError as error:
        if os.path.lexists(path):
            notes.append(("custom_left", {"why": error}))
        return
    content = text.encode("utf-8")
    templates = [place / "custom.py" for place in made]
    if not any(path.is_file() and path.read_bytes() == content for path in templates):
        (folder / "custom.py").write_bytes(content)
        notes.append(("custom", {}))
