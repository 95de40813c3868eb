"""A run's model, ready to be judged or exported."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle import nn

from pipeline import runs
from pipeline.detections import Detections, detect
from pipeline.detectors import Architecture, new_network
from pipeline.inference import Predictor, exported
from pipeline.preprocess import Preprocess
from pipeline.weights import read_weights


class Deployed(nn.Layer):
    """What is exported: boxes after non-maximum suppression."""

    def __init__(self, network: nn.Layer):
        super().__init__()
        self.network = network

    def forward(self, x):
        """Pictures [N, 3, S, S], 0..255 -> rows [M, 6] of label, score, x0, y0, x1, y1 in px, how
        many belong to each picture, [N], and the means of the backbone's maps, [N, D]."""
        maps = self.network.maps(x)
        rows, counts = self.network.rows_of(maps)
        return rows, counts, paddle.concat([each.mean([2, 3]) for each in maps], axis=1)


class Layers:
    """A network as Paddle's layers, with the interface of an exported one."""

    def __init__(self, network: nn.Layer):
        self.network = network

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        """[N, 3, S, S] float32 -> rows and counts."""
        with paddle.no_grad():
            return [output.numpy() for output in self.network.rows(paddle.to_tensor(x))]


@dataclass(frozen=True)
class Trained:
    """A run and its network.

    Attributes:
        run: the folder.
        about: what `run.json` says.
        network: pictures -> rows and counts.
        preprocess: how a picture becomes inputs.
    """

    run: Path
    about: dict
    network: Deployed
    preprocess: Preprocess

    @property
    def classes(self) -> list[str]:
        return self.about["settings"]["classes"]

    def exported(self) -> Predictor:
        """The network in Paddle Inference: several times faster than its layers, which can't be
        used any more."""
        return exported(self.network, self.preprocess.input_size)

    def detections(self, paths: list[Path]) -> Iterator[Detections]:
        """What the trained network finds in pictures, in training precision."""
        return detect(Layers(self.network.network), self.preprocess, paths)


def load_run(run: Path) -> Trained:
    """Rebuilds the network of a run.

    Raises:
        UserError: the run has no model, or its files don't fit together.
    """
    about = runs.about(run)
    network = network_of(about, read_weights(run / runs.MODEL))
    return Trained(run, about, Deployed(network), Preprocess.from_dict(about["preprocess"]))


def network_of(about: dict, weights: dict[str, np.ndarray]) -> nn.Layer:
    """The network that a run.json tells of, with these weights. Raises UserError where they don't
    fit together."""
    architecture = Architecture.from_dict(about["weights"])
    network = new_network(architecture, len(about["settings"]["classes"]))
    return runs.filled(network, weights, about["id"])
