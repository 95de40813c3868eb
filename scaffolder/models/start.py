"""A new project starts from a model of the library."""

from pathlib import Path
from typing import Any

from scaffolder import settings_text
from scaffolder.answers import Answers, merge
from scaffolder.errors import FewshotError, UsageError
from scaffolder.messages import Note, texts
from scaffolder.models import library, pull
from scaffolder.models.entry import Model
from scaffolder.source import with_tilde
from scaffolder.start import START, Start, require_known


def ready(name: str) -> Model:
    """Returns a model whose weights are in the library and whole.

    Raises:
        UsageError: Nobody knows such a model.
        FewshotError: They are not.
    """
    model = library.read(name)
    if not model or library.verify(name) or not library.is_here(model):
        raise pull.missing(name)
    if not model.trained and not model.architecture:
        raise FewshotError(
            f"nobody said which architecture {name} is: fewshot models pull {name} --architecture X"
        )
    return model


def answers(model: Model) -> Answers:
    """Returns the answer that a model gives: only a backbone goes with every task."""
    return {} if model.task == "backbone" else {"task": model.task}


def offered(model: Model) -> Answers:
    """Returns the answers that stand in for the questions' own defaults: its classes."""
    return merge({"classes": model.trained["classes"]}) if model.trained else {}


def require_task(model: Model, given: Answers) -> None:
    """Raises UsageError if the answers ask for a task that a model was not trained for."""
    task = given.get("task", model.task)
    if model.task not in ("backbone", task):
        say = texts(given.get("language"))
        names = {"model": model.name, "its_task": model.task, "task": task}
        raise UsageError(say["other_task"].format(**names))


def start_from(model: Model, folder: Path, recorded: Answers) -> list[Note]:
    """Makes training in a new project start from a model.

    What a project trained is copied into its folder, as `fewshot adapt` does; a base model stays
    where it is.

    Args:
        model: As `ready` gave it, of the project's task.
        folder: The new project.
        recorded: Its answers.

    Returns:
        What it starts from, to be told.

    Raises:
        FewshotError: The project's template is older than that.
    """
    path = folder / "settings.yaml"
    ours = settings_text.read(path)
    there = library.root() / model.name
    changes: dict[str, Any] = model.settings(Path(with_tilde(there)))
    if model.task == "backbone" and recorded["task"] == "detection":
        changes["model.detector"] = "dense"  # the others have backbones of their own
    require_known(changes, ours, recorded["_commit"])
    notes: list[Note] = [("base_weights", {"model": model.name, "file": library.file_of(model)})]
    if "model.start" in changes:
        changes["model.start"] = START
        start = Start(library.file_of(model), model.as_dict())
        start.write(folder / START)
        notes = start.notes(ours["classes"])
    settings_text.change_file(path, changes)
    return notes
