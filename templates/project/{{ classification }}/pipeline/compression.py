"""What compress.py needs to know of classifiers: which pictures, and how a form is judged."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from pipeline import additions, balance, custom_hooks, exports, parity
from pipeline.batches import augmented
from pipeline.bootstrap import interval, resamples
from pipeline.dataset import Sample, balanced, read_splits
from pipeline.exports import Export
from pipeline.forms import Form
from pipeline.network import Deployed
from pipeline.preprocess import Preprocess
from pipeline.probabilities import probabilities
from pipeline.trained import load_run

KEPT = ()  # of export.json, but for what every int8 export keeps
KEEP_LAST = False  # the last convolutions are not yet the answer
CALIBRATION = 128  # passes through the network to calibrate with: pictures times views
ENOUGH = 0.01  # of what `Judge.loss` says
JUDGED = 64  # pictures to choose by
BATCH = 16  # pictures to fine-tune with, at a time
HASHED = 8  # pictures whose inputs are hashed


def training_pictures(options, export: Export) -> tuple[list[Sample], list[Sample]]:
    """Pictures to calibrate with and pictures to choose by, balanced over the classes."""
    most = max(CALIBRATION // len(export.about["run"]["views"]), 4, len(export.classes))
    samples = read_splits(options)
    train = balanced([sample for sample in samples if sample.split == "train"])
    val = balanced([sample for sample in samples if sample.split == "val"])
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


def student_and_teacher(run: Path) -> tuple[nn.Layer, nn.Layer]:
    """The trained network twice, for fine-tuning in 8 bits."""
    return load_run(run).network, load_run(run).network


def apart(student: Deployed, teacher: Deployed, x: paddle.Tensor) -> paddle.Tensor:
    """How far two classifiers' answers are apart: Kullback-Leibler divergence of the
    probabilities, and mean squared difference of the standardised features."""
    with paddle.no_grad():
        features = teacher.classifier.embeddings(x)
        wanted = F.softmax(teacher.classifier.fc(features))
    seen = student.classifier.embeddings(x)
    given = F.log_softmax(student.classifier.fc(seen))
    return F.kl_div(given, wanted, reduction="batchmean") + F.mse_loss(seen, features)


def endless_batches(options, preprocess: Preprocess) -> Iterator[np.ndarray]:
    """Augmented training pictures [N, 3, S, S], over and over."""
    rng = np.random.default_rng(options.train.seed)
    custom_augment = custom_hooks.augment()
    samples = [sample for sample in read_splits(options) if sample.split == "train"]
    squares = preprocess.read([sample.path for sample in samples])
    labels = np.array([sample.label for sample in samples])
    while True:
        for batch in np.array_split(balance.epoch(labels, rng), -(-len(squares) // BATCH)):
            part = [squares[i] for i in batch]
            yield augmented(part, options, preprocess, custom_augment, rng)


def remarks(export: Export) -> list[str]:
    """What else is to be known of the compressed forms."""
    if additions.read(export.folder):
        return ["the added classes stay with the fp32 export; what is compressed sees otherwise."]
    return []


class Judge:
    """Compares forms of a model with one of them, on the same pictures.

    Args:
        reference: the form to compare with.
        samples: N labelled pictures.
    """

    def __init__(self, reference: Form, samples: list[Sample]):
        self.samples, self.classes = samples, reference.export.classes
        self.labels = np.array([sample.label for sample in samples])
        self.squares = reference.export.preprocess.read([sample.path for sample in samples])
        self.wanted = self._answers(reference)

    def compare(self, form: Form) -> dict:
        """As `parity.compare`, and the accuracy with its interval."""
        given = self._answers(form)
        right = parity.is_right(given, self.labels).astype(float)
        groups = [sample.group for sample in self.samples]
        draws, everywhere = resamples(groups), len(set(groups))
        metric = interval(lambda w: w @ right / w.sum(-1), draws, everywhere)
        result = parity.compare(self.wanted, given, self.labels, self.classes)
        return result | {"interval": metric}

    def loss(self, form: Form) -> float:
        """How far its probabilities are from the reference's: mean Kullback-Leibler divergence."""
        given = np.clip(self._answers(form), 1e-7, 1)
        return float((self.wanted * np.log(np.clip(self.wanted, 1e-7, 1) / given)).sum(1).mean())

    def _answers(self, form: Form) -> np.ndarray:
        """Probabilities [N, classes]."""
        return probabilities(form.predictor(), form.export.preprocess, self.squares)
