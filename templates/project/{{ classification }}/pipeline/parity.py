"""Whether two forms of a model say the same about the same pictures."""

import numpy as np

from pipeline import splits
from pipeline.dataset import Sample, balanced, read_splits
from pipeline.probabilities import answers
from pipeline.text import printable, some

PASSES = 512  # of the trained network, which is slow: pictures times views
FEWEST = 64  # pictures to compare; where there are fewer test pictures others are added
METRIC = "accuracy"  # as results and records name it


def pictures(options, about: dict) -> list[Sample]:
    """Test pictures, drawn class by class where they are many; filled up where they are few.

    Args:
        options: the settings.
        about: what is known of the run.
    """
    most = PASSES // len(about["views"])
    samples = read_splits(options)
    chosen = balanced(splits.unseen(samples, "test", options.classes, about))[:most]
    others = balanced([sample for sample in samples if sample.split != "test"])
    return chosen + others[: max(0, FEWEST - len(chosen))]


def between(predictor, other, export, samples: list[Sample]) -> dict:
    """`compare` of two forms of an export, which both run here."""
    squares = export.preprocess.read([sample.path for sample in samples])
    labels = np.array([sample.label for sample in samples])
    one, rival = (answers(form, export.preprocess, squares) for form in (predictor, other))
    return compare(one.probabilities, rival.probabilities, labels, export.classes)


def compare(
    reference: np.ndarray, other: np.ndarray, labels: np.ndarray, classes: list[str]
) -> dict:
    """Differences between two arrays of probabilities [N, classes] of the same pictures.

    Returns:
        The largest and the mean difference of a probability, the number of pictures, the other's
        accuracy, and that minus the reference's accuracy; `classes`, the same of the recall of
        each class that the pictures show.
    """
    difference = np.abs(other - reference)
    # What is no number agrees with nothing.
    difference = np.where(np.isfinite(difference), difference, 1.0)
    right = [is_right(p, labels) for p in (reference, other)]
    accuracy = [float(one.mean()) for one in right]
    recalls = []
    for label in np.unique(labels):
        before, after = (float(one[labels == label].mean()) for one in right)
        recalls.append(
            {
                "class": classes[label],
                "pictures": int((labels == label).sum()),
                "recall": after,
                "recall_change": after - before,
            }
        )
    return {
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "pictures": len(labels),
        "accuracy": accuracy[1],
        "accuracy_change": accuracy[1] - accuracy[0],
        "classes": recalls,
    }


def is_right(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which of N pictures are recognised, [N] bool; those whose answer is no number never are."""
    return np.isfinite(probabilities).all(1) & (probabilities.argmax(1) == labels)


def apart(reference: np.ndarray, other: np.ndarray) -> float:
    """The largest distance between two embeddings [N, D] of a picture, as a share of the first's
    length."""
    difference = np.linalg.norm(other - reference, axis=1) / np.linalg.norm(reference, axis=1)
    return float(np.where(np.isfinite(difference), difference, 1.0).max())


def faults(name: str, result: dict, limits, exact: bool = True) -> list[str]:
    """What of a comparison is beyond `limits` of the settings; outputs only where `exact`.

    One picture more or less is never a fault: below 100 pictures it is more than a point. Accuracy
    hardly falls when a rare defect is no longer found. So no class's recall may fall by so much
    that their mean falls by the limit; held to the limit itself, of several classes one would fail
    by chance.
    """
    found = []
    if exact and result["largest_difference"] > limits.max_output_difference:
        found.append(
            f"{name}: a probability differs by {result['largest_difference']:.2g} "
            f"(limits.max_output_difference is {limits.max_output_difference:g})."
        )
    if exact and result.get("embedding_difference", 0) > limits.max_output_difference:
        found.append(
            f"{name}: an embedding differs by {result['embedding_difference']:.2g} of its length "
            f"(limits.max_output_difference is {limits.max_output_difference:g})."
        )

    limit = f"limits.max_metric_loss is {limits.max_metric_loss:g}"
    # Shares of whole pictures: a loss of exactly the limit must not fail by rounding.
    allowed = max(limits.max_metric_loss, 1 / result["pictures"]) + 1e-9
    if -result["accuracy_change"] > allowed:
        found.append(
            f"{name}: accuracy fell by {-result['accuracy_change']:.3f} to "
            f"{result['accuracy']:.3f} ({limit})."
        )
    classes = result["classes"]
    of_a_class = len(classes) * limits.max_metric_loss
    lost = [
        f"{printable(one['class'])} by {-one['recall_change']:.3f} to {one['recall']:.3f}"
        for one in classes
        if -one["recall_change"] > max(of_a_class, 1 / one["pictures"]) + 1e-9
    ]
    if lost:
        found.append(
            f"{name}: recall fell: {some(lost)} ({limit}: {of_a_class:.2g} for one of "
            f"{len(classes)} classes)."
        )
    return found
