"""What a person should look at: objects that were missed, false alarms, and wrong classes."""

import os

import numpy as np

from pipeline.boxes import area, intersection, iou
from pipeline.dataset import Sample
from pipeline.detections import Detections
from pipeline.project import ROOT

SAME_OBJECT = 0.5  # IoU


def find(
    samples: list[Sample], found: list[Detections], thresholds: list[float], classes: list[str]
) -> dict[str, list[dict]]:
    """The mistakes among the boxes from their class's threshold on.

    Returns:
        `misses`, the largest first; `false_alarms` and `confusions` of one class with another,
        the highest score first. Each has path, class (as labelled), predicted, score, and boxes
        x0, y0, x1, y1 in px: `labelled` and `found`. Of a miss these are its box and whatever
        touches it among the found ones; of a false alarm the other way round.
    """
    misses, alarms, confusions = [], [], []
    for sample, detections in zip(samples, found, strict=True):
        path = os.path.relpath(sample.path, ROOT)
        kept = detections.scores >= np.array(thresholds)[detections.labels]
        boxes, truths = np.float64(detections.boxes[kept]), np.float64(sample.boxes)
        said = [
            {"predicted": classes[label], "score": round(float(score), 6)}
            for label, score in zip(detections.labels[kept], detections.scores[kept], strict=True)
        ]
        meant = [{"class": classes[label]} for label in sample.labels]
        overlaps, touching = iou(boxes, truths), intersection(boxes, truths) > 0

        right = _pair(overlaps * (detections.labels[kept][:, None] == sample.labels))
        missed = ~np.isin(np.arange(len(truths)), right)
        confused = _pair(overlaps * (right < 0)[:, None] * missed)
        missed &= ~np.isin(np.arange(len(truths)), confused)

        for i in np.flatnonzero(confused >= 0):
            pair = {"labelled": truths[confused[i], None], "found": boxes[i, None]}
            confusions.append({"path": path} | meant[confused[i]] | said[i] | pair)
        for i in np.flatnonzero((right < 0) & (confused < 0)):
            pair = {"labelled": truths[touching[i]], "found": boxes[i, None]}
            alarms.append({"path": path, "class": None} | said[i] | pair)
        for j in np.flatnonzero(missed):
            pair = {"labelled": truths[j, None], "found": boxes[touching[:, j]]}
            misses.append({"path": path} | meant[j] | {"predicted": None, "score": None} | pair)
    misses.sort(key=lambda row: -area(row["labelled"])[0])
    for rows in (alarms, confusions):
        rows.sort(key=lambda row: -row["score"])
    for row in (*misses, *alarms, *confusions):
        row |= {name: row[name].round(1).tolist() for name in ("labelled", "found")}
    return {"misses": misses, "false_alarms": alarms, "confusions": confusions}


def _pair(overlaps: np.ndarray) -> np.ndarray:
    """The labelled box that each found one takes, best first: [D, B] -> [D], -1 for none."""
    free = np.ones(overlaps.shape[1], bool)
    taken = np.full(len(overlaps), -1)
    for i, row in enumerate(overlaps):
        row = np.where(free, row, 0)
        if row.size and row.max() >= SAME_OBJECT:
            taken[i] = row.argmax()
            free[taken[i]] = False
    return taken
