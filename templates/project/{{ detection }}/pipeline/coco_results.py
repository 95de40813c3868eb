"""What is labelled in pictures and what was found there, in COCO's formats, for pycocotools.

https://cocodataset.org/#format-data and #format-results. Pictures are numbered from 1 in their
order here, categories from 1 in the order of settings.yaml.
"""

import os

from pipeline.dataset import Sample
from pipeline.detections import Detections
from pipeline.project import ROOT


def labels(samples: list[Sample], classes: list[str]) -> dict:
    """What is labelled: images, annotations and categories."""
    images = [
        {"id": number, "file_name": _name(s), "width": s.size[0], "height": s.size[1]}
        for number, s in enumerate(samples, 1)
    ]
    boxes = [
        {"image_id": number, "category_id": int(label) + 1, "bbox": _bbox(box)}
        for number, sample in enumerate(samples, 1)
        for box, label in zip(sample.boxes.tolist(), sample.labels, strict=True)
    ]
    annotations = [
        {"id": number} | box | {"area": box["bbox"][2] * box["bbox"][3], "iscrowd": 0}
        for number, box in enumerate(boxes, 1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    info = {}  # some versions of pycocotools ask for it
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def results(samples: list[Sample], found: list[Detections], classes: list[str]) -> list[dict]:
    """What was found, a row a box; the names of picture and class are there for people."""
    return [
        {
            "image_id": number,
            "file_name": _name(sample),
            "category_id": int(label) + 1,
            "category": classes[label],
            "bbox": _bbox(box),
            "score": round(float(score), 6),
        }
        for number, (sample, one) in enumerate(zip(samples, found, strict=True), 1)
        for box, label, score in zip(one.boxes.tolist(), one.labels, one.scores, strict=True)
    ]


def _name(sample: Sample) -> str:
    return os.path.relpath(sample.path, ROOT)


def _bbox(box: list[float]) -> list[float]:
    """x0, y0, x1, y1 -> x, y, width, height, px."""
    x0, y0, x1, y1 = box
    return [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]
