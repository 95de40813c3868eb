"""Whether two forms of a model say the same about the same pictures."""

import numpy as np

METRIC = "accuracy"  # as results and records name it


def compare(reference: np.ndarray, other: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Differences between two arrays of probabilities [N, classes] of the same pictures.

    Returns:
        The largest and the mean difference of a probability, the number of pictures, the other's
        accuracy, and that minus the reference's accuracy.
    """
    difference = np.abs(other - reference)
    # What is no number agrees with nothing.
    difference = np.where(np.isfinite(difference), difference, 1.0)
    accuracy = [float((p.argmax(1) == labels).mean()) for p in (reference, other)]
    return {
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "pictures": len(labels),
        "accuracy": accuracy[1],
        "accuracy_change": accuracy[1] - accuracy[0],
    }


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
