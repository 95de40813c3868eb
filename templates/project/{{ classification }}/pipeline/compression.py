"""What compress.py needs to know of classifiers: which pictures, and how a form is judged."""

from collections import Counter

import numpy as np

from pipeline import exports, parity
from pipeline.bootstrap import interval, resamples
from pipeline.dataset import Sample, read_splits
from pipeline.exports import Export
from pipeline.forms import Form
from pipeline.preprocess import Preprocess
from pipeline.probabilities import probabilities

KEEP_LAST = False  # the last convolutions are not yet the answer
CALIBRATION = 128  # passes through the network to calibrate with: pictures times views
JUDGED = 64  # pictures to choose by
HASHED = 8  # pictures whose inputs are hashed


def training_pictures(options, export: Export) -> tuple[list[Sample], list[Sample]]:
    """Pictures to calibrate with and pictures to choose by, balanced over the classes."""
    most = max(CALIBRATION // len(export.about["run"]["views"]), 4, len(export.classes))
    samples = read_splits(options)
    train = _balanced([sample for sample in samples if sample.split == "train"])
    val = _balanced([sample for sample in samples if sample.split == "val"])
    if val:
        return train[:most], val[:JUDGED]
    half = min(most, len(train) // 2)
    return train[:half], train[half:][:JUDGED]


def pictures_of_classes(samples: list[Sample]) -> Counter[int]:
    """How many pictures show each class."""
    return Counter(sample.label for sample in samples)


def inputs(samples: list[Sample], preprocess: Preprocess) -> np.ndarray:
    """The network's inputs [N, 3, S, S] for pictures."""
    return preprocess.batch(preprocess.read([sample.path for sample in samples]))


def input_hash(samples: list[Sample], preprocess: Preprocess) -> str:
    """SHA-256 of the network's inputs for some of the pictures."""
    return exports.input_hash([inputs(samples[:HASHED], preprocess)])


class Judge:
    """Compares forms of a model with one of them, on the same pictures.

    Args:
        reference: the form to compare with.
        samples: N labelled pictures.
    """

    def __init__(self, reference: Form, samples: list[Sample]):
        self.samples = samples
        self.labels = np.array([sample.label for sample in samples])
        self.squares = reference.export.preprocess.read([sample.path for sample in samples])
        self.wanted = self._answers(reference)

    def compare(self, form: Form) -> dict:
        """As `parity.compare`, and the accuracy with its interval."""
        given = self._answers(form)
        right = (given.argmax(1) == self.labels).astype(float)
        groups = [sample.group for sample in self.samples]
        draws, everywhere = resamples(groups), len(set(groups))
        metric = interval(lambda w: w @ right / w.sum(-1), draws, everywhere)
        return parity.compare(self.wanted, given, self.labels) | {"interval": metric}

    def loss(self, form: Form) -> float:
        """How far its probabilities are from the reference's: mean Kullback-Leibler divergence."""
        given = np.clip(self._answers(form), 1e-7, 1)
        return float((self.wanted * np.log(np.clip(self.wanted, 1e-7, 1) / given)).sum(1).mean())

    def _answers(self, form: Form) -> np.ndarray:
        """Probabilities [N, classes]."""
        return probabilities(form.predictor(), form.export.preprocess, self.squares)


def _balanced(samples: list[Sample]) -> list[Sample]:
    """Random order in which every class comes once before any comes again."""
    rng = np.random.default_rng(0)
    turns: dict[int, int] = {}
    order = []
    for index in rng.permutation(len(samples)):
        label = samples[index].label
        turns[label] = turns.get(label, 0) + 1
        order.append((turns[label], rng.random(), index))
    return [samples[index] for _, _, index in sorted(order)]
