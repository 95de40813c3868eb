"""The folder in which the models lie: `models/<name>/` with the weights and `source.json`.

The record comes first and stays: it holds the SHA-256 of the bytes that came in first, and only a
file with that SHA-256 is ever put beside it. Both are written elsewhere on the same disk and
renamed, so that nobody sees half of one.
"""

import difflib
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaffolder import provenance, reading, releases, staging
from scaffolder.errors import FewshotError, UsageError
from scaffolder.locking import locked
from scaffolder.models import entry
from scaffolder.models.entry import Model

RECORD = "source.json"
DAMAGED = ".damaged"


def root() -> Path:
    """Returns the library's folder in the user's data, which need not be there yet."""
    from platformdirs import user_data_path

    releases.home()
    return user_data_path("fewshot", appauthor=False) / "models"


def names() -> list[str]:
    """Returns the names of all models with a record."""
    return sorted(path.parent.name for path in root().glob(f"[!.]*/{RECORD}"))


def read(name: str) -> Model | None:
    """Returns what the library knows of a model, or None.

    Raises:
        FewshotError: Its record is damaged.
    """
    path = root() / entry.check_name(name) / RECORD
    if not os.path.lexists(path):
        return None
    try:
        model = entry.from_dict(reading.json_mapping(path), str(path))
        if model.name != name or not (model.sha256 and model.size):
            raise FewshotError(f"{path}: not a record of the model {name}")
    except FewshotError as error:
        raise FewshotError(f"{error}: fewshot models verify moves it aside") from None
    return model


def unknown(name: str, hint: str = "fewshot models list shows those there are") -> UsageError:
    """Returns what to raise for a name that neither the library nor the list knows."""
    near = difflib.get_close_matches(name, [*entry.known_models(), *names()], 1)
    return UsageError(f"there is no model {name!r}: {f'did you mean {near[0]}?' if near else hint}")


def file_of(model: Model) -> Path:
    """Returns where the weights of a model are, or would be."""
    return root() / model.name / model.file_name


def is_here(model: Model) -> bool:
    """Whether the weights are there; `verify` says whether they are whole."""
    path = file_of(model)
    return path.is_file() and not path.is_symlink()


@contextmanager
def stage() -> Iterator[Path]:
    """Yields a folder on the library's disk, which is gone afterwards.

    Raises:
        FewshotError: Something could not be read or written, as on a full disk.
    """
    folder = root()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging.remove_abandoned(folder)
        with staging.staging(folder) as beside:
            yield beside
    except OSError as error:
        place = error.filename or folder
        raise FewshotError(f"{place}: {error.strerror or error}; nothing was kept") from None


def put(model: Model, file: Path) -> Model:
    """Takes a checked file into the library.

    Two may do so at once. The first one's record counts, but for what a project trained.

    Args:
        model: What is known of it, with the size and SHA-256 of the file.
        file: Lies in a folder of `stage` and is moved from there.

    Returns:
        What the library knows of it from now on.

    Raises:
        FewshotError: The library holds other content under this name.
    """
    record = file.with_name(RECORD)
    provenance.write(record, model.as_dict())
    for path in (file, record):
        with path.open("rb+") as opened:  # on the disk before it has its name
            os.fsync(opened.fileno())
    lock = root() / ".lock"
    lock.touch()
    with locked(lock):
        known = read(model.name)
        if known:
            require_same(known, model.sha256)
        if not known or model.trained:  # a run may have been evaluated since
            folder = root() / model.name
            folder.mkdir(exist_ok=True)
            os.replace(record, folder / RECORD)
            known = model
        os.replace(file, file_of(known))
    return known


def require_same(known: Model, sha256: str | None) -> None:
    """Raises FewshotError unless the SHA-256 is the one that is known already."""
    if known.sha256 and known.sha256 != sha256:
        since = f"since {known.added}" if known.added else "by fewshot"
        raise FewshotError(
            f"{known.name}: the SHA-256 is {sha256}, but {known.sha256} is recorded {since}: "
            f"not taken. If its publisher has replaced the file and says so, remove the folder "
            f"{root() / known.name} first, or take another name."
        )


def verify(name: str) -> str | None:
    """Hashes a model again. A damaged one is moved aside, so that nobody uses it.

    Returns:
        What is wrong, or None.
    """
    folder = root() / name
    try:
        model = read(name)
        assert model is not None
    except FewshotError:
        for path in [*folder.glob("model.*"), folder / RECORD]:
            _move_aside(path)
        return f"its {RECORD} is no record"
    path = file_of(model)
    if not os.path.lexists(path) or digest(path) == model.sha256:
        return None
    _move_aside(path)
    return f"its SHA-256 is no longer {model.sha256}"


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def _move_aside(path: Path) -> None:
    if path.suffix != DAMAGED and os.path.lexists(path):
        os.replace(path, path.with_name(path.name + DAMAGED))
