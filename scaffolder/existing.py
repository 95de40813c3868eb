"""What an existing project says about itself. It is only read, and none of its code is run."""

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scaffolder import reading
from scaffolder.answers import Answers
from scaffolder.errors import FewshotError, UsageError
from scaffolder.rendering import ANSWERS_FILE

_LONGEST_CLASS = 1000  # characters; to compose them takes time that grows with the square


class NoStart(UsageError):
    """No training can start from a run.

    Attributes:
        key: Of the text that says so where a newer run than the one that is taken is passed over.
    """

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text)
        self.key = key


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        id: Name of its folder in runs/; the names sort by time.
        model: Its weights, an ordinary file.
        about: What its run.json says.
        sha256: Of the weights, once they were read.
    """

    id: str
    model: Path
    about: dict[str, Any]
    sha256: str = ""

    @property
    def finished(self) -> bool:
        return self.about.get("finished") is True

    @property
    def pruned(self) -> bool:
        """Whether channels were taken out of the network: no training can start from it."""
        return "pruned_from" in self.about

    @property
    def classes(self) -> list[str]:
        """The classes in the order of the head's rows."""
        return list(self.about["settings"]["classes"])


@dataclass(frozen=True)
class Existing:
    """A project that is there already, of this or an older template, edited or not.

    Attributes:
        folder: Its absolute path.
        answers: Its answers file; `_commit` is the template's version.
        settings: Its settings.yaml, empty if that is gone.
    """

    folder: Path
    answers: Answers
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def task(self) -> object:
        """What it learns, if its answers say so."""
        return self.answers.get("task")

    def run_ids(self) -> list[str]:
        """Returns the ids of all runs, newest first.

        Raises:
            FewshotError: `runs` is there and cannot be listed.
        """
        runs = self.folder / "runs"
        if not os.path.lexists(runs):
            return []
        try:
            found = [entry.name for entry in os.scandir(runs) if entry.is_dir()]
        except OSError as error:
            raise FewshotError(
                f"{runs} cannot be read ({error.strerror}): mount what it leads to, or remove it "
                "to do without its runs"
            ) from None
        return sorted((name for name in found if "." not in name), reverse=True)

    def run(self, name: str) -> Run:
        """Reads a run.

        Raises:
            FewshotError: There is no such run, or it has no model, or is described wrongly.
        """
        folder = self.folder / "runs" / name
        if name not in self.run_ids():
            known = ", ".join(self.run_ids()[:5]) or "none"
            raise UsageError(f"{self.name} has no run {name!r}; the newest are: {known}")
        about = reading.json_mapping(folder / "run.json")
        settings = about.get("settings")
        classes = settings.get("classes") if isinstance(settings, dict) else None
        if not isinstance(classes, list) or not all(
            isinstance(name, str) and len(name) <= _LONGEST_CLASS for name in classes
        ):
            raise FewshotError(f"{folder / 'run.json'} does not say which classes were trained")
        model = folder / "model.safetensors"
        if about.get("finished") is not True and not os.path.lexists(model):
            raise self._unfinished(name)  # it has just begun
        if not os.path.lexists(model):
            raise FewshotError(f"{model} is missing: copy it from where the run was trained")
        if not stat.S_ISREG(os.lstat(model).st_mode):
            raise FewshotError(f"{model} is not an ordinary file")
        return Run(name, model, about)

    def run_to_start_from(self, name: str) -> Run:
        """Reads a run that training can start from.

        Raises:
            FewshotError: As `run`; or it is not finished, or pruned, or its model has changed.
        """
        run = self.run(name)
        if not run.finished:
            raise self._unfinished(name)
        if run.pruned:
            raise NoStart(
                f"run {name} of {self.name} is pruned, and no training can start from it: "
                "take the run that it was made from",
                "pruned_run",
            )
        digest = reading.sha256(run.model)
        if run.about.get("model_sha256", digest) != digest:
            raise FewshotError(
                f"{run.model} is not the file that run.json tells of: copy it again from where the "
                "run was trained"
            )
        return replace(run, sha256=digest)

    def newest_to_start_from(self) -> tuple[Run | None, dict[str, FewshotError]]:
        """Returns the newest run that training can start from, if there is one, and by their ids
        why none can start from the newer ones."""
        passed: dict[str, FewshotError] = {}
        for name in self.run_ids():
            try:
                return self.run_to_start_from(name), passed
            except FewshotError as error:
                passed[name] = error
        return None, passed

    def _unfinished(self, name: str) -> NoStart:
        text = f"run {name} of {self.name} is not finished: train.py --resume there"
        return NoStart(text, "unfinished_run")


def read(folder: Path) -> Existing:
    """Reads a project.

    Raises:
        FewshotError: It is no project, or its files cannot be read; says which and why.
    """
    folder = folder_of(folder)
    path = folder / ANSWERS_FILE
    answers = reading.yaml_mapping(reading.text(path), str(path))
    path = folder / "settings.yaml"
    settings = reading.yaml_mapping(reading.text(path), str(path)) if path.exists() else {}
    return Existing(folder, {str(name): value for name, value in answers.items()}, settings)


def folder_of(folder: Path) -> Path:
    """Returns the absolute path of a project's folder.

    Raises:
        FewshotError: It is no project.
    """
    if "\0" in str(folder) or not folder.is_dir():
        raise UsageError(f"there is no project {str(folder)!r}")
    folder = folder.resolve()
    if "\n" in str(folder):  # git writes paths one a line
        raise FewshotError(f"{str(folder)!r} has a line break in it: rename that folder first")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise FewshotError(f"{folder} cannot be read: permission denied")
    if not os.path.lexists(folder / ANSWERS_FILE):
        raise FewshotError(f"{folder} has no {ANSWERS_FILE}: it is no project of fewshot")
    return folder
