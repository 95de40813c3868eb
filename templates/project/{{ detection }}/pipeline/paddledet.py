"""PaddleDetection's PicoDet and PP-YOLOE+, with the interface of the dense detector.

Yu et al., "PP-PicoDet", 2021, and Xu et al., "PP-YOLOE", 2022. PaddleDetection brings the layers
and decides which cells learn an object; `configs/` says which layers.
"""

import os
import threading
from pathlib import Path
from types import MethodType
from typing import NamedTuple

import numpy as np
import paddle
import yaml
from paddle import nn
from paddle.nn import functional as F
from paddle.utils import unique_name

from pipeline import quiet
from pipeline.aligned_loss import aligned_loss, boxes_of
from pipeline.backbone import EmbeddedBackbone
from pipeline.console import UserError
from pipeline.network import SMALLEST_SCORE
from pipeline.nms import best_boxes

CONFIGS = Path(__file__).parent / "configs"
EMBEDDED_MAPS = {1: 40, 3: 112, 4: 192}  # of the embedded backbone: strides 8, 16, 32; channels
_one_at_a_time = threading.Lock()  # PaddleDetection builds from a global configuration


class Model(NamedTuple):
    """An architecture: its configuration and size, and which published weights fit."""

    config: str
    size: dict[str, float]
    published: str


MODELS = {
    "picodet": Model("picodet.yml", {}, "picodet_s_320_coco_lcnet.pdparams"),
    "ppyoloe_s": Model(
        *("ppyoloe.yml", {"depth_mult": 0.33, "width_mult": 0.5}),
        "ppyoloe_plus_crn_s_80e_coco.pdparams",
    ),
    "ppyoloe_m": Model(
        *("ppyoloe.yml", {"depth_mult": 0.67, "width_mult": 0.75}),
        "ppyoloe_plus_crn_m_80e_coco.pdparams",
    ),
}


class PaddleDetector(nn.Layer):
    """Backbone, neck, head.

    Each cell of a level gives the probability of each class, and for each side of the box a
    distribution over its distance from the cell's centre, in whole strides.

    The pretrained backbone keeps the statistics of its batch normalisation. Neck and head, which
    begin at random, take those of the batch while they learn.

    Args:
        name: one of MODELS.
        num_classes: number of classes.
        native: whether the backbone is the architecture's own, for published weights, or the
            embedded one.
    """

    def __init__(self, name: str, num_classes: int, native: bool):
        super().__init__()
        self.native = native
        self.backbone, self.neck, self.head, normalize = _parts(name, num_classes, native)
        for key, values in normalize.items():
            array = 255 * np.float32(values).reshape(1, 3, 1, 1)
            self.register_buffer(key, paddle.to_tensor(array), persistable=False)
        self.is_ppyoloe = hasattr(self.head, "proj_conv")
        self.strides = self.head.fpn_strides if self.is_ppyoloe else self.head.fpn_stride
        self.eval()

    def forward(self, x):
        """Pictures [N, 3, S, S], 0..255 -> what `cells` says of them."""
        return self.cells(self.maps(x))

    def maps(self, x):
        """Pictures [N, 3, S, S], 0..255 -> those of the backbone's maps that the neck takes."""
        if self.native:
            return self.backbone({"image": (x - self.mean) / self.std})
        found = self.backbone(x)
        return [found[index] for index in EMBEDDED_MAPS]

    def cells(self, maps):
        """The maps -> for all cells of all levels: probabilities
        [N, cells, classes], distributions of the distances of the sides left, top, right, bottom
        [N, cells, 4, bins], centres [cells, 2], px, and strides [cells, 1], px."""
        from ppdet.modeling.assigners.utils import generate_anchors_for_grid_cell

        maps = self.neck(maps)
        if self.is_ppyoloe:
            scores, _, distances = self.head.forward_train(maps, {"get_data": True})
        else:
            scores, logits, *_ = self.head.forward_train(maps)
            distances = F.softmax(logits.reshape([0, 0, 4, -1]))
        _, centres, _, strides = generate_anchors_for_grid_cell(maps, self.strides)
        return scores, distances, centres, strides

    def losses(self, x, targets):
        """The loss of pictures and their objects, the same for each, [N].

        Args:
            x: [N, 3, S, S].
            targets: [N, M, 6], as in `DenseDetector.losses`.
        """
        return self.losses_of(self.maps(x), targets)

    def losses_of(self, maps, targets):
        """`losses` of pictures whose maps are known."""
        if paddle.is_grad_enabled():  # else held-out pictures would change the statistics
            self.neck.train()
            self.head.train()
        cells = self.cells(maps)
        self.eval()
        return aligned_loss(self.head.assigner, *cells, targets).expand([targets.shape[0]])

    def rows(self, x):
        """[N, 3, S, S] -> what was found, as in `DenseDetector.rows`."""
        return self.rows_of(self.maps(x))

    def rows_of(self, maps):
        """`rows` of pictures whose maps are known."""
        scores, distances, centres, strides = self.cells(maps)
        boxes = boxes_of(distances, centres, strides)
        return best_boxes(boxes, scores.transpose([0, 2, 1]), SMALLEST_SCORE)

    def depth_groups(self) -> list[list[paddle.Tensor]]:
        """The parameters from the input upwards, neck and head last."""
        if self.native:
            layers = [layer for layer in self.backbone.sublayers() if layer.parameters(False)]
            groups = [layer.parameters(False) for layer in layers]
        else:
            groups = self.backbone.depth_groups()
        top = [
            parameter
            for part in (self.neck, self.head)
            for name, parameter in part.named_parameters()
            if name != "proj_conv.weight"  # the bins of PP-YOLOE's distributions: a constant
        ]
        return [*groups, top]

    @staticmethod
    def has_class_rows(name: str) -> bool:
        """Whether the parameter of this name has a row for each class."""
        return name.startswith(("head.head_cls", "head.pred_cls."))

    def standardise(self, x: np.ndarray) -> None:
        """Sets the statistics of batch normalisation in neck and head from some pictures
        [N, 3, S, S]. From its own start they would need hundreds of steps to be right."""
        layers = [
            layer
            for layer in [*self.neck.sublayers(), *self.head.sublayers()]
            if isinstance(layer, nn.BatchNorm2D)
        ]
        usual = [layer._momentum for layer in layers]
        for layer in layers:
            layer._momentum = 0.0
            layer.train()
        with paddle.no_grad():
            self(paddle.to_tensor(x))
        for layer, momentum in zip(layers, usual, strict=True):
            layer._momentum = momentum
            layer.eval()


def new_paddle_detector(
    name: str, num_classes: int, native: bool, state: dict[str, np.ndarray]
) -> PaddleDetector:
    """A detector on pretrained weights.

    Args:
        name: one of MODELS.
        num_classes: number of classes.
        native: whether it has its own backbone.
        state: then what `fitting` gives; else weights of the embedded backbone.
    """
    with unique_name.guard():  # so that a checkpoint's names fit in any later process
        network = PaddleDetector(name, num_classes, native)
    # With what is there for the rest: Paddle warns of every tensor that is not given.
    part = network if native else network.backbone
    part.set_state_dict(part.state_dict() | state)
    return network


def fitting(
    name: str, num_classes: int, tensors: dict[str, np.ndarray], file: Path
) -> dict[str, np.ndarray]:
    """Those of some weights, with or without neck and head, that a detector with its own backbone
    has; prints how many.

    Args:
        name: one of MODELS.
        num_classes: number of classes.
        tensors: by name, read from `file`.

    Raises:
        UserError: they are of another network.
    """
    network = PaddleDetector(name, num_classes, native=True)
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    state = {}
    for key, value in tensors.items():
        key = key.replace("yolo_head.", "head.", 1)
        key = key if key.startswith(("backbone.", "neck.", "head.")) else f"backbone.{key}"
        if wanted.get(key) == np.shape(value):
            state[key] = np.float32(value)
    missing = [key for key in wanted if key not in state]
    below = [key for key in missing if key.startswith("backbone.")]
    if below:
        raise UserError(
            f"{file}: {len(below)} weights of the backbone of {name} are missing or have another "
            f"shape (the first: {below[0]}). Take the file made for it, {MODELS[name].published}."
        )
    rest = f"; {len(missing)} of neck and head are new, such as {missing[0]}" if missing else ""
    print(f"{file.name}: {len(state)} of {len(wanted)} weights of {name}{rest}")
    return state


def _parts(name: str, num_classes: int, native: bool) -> tuple[nn.Layer, nn.Layer, nn.Layer, dict]:
    """Backbone, neck and head, and how the backbone's pictures are normalised."""
    with quiet.output_to(Path(os.devnull)):  # it misses packages that only tracking needs
        from ppdet import modeling  # noqa: F401  registers the layers; slow
        from ppdet.core.workspace import create, merge_config
        from ppdet.modeling.shape_spec import ShapeSpec

    model = MODELS[name]
    config = yaml.safe_load((CONFIGS / model.config).read_text(encoding="utf-8"))
    backbone, neck, head = config.pop(config.pop("architecture")).values()
    normalize = config.pop("NormalizeImage")
    with _one_at_a_time:
        merge_config(config | model.size | {"num_classes": num_classes})
        below = create(backbone) if native else EmbeddedBackbone()
        embedded = [ShapeSpec(channels=count) for count in EMBEDDED_MAPS.values()]
        between = create(neck, input_shape=below.out_shape if native else embedded)
        above = create(head, input_shape=between.out_shape)
    for layer in below.sublayers():
        if getattr(layer, "alpha", None) is not None:  # a block of PP-YOLOE+
            layer.forward = MethodType(_both_branches, layer)
    return below, between, above, normalize


def _both_branches(block, x):
    """What the block's own `forward` does, without asking whether the weight of the second branch
    is 0: that would stay in an exported network as a condition, which ONNX Runtime refuses."""
    return block.act(block.conv1(x) + block.alpha * block.conv2(x))
