"""Heads of the few-shot literature in place of the dense detector's own, for detection.py.

    cd PROJECT
    FLAGS_enable_pir_api=0 PYTHONPATH=. python .../benchmarks/few_shot_heads.py cosine train.py

Runs a script of the project with another detector. `cosine`: a class is told by the cosine between
a cell's features and the class's weights (Wang et al., "Frustratingly Simple Few-Shot Object
Detection", ICML 2020). `contrast`: a second layer, for training alone, learns to keep the objects
of a class together and apart from all others (Sun et al., "FSCE", CVPR 2021; PaddleDetection's
few-shot recipes have such a head for PP-YOLOE+).
"""

import argparse
import runpy
import sys
from types import MethodType

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from pipeline import detectors, network
from pipeline.network import CHANNELS, DenseDetector
from pipeline.targets import dense_targets

COSINE_SCALE = 20.0  # as in the paper
CONTRAST_WEIGHT, TEMPERATURE = 0.2, 0.2  # of the contrastive loss beside the others, as there
BACKGROUND, NO_HEAT = 256, 0.01  # so many cells of a step, at most so warm, stand for no object


class CosineDetector(DenseDetector):
    """Tells classes by cosines: what its layer of centres gives is made of them."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.centres.forward = MethodType(_scaled_cosines, self.centres)


def _scaled_cosines(layer: nn.Conv2D, x):
    """Cosines between a convolution's weights and what they lie on, scaled, and its bias."""
    weight = layer.weight / (layer.weight**2).sum([1, 2, 3], keepdim=True).sqrt()
    square = (x**2).sum(1, keepdim=True)
    length = F.conv2d(square, paddle.ones([1, 1, *layer.weight.shape[2:]]), padding=1)
    cosine = F.conv2d(x, weight, padding=1) / (length + 1e-6).sqrt()
    return COSINE_SCALE * cosine + layer.bias.reshape([1, -1, 1, 1])


class ContrastDetector(DenseDetector):
    """Learns embeddings of its cells beside what it says of them."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.embedding = nn.Conv2D(CHANNELS, CHANNELS, 1)
        self.features = []
        self.tower.register_forward_post_hook(lambda layer, x, y: self.features.append(y))
        self.random = np.random.default_rng(0)

    def depth_groups(self):
        *lower, head = super().depth_groups()
        return [*lower, [*head, *self.embedding.parameters()]]

    def _head(self, maps):
        self.features.clear()
        return super()._head(maps)

    def losses_of(self, maps, targets):
        loss = super().losses_of(maps, targets)
        return loss + CONTRAST_WEIGHT * self._contrast(self._size(maps), targets.numpy())

    def _contrast(self, size: int, targets: np.ndarray):
        """Supervised contrastive loss (Khosla et al., NeurIPS 2020) of the cells that learn an
        object; some of the background are beside them."""
        heat, care, _, weight = dense_targets(targets, size, self.strides, self.num_classes)
        cells, empty = np.flatnonzero(weight), (heat.max(2) < NO_HEAT) & (care[:, :, 0] == 1)
        labels = heat.reshape(-1, self.num_classes)[cells].argmax(1)
        others = np.flatnonzero(empty)
        others = self.random.choice(others, min(BACKGROUND, len(others)), replace=False)
        same = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
        anchors = np.flatnonzero(same.any(1))
        if not len(anchors):
            return paddle.zeros([])
        embedded = [self.embedding(y).flatten(2) for y in self.features]
        embedded = paddle.concat(embedded, axis=2).transpose([0, 2, 1]).reshape([-1, CHANNELS])
        where = paddle.to_tensor(np.concatenate([cells, others]))
        embedded = F.normalize(embedded.gather(where))
        likeness = embedded[: len(cells)] @ embedded.T / TEMPERATURE
        itself = np.eye(*likeness.shape, dtype=np.float32)
        likely = F.log_softmax(likeness - 1e9 * paddle.to_tensor(itself))[:, : len(cells)]
        share = np.float32(same / np.maximum(1, same.sum(1, keepdims=True)))
        return -(likely * paddle.to_tensor(share)).sum() / len(anchors)


HEADS = {"cosine": CosineDetector, "contrast": ContrastDetector}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("head", choices=HEADS)
    parser.add_argument("script", nargs=argparse.REMAINDER, help="and its options")
    arguments = parser.parse_args()
    network.DenseDetector = detectors.DenseDetector = HEADS[arguments.head]
    sys.argv = arguments.script
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
