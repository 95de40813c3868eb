"""The dense detector: a pretrained backbone and a small head that all its levels share.

One stage and no anchors, after CenterNet (Zhou et al., "Objects as Points", 2019) and FCOS (Tian
et al., ICCV 2019): each cell of a level says whether the centre of an object of a class lies in
it, and how far the object's four sides are (`pipeline.distances`).
"""

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.nn.initializer import Constant, Normal
from paddle.utils import unique_name

from pipeline.backbone import new_backbone
from pipeline.distances import BINS, expected, sharpness_loss, untrained
from pipeline.nms import best_boxes
from pipeline.targets import dense_targets, level_of

CHANNELS = 64  # of the head
PRIOR = 0.01  # probability that an untrained head gives to an object, so that it can begin calmly
BOX_WEIGHT, SHARPNESS_WEIGHT = 2.0, 0.5  # of the losses of the boxes beside that of the centres
SMALLEST_SCORE = 0.02  # what is less likely is not given out
USUAL = 2.5  # strides from the centre to a side, as long as no objects are known


class DenseDetector(nn.Layer):
    """Backbone, neck, head.

    Every level has the stride of one of the backbone's maps and sees all of them: finer ones
    folded, coarser ones grown. Small objects belong to fine levels, large ones to coarse levels.

    Args:
        backbone: a name that `new_backbone` knows.
        num_classes: number of classes.
        strides: of the levels, px, fine to coarse, such as (8, 16).
        widths: of the backbone's blocks, where it was pruned.
        bins: of the distances of the sides; see `pipeline.distances`.
    """

    def __init__(
        self,
        backbone: str,
        num_classes: int,
        strides: tuple[int, ...],
        widths: Sequence[int] = (),
        bins: int = BINS,
    ):
        super().__init__()
        self.num_classes = num_classes
        self.strides = strides
        self.bins = bins
        self.backbone = new_backbone(backbone, widths)
        self.backbone.eval()
        maps = self.backbone(paddle.zeros([1, 3, 64, 64]))
        self.map_strides = [64 // m.shape[2] for m in maps]
        self.map_channels = [m.shape[1] for m in maps]
        for index, channels in enumerate(self.map_channels):
            self.register_buffer(f"mean{index}", paddle.zeros([1, channels, 1, 1]))
            self.register_buffer(f"scale{index}", paddle.ones([1, channels, 1, 1]))
        self.laterals = nn.LayerDict(
            {f"stride{stride}": self._laterals(stride) for stride in strides}
        )
        self.tower = nn.Sequential(
            nn.ReLU(),
            _convolution(CHANNELS, CHANNELS, 3),
            nn.ReLU(),
            _convolution(CHANNELS, CHANNELS, 3),
            nn.ReLU(),
        )
        self.centres = nn.Conv2D(
            *(CHANNELS, num_classes, 3),
            padding=1,
            weight_attr=Normal(0, 0.01),
            bias_attr=Constant(float(np.log(PRIOR / (1 - PRIOR)))),
        )
        self.sides = nn.Conv2D(CHANNELS, 4 * bins, 3, padding=1, weight_attr=Normal(0, 0.01))
        self.sides.bias.set_value(untrained(USUAL, bins))

    def _laterals(self, stride: int) -> nn.LayerList:
        """A convolution for each map of the backbone: folds finer ones to `stride`."""
        folds = [max(1, stride // mine) for mine in self.map_strides]
        inputs = sum(c * fold * fold for c, fold in zip(self.map_channels, folds, strict=True))
        return nn.LayerList(
            [
                _convolution(channels, CHANNELS, fold, fold, inputs)
                for channels, fold in zip(self.map_channels, folds, strict=True)
            ]
        )

    def forward(self, x):
        """Pictures [N, 3, S, S], 0..255 -> what `cells` says of them."""
        return self.cells(self.maps(x))

    def maps(self, x):
        """Pictures [N, 3, S, S], 0..255 -> the backbone's maps, fine to coarse."""
        return self.backbone(x)

    def cells(self, maps):
        """The backbone's maps -> for all cells of all levels, level by level: logits
        [N, cells, classes] and distances of the sides left, top, right, bottom from the cell's
        centre, [N, cells, 4], px."""
        logits, sides = self._head(maps)
        strides = paddle.to_tensor(cell_strides(self._size(maps), self.strides))
        return logits, expected(sides, strides)

    def _head(self, maps):
        """The backbone's maps -> logits of the classes, [N, cells, classes], and of the distances
        of the sides, [N, cells, 4, bins], as `expected` takes them."""
        maps = [
            (m - getattr(self, f"mean{i}")) * getattr(self, f"scale{i}") for i, m in enumerate(maps)
        ]
        logits, sides = [], []
        for stride in self.strides:
            y, laterals = 0, self.laterals[f"stride{stride}"]
            for index, mine in enumerate(self.map_strides):
                part = laterals[index](maps[index])
                if mine > stride:
                    part = F.interpolate(part, scale_factor=mine // stride, mode="nearest")
                y = y + part
            y = self.tower(y)
            logits.append(self.centres(y).flatten(2))
            sides.append(self.sides(y).flatten(2))
        sides = paddle.concat(sides, axis=2).transpose([0, 2, 1])
        return (
            paddle.concat(logits, axis=2).transpose([0, 2, 1]),
            sides.reshape([0, 0, 4, self.bins]),
        )

    def _size(self, maps) -> int:
        return maps[0].shape[2] * self.map_strides[0]

    def losses(self, x, targets):
        """The loss of pictures and their objects, the same for each, [N].

        Focal loss of the centres (CenterNet), generalised IoU (Rezatofighi et al., CVPR 2019)
        and distribution focal loss of the boxes, divided by the number of objects.

        Args:
            x: [N, 3, S, S].
            targets: [N, M, 6]: label, x0, y0, x1, y1 in px and weight: 1; 0 for what is cut too
                much to be learned, and is not to be unlearned either; label -1 for no object.
        """
        return self.losses_of(self.maps(x), targets)

    def losses_of(self, maps, targets):
        """`losses` of pictures whose maps are known."""
        logits, sides = self._head(maps)
        size = self._size(maps)
        heat, care, wanted, weight = dense_targets(
            targets.numpy(), size, self.strides, self.num_classes
        )
        centre = (_focal(logits, paddle.to_tensor(heat)) * paddle.to_tensor(care)).sum()
        learns = np.flatnonzero(weight)
        if not len(learns):
            return centre.expand([targets.shape[0]])
        strides = np.tile(cell_strides(size, self.strides), (len(heat), 1))[learns]
        sides = sides.reshape([-1, 4, self.bins]).gather(paddle.to_tensor(learns))
        wanted = paddle.to_tensor(wanted.reshape(-1, 4)[learns])
        strides, weight = (paddle.to_tensor(a) for a in (strides, weight.ravel()[learns]))
        box = BOX_WEIGHT * _giou(expected(sides, strides), wanted)
        if self.bins > 1:
            box = box + SHARPNESS_WEIGHT * sharpness_loss(sides, wanted / strides)
        objects = max(1.0, float(weight.sum()))
        loss = (centre + (box * weight).sum()) / objects
        return loss.expand([targets.shape[0]])

    def rows(self, x):
        """[N, 3, S, S] -> what was found, as `pipeline.detections.detect` wants it: rows [M, 6]
        of label, score, x0, y0, x1, y1 in px, and how many belong to each picture, [N]."""
        return self.rows_of(self.maps(x))

    def rows_of(self, maps):
        """`rows` of pictures whose maps are known."""
        logits, sides = self.cells(maps)
        size = self._size(maps)
        scores = F.sigmoid(logits).transpose([0, 2, 1])
        centres = paddle.to_tensor(cell_centres(size, self.strides)[None])
        boxes = paddle.concat([centres - sides[:, :, :2], centres + sides[:, :, 2:]], axis=2)
        peaks, start = [], 0
        for stride in self.strides:  # a cell beside a likelier one says the same again
            side = size // stride
            level = scores[:, :, start : start + side * side]
            grid = level.reshape([-1, self.num_classes, side, side])
            top = F.max_pool2d(grid, 3, stride=1, padding=1)
            peaks.append((grid * (grid == top).astype("float32")).flatten(2))
            start += side * side
        return best_boxes(boxes, paddle.concat(peaks, axis=2), SMALLEST_SCORE)

    def depth_groups(self) -> list[list[paddle.Tensor]]:
        """The parameters from the input upwards, the head's last."""
        head = [self.laterals, self.tower, self.centres, self.sides]
        return [*self.backbone.depth_groups(), [p for part in head for p in part.parameters()]]

    @staticmethod
    def has_class_rows(name: str) -> bool:
        """Whether the parameter of this name has a row for each class."""
        return name.startswith("centres.")

    def begin_sides(self, targets: np.ndarray) -> None:
        """Lets an untrained head give the usual distances of objects [N, M, 6] of some crops: from
        others the first steps lead far away."""
        objects = targets[(targets[:, :, 0] >= 0) & (targets[:, :, 5] > 0)]
        if len(objects):
            halves = np.maximum(objects[:, 3:5] - objects[:, 1:3], 1) / 2
            strides = np.array(self.strides)[level_of(2 * halves.prod(1) ** 0.5, self.strides)]
            usual = float(np.exp(np.log(halves / strides[:, None]).mean()))
            self.sides.bias.set_value(untrained(usual, self.bins))

    def standardise(self, x: np.ndarray) -> None:
        """Sets what the maps are standardised with, from some crops [N, 3, S, S]."""
        with paddle.no_grad():
            for index, m in enumerate(self.backbone(paddle.to_tensor(x))):
                deviation = m.std([0, 2, 3], keepdim=True)
                getattr(self, f"mean{index}").set_value(m.mean([0, 2, 3], keepdim=True))
                floor = 0.01 * deviation.mean() + 1e-6
                getattr(self, f"scale{index}").set_value(1 / (deviation + floor))


def cell_strides(size: int, strides: tuple[int, ...]) -> np.ndarray:
    """Strides of all cells, in the order of `cell_centres`: [cells, 1], px."""
    counts = [(size // stride) ** 2 for stride in strides]
    return np.repeat(np.float32(strides), counts)[:, None]


def cell_centres(size: int, strides: tuple[int, ...]) -> np.ndarray:
    """x and y of the centres of all cells, level by level, row by row: [cells, 2], px."""
    levels = []
    for stride in strides:
        middle = np.float32((np.arange(size // stride) + 0.5) * stride)
        x, y = np.meshgrid(middle, middle)
        levels.append(np.stack([x.ravel(), y.ravel()], axis=1))
    return np.concatenate(levels)


def new_detector(
    backbone: str,
    num_classes: int,
    strides: tuple[int, ...],
    state: dict[str, np.ndarray],
    bins: int = BINS,
) -> DenseDetector:
    """A detector on a backbone with these weights. Its head knows nothing yet."""
    with unique_name.guard():  # so that a checkpoint's names fit in any later process
        network = DenseDetector(backbone, num_classes, strides, bins=bins)
    network.backbone.set_state_dict(state)
    network.eval()  # batch normalisation keeps the statistics of pretraining
    return network


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1, fan_in: int | None = None):
    deviation = (2 / (fan_in or inputs * size * size)) ** 0.5
    padding = (size - 1) // 2 if stride == 1 else 0
    return nn.Conv2D(
        inputs, outputs, size, stride, padding=padding, weight_attr=Normal(0, deviation)
    )


def _focal(logits, heat):
    """Loss of each cell and class: a centre (heat 1) must be seen, near ones count little."""
    p = F.sigmoid(logits)
    is_centre = (heat == 1).astype("float32")
    seen = -F.log_sigmoid(logits) * (1 - p) ** 2 * is_centre
    imagined = -F.log_sigmoid(-logits) * p**2 * (1 - heat) ** 4 * (1 - is_centre)
    return seen + imagined


def _giou(sides, wanted):
    """One minus the generalised IoU of boxes around the same point, by distances [P, 4]."""
    both = paddle.minimum(sides, wanted)
    hull = paddle.maximum(sides, wanted)
    mine, theirs, inner, outer = (
        (d[:, 0] + d[:, 2]) * (d[:, 1] + d[:, 3]) for d in (sides, wanted, both, hull)
    )
    union = mine + theirs - inner
    return 1 - inner / union + (outer - union) / outer
