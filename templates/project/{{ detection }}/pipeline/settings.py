"""What `settings.yaml` may hold, with defaults for whatever it leaves out."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from pipeline import settings_file
from pipeline.project import ROOT
from pipeline.settings_file import Section


class Data(Section):
    folder: str = "data"
    labels: str | None = None
    test_share: float = Field(0.25, gt=0, lt=0.9)
    min_side: PositiveInt = 32
    alike_are_copies: bool = True


class Model(Section):
    detector: Literal["dense", "picodet", "ppyoloe_s", "ppyoloe_m"] | None = None
    backbone: str = "EfficientNetLite0"
    weights: str | None = None
    start: str | None = None
    input_size: int | None = Field(None, ge=128, le=1280, multiple_of=32)
    tiles: bool | None = None


class Augment(Section):
    symmetry: Literal["dihedral", "mirror", "none"] = "dihedral"
    scale: float = Field(1.25, ge=1, le=3)
    light: float = Field(0.1, ge=0, le=0.9)
    colour: float = Field(0.05, ge=0, le=0.5)
    mosaic: float = Field(0.0, ge=0, le=1)
    retired: ClassVar = {"copy_paste": "training with pasted objects found no more"}


class Train(Section):
    seed: int = Field(0, ge=0)
    minutes: float = Field(35, gt=0)
    head_share: float = Field(0.2, gt=0, le=1)
    batch_size: PositiveInt = 8
    head_rate: float = Field(3e-3, gt=0, le=0.1)
    learning_rate: float = Field(1e-3, gt=0, le=0.1)
    bottom_rate: float = Field(1.0, gt=0, le=1)
    frozen_share: float = Field(0.0, ge=0, le=1)
    weight_decay: float = Field(0.02, ge=0)
    clip_norm: float = Field(5.0, gt=0)
    ema: float = Field(0.98, ge=0, lt=1)
    patience: float = Field(0.6, gt=0, le=1)
    held_out_share: float = Field(0.15, gt=0, le=0.5)


class Predict(Section):
    min_score: float = Field(0.3, ge=0, le=1)
    wanted_recall: float = Field(0.95, gt=0, le=1)


class Prune(Section):
    keep: float = Field(0.5, gt=0, lt=1)
    minutes: float = Field(10, ge=0)


class Limits(Section):
    max_metric_loss: float = Field(0.01, ge=0, le=1)
    max_size_mb: float | None = Field(None, gt=0)
    max_latency_ms: float | None = Field(None, gt=0)
    max_output_difference: float = Field(0.01, gt=0)


class Settings(Section):
    """The whole file. `classes` is the only key without a default."""

    classes: list[str] = Field(min_length=1)
    data: Data = Data()
    model: Model = Model()
    augment: Augment = Augment()
    train: Train = Train()
    predict: Predict = Predict()
    prune: Prune = Prune()
    limits: Limits = Limits()

    @field_validator("classes")
    @classmethod
    def _are_distinct(cls, names: list[str]) -> list[str]:
        return settings_file.distinct(names)


def load(path: Path = ROOT / "settings.yaml") -> Settings:
    """Reads and checks the settings. Raises UserError with all faults at once."""
    return settings_file.load(path, Settings)
