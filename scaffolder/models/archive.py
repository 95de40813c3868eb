"""A model in one file, to be carried to a machine without a network.

A zip archive, not compressed, of exactly two members: `source.json`, the record, and the weights.
Whoever reads it takes nothing but these two streams: no member's path is ever used.
"""

import hashlib
import os
import shutil
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

from scaffolder import provenance, reading
from scaffolder.errors import FewshotError, UsageError
from scaffolder.models import entry, library, pull
from scaffolder.models.entry import Model
from scaffolder.models.pull import Pulled
from scaffolder.start import RECORD


def export(name: str, to: Path) -> Path:
    """Writes a model of the library into an archive.

    Args:
        name: The model.
        to: The archive, or a folder for one that is called as the model is.

    Returns:
        The archive.

    Raises:
        FewshotError: It is not there or not whole, or the archive cannot be written.
    """
    model = library.read(name)
    if not model or not library.is_here(model):
        raise pull.missing(name)
    if to.is_dir():
        to /= f"{name}.zip"
    if os.path.lexists(to):
        raise FewshotError(f"{to} is there already: choose another name")
    if not to.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {to.absolute().parent}")
    with library.stage(to.absolute().parent) as stage:
        beside, record = stage / "model.zip", stage / RECORD
        provenance.write(record, model.as_dict())
        digest = hashlib.sha256()
        with zipfile.ZipFile(beside, "x") as archive:
            archive.writestr(zipfile.ZipInfo(RECORD), record.read_bytes())
            weights = zipfile.ZipInfo(model.file_name)
            with (
                library.file_of(model).open("rb") as file,
                archive.open(weights, "w", force_zip64=True) as member,
            ):
                while block := file.read(1 << 20):
                    digest.update(block)
                    member.write(block)
        if digest.hexdigest() != model.sha256:
            raise FewshotError(f"{name} is damaged: run fewshot models verify {name}")
        os.replace(beside, to)
    return to


def bring_in(path: Path) -> Pulled:
    """Takes the model of an archive into the library.

    Raises:
        FewshotError: It is not an archive as `export` writes it, or its model is not what it
            says, or not what is recorded; nothing was changed.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    with library.stage() as stage:
        try:
            claimed, file = _unpack(path, stage)
        except (
            *(zipfile.BadZipFile, struct.error, EOFError, NotImplementedError),
            *(RuntimeError, ValueError, LookupError, OverflowError),
        ):
            raise FewshotError(
                f"{path} is not a whole archive of fewshot models export: copy it again"
            ) from None
        sha256 = library.digest(file)
        if sha256 != claimed.sha256:
            raise FewshotError(f"{path}: the SHA-256 is {sha256}, not its own {claimed.sha256}")
        # Of a model that is known here the archive has nothing to tell; nor can it vouch for one.
        model = pull.known(claimed.name) or replace(claimed, sha256=None)
        if model.trained and not model.trained.get("metrics"):  # it was evaluated there since
            metrics = {"metrics": claimed.trained.get("metrics")}
            model = replace(model, trained=model.trained | metrics)
        model = replace(model, format=claimed.format, via=f"archive {path.name}")
        return pull.take_in(model, file)


def _unpack(path: Path, stage: Path) -> tuple[Model, Path]:
    """Returns what an archive says of its model, and where its weights were written.

    Members are not compressed, so that no more can come out of the archive than it has.
    """
    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
        weights = {member.filename for member in found} - {RECORD}
        kinds = {f"model.{kind}": kind for kind in entry.FORMATS}
        is_stored = all(member.compress_type == zipfile.ZIP_STORED for member in found)
        if len(found) != 2 or len(weights) != 1 or not weights <= kinds.keys() or not is_stored:
            raise FewshotError(
                f"{path} must hold {RECORD} and {' or '.join(kinds)}, not compressed, and "
                "nothing else: it was not written by fewshot models export"
            )
        name = f"{path}: {RECORD}"
        with archive.open(RECORD) as record:
            claimed = entry.from_dict(reading.json_of(record, name), name)
        file = stage / f"{claimed.name}.{claimed.format}"
        with archive.open(weights.pop()) as content, file.open("xb") as copied:
            shutil.copyfileobj(content, copied, 1 << 20)
    if file.stat().st_size != claimed.size or not claimed.sha256:
        raise FewshotError(f"{path}: its {RECORD} does not describe its weights")
    return claimed, file
