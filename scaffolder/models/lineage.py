"""A project's model goes into the library; from a model to what it was made from, and back."""

import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffolder import existing, fleet, provenance, reading
from scaffolder.errors import FewshotError, UsageError, said
from scaffolder.existing import Existing, Run
from scaffolder.models import entry, library, pull
from scaffolder.models.entry import Model


@dataclass(frozen=True)
class Descent:
    """What came from a model.

    Attributes:
        models: Models of the library that were trained from it, directly or over others.
        runs: The runs that started from it or from one of those.
        own: The run that it is itself.
        unreadable: What could not be read while looking for them.
    """

    models: list[Model] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    own: list[Run] = field(default_factory=list)
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
    named = [run for run in runs if run.id == model.trained.get("run")]
    found.own.extend(run for run in named if library.digest(run.model) == model.sha256)
    hashes = {model.sha256} - {None}
    while hashes:  # from parents to children, until a generation has none
        children = [each for each in models if hashes & _hashes(each.trained.get("base"))]
        trained = [run for run in runs if hashes & _hashes(provenance.base(run))]
        models = [each for each in models if each not in children]
        runs = [run for run in runs if run not in trained]
        found.models.extend(children)
        found.runs.extend(trained)
        hashes = {each.sha256 for each in children}
        hashes |= {library.digest(run.model) for run in trained}
    return found


def model_with(sha256: str | None) -> Model | None:
    """Returns the model of the library, or of the list, whose weights have a SHA-256."""
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


def _hashes(base: object) -> set[str | None]:
    """Returns the SHA-256 of a base and of those before it, so that none of them need be here."""
    known = (each.get("sha256") for each in provenance.bases(base))
    return {sha256 for sha256 in known if isinstance(sha256, str)}


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
    run, passed = origin.newest_to_start_from()
    if not run:
        no_run = f"{origin.name} has no finished run: train.py first"
        raise FewshotError(str(next(iter(passed.values()), no_run)))
    return run


def _default_name(project: str, run: str) -> str:
    """Returns a name for a model: letters and digits of any script stay as they are."""
    name = re.sub(r"[^\w.+-]+", "-", unicodedata.normalize("NFC", f"{project}-{run}"))
    return name.lstrip(".+-")


def _runs_below(folder: Path, unreadable: list[str]) -> Iterator[Run]:
    """Yields the runs of all projects in a folder; what cannot be read is added to a list."""
    for place in fleet.projects([folder]):
        try:
            origin = existing.read(place)
            run_ids = origin.run_ids()
        except (FewshotError, OSError) as error:
            unreadable.append(said(error))
            continue
        for run_id in run_ids:
            try:
                yield origin.run(run_id)
            except FewshotError as error:
                unreadable.append(str(error))
