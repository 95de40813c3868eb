"""A new project starts from a model of the library."""

from pathlib import Path
from typing import Any

from scaffolder import provenance, reading, settings_text
from scaffolder.carry_over import START, rows
from scaffolder.errors import FewshotError, UsageError
from scaffolder.messages import Note
from scaffolder.models import library, pull
from scaffolder.models.entry import Model


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


def answers(model: Model) -> dict[str, str]:
    """Returns the answer that a model gives: only a backbone goes with every task."""
    return {} if model.task == "backbone" else {"task": model.task}


def start_from(model: Model, folder: Path, task: str) -> Note:
    """Makes training in a new project start from a model.

    What a project trained is copied into its folder, as `fewshot adapt` does; a base model stays
    where it is.

    Args:
        model: As `ready` gave it.
        folder: The new project.
        task: Of the new project.

    Returns:
        What it starts from, to be told.

    Raises:
        FewshotError: The model was trained for another task.
    """
    if model.task not in ("backbone", task):
        raise UsageError(f"{model.name} is a model for {model.task}, not for {task}")
    settings = folder / "settings.yaml"
    changes: dict[str, Any] = model.settings(library.root() / model.name)
    if model.task == "backbone" and task == "detection":
        changes["model.detector"] = "dense"  # the others have backbones of their own
    note: Note = "base_weights", {"model": model.name, "file": library.file_of(model)}
    if "model.start" in changes:
        changes["model.start"] = START
        (folder / START).mkdir()
        sha256 = reading.copy(library.file_of(model), folder / START / model.file_name)
        library.require_same(model, sha256)
        provenance.write(folder / START / library.RECORD, model.as_dict())
        ours = reading.yaml_mapping(reading.text(settings), settings.name)["classes"]
        trained = model.trained
        note = "weights", rows(trained["project"], trained["run"], trained["classes"], ours)
    settings_text.change_file(settings, changes)
    return note
