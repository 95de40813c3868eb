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

    def notes(self, classes: list[str]) -> list[Note]:
        """Returns what there is to say of it to a project with these classes. Only a detector
        keeps the rows of its head."""
        known = {_composed(name) for name in self.about["classes"]}
        kept = [name for name in classes if _composed(name) in known]
        new = [name for name in classes if _composed(name) not in known]
        if self.about["task"] != "detection":
            key = "start_untrained" if self.about.get("stage") == 1 else "start_backbone"
            return [(key, self.names), ("start_files", {})]
        rows = {"kept": listed(kept), "new": listed(new)}
        return [("start_rows", self.names | rows), ("start_files", {})]

    def write(self, folder: Path) -> None:
        """Writes the weights, and beside them where they come from, into a folder.

        Raises:
            FewshotError: One of them cannot be read or written.
        """
        folder.mkdir(exist_ok=True)
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


def require_known(names: Iterable[str], ours: dict[str, Any], version: str) -> None:
    """Raises FewshotError unless a template's settings have all that a start needs."""
    if not set(names) <= ours.keys():
        raise FewshotError(f"template {version} cannot start from a model: take a newer one")


def _of(origin: Existing, run: Run) -> Start:
    return Start(run.model, provenance.of_run(origin, run, run.sha256))


def _inherited(origin: Existing) -> Start | None:
    """Returns the trained model that a project says it starts from.

    Raises:
        FewshotError: It is not there, or not what its record tells of.
    """
    model = origin.settings.get("model")
    name = model.get("start") if isinstance(model, dict) else None
    if not isinstance(name, str) or not name:
        return None
    is_path = name.isprintable() and len(name) < 1000
    folder = Path(os.path.realpath(origin.folder / name)) if is_path else None
    if not folder or not folder.is_relative_to(origin.folder):
        raise FewshotError(f"model.start of {origin.name} is no folder in it")
    start = Start(folder / "model.safetensors", reading.json_mapping(folder / RECORD))
    about = start.about
    known = {name: about.get(name) for name in provenance.FIELDS}
    wrong = [k for k, v in known.items() if v is not None and not provenance.FIELDS[k](v)]
    wrong += [name for name in ("project", "run", "classes") if not known[name]]
    if wrong or about.get("task") != origin.task:
        raise FewshotError(f"{folder / RECORD} tells of no model for {origin.task}")
    if reading.sha256(start.model) != about.get("sha256"):
        raise FewshotError(f"{start.model} is not the file that {RECORD} tells of: copy it again")
    return start


def _is_network(value: object) -> bool:
    """Whether a value can be the name of a network; some detectors have a backbone of their own,
    which no setting names."""
    is_name = isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w{0,99}", value) is not None
    return is_name and value != "native"


def _composed(name: str) -> str:
    """However its accents are composed: macOS takes them apart."""
    return unicodedata.normalize("NFC", name)
