"""From which score on a box is shown: chosen for each class by held-out pictures, at IoU 0.5."""

import numpy as np

from pipeline.matching import Matches


def choose(matches: list[Matches], wanted: dict[str, float], otherwise: float) -> list[dict]:
    """A threshold for every class.

    Args:
        matches: of every class in pictures that were not trained on.
        wanted: a `recall`, for the highest threshold that has it; or `false_alarms` of the class a
            picture, for the lowest threshold with at most so many.
        otherwise: the threshold where no box is found, or where that recall is out of reach,
            unless it takes a lower one to find all that can be found.

    Returns:
        For every class threshold, reached (whether it does what was wanted), highest_recall (that
        of the lowest threshold), and the recall, precision and false_alarms a picture that it has
        on these pictures, None if undefined.
    """
    chosen = []
    for one in matches:
        objects = int(one.objects.sum())
        highest = int(one.right[0].sum()) / objects if objects else None
        if "recall" in wanted:
            found = for_recall(one, wanted["recall"])
        else:
            found = for_false_alarms(one, wanted["false_alarms"], otherwise)
        if found is not None:
            threshold = found
        else:
            threshold = min(otherwise, for_recall(one, highest)) if highest else otherwise
        shown, right = (int(counts.sum()) for counts in one.counts(threshold))
        chosen.append(
            {
                "threshold": threshold,
                "reached": found is not None,
                "highest_recall": highest,
                "recall": right / objects if objects else None,
                "precision": right / shown if shown else None,
                "false_alarms": (shown - right) / len(one.objects),
            }
        )
    return chosen


def for_recall(one: Matches, wanted: float) -> float | None:
    """The highest threshold with this recall; None where no threshold has it."""
    score, _, right = one.levels()
    enough = np.flatnonzero(right >= wanted * one.objects.sum() - 1e-9)
    if not one.objects.any() or not len(enough):
        return None
    return _between(score, int(enough[0]) + 1)


def for_false_alarms(one: Matches, most: float, otherwise: float) -> float:
    """The lowest threshold with at most so many false alarms a picture; `otherwise` where every
    threshold has none."""
    score, shown, right = one.levels()
    if not len(score):
        return otherwise
    return _between(score, int((shown - right <= most * len(one.objects) + 1e-9).sum()))


def _between(score: np.ndarray, shown: int) -> float:
    """Half-way between the last score that is shown and the next: rounding moves no box over."""
    ends = np.concatenate([[1 + 1e-6], score, [0.0]])
    return float(ends[shown] + ends[shown + 1]) / 2
