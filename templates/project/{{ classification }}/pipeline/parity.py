"""Whether two forms of a model say the same about the same pictures."""

import numpy as np

from pipeline import splits
from pipeline.dataset import Sample, read_splits
from pipeline.probabilities import answers

PASSES = 512  # of the trained network, which is slow: pictures times views
FEWEST = 64  # pictures to compare; where there are fewer test pictures others are added
METRIC = "accuracy"  # as results and records name it


def pictures(options, about: dict) -> list[Sample]:
    """Test pictures, drawn at random where they are many; filled up where they are few.

    Args:
        options: the settings.
        about: what is known of the run.
    """
    most = PASSES // len(about["views"])
    samples = read_splits(options)
    tests = splits.unseen(samples, "test", options.classes, about)
    order = np.random.default_rng(0).permutation(len(tests))
    chosen = [tests[i] for i in order[:most]]
    others = [sample for sample in samples if sample.split != "test"]
    order = np.random.default_rng(0).permutation(len(others))
    return chosen + [others[i] for i in order[: max(0, FEWEST - len(chosen))]]


def between(predictor, other, export, samples: list[Sample]) -> dict[str, float]:
    """`compare` of two forms of an export, which both run here."""
    squares = export.preprocess.read([sample.path for sample in samples])
    labels = np.array([sample.label for sample in samples])
    one, rival = (answers(form, export.preprocess, squares) for form in (predictor, other))
    return compare(one.probabilities, rival.probabilities, labels)


def compare(reference: np.ndarray, other: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Differences between two arrays of probabilities [N, classes] of the same pictures.

    Returns:
        The largest and the mean difference of a probability, the number of pictures, the other's
        accuracy, and that minus the reference's accuracy.
    """
    difference = np.abs(other - reference)
    # What is no number agrees with nothing.
    difference = np.where(np.isfinite(difference), difference, 1.0)
    accuracy = [float(is_right(p, labels).mean()) for p in (reference, other)]
    return {
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "pictures": len(labels),
        "accuracy": accuracy[1],
        "accuracy_change": accuracy[1] - accuracy[0],
    }


def is_right(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which of N pictures are recognised, [N] bool; those whose answer is no number never are."""
    return np.isfinite(probabilities).all(1) & (probabilities.argmax(1) == labels)


def apart(reference: np.ndarray, other: np.ndarray) -> float:
    """The largest distance between two embeddings [N, D] of a picture, as a share of the first's
    length."""
    difference = np.linalg.norm(other - reference, axis=1) / np.linalg.norm(reference, axis=1)
    return float(np.where(np.isfinite(difference), difference, 1.0).max())


def faults(name: str, result: dict[str, float], limits, exact: bool = True) -> list[str]:
    """What of a comparison is beyond `limits` of the settings; outputs only where `exact`.

    One picture more or less is never a fault: below 100 pictures it is more than a point.
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
    # Shares of whole pictures: a loss of exactly the limit must not fail by rounding.
    allowed = max(limits.max_metric_loss, 1 / result["pictures"]) + 1e-9
    if -result["accuracy_change"] > allowed:
        found.append(
            f"{name}: accuracy fell by {-result['accuracy_change']:.3f} to "
            f"{result['accuracy']:.3f} (limits.max_metric_loss is {limits.max_metric_loss:g})."
        )
    return found
