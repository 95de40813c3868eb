"""Whether two forms of a detector find the same in the same pictures."""

import numpy as np

from pipeline import splits
from pipeline.boxes import iou
from pipeline.dataset import Sample, read_splits
from pipeline.detections import Detections, detect
from pipeline.held_out import some_of
from pipeline.judging import average_precision
from pipeline.preprocess import Preprocess

METRIC = "AP50"  # as results and records name it
COMPARED = 24  # pictures; the trained network is slow ...
INPUTS = 96  # ... and so are pictures that are cut into tiles
COUNTED = 0.1  # score from which on a box must have its counterpart
ALIKE = 0.9  # IoU of counterparts


def pictures(options, about: dict) -> list[Sample]:
    """Test pictures with objects, drawn at random where they are many; filled up with other
    pictures with objects where they are few, and with any.

    Args:
        options: the settings.
        about: what is known of the run.
    """
    samples = read_splits(options)
    tests = splits.unseen(samples, "test", options.classes, about)
    others = [sample for sample in samples if sample.split != "test"]
    rng = np.random.default_rng(0)
    drawn = [part[i] for part in (tests, others) for i in rng.permutation(len(part))]
    drawn.sort(key=lambda sample: not len(sample.boxes))
    return some_of(drawn[:COMPARED], Preprocess.from_dict(about["preprocess"]), INPUTS)


def between(predictor, other, export, samples: list[Sample]) -> dict[str, float]:
    """`compare` of two forms of an export, which both run here."""
    paths = [sample.path for sample in samples]
    found = (list(detect(form, export.preprocess, paths)) for form in (predictor, other))
    return compare(*found, samples, len(export.classes))


def compare(
    reference: list[Detections], other: list[Detections], samples: list[Sample], classes: int
) -> dict[str, float]:
    """Differences between what two forms of a model found in the same N pictures.

    Returns:
        Boxes that were found with a score of at least COUNTED by each, those without a
        counterpart (same class, IoU of at least ALIKE), the largest and the mean difference of
        the counterparts' scores and the largest of their sides (px), the other's AP50, and that
        minus the reference's.
    """
    scores, sides, alone = [], [], 0
    counted = [0, 0]
    for pair in zip(reference, other, strict=True):
        for number, (one, rival) in enumerate((pair, pair[::-1])):
            strong = one.scores >= COUNTED
            counted[number] += int(strong.sum())
            overlap = iou(one.boxes[strong], rival.boxes)
            overlap *= one.labels[strong][:, None] == rival.labels[None]
            best = overlap.argmax(1) if len(rival.boxes) else np.zeros(0, int)
            alike = overlap.max(1, initial=0) >= ALIKE
            alone += int((~alike).sum())
            if len(best):
                scores.append(np.abs(one.scores[strong] - rival.scores[best])[alike])
                sides.append(np.abs(one.boxes[strong] - rival.boxes[best])[alike].max(1, initial=0))
    differences = np.concatenate([*scores, np.zeros(1)])
    metric = [average_precision(samples, found, classes)["AP50"] for found in (reference, other)]
    return {
        "pictures": len(samples),
        "boxes": sum(len(sample.boxes) for sample in samples),
        "found_before": counted[0],
        "found": counted[1],
        "without_counterpart": alone,
        "largest_difference": float(differences.max()),
        "mean_difference": float(differences.mean()),
        "largest_shift": float(np.concatenate([*sides, np.zeros(1)]).max()),
        "AP50": metric[1],
        "AP50_change": metric[1] - metric[0],
    }


def faults(name: str, result: dict[str, float], limits, exact: bool = True) -> list[str]:
    """What of a comparison is beyond `limits` of the settings; single boxes only where `exact`.

    AP50 may always fall by one box's share of all; a box of a rare class weighs more in it.
    """
    if not result["boxes"]:
        return [f"{name}: nothing to compare, for no test picture shows an object. Label some."]
    if not result["found_before"]:
        return [
            f"{name}: nothing to compare, for the network that it was made from finds nothing in "
            f"{result['pictures']} pictures with {result['boxes']} labelled boxes. Train longer."
        ]
    found = []
    if result["found_before"] and not result["found"]:
        found.append(f"{name}: finds nothing at all.")
    if exact and result["without_counterpart"]:
        found.append(
            f"{name}: {result['without_counterpart']} boxes that score {COUNTED} or more have no "
            "counterpart in the trained network."
        )
    if exact and result["largest_difference"] > limits.max_output_difference:
        found.append(
            f"{name}: a score differs by {result['largest_difference']:.2g} "
            f"(limits.max_output_difference is {limits.max_output_difference:g})."
        )
    allowed = max(limits.max_metric_loss, 1 / max(result["boxes"], 1)) + 1e-9
    if -result["AP50_change"] > allowed:
        found.append(
            f"{name}: AP50 fell by {-result['AP50_change']:.3f} to {result['AP50']:.3f} "
            f"(limits.max_metric_loss is {limits.max_metric_loss:g})."
        )
    return found
