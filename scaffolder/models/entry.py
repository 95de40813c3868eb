"""What is known of a model. Records come from other machines, so every field is checked."""

import re
import unicodedata
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scaffolder import provenance, reading
from scaffolder.errors import FewshotError, UsageError

CATALOGUE = Path(__file__).parents[1] / "data" / "models.yaml"
TASKS = ("backbone", "classification", "detection")
FORMATS = ("pdparams", "safetensors")
NOT_STATED = "not stated"  # a licence
MODELSCOPE = "modelscope:"  # begins a source there

_NAME = re.compile(r"\w[\w.+-]{0,99}")


@dataclass(frozen=True)
class Model:
    """A model of the library, or one that it knows of.

    Attributes:
        name: Also the name of its folder.
        task: backbone, or what the whole network was trained for: classification, detection.
        architecture: As settings.yaml calls it; None if nobody said.
        parameters: Their number; None if it was not counted.
        source: Where it was published.
        licence: What the source says.
        size: Bytes; None if the file was never seen.
        sha256: Of the file; None if it was never seen.
        format: pdparams or safetensors.
        via: How the file came into this library.
        added: The day on which it did, as in 2026-01-31.
        trained: What `provenance.of_run` says of a model that a project trained, else empty.
    """

    name: str
    task: str
    architecture: str | None
    parameters: int | None
    source: str
    licence: str
    size: int | None = None
    sha256: str | None = None
    format: str = "pdparams"
    via: str = ""
    added: str = ""
    trained: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str | None:
        """Its source, if it can be pulled from there."""
        places = ("https://", "http://", MODELSCOPE)
        return self.source if self.source.startswith(places) else None

    @property
    def file_name(self) -> str:
        return f"model.{self.format}"

    def as_dict(self) -> dict[str, Any]:
        """Returns the record. What a project trained stands on the same level, since a project
        can start from the folder as it is (`model.start`)."""
        known = asdict(self)
        trained: dict[str, Any] = known.pop("trained")
        return known | trained

    def settings(self, folder: Path) -> dict[str, str]:
        """Returns the values of settings.yaml with which a project starts from this model."""
        backbone, detector = self.trained.get("backbone"), self.trained.get("detector")
        if backbone == "native":  # the detector's own, which no setting names
            backbone = None
        if self.task == "detection" and not self.trained:
            wanted = {"model.detector": self.architecture, "model.weights": self.file_name}
        elif self.task == "backbone":
            wanted = {"model.backbone": self.architecture, "model.weights": self.file_name}
        else:
            wanted = {"model.backbone": backbone, "model.detector": detector, "model.start": "."}
        places = ("model.weights", "model.start")
        return {k: str(folder / v) if k in places else v for k, v in wanted.items() if v}


def known_models() -> dict[str, Model]:
    """Returns the models that come with `fewshot`, by name."""
    found = reading.yaml_mapping(reading.text(CATALOGUE), CATALOGUE.name)
    return {
        name: from_dict({"name": name, **about}, CATALOGUE.name) for name, about in found.items()
    }


def check_name(name: str) -> str:
    """Returns the name if it can be that of a model and of its folder, else raises UsageError."""
    short = len(name.encode("utf-8", "replace")) <= 200
    if not (_NAME.fullmatch(name) and short and unicodedata.is_normalized("NFC", name)):
        raise UsageError(
            f"{name[:100]!r} cannot be the name of a model: take letters, digits and . _ + -, "
            "100 at most, with a letter or a digit first"
        )
    return name


def from_dict(about: dict[str, Any], where: str) -> Model:
    """Returns the model that a record describes. Fields that are not known are left out.

    Args:
        about: The record.
        where: What the record is called in an error.

    Raises:
        FewshotError: A field is missing or is not what it should be; names all of them.
    """
    faults = []

    def take(name: str, fits: Any, default: Any = None) -> Any:
        value = about.get(name, default)
        if value is not default and not fits(value):
            faults.append(name)
        return value

    model = Model(
        name=take("name", _is_name, ""),
        task=take("task", lambda value: value in TASKS, ""),
        architecture=take("architecture", provenance.is_text),
        parameters=take("parameters", _is_count),
        source=take("source", provenance.is_text, ""),
        licence=take("licence", provenance.is_text, ""),
        size=take("size", _is_count),
        sha256=take("sha256", provenance.is_sha256),
        format=take("format", lambda value: value in FORMATS, "pdparams"),
        via=take("via", provenance.is_text, ""),
        added=take("added", provenance.is_text, ""),
        trained={
            name: take(name, fits) for name, fits in provenance.FIELDS.items() if name in about
        },
    )
    if model.trained or model.task == "classification":  # then a project starts from it as it is
        faults += [name for name in ("project", "run", "classes") if not model.trained.get(name)]
        faults += ["format"] if model.format != "safetensors" else []
    faults += [name for name in ("name", "task", "source", "licence") if not getattr(model, name)]
    if faults:
        raise FewshotError(f"{where}: not a record of a model: {', '.join(dict.fromkeys(faults))}")
    return model


def _is_name(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(check_name(value))
    except UsageError:
        return False


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 50
