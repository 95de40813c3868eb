"""The trained model that training in a new project starts from."""

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffolder import provenance, reading
from scaffolder.carry_over import listed
from scaffolder.errors import FewshotError
from scaffolder.existing import Existing, NoStart, Run
from scaffolder.messages import Note

START = "start"  # a new project's folder with the weights, and what its model.start says
RECORD = "source.json"  # beside the weights


@dataclass(frozen=True)
class Start:
    """A trained model.

    Attributes:
        model: Its weights.
        about: What is known of it, at least what `provenance.of_run` says.
    """

    model: Path
    about: dict[str, Any]

    @property
    def names(self) -> dict[str, object]:
        """The run, and the project that trained it."""
        return {"project": self.about["project"], "run": self.about["run"]}

    @property
    def networks(self) -> dict[str, str]:
        """The networks that it was trained with, by the names of their settings."""
        known = {name: self.about.get(name) for name in ("backbone", "detector")}
        return {f"model.{name}": str(v) for name, v in known.items() if _is_network(v)}

    def write(self, folder: Path) -> None:
        """Writes the weights, and beside them where they come from, into a new folder.

        Raises:
            FewshotError: One of them cannot be read or written.
        """
        folder.mkdir()
        if reading.copy(self.model, folder / "model.safetensors") != self.about["sha256"]:
            raise FewshotError(f"{self.model} has changed just now: try again")
        provenance.write(folder / RECORD, self.about)


def of_run(origin: Existing, run_id: str) -> Start:
    """Returns what a run of a project has trained.

    Raises:
        FewshotError: There is no such run, or no training can start from it.
    """
    return _of(origin, origin.run_to_start_from(run_id))


def of_project(origin: Existing, notes: list[Note]) -> Start | None:
    """Returns what the newest run has trained that training can start from; without one, what the
    project itself starts from, unless that is a base model.

    Args:
        origin: The project.
        notes: Is told what is not used, and why.
    """
    run, passed = origin.newest_to_start_from()
    for name, error in passed.items():
        key = error.key if isinstance(error, NoStart) else "unusable_run"
        notes.append((key, {"run": name, "why": error}))
    if run:
        return _of(origin, run)
    try:
        inherited = _inherited(origin)
    except FewshotError as error:
        notes.append(("unusable_start", {"project": origin.name, "why": error}))
        inherited = None
    notes.append(("inherited" if inherited else "no_run", {"project": origin.name}))
    return inherited


def notes_on(about: dict[str, Any], classes: list[str]) -> list[Note]:
    """Returns what there is to say of the model that training starts from.

    Args:
        about: What `provenance.of_run` says of it.
        classes: Of the new project. Only a detector keeps the rows of its head.
    """
    known = {_composed(name) for name in about["classes"]}
    kept = [name for name in classes if _composed(name) in known]
    new = [name for name in classes if _composed(name) not in known]
    where_from = {"project": about["project"], "run": about["run"]}
    if about["task"] != "detection":
        key = "start_untrained" if about.get("stage") == 1 else "start_backbone"
        return [(key, where_from), ("start_files", {})]
    rows = {"kept": listed(kept), "new": listed(new)}
    return [("start_rows", where_from | rows), ("start_files", {})]


def require_known(names: Iterable[str], ours: dict[str, Any], version: str) -> None:
    """Raises FewshotError unless a template's settings have all that a start needs."""
    if not set(names) <= ours.keys():
        raise FewshotError(f"template {version} cannot start from a model: take a newer one")


def _of(origin: Existing, run: Run) -> Start:
    return Start(run.model, provenance.of_run(origin, run, reading.sha256(run.model)))


def _inherited(origin: Existing) -> Start | None:
    """Returns the trained model that a project says it starts from.

    Raises:
        FewshotError: It is not there, or not what its record tells of.
    """
    model = origin.settings.get("model")
    name = model.get("start") if isinstance(model, dict) else None
    if not isinstance(name, str) or not name:
        return None
    if not name.isprintable():
        raise FewshotError(f"settings.yaml of {origin.name}: model.start is no folder")
    folder = origin.folder / os.path.expanduser(name)
    start = Start(folder / "model.safetensors", reading.json_mapping(folder / RECORD))
    about = start.about
    texts = [about.get("project"), about.get("run"), *_items(about.get("classes"))]
    if not all(isinstance(text, str) for text in texts) or about.get("task") != origin.task:
        raise FewshotError(f"{folder / RECORD} tells of no model for {origin.task}")
    if reading.sha256(start.model) != about.get("sha256"):
        raise FewshotError(f"{start.model} is not the file that {RECORD} tells of: copy it again")
    return start


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_network(value: object) -> bool:
    """Whether a value can be the name of a network; some detectors have a backbone of their own,
    which no setting names."""
    is_name = isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w{0,99}", value) is not None
    return is_name and value != "native"


def _composed(name: str) -> str:
    """However its accents are composed: macOS takes them apart."""
    return unicodedata.normalize("NFC", name)
