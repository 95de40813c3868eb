"""What `fewshot adapt` left in start/: another project's trained model, to begin from."""

import numpy as np

from pipeline import files
from pipeline.console import UserError
from pipeline.project import ROOT, shown
from pipeline.weights import read_weights


def read_start(name: str) -> tuple[dict[str, np.ndarray], dict]:
    """The model that `model.start` of the settings names, and where it is from.

    Args:
        name: a folder of the project with `model.safetensors` and `source.json`.

    Returns:
        The tensors by name, and what `source.json` says: project, run, classes, sha256, ...

    Raises:
        UserError: a file is missing, or the model is not the one that was carried over.
    """
    folder = ROOT / name
    model = folder / "model.safetensors"
    if not model.is_file() or not (folder / "source.json").is_file():
        raise UserError(
            f"settings.yaml: model.start: {shown(model)} or source.json beside it is missing. "
            "Copy them from the machine where fewshot adapt ran, or set model.start: null to "
            "start from the pretrained backbone."
        )
    try:
        source = files.read_json(folder / "source.json")
        expected, classes = str(source["sha256"]), list(map(str, source["classes"]))
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{shown(folder / 'source.json')}: not as fewshot adapt wrote it."
        ) from None
    if files.sha256(model) != expected:
        raise UserError(f"{shown(model)}: not the file that source.json tells of. Copy it again.")
    return read_weights(model), source | {"classes": classes}


def backbone_of(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of the model's backbone, by the backbone's own names."""
    mark = "backbone."
    return {name[len(mark) :]: value for name, value in tensors.items() if name.startswith(mark)}
