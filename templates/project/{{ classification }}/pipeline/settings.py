"""What `settings.yaml` may hold, with defaults for whatever it leaves out."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from pipeline import settings_file
from pipeline.project import ROOT
from pipeline.settings_file import Section


class Data(Section):
    folder: str = "data"
    labels: str | None = None
    test_share: float = Field(0.25, gt=0, lt=0.9)
    min_side: PositiveInt = 16
    alike_are_copies: bool = True


class Model(Section):
    backbone: str = "EfficientNetLite0"
    weights: str | None = None
    start: str | None = None
    input_size: int | None = Field(None, ge=32, le=1024, multiple_of=32)
    predict_all_views: bool = True


class Augment(Section):
    symmetry: Literal["dihedral", "mirror", "none"] = "dihedral"
    shift: float = Field(0.1, ge=0, le=0.5)
    scale: float = Field(1.1, ge=1, le=2)
    light: float = Field(0.1, ge=0, le=0.9)
    auto_augment: float = Field(0.0, ge=0, le=1)
    mixup: float = Field(0.0, ge=0, le=1)
    cutmix: float = Field(0.0, ge=0, le=1)
    cutout: float = Field(0.0, ge=0, le=1)


class Train(Section):
    retired: ClassVar = {"epochs": "train.steps says how long"}

    seed: int = Field(0, ge=0)
    minutes: float = Field(15, ge=0)
    steps: int = Field(400, ge=0)
    batch_size: PositiveInt = 24
    learning_rate: float = Field(1e-3, gt=0, le=0.1)
    bottom_rate: float = Field(1.0, gt=0, le=1)
    frozen_share: float = Field(0.0, ge=0, le=1)
    weight_decay: float = Field(0.02, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    episodic: float = Field(0.0, ge=0)
    ema: float = Field(0.98, ge=0, lt=1)
    patience: float = Field(0.6, gt=0, le=1)
    held_out_share: float = Field(0.2, gt=0, le=0.5)


class Prune(Section):
    keep: float = Field(0.5, gt=0, lt=1)
    minutes: float = Field(10, ge=0)


class Limits(Section):
    max_metric_loss: float = Field(0.01, ge=0, le=1)
    max_size_mb: float | None = Field(None, gt=0)
    max_latency_ms: float | None = Field(None, gt=0)
    max_output_difference: float = Field(1e-3, gt=0)


class Settings(Section):
    """The whole file. `classes` is the only key without a default."""

    classes: list[str]
    data: Data = Data()
    model: Model = Model()
    augment: Augment = Augment()
    train: Train = Train()
    prune: Prune = Prune()
    limits: Limits = Limits()

    @field_validator("classes")
    @classmethod
    def _are_distinct(cls, names: list[str]) -> list[str]:
        if len(names) < 2:
            raise ValueError("two classes at least, with a comma between them: [open, short]")
        return settings_file.distinct(names)

    @field_validator("train")
    @classmethod
    def _fits_augment(cls, train: Train, info: ValidationInfo) -> Train:
        augment = info.data.get("augment", Augment())
        if train.episodic and (augment.mixup or augment.cutmix):
            raise ValueError("episodic needs pictures of one class: set mixup and cutmix to 0")
        return train


def load(path: Path = ROOT / "settings.yaml") -> Settings:
    """Reads and checks the settings. Raises UserError with all faults at once."""
    return settings_file.load(path, Settings)
