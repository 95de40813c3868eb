"""The dense detector without its contrastive loss, or with cosines, for detection.py.

    cd PROJECT
    FLAGS_enable_pir_api=0 PYTHONPATH=. python .../benchmarks/few_shot_heads.py cosine train.py

Runs a script of the project with another detector. `cosine`: a class is told by the cosine between
a cell's features and the class's weights (Wang et al., "Frustratingly Simple Few-Shot Object
Detection", ICML 2020). `no-contrast`: training goes without the contrastive loss.
"""

import argparse
import runpy
import sys
from types import MethodType

import paddle
from paddle import nn
from paddle.nn import functional as F

from pipeline import detectors, network
from pipeline.network import DenseDetector

COSINE_SCALE = 20.0  # as in the paper


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("head", choices=("cosine", "no-contrast"))
    parser.add_argument("script", nargs=argparse.REMAINDER, help="and its options")
    arguments = parser.parse_args()
    if arguments.head == "cosine":
        network.DenseDetector = detectors.DenseDetector = CosineDetector
    else:
        network.CONTRAST_WEIGHT = 0.0
    sys.argv = arguments.script
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
