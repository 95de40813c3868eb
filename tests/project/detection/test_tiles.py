"""A large picture is looked at in tiles; every object counts once, and whole."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytestmark = pytest.mark.usefixtures("in_project")

BOXES = {
    "in a single tile": (10, 20, 50, 60),
    "across the border of two tiles": (100, 30, 150, 70),
    "where four tiles meet": (95, 90, 135, 125),
    "whole in two tiles": (172, 10, 196, 34),
    "at the picture's own border": (380, 150, 400, 200),
}


class DarkAreas:
    """Finds what is dark in an input, as a detector that is never wrong would."""

    def run(self, x):
        import cv2

        dark = np.uint8(x[0].mean(0) < 60)
        count, _, stats, _ = cv2.connectedComponentsWithStats(dark)
        rows = [
            [0, 0.9, left, top, left + width, top + height]
            for left, top, width, height, _ in stats[1:count]
        ]
        return np.float32(rows).reshape(-1, 6), np.array([len(rows)])


@pytest.mark.parametrize("scale", [0.5, 1, 2])
@pytest.mark.parametrize("where", BOXES)
def test_an_object_counts_once_wherever_the_tiles_cut(tmp_path, where, scale):
    from pipeline.detections import detect
    from pipeline.preprocess import Preprocess

    picture = Image.new("RGB", (400, 200), (128, 128, 128))
    x0, y0, x1, y1 = BOXES[where]
    ImageDraw.Draw(picture).rectangle((x0, y0, x1 - 1, y1 - 1), (0, 0, 0))
    picture.save(path := tmp_path / "picture.png")
    size = round(128 * scale)
    preprocess = Preprocess(size, scale, round(48 * scale))
    assert preprocess.count(400, 200) > 4
    (found,) = detect(DarkAreas(), preprocess, [path])
    assert found.labels.tolist() == [0]
    assert found.boxes[0] == pytest.approx(BOXES[where], abs=1.5 / scale)


def suppressed_one_by_one(boxes, labels, scores, same, cut, inside):
    """Non-maximum suppression as it is defined, a pair of boxes at a time."""

    def area(x0, y0, x1, y1):
        return max(x1 - x0, 0) * max(y1 - y0, 0)

    kept: list[int] = []
    for k in sorted(range(len(boxes)), key=lambda k: (cut[k], -scores[k])):
        for rival in kept:
            one, other = boxes[k].tolist(), boxes[rival].tolist()
            both = area(*map(max, one[:2], other[:2]), *map(min, one[2:], other[2:]))
            union = area(*one) + area(*other) - both
            covered = cut[k] and both > inside * area(*one)
            if labels[k] == labels[rival] and (both > same * union or covered):
                break
        else:
            kept.append(k)
    return sorted(kept, key=lambda k: -scores[k])


@pytest.mark.parametrize("seed", range(20))
def test_overlapping_boxes_of_a_class_are_one_object(seed):
    from pipeline.boxes import keep_best

    rng = np.random.default_rng(seed)
    count = 30 * seed
    corner = rng.integers(0, 120, (count, 2))
    boxes = np.concatenate([corner, corner + rng.integers(4, 40, (count, 2))], 1).astype(float)
    labels, scores = rng.integers(0, 3, count), rng.random(count).round(rng.integers(1, 4))
    for share in (0, 0.3):
        cut = rng.random(count) < share
        given = boxes, labels, scores, 0.5, cut, 0.6
        assert keep_best(*given).tolist() == suppressed_one_by_one(*given)
