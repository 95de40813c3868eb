"""Boxes on pictures."""

import numpy as np
import pytest

SHAPES = [(20, 30), (1, 900), (480, 640), (1500, 2000)]


@pytest.fixture
def found(in_project):
    from pipeline.detections import Detections

    def found(boxes, labels=None):
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        labels = np.zeros(len(boxes), int) if labels is None else np.array(labels)
        return Detections(boxes, labels, np.linspace(1, 0.1, len(boxes), dtype=np.float32))

    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_any_box_in_any_picture_can_be_drawn(found, shape):
    from pipeline import drawing

    height, width = shape
    boxes = [
        [0, 0, width, height],
        [0, 0, 0, 0],
        [width - 1, height - 1, width, height],
        [width / 2, -5, width + 5, height / 2],
    ]
    names = ["", "a" * 80, "$x$ {{ 7*7 }}\n<b>", "漏焊\x00🔥"]
    picture = np.full((*shape, 3), 128, np.uint8)
    image = drawing.draw(picture, found(boxes, range(4)), names)
    assert max(image.size) >= 640 and image.size[0] % width == 0
    assert drawing.draw(picture, found([]), names).size == image.size
    assert (picture == 128).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_crop_shows_the_box_with_what_is_around_it(in_project, shape):
    from pipeline import drawing

    height, width = shape
    picture = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    nothing = np.zeros((0, 4))
    for box in ([0, 0, 3, 2], [width - 4, height - 1, width, height], [0, 0, width, height]):
        image = drawing.crop(picture, np.array([box], float), nothing, 240)
        assert max(image.size) == 240
        assert drawing.crop(picture, nothing, np.array([box], float), 240).size == image.size


def test_a_name_is_drawn_in_a_font_that_has_it_or_replaced(in_project):
    from pipeline import fonts

    assert fonts.file_for("spur 1.0") is not None
    assert fonts.file_for("\ue000") is None  # a character that no font may define
    chinese = fonts.file_for("漏焊")
    assert chinese is None or "DejaVu" not in chinese


def test_labels_do_not_hide_each_other(found):
    from pipeline import drawing

    taken = []
    box = np.array([300.0, 200, 360, 240])
    for _ in range(3):
        taken.append(drawing._place(box, 100, 20, (640, 480), taken))
    assert len({place[1] for place in taken}) >= 2
    assert not any(drawing._meet(a, b) for a in taken for b in taken if a is not b)
