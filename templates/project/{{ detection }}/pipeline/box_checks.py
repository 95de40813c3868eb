"""Checks the boxes of the pictures, and keeps those that can be trained on."""

from collections import defaultdict

import numpy as np

from pipeline import strays
from pipeline.annotations import Annotation, Box, Picture
from pipeline.boxes import iou
from pipeline.picture_files import known_class, nearest_class
from pipeline.problems import Problem, problem
from pipeline.sizes import choose_preprocess
from pipeline.text import some

ROUNDING = 1  # px; labelling tools go that far beyond the border
THIN = 0.5  # px; a box that is not that wide and high has no area
SAME_BOX = 0.95  # IoU
SAME_OBJECT = 0.5  # IoU, between two copies of a picture
CROWD = 100  # objects of a class in a picture: of more COCO's AP does not know
LEAST = 8  # px, square root of the area as the network sees it: one cell of the finest level
THINNEST = 2  # px, shorter side of a box as the network sees it


def check_boxes(pictures: list[Picture], classes: list[str], data: str) -> list[Problem]:
    """Fills in `boxes` and `labels` of each picture, and says what is wrong with the others."""
    problems, unsure, unknown = [], [], defaultdict(list)
    for picture in pictures:
        annotation = picture.annotation
        if annotation is None or not annotation.boxes:
            continue
        corners = annotation.corners(picture.size)
        wrong_size = _wrong_size(picture, annotation, corners, data)
        if wrong_size:
            problems.append(wrong_size)
        elif picture.orientation != 1 and annotation.size in (None, _stored(picture)):
            unsure.append(picture.name)
        kept: list[tuple[Box, np.ndarray, str]] = []
        for box, place in zip(annotation.boxes, corners, strict=True):
            fault = _shape(box, place)
            if not fault and not wrong_size:  # else every box would lie in the wrong place
                fault = _position(box, place, picture.size)
            if fault:
                problems.append(fault)
            label = known_class(box.label.strip(), classes)
            if label and label not in classes:
                unknown[label].append(box.where)
            elif label and not wrong_size and not (fault and fault.is_error):
                kept.append((box, np.clip(place, 0, [*picture.size, *picture.size]), label))
        kept, repeated = _without_repeated(kept)
        problems += repeated
        picture.boxes = np.array([place for _, place, _ in kept]).reshape(-1, 4)
        picture.labels = [label for _, _, label in kept]
    problems = strays.summed_up(problems, pictures, data)
    if unsure:
        names = some(unsure)
        problems.append(problem("exif_unsure", f"{data}/", count=len(unsure), names=names))
    for label, places in unknown.items():
        details = {"label": label, "count": len(places)}
        near = nearest_class(label, classes)
        kind = "misspelt_class" if near else "unknown_class"
        problems.append(problem(kind, places[0], near=near, **details))
    return problems


def check_sizes(pictures: list[Picture], classes: list[str], model, data: str) -> list[Problem]:
    """Says which classes have objects that are too small for the network, or too long for a tile.

    Args:
        pictures: with boxes and splits.
        classes: of the settings.
        model: section of the settings.
        data: name of the data folder.
    """
    train = [picture for picture in pictures if picture.split == "train" and picture.labels]
    if not train:
        return []
    preprocess = choose_preprocess(train, model)
    size, tile_scale = preprocess.input_size, preprocess.tile_scale
    places = defaultdict(list)  # names of the pictures, by class and kind
    for picture in pictures:
        scale = preprocess.scale_of(*picture.size)
        spans = picture.boxes[:, 2:] - picture.boxes[:, :2]
        needed = np.maximum(LEAST / spans.prod(1) ** 0.5, THINNEST / spans.min(1))
        for label, least_scale, long in zip(picture.labels, needed, spans.max(1), strict=True):
            if least_scale > max(1, scale):
                places[label, "tiny_objects"].append(picture.name)
            elif least_scale > scale and not model.tiles:
                places[label, "small_objects"].append(picture.name)
            if tile_scale and long * tile_scale > size:
                places[label, "long_objects"].append(picture.name)
    problems = []
    for label in classes:
        total = sum(picture.labels.count(label) for picture in pictures)
        details = {"label": label, "total": total, "least": LEAST, "thinnest": THINNEST}
        details |= {"input_size": size, "scale": tile_scale}
        for kind in ("small_objects", "tiny_objects", "long_objects"):
            if names := places[label, kind]:
                details |= {"count": len(names), "names": some(list(dict.fromkeys(names)))}
                problems.append(problem(kind, f"{data}/", **details))
    return problems


def check_crowds(pictures: list[Picture], classes: list[str], data: str) -> list[Problem]:
    """Says which classes have pictures with more objects than AP counts."""
    problems = []
    for label in classes:
        names = [picture.name for picture in pictures if picture.labels.count(label) > CROWD]
        if names:
            details = {"label": label, "count": len(names), "names": some(names), "most": CROWD}
            problems.append(problem("crowded", f"{data}/", **details))
    return problems


def show_the_same(one: Picture, other: Picture) -> bool:
    """Whether two pictures that look alike are copies.

    Boards of one type under a fixed camera look alike too, at the size at which pictures are
    compared. So the same objects have to be in the same places, unless the pixels are the same.
    """
    if one.fingerprint and other.fingerprint and one.fingerprint.pixels == other.fingerprint.pixels:
        return True
    if not one.labels or sorted(one.labels) != sorted(other.labels):
        return False
    shares = [p.boxes / [*p.size, *p.size] for p in (one, other)]
    same_label = np.array(one.labels)[:, None] == np.array(other.labels)
    matches = (iou(*shares) > SAME_OBJECT) & same_label
    return bool(matches.any(1).all() and matches.any(0).all())


def _stored(picture: Picture) -> tuple[int, int]:
    """Width and height of the picture as it is stored, before its EXIF tag turns it."""
    return picture.size[::-1] if picture.orientation >= 5 else picture.size


def _wrong_size(
    picture: Picture, annotation: Annotation, corners: np.ndarray, data: str
) -> Problem | None:
    """Whether the boxes were drawn on a picture of another size than the upright one."""
    size, stored, annotated = picture.size, _stored(picture), annotation.size
    if annotated is None and not annotation.relative:
        low, high = np.nanmin(corners, 0, initial=0), np.nanmax(corners, 0, initial=0)
        fits = [
            low.min() >= -ROUNDING and high[2] <= width + ROUNDING and high[3] <= height + ROUNDING
            for width, height in (size, stored)
        ]
        annotated = stored if fits == [False, True] else None
    if annotated in (None, size):
        return None
    name, details = f"{data}/{picture.name}", {"width": size[0], "height": size[1]}
    if annotated == stored:
        return problem("exif_rotation", name, **details)
    kind = "swapped_size" if annotated == size[::-1] else "other_size"
    details |= {"annotated_width": annotated[0], "annotated_height": annotated[1]}
    return problem(kind, annotation.where, picture=name, **details)


def _shape(box: Box, corners: np.ndarray) -> Problem | None:
    """What is wrong with a box wherever it lies."""
    x0, y0, x1, y1 = corners
    if not np.isfinite(corners).all():
        return problem("not_numbers", box.where)
    if x1 < x0 or y1 < y0:
        return problem("swapped_corners", box.where, box=_text(corners))
    if min(x1 - x0, y1 - y0) < THIN:
        return problem("no_area", box.where, box=_text(corners))
    return None


def _position(box: Box, corners: np.ndarray, size: tuple[int, int]) -> Problem | None:
    """What is wrong with the place of a box in its picture."""
    width, height = size
    x0, y0, x1, y1 = corners
    details = {"box": _text(corners), "width": width, "height": height}
    if min(x1, y1, width - x0, height - y0) < THIN:
        return problem("box_outside", box.where, **details)
    over = max(-x0, -y0, x1 - width, y1 - height)
    if over > ROUNDING:
        return problem("box_partly_outside", box.where, over=f"{over:.0f}", **details)
    return None


def _without_repeated(
    boxes: list[tuple[Box, np.ndarray, str]],
) -> tuple[list[tuple[Box, np.ndarray, str]], list[Problem]]:
    """Leaves out a box that another one repeats."""
    places = np.array([place for _, place, _ in boxes]).reshape(-1, 4)
    problems: list[Problem] = []
    repeated: set[int] = set()
    for index, (box, _, label) in enumerate(boxes):
        # A row at a time: a file may hold any number of boxes.
        same = iou(places[index : index + 1], places[:index])[0] > SAME_BOX
        for earlier in set(np.flatnonzero(same).tolist()) - repeated:
            other, _, other_label = boxes[earlier]
            kind = "same_box" if label == other_label else "same_box_two_classes"
            details = {"label": label, "other": other_label, "first": other.where}
            problems.append(problem(kind, box.where, **details))
            if label == other_label:
                repeated.add(index)
    return [box for index, box in enumerate(boxes) if index not in repeated], problems


def _text(corners: np.ndarray) -> str:
    x0, y0, x1, y1 = (f"{value:.6g}" for value in corners)
    return f"x {x0}..{x1}, y {y0}..{y1}"
