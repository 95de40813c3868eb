"""A model comes into the library: fetched, looked through, compared with what is recorded."""

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from scaffolder.errors import FewshotError, UsageError
from scaffolder.models import entry, fetch, library, weight_file
from scaffolder.models.entry import Model


@dataclass(frozen=True)
class Pulled:
    """A model that is in the library now.

    Attributes:
        model: What the library knows of it.
        was_here: Whether it was there already.
        is_first: Whether nothing but the source itself vouches for the bytes.
    """

    model: Model
    was_here: bool = False
    is_first: bool = False

    @property
    def folder(self) -> Path:
        return library.root() / self.model.name


def pull(
    name: str,
    *,
    source: str | None = None,
    sha256: str | None = None,
    task: str | None = None,
    architecture: str | None = None,
    licence: str | None = None,
    tell: fetch.Tell = lambda done, total: None,
) -> Pulled:
    """Brings a model into the library, unless it is there.

    Args:
        name: A known model, or a new name; then `source` must be given.
        source: Where to take it from instead: an address, modelscope:…, or a file.
        sha256: What its SHA-256 must be.
        task: Of a new model; backbone by default.
        architecture: Of a new model, as settings.yaml calls it.
        licence: Of a new model.
        tell: Is told the bytes so far and, if known, all of them.

    Raises:
        FewshotError: It could not be had or is not what it should be; nothing was changed.
    """
    if sha256 is not None:
        sha256 = sha256.lower()
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise UsageError(f"--sha256: {sha256!r} is not 64 hexadecimal digits")
    recorded = library.read(name)
    wanted = _wanted(name, source, task, architecture, licence)
    if sha256 is not None:
        library.require_same(wanted, sha256)
        wanted = entry.from_dict(wanted.as_dict() | {"sha256": sha256}, "--sha256")
    if source is None and recorded and not library.verify(name):
        if wanted != recorded:
            wanted = library.remember(wanted)
        if library.is_here(wanted):
            return Pulled(wanted, was_here=True)
    via = source or fetch.mirrored(_address(wanted))
    kind = _format(via)
    with library.stage() as stage:
        with library.lock():
            pass  # whoever may not take it is told before the download
        file = stage / f"{name}.{kind}"
        fetch.fetch(via, file, wanted.size, wanted.sha256 is not None, tell)
        came = replace(wanted, format=kind, via=_without_query(via))
        return take_in(came, file)


def take_in(model: Model, file: Path) -> Pulled:
    """Looks a file through and puts it into the library.

    Args:
        model: What is known of it; size and SHA-256 if they are.
        file: Lies in a folder of `library.stage`.

    Raises:
        FewshotError: It is not what was recorded, damaged, or more than data.
    """
    sha256, size = library.digest(file), file.stat().st_size
    library.require_same(model, sha256)
    if not size:
        raise FewshotError(f"{file.name} is empty")
    counted = weight_file.check(file, model.format)
    came = replace(
        model,
        size=size,
        sha256=sha256,
        parameters=model.parameters or counted,
        added=time.strftime("%Y-%m-%d"),
    )
    return Pulled(library.put(came, file), is_first=model.sha256 is None)


def known(name: str) -> Model | None:
    """Returns what the library or the list that comes with `fewshot` says of a model."""
    return library.read(name) or entry.known_models().get(name)


def missing(name: str) -> FewshotError:
    """Returns what to raise for a model whose weights are not in the library."""
    model = known(name)
    if not model:
        return library.unknown(name)
    try:
        _address(model)
    except FewshotError as error:
        return error
    return FewshotError(f"{name} is not in the library: fewshot models pull {name}")


def _wanted(
    name: str,
    source: str | None,
    task: str | None,
    architecture: str | None,
    licence: str | None,
) -> Model:
    found = known(name)
    given = {"task": task, "architecture": architecture, "licence": licence}
    given = {key: value for key, value in given.items() if value is not None}
    if found:
        for key, value in given.items():
            if getattr(found, key) not in (None, entry.NOT_STATED, value):
                raise UsageError(f"{name} is known with another {key}: take another name")
        return entry.from_dict(found.as_dict() | given, name)
    if source is None:
        raise library.unknown(name, "say where it is with --from")
    if task not in (None, "backbone", "detection"):
        raise UsageError(f"--task: {task!r} is not one of backbone, detection")
    about = {"name": name, "task": "backbone", "architecture": None, "licence": entry.NOT_STATED}
    return entry.from_dict(about | {"source": _without_query(source)} | given, name)


def _address(model: Model) -> str:
    if model.address:
        return model.address
    if model.name in entry.known_models():
        raise FewshotError(
            f"{model.name} comes with each project's environment ({model.source}), which starts "
            "from it by default: pull nothing, and leave --model out"
        )
    raise FewshotError(
        f"{model.name} is not in the library, and has no address to pull it from (its source: "
        f"{model.source}): fewshot models pull {model.name} --from FILE, or models import"
    )


def _format(source: str) -> str:
    path = source
    if source.startswith(entry.MODELSCOPE):
        path = source.partition("@")[0]  # behind it stands the revision
    elif "://" in source:
        path = urlsplit(source).path
    kind = Path(path).suffix.removeprefix(".")
    if kind not in entry.FORMATS:
        raise UsageError(f"{source}: a weight file must end in .pdparams or .safetensors")
    return kind


def _without_query(source: str) -> str:
    """Returns a source without what may be a secret: the part behind the question mark."""
    return source.partition("?")[0] if "://" in source else source
