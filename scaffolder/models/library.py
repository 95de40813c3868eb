"""The folder in which the models lie: `models/<name>/` with the weights and `source.json`.

The record comes first and stays: it holds the SHA-256 of the bytes that came in first, and only a
file with that SHA-256 is ever put beside it. Both are written elsewhere on the same disk and
renamed, so that nobody sees half of one.
"""

import difflib
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from scaffolder import provenance, reading, releases, staging
from scaffolder.errors import FewshotError, Unreadable, UsageError
from scaffolder.locking import locked
from scaffolder.models import entry
from scaffolder.models.entry import Model
from scaffolder.start import RECORD

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
        Unreadable: Its record cannot be read.
        FewshotError: Its record is damaged.
    """
    path = root() / entry.check_name(name) / RECORD
    if not os.path.lexists(path):
        return None
    try:
        model = entry.from_dict(reading.json_mapping(path), str(path))
        if model.name != name or not (model.sha256 and model.size):
            raise FewshotError(f"{path}: not a record of the model {name}")
    except Unreadable:
        raise
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
def stage(folder: Path | None = None) -> Iterator[Path]:
    """Yields a folder, which is gone afterwards, in the library's or in another one.

    Raises:
        FewshotError: Something could not be read or written, as on a full disk.
    """
    folder = folder or root()
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

    Two may do so at once; see `remember` for whose record counts.

    Args:
        model: What is known of it, with the size and SHA-256 of the file.
        file: Lies in a folder of `stage` and is moved from there.

    Returns:
        What the library knows of it from now on.

    Raises:
        FewshotError: The library holds other content under this name.
    """
    _to_disk(file)
    with lock():
        known = _remember(model, file.parent)
        os.replace(file, file_of(known))
    return known


def remember(model: Model) -> Model:
    """Writes down what is known of a model.

    What is recorded already counts. To it come an architecture and a licence that nobody said
    before, and the metrics of a run that was evaluated since.

    Returns:
        What the library knows of it from now on.

    Raises:
        FewshotError: The library holds other content under this name, or cannot be written.
    """
    with stage() as beside, lock():
        return _remember(model, beside)


@contextmanager
def lock() -> Iterator[None]:
    """Holds the library against others who put something into it."""
    path = root() / ".lock"
    path.touch()
    with suppress(OSError):  # another user's, who has done so
        path.chmod(0o666)
    with locked(path):
        yield


def _remember(model: Model, beside: Path) -> Model:
    known = read(model.name)
    if known:
        require_same(known, model.sha256)
        metrics = model.trained.get("metrics")
        model = replace(
            known,
            architecture=known.architecture or model.architecture,
            licence=model.licence if known.licence == entry.NOT_STATED else known.licence,
            trained=known.trained | ({"metrics": metrics} if metrics else {}),
        )
    if model != known:
        provenance.write(beside / RECORD, model.as_dict())
        _to_disk(beside / RECORD)
        (root() / model.name).mkdir(exist_ok=True)
        os.replace(beside / RECORD, root() / model.name / RECORD)
    return model


def _to_disk(path: Path) -> None:
    """Makes sure that a file is on the disk before it gets its name."""
    with path.open("rb+") as opened:
        os.fsync(opened.fileno())


def require_same(known: Model, sha256: str | None) -> None:
    """Raises FewshotError unless the SHA-256 is the one that is known already."""
    if known.sha256 and known.sha256 != sha256:
        if known.trained:
            raise FewshotError(
                f"{known.name} is {known.source} already: publish this one under another --name"
            )
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

    Raises:
        Unreadable, OSError: Nobody can tell, since it cannot be read.
    """
    folder = root() / name
    try:
        model = read(name)
        assert model is not None
    except Unreadable:
        raise
    except FewshotError:
        return _moved_aside(f"its {RECORD} is no record", *folder.glob("model.*"), folder / RECORD)
    path = file_of(model)
    if not os.path.lexists(path) or digest(path) == model.sha256:
        return None
    return _moved_aside(f"its SHA-256 is no longer {model.sha256}", path)


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def _moved_aside(fault: str, *paths: Path) -> str:
    """Moves damaged files aside if that can be done. Returns what is to be said of them."""
    try:
        for path in paths:
            if path.suffix != DAMAGED and os.path.lexists(path):
                os.replace(path, path.with_name(path.name + DAMAGED))
    except OSError as error:
        return f"damaged, but cannot be moved aside ({error.strerror}): {fault}"
    return f"damaged, moved aside: {fault}"
