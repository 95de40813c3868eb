"""A project's model goes into the library; from a model to what it was made from, and back."""

import os
import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffolder import existing, provenance, reading
from scaffolder.errors import FewshotError, UsageError
from scaffolder.existing import Existing, Run
from scaffolder.models import entry, library, pull
from scaffolder.models.entry import Model
from scaffolder.rendering import ANSWERS_FILE

_DEEPEST = 6  # folders below the one that is searched for projects


@dataclass(frozen=True)
class Descent:
    """What came from a model.

    Attributes:
        models: Models of the library that were trained from it, directly or over others.
        runs: Project folder and run id of the runs that started from it or from one of those.
        unreadable: What could not be read while looking for them.
    """

    models: list[Model] = field(default_factory=list)
    runs: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def publish(project: Path, run_id: str | None = None, name: str | None = None) -> Model:
    """Puts a model that a project trained into the library. The project is only read.

    Args:
        project: Its folder.
        run_id: The run; the newest finished one by default.
        name: What the model shall be called; project and run by default.

    Raises:
        FewshotError: There is no such run, or it is not finished or pruned, or its model is
            damaged.
    """
    origin = existing.read(project)
    if run_id is not None:
        run = origin.run_to_start_from(run_id)
    else:
        run = _newest_finished(origin)
    name = entry.check_name(name or _default_name(origin.name, run.id))
    if name in entry.known_models():
        raise UsageError(f"{name} is a model that comes with fewshot: take another --name")
    with library.stage() as stage:
        file = stage / f"{name}.safetensors"
        trained = provenance.of_run(origin, run, reading.copy(run.model, file))
        known = trained | {
            "name": name,
            "architecture": trained.get("detector") or trained.get("backbone"),
            "source": f"run {run.id} of project {origin.name}",
            "licence": entry.NOT_STATED,
            "format": "safetensors",
            "via": "fewshot models publish",
            "added": time.strftime("%Y-%m-%d"),
        }
        model = entry.from_dict(known, f"run {run.id} of {origin.name}")
        return pull.take_in(model, file).model


def descent(name: str, folder: Path | None = None) -> Descent:
    """Returns what was made from a model.

    Args:
        name: The model.
        folder: A folder with projects, whose runs are searched as well.

    Raises:
        FewshotError: There is no such model.
    """
    model = pull.known(name)
    if not model:
        raise library.unknown(name)
    found = Descent()
    models = list(_models_here(found.unreadable))
    runs = list(_runs_below(folder, found.unreadable)) if folder else []
    hashes: set[str | None] = {model.sha256} - {None}
    while hashes:  # from parents to children, until a generation has none
        children = [each for each in models if _base(each) in hashes]
        trained = [run for run in runs if provenance.base(run)["sha256"] in hashes]
        models = [each for each in models if each not in children]
        runs = [run for run in runs if run not in trained]
        found.models.extend(children)
        found.runs.extend((run.model.parents[2], run.id) for run in trained)
        hashes = {each.sha256 for each in children}
        hashes |= {library.digest(run.model) for run in trained}
    return found


def parent(model: Model) -> Model | None:
    """Returns the model of the library, or of the list, from which one was trained."""
    sha256 = _base(model)
    candidates = [*_models_here([]), *entry.known_models().values()]
    return next((m for m in candidates if m.sha256 and m.sha256 == sha256), None)


def figures(model: Model) -> Iterator[str]:
    """Yields the metrics of a published model that have a value, as in `test AP50 0.91`."""
    splits: dict[str, Any] = model.trained.get("metrics") or {}
    for split, metrics in splits.items():
        for name, metric in metrics.items() if isinstance(metrics, dict) else ():
            value = metric.get("value") if isinstance(metric, dict) else metric
            if isinstance(value, float):
                yield f"{split} {name} {value:.3f}"


def _base(model: Model) -> str | None:
    base: dict[str, str | None] = model.trained.get("base") or {}
    return base.get("sha256")


def _models_here(unreadable: list[str]) -> Iterator[Model]:
    """Yields the models of the library; what cannot be read is added to a list."""
    for name in library.names():
        try:
            model = library.read(name)
        except FewshotError as error:
            unreadable.append(str(error))
        else:
            assert model is not None
            yield model


def _newest_finished(origin: Existing) -> Run:
    for run_id in origin.run_ids():
        try:
            run = origin.run(run_id)
        except FewshotError:
            continue
        if run.finished and not run.pruned:
            return run
    raise FewshotError(f"{origin.name} has no finished run: train.py first")


def _default_name(project: str, run: str) -> str:
    """Returns a name for a model: letters and digits of any script stay as they are."""
    name = re.sub(r"[^\w.+-]+", "-", unicodedata.normalize("NFC", f"{project}-{run}"))
    return name.lstrip(".+-")


def _runs_below(folder: Path, unreadable: list[str]) -> Iterator[Run]:
    """Yields the runs of all projects in a folder; what cannot be read is added to a list."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    top = len(folder.resolve().parts)
    for place, folders, files in os.walk(folder.resolve()):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if len(Path(place).parts) - top >= _DEEPEST:
            folders.clear()
        if ANSWERS_FILE not in files:
            continue
        folders.clear()  # a project holds no others
        try:
            origin = existing.read(Path(place))
        except FewshotError as error:
            unreadable.append(str(error))
            continue
        for run_id in origin.run_ids():
            try:
                yield origin.run(run_id)
            except FewshotError as error:
                unreadable.append(str(error))
