"""Which of the boxes that were found are right: pycocotools pairs them with the labelled ones."""

import contextlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.dataset import Sample
from pipeline.detections import Detections

IOUS = np.linspace(0.5, 0.95, 10)  # COCO's
MOST = 100  # boxes of a class in a picture that count, the highest scores; COCO's
ALL_SIZES = [0.0, 1e10]  # px²


@dataclass(frozen=True)
class Matches:
    """What was found of one class in N pictures, the highest score first.

    A box is right when it covers, by at least the IoU, a labelled box of its class that no box of
    a higher score took. So the boxes beyond a threshold are right or wrong whatever comes below.

    Right boxes in `levels` and `counts` are those at IoU 0.5.

    Attributes:
        scores: [D].
        pictures: [D], index of the picture of each box.
        right: [T, D] bool, for every IoU of IOUS.
        objects: [N], labelled boxes in each picture.
    """

    scores: np.ndarray
    pictures: np.ndarray
    right: np.ndarray
    objects: np.ndarray

    def levels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each score that occurs, falling; the boxes from it on; how many of them are right."""
        last = np.flatnonzero(np.diff(self.scores, append=-np.inf))
        return self.scores[last], last + 1, np.cumsum(self.right[0])[last]

    def counts(self, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """Boxes from a threshold on, and how many of them are right, in each picture: [N], [N]."""
        shown, pictures = self.scores >= threshold, len(self.objects)
        right = shown & self.right[0]
        return (
            np.bincount(self.pictures[shown], minlength=pictures),
            np.bincount(self.pictures[right], minlength=pictures),
        )


def match(samples: list[Sample], found: list[Detections], classes: int) -> list[Matches]:
    """Pairs what was found in pictures with what is labelled there, for every class."""
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports each step
        labelled = _coco(((s.boxes, s.labels, np.ones(len(s.boxes))) for s in samples), classes)
        given = _coco(((d.boxes, d.labels, d.scores) for d in found), classes)
        judge = COCOeval(labelled, given, "bbox")
        judge.params.imgIds = list(range(len(samples)))
        judge.params.areaRng, judge.params.areaRngLbl = [ALL_SIZES], ["all"]
        judge.params.iouThrs, judge.params.maxDets = IOUS, [MOST]
        judge.evaluate()
    count = len(samples)
    return [_matches(judge.evalImgs[k * count : (k + 1) * count]) for k in range(classes)]


def _coco(pictures: Iterable[tuple[np.ndarray, ...]], classes: int) -> COCO:
    """COCO's own structure in memory. Numbers of boxes begin with 1: there 0 means no box."""
    made = COCO()
    made.dataset = {"images": [], "categories": [{"id": k} for k in range(classes)]}
    rows = made.dataset["annotations"] = []
    for index, (boxes, labels, scores) in enumerate(pictures):
        made.dataset["images"].append({"id": index})
        for (x0, y0, x1, y1), label, score in zip(boxes.tolist(), labels, scores, strict=True):
            row = {"id": len(rows) + 1, "image_id": index, "category_id": int(label)}
            row |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
            rows.append(row | {"iscrowd": 0, "score": float(score)})
    made.createIndex()
    return made


def _matches(judged: list[dict | None]) -> Matches:
    """Joins what pycocotools says of one class in each picture; None: nothing is there."""
    scores = [np.array(one["dtScores"]) if one else np.zeros(0) for one in judged]
    right = [one["dtMatches"] > 0 if one else np.zeros((len(IOUS), 0), bool) for one in judged]
    pictures = np.repeat(np.arange(len(judged)), [len(one) for one in scores])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return Matches(
        np.concatenate(scores)[order],
        pictures[order],
        np.concatenate(right, axis=1)[:, order],
        np.array([len(one["gtIds"]) if one else 0 for one in judged]),
    )
