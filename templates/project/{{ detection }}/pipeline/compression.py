"""What compress.py needs to know of detectors: which pictures, and how a form is judged."""

import heapq
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from tqdm import tqdm

from pipeline import exports, parity
from pipeline.bootstrap import interval, resamples
from pipeline.console import UserError
from pipeline.dataset import Sample, read_splits
from pipeline.detections import Detections, detect
from pipeline.exports import Export
from pipeline.forms import Form
from pipeline.images import read_picture
from pipeline.matching import match
from pipeline.metrics import mean_and_classes
from pipeline.network import DenseDetector, cell_strides
from pipeline.preprocess import Preprocess
from pipeline.trained import Deployed, load_run

KEPT = ("thresholds", "min_score")  # of export.json: from which score on predict.py shows a box
KEEP_LAST = True  # the last convolutions are coordinates, which need more than 256 values
CALIBRATION = 32  # inputs to calibrate with
JUDGED = 16  # pictures to choose by
ENOUGH = 0.02  # of what `Judge.loss` says; the scores alone differ by about 0.01 in 8 bits
BATCH = 2  # inputs to fine-tune with, at a time, of one picture
HASHED = 4  # pictures whose inputs are hashed


def training_pictures(options, export: Export) -> tuple[list[Sample], list[Sample]]:
    """Pictures to calibrate with and pictures to choose by, all of them with objects; those that
    show the rarest classes first."""
    samples = [sample for sample in read_splits(options) if len(sample.boxes)]
    train, val = (
        _rare_first([sample for sample in samples if sample.split == split])
        for split in ("train", "val")
    )
    if val:
        return train[:CALIBRATION], val[:JUDGED]
    half = -(-len(train) // 2)
    return train[:half][:CALIBRATION], (train[half:] or train)[:JUDGED]


def pictures_of_classes(samples: list[Sample]) -> Counter[int]:
    """How many pictures show each class."""
    return Counter(label for sample in samples for label in set(sample.labels.tolist()))


def inputs(samples: list[Sample], preprocess: Preprocess) -> np.ndarray:
    """The network's inputs [N, 3, S, S] that show objects of the pictures, at most CALIBRATION:
    where pictures are cut into tiles, one of each picture before any gives a second."""
    tiles = (
        (number, index, piece.square)
        for index, sample in enumerate(samples)
        for number, piece in enumerate(_with_objects(sample, preprocess))
    )
    first = heapq.nsmallest(CALIBRATION, tiles, key=lambda tile: tile[:2])
    return preprocess.batch([square for _, _, square in first])


def input_hash(samples: list[Sample], preprocess: Preprocess) -> str:
    """SHA-256 of the network's inputs for some of the pictures."""
    pieces = [preprocess.pieces(read_picture(sample.path)) for sample in samples[:HASHED]]
    return exports.input_hash(preprocess.batch([p.square for p in part]) for part in pieces)


def student_and_teacher(run: Path) -> tuple[nn.Layer, nn.Layer]:
    """The trained network twice, for fine-tuning in 8 bits.

    Raises:
        UserError: it is one of PaddleDetection's.
    """
    student, teacher = (load_run(run).network for _ in range(2))
    if not isinstance(student.network, DenseDetector):
        raise UserError(
            "fine-tuning in 8 bits: only the dense detector can do that. Deploy the fp32 export "
            "or prune, or set model.detector: dense and train again."
        )
    return student, teacher


def apart(student: Deployed, teacher: Deployed, x: paddle.Tensor) -> paddle.Tensor:
    """How far two detectors' answers are apart: cross-entropy of the cells' scores, and, where
    there may be an object, the difference of its sides in strides."""
    with paddle.no_grad():
        logits, sides = teacher.network(x)
        wanted = F.sigmoid(logits)
        weight = wanted.max(axis=2, keepdim=True)
    given, lengths = student.network(x)
    objects = weight.sum() + 1
    scores = F.binary_cross_entropy_with_logits(given, wanted, reduction="sum") / objects
    strides = paddle.to_tensor(cell_strides(x.shape[2], student.network.strides))
    shift = F.smooth_l1_loss(lengths, sides, reduction="none") / strides
    return scores + (shift * weight).sum() / objects


def endless_batches(options, preprocess: Preprocess) -> Iterator[np.ndarray]:
    """Inputs [N, 3, S, S] that show objects of training pictures, turned, over and over."""
    rng = np.random.default_rng(options.train.seed)
    samples = [s for s in read_splits(options) if s.split == "train" and len(s.boxes)]
    while True:
        for index in rng.permutation(len(samples)):
            tiles = _with_objects(samples[index], preprocess)
            chosen = [tiles[i].square for i in rng.permutation(len(tiles))[:BATCH]]
            if options.augment.symmetry != "none" and rng.random() < 0.5:
                chosen = [np.ascontiguousarray(square[:, ::-1]) for square in chosen]
            yield preprocess.batch(chosen)


def remarks(export: Export) -> list[str]:
    """What else is to be known of the compressed forms."""
    return []


class Judge:
    """Compares forms of a model with one of them, on the same pictures.

    Args:
        reference: the form to compare with.
        samples: N labelled pictures.
    """

    def __init__(self, reference: Form, samples: list[Sample]):
        self.samples = samples
        self.classes = len(reference.export.classes)
        self.wanted = self._answers(reference)

    def compare(self, form: Form) -> dict:
        """As `parity.compare`, and AP50 with its interval."""
        given = self._answers(form)
        groups = [sample.group for sample in self.samples]
        matches = match(self.samples, given, self.classes)
        labelled = {s.group for s in self.samples if len(s.boxes)}
        counts = [len(labelled)] + [
            len({s.group for s in self.samples if label in s.labels})
            for label in range(self.classes)
        ]
        average = partial(mean_and_classes, matches, 1)
        metric = interval(average, resamples(groups), counts, biased=True)[0]
        result = parity.compare(self.wanted, given, self.samples, self.classes)
        return result | {"interval": metric or {"value": 0.0, "low": 0.0, "high": 1.0}}

    def loss(self, form: Form) -> float:
        """How far its scores are from the reference's, and AP50 that it lost."""
        given = self._answers(form)
        result = parity.compare(self.wanted, given, self.samples, self.classes)
        return result["mean_difference"] - result["AP50_change"]

    def _answers(self, form: Form) -> list[Detections]:
        """What a form finds, with a bar: a picture takes a while."""
        paths = [sample.path for sample in self.samples]
        found = detect(form.predictor(), form.export.preprocess, paths)
        return list(tqdm(found, form.name, len(paths), unit="picture", leave=False, disable=None))


def _rare_first(samples: list[Sample]) -> list[Sample]:
    """Random order in which each next picture shows the class that was shown least so far."""
    rng = np.random.default_rng(0)
    left = [samples[i] for i in rng.permutation(len(samples))]
    shown: Counter[int] = Counter()
    order = []
    while left:
        best = min(left, key=lambda sample: min(shown[label] for label in sample.labels.tolist()))
        left.remove(best)
        shown.update(set(best.labels.tolist()))
        order.append(best)
    return order


def _with_objects(sample: Sample, preprocess: Preprocess) -> list:
    """The pieces of a picture in which the middle of an object lies, or all if there are none."""
    pieces = preprocess.pieces(read_picture(sample.path))
    middles = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2
    found = []
    for piece in pieces:
        inside = middles * piece.scale - [piece.left, piece.top]
        if ((inside >= 0) & (inside < piece.shown)).all(1).any():
            found.append(piece)
    return found or pieces
