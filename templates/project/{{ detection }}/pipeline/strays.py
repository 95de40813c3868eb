"""Boxes of many pictures that leave them by far: no slip, but another format or other pictures."""

from collections import defaultdict

import numpy as np

from pipeline.annotations import Picture
from pipeline.problems import Problem, problem

FAR = 0.1  # of the side that a box goes beyond
LEAST = 5  # so many boxes, and
SHARE = 0.1  # this share of all


def summed_up(problems: list[Problem], pictures: list[Picture], data: str) -> list[Problem]:
    """Puts one error in the place of many faults of single boxes.

    Args:
        problems: of the boxes.
        pictures: of the data set.
        data: name of the data folder.
    """
    of_file: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        annotation = picture.annotation
        if annotation and annotation.boxes and annotation.size in (None, picture.size):
            of_file[annotation.file].append(picture)
    for file, own in of_file.items():
        corners = np.concatenate([p.annotation.corners(p.size) for p in own])
        sizes = np.repeat([p.size for p in own], [len(p.annotation.boxes) for p in own], 0)
        over = np.maximum(-corners[:, :2], corners[:, 2:] - sizes) / sizes
        far = (over > FAR).any(1)
        if far.sum() < LEAST or far.mean() <= SHARE:
            continue
        kind = "two_corners" if file and _are_corners(corners, sizes) else "many_outside"
        details = {"count": int(far.sum()), "total": len(far)}
        places = {box.where for p in own for box in p.annotation.boxes}
        single = ("box_outside", "box_partly_outside")
        problems = [f for f in problems if f.kind not in single or f.where not in places]
        problems.append(problem(kind, file or f"{data}/", **details))
    return problems


def _are_corners(corners: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether what was read as x, y, width, height is x0, y0, x1, y1 within the picture."""
    first, second = corners[:, :2], corners[:, 2:] - corners[:, :2]
    return bool(((first < second) & (second <= sizes + 1)).all(1).mean() > 0.9)
