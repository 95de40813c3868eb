"""How training judges a detector by held-out pictures."""

import numpy as np

from pipeline.dataset import Sample
from pipeline.detections import Detections, detect
from pipeline.matching import IOUS, match
from pipeline.metrics import mean_and_classes
from pipeline.preprocess import Preprocess
from pipeline.replicas import Replicas
from pipeline.trained import Layers


def found_by(replicas: Replicas, samples: list[Sample], preprocess: Preprocess) -> list[Detections]:
    """What the network finds in each picture; every copy of it looks at some of them."""
    replicas.synchronise()
    count = len(replicas.networks)

    def some(network, number: int) -> list[Detections]:
        paths = [sample.path for sample in samples[number::count]]
        return list(detect(Layers(network), preprocess, paths))

    found: list = [None] * len(samples)
    for number, part in enumerate(replicas.threads.map(some, replicas.networks, range(count))):
        found[number::count] = part
    return found


def average_precision(
    samples: list[Sample], found: list[Detections], classes: int
) -> dict[str, float]:
    """AP50 and AP over the classes that have objects; 0 where there are none at all."""
    matches = match(samples, found, classes)
    once = np.ones(len(samples))
    return {
        name: float(np.nan_to_num(mean_and_classes(matches, ious, once)[0]))
        for name, ious in (("AP50", 1), ("AP", len(IOUS)))
    }


def judge(
    replicas: Replicas, samples: list[Sample], preprocess: Preprocess, classes: int
) -> tuple[float, dict[str, float]]:
    """For `fine_tune`: what is to become small, and the figures for the curves."""
    measured = average_precision(samples, found_by(replicas, samples, preprocess), classes)
    return -measured["AP50"], {f"held_out_{name}": value for name, value in measured.items()}
