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
