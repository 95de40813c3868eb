"""The drawn sample pictures: the same everywhere, all different, and refused where unknown."""

import hashlib
import json
import random

import pytest
from PIL import Image

from scaffolder import answers
from scaffolder.demo import boards, crops
from scaffolder.errors import FewshotError


def test_draws_the_preset_s_classes(tmp_path):
    classes = answers.preset("pcb-defects").answers["classes"]
    crops.draw(tmp_path, classes, per_class=3, seed=0)
    pictures = sorted(tmp_path.rglob("*"))
    assert [str(p.relative_to(tmp_path)) for p in pictures if p.is_file()] == [
        f"{name}/{number:03}.png" for name in sorted(classes) for number in (1, 2, 3)
    ]
    for path in tmp_path.rglob("*.png"):
        with Image.open(path) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (96, 96))
            shades = picture.convert("L").getextrema()
            assert shades[1] - shades[0] > 30


def test_a_seed_fixes_every_pixel(tmp_path):
    def pixels(folder, seed):
        crops.draw(tmp_path / folder, ["open", "pin-hole"], per_class=3, seed=seed)
        paths = sorted((tmp_path / folder).rglob("*.png"))
        return [hashlib.sha256(Image.open(path).tobytes()).hexdigest() for path in paths]

    first = pixels("first", 1)
    assert first == pixels("again", 1)
    assert len({*first, *pixels("other", 2)}) == 12


def test_a_class_s_pictures_do_not_hang_on_the_others(tmp_path):
    crops.draw(tmp_path / "one", ["spur"], per_class=1, seed=0)
    crops.draw(tmp_path / "two", ["short", "spur"], per_class=2, seed=0)
    one, two = (tmp_path / folder / "spur" / "001.png" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_unknown_classes_are_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(FewshotError) as error:
        crops.draw(tmp_path, ["open", "scratch", "../x"], per_class=1, seed=0)
    assert str(error.value) == (
        "no drawing of 'scratch', '../x'. "
        "Demo pictures exist for: open, short, mousebite, spur, copper, pin-hole."
    )
    assert list(tmp_path.iterdir()) == []


def test_boards_are_drawn_with_boxes_around_their_defects(tmp_path):
    boards.draw(tmp_path / "one", train=2, test=1, seed=0)
    boards.draw(tmp_path / "two", train=2, test=1, seed=0)
    for split, count in (("train", 2), ("test", 1)):
        told = (tmp_path / "one" / f"{split}.json").read_bytes()
        assert told == (tmp_path / "two" / f"{split}.json").read_bytes()
        coco = json.loads(told)
        assert len(coco["images"]) == count and coco["annotations"]
        sizes = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
        for row in coco["annotations"]:
            (x, y, width, height), size = row["bbox"], sizes[row["image_id"]]
            assert min(x, y) >= 0 and x + width <= size[0] and y + height <= size[1]
    first, again = (sorted((tmp_path / name).rglob("*.png")) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_boards_show_every_class_and_some_are_good():
    found = [boards.board(random.Random(f"0 train {number}"))[1] for number in range(1, 21)]
    kinds = [kind for defects in found for kind, _ in defects]
    assert min(kinds.count(kind) for kind in boards.CLASSES) >= 5
    assert [] in found
