"""Exports: what lies in export/<id>/, and how one comes to be there or is refused."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import files, input_check, tensorrt
from pipeline.console import UserError
from pipeline.inference import MODEL, WEIGHTS, Predictor
from pipeline.onnx_runtime import OnnxPredictor
from pipeline.project import EXPORTS, INT8, PRUNED, newest, shown

ABOUT = "export.json"
PREPROCESS = "preprocess.json"
REFUSAL = "refused.json"


class Refused(Exception):
    """A model that lost more than the settings allow. The text says how much, and what to try."""


@dataclass(frozen=True)
class Export:
    """An exported model.

    Attributes:
        folder: where it is.
        about: what `export.json` says.
        preprocess: how pictures become its inputs; the task's own class.
    """

    folder: Path
    about: dict
    preprocess: Any

    @property
    def classes(self) -> list[str]:
        return self.about["classes"]

    def predictor(self, kind: str = "paddle", threads: int | None = None):
        """The network in Paddle Inference (`paddle`), ONNX Runtime (`onnx`) or TensorRT
        (`tensorrt`, `tensorrt-fp16`)."""
        if kind in tensorrt.KINDS:
            precision = "int8" if self.about["precision"] == "int8" else tensorrt.KINDS[kind]
            size = self.preprocess.input_size
            return tensorrt.tensorrt_predictor(self.folder, precision, size)
        if kind == "onnx":
            return OnnxPredictor(self.folder, threads)
        return Predictor(self.folder, threads, int8=self.about["precision"] == "int8")


def load(folder: Path, preprocess_type: type) -> Export:
    """Opens an export and makes sure that its files are the ones that were checked, and that
    pictures become the inputs that the network was trained on.

    Args:
        folder: of the export.
        preprocess_type: the task's Preprocess.

    Raises:
        UserError: no export there, a refused one, a file that was changed since, or code that
            prepares pictures in another way.
    """
    if (folder / REFUSAL).is_file():
        reason = files.read_json(folder / REFUSAL)["reason"]
        raise UserError(f"{shown(folder)} was refused: {reason}")
    if not (folder / ABOUT).is_file():
        raise UserError(f"{shown(folder)}: no {ABOUT} there. Make it with export.py.")
    try:
        about = files.read_json(folder / ABOUT)
        preprocess = preprocess_type.from_dict(files.read_json(folder / PREPROCESS))
        for name, sha256 in about["files"].items():
            if files.sha256(folder / name) != sha256:
                raise ValueError(f"{name} was changed")
    except (OSError, ValueError, TypeError, KeyError) as error:
        maker = "compress.py" if folder.name.endswith(INT8) else "export.py"
        raise UserError(
            f"{shown(folder)}: not as it was written ({error}). Run {maker} again."
        ) from None
    input_check.check(folder, preprocess, about["run"])
    return Export(folder, about, preprocess)


def chosen(given: Path | None) -> Path:
    """The export that the user named, by path or by id, or else the newest fp32 one."""
    if given is None:
        remedy = "Run export.py first."
        for path in EXPORTS.glob(f"*{PRUNED}/{ABOUT}"):
            remedy = f"Run {_command(path.parent)}, the run that was pruned."
        return newest(EXPORTS, ABOUT, remedy, skip=(INT8, PRUNED))
    return given.resolve() if given.is_dir() or len(given.parts) > 1 else EXPORTS / given


def describe(folder: Path, about: dict, preprocess) -> Export:
    """Writes `preprocess.json` and `export.json`, which holds the SHA-256 of every other file."""
    files.write_json(folder / PREPROCESS, preprocess.as_dict())
    names = sorted(path.name for path in folder.iterdir() if path.name != ABOUT)
    about = about | {"files": {name: files.sha256(folder / name) for name in names}}
    files.write_json(folder / ABOUT, about)
    return Export(folder, about, preprocess)


def reread(folder: Path, preprocess_type: type) -> Export:
    """Opens an export that is being checked, as those who use it will. Raises Refused."""
    try:
        return load(folder, preprocess_type)
    except UserError as error:
        reason = str(error).removeprefix(f"{shown(folder)}: ")
        raise Refused(f"{reason} Look for edits in pipeline/.") from None


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """Yields a path beside `target` to write an export to, then renames it to `target`.

    When the block raises Refused the folder goes to `<target>.refused` instead, without its
    `export.json`, so that nothing takes it for an export; the reason stands in `refused.json`.

    Raises:
        UserError: it was refused.
    """
    refused = aside(target)
    with files.replacing(target) as beside:
        try:
            yield beside
        except Refused as reason:
            refuse(beside, str(reason))
            with files.replacing(refused) as place:
                beside.rename(place)
            raise UserError(f"refused: {reason} It lies in {shown(refused)}.") from None
    files.remove(refused)


def aside(target: Path) -> Path:
    """Where what was to become the export `target` goes when it is refused."""
    return target.with_name(f"{target.name}.refused")


def refuse(folder: Path, reason: str) -> None:
    """Marks a folder so that nothing takes it for an export."""
    about = files.read_json(folder / ABOUT)
    files.write_json(folder / REFUSAL, {"reason": reason} | about)
    files.remove(folder / ABOUT)


def carry_over(old: Path, new: Path) -> None:
    """Copies what was laid beside a run's earlier export, such as compress.py's pick, to its new
    one; or says that it goes, because the network is another one."""
    try:
        own = files.read_json(old / ABOUT)["files"]
        same = same_weights(old, new)
    except (OSError, ValueError, KeyError):
        return  # there was none, or it is damaged
    kept = {*own, *(path.name for path in new.iterdir())}
    beside = sorted(path for path in old.iterdir() if path.is_file() and path.name not in kept)
    if same:
        for path in beside:
            shutil.copyfile(path, new / path.name)
    elif beside:
        names = ", ".join(path.name for path in beside)
        print(f"Note:    {names}: of the run's earlier weights, removed. Make them again.")


def same_weights(one: Path, other: Path) -> bool:
    """Whether two exports are of the same network."""
    return files.sha256(one / WEIGHTS) == files.sha256(other / WEIGHTS)


def say_what_is_next(folder: Path) -> None:
    """The last lines of export.py: where the export is, and what to do with it."""
    size = files.size_mb([folder / MODEL, folder / WEIGHTS])
    print(f"Written: {shown(folder)}/ ({size:.1f} MB; model.onnx has the same network)")
    if (_unpruned(folder) / ABOUT).is_file():
        print("Next:    python predict.py PICTURE, or python compress.py")
    else:
        print(f"Next:    python {_command(folder)}: the others begin with what was not pruned")


def _unpruned(folder: Path) -> Path:
    """The export of the run that was pruned to become this one; itself if none was."""
    return folder.with_name(folder.name.removesuffix(PRUNED))


def _command(folder: Path) -> str:
    return f"export.py --run {_unpruned(folder).name}"


def say_what_is_compared() -> None:
    """A line for those who would take the figures of export.py for quality."""
    print("This compares, and is no measure of quality: that is for evaluate.py.")


def input_hash(inputs: Iterable[np.ndarray]) -> str:
    """SHA-256 of the network's inputs."""
    digest = hashlib.sha256()
    for x in inputs:
        digest.update(np.ascontiguousarray(x))
    return digest.hexdigest()
