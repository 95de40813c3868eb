"""How training judges a detector by held-out pictures."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pipeline.dataset import Sample
from pipeline.detections import Detections, detect
from pipeline.matching import IOUS, match
from pipeline.metrics import mean_and_classes
from pipeline.preprocess import Preprocess
from pipeline.replicas import Replicas
from pipeline.trained import Layers


def found_by(predictors: list, samples: list[Sample], preprocess: Preprocess) -> list[Detections]:
    """What a network finds in each picture; copies of it look at some of them each."""
    count = len(predictors)

    def some(number: int) -> list[Detections]:
        paths = [sample.path for sample in samples[number::count]]
        return list(detect(predictors[number], preprocess, paths))

    found: list = [None] * len(samples)
    with ThreadPoolExecutor(count) as threads:
        for number, part in enumerate(threads.map(some, range(count))):
            found[number::count] = part
    return found


def copies(replicas: Replicas) -> list[Layers]:
    """The copies of a network in training, up to date, for `found_by`."""
    return [Layers(network) for network in replicas.synchronised()]


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
    look: Callable[[], list], preprocess: Preprocess, classes: int, samples: list[Sample]
) -> tuple[float, dict[str, float]]:
    """For `fine_tune`: what is to become small, and the figures for the curves.

    Epochs are judged by AP. It is the mean over ten IoUs, and so hangs less than AP50 on each of
    the few held-out objects; and it goes on rising at an AP50 of 1.

    Args:
        look: gives predictors, as for `found_by`, with the weights of the moment.
        preprocess: how a picture becomes inputs.
        classes: how many.
        samples: the pictures to judge by.
    """
    measured = average_precision(samples, found_by(look(), samples, preprocess), classes)
    return -measured["AP"], {f"held_out_{name}": value for name, value in measured.items()}
