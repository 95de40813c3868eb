"""A finished run's model, ready to be judged or exported."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from paddle.utils import unique_name

from pipeline import runs
from pipeline.network import Classifier, Deployed
from pipeline.preprocess import Preprocess
from pipeline.probabilities import Answers
from pipeline.weights import read_weights


@dataclass(frozen=True)
class Trained:
    """A run and its network.

    Attributes:
        run: the folder.
        about: what `run.json` says.
        network: pictures [N, 3, S, S], 0..255 -> probabilities [N, classes], embeddings [N, D].
        preprocess: how pictures are laid out for it.
    """

    run: Path
    about: dict
    network: Deployed
    preprocess: Preprocess

    @property
    def classes(self) -> list[str]:
        return self.about["settings"]["classes"]

    def answers(self, squares: list[np.ndarray], batch_size: int = 32) -> Answers:
        """What the network says of N pictures [S, S, 3] uint8, in training precision."""
        batches = self.preprocess.batches(squares, batch_size)
        with paddle.no_grad():
            given = [[y.numpy() for y in self.network(paddle.to_tensor(x))] for x in batches]
        return Answers.joined(given)


def load_run(run: Path) -> Trained:
    """Rebuilds the network of a run.

    Raises:
        UserError: the run has no model, or its files don't fit together.
    """
    about = runs.about(run)
    classifier = network_of(about, read_weights(run / runs.MODEL))
    network = Deployed(classifier, tuple(about["views"]), about["temperature"])
    network.eval()
    return Trained(run, about, network, Preprocess.from_dict(about["preprocess"]))


def network_of(about: dict, weights: dict[str, np.ndarray]) -> Classifier:
    """The network that a run.json tells of, with these weights. Raises UserError where they don't
    fit together."""
    known, classes = about["weights"], len(about["settings"]["classes"])
    with unique_name.guard():  # so that a checkpoint's names fit in any later process
        network = Classifier(known["backbone"], classes, known.get("widths", ()))
    return runs.filled(network, weights, about["id"])
