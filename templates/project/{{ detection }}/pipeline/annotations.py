"""What annotation files say of a picture, in whatever format. Nothing is checked here.

The readers are our own: a converter library would lose the file and the line of a fault.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.picture_files import PictureFile
from pipeline.problems import Problem, problem

NO_BOX = (math.nan,) * 4


@dataclass(frozen=True)
class Box:
    """An object as its file has it.

    Attributes:
        label: class; empty where the reader has reported that there is none.
        corners: x0, y0, x1, y1; NaN for what is no number.
        where: file and line or entry.
    """

    label: str
    corners: tuple[float, float, float, float]
    where: str


@dataclass
class Annotation:
    """What is known of a picture.

    Attributes:
        where: file, or file and entry.
        boxes: in the order of the file.
        size: width and height of the picture as the file says, px; None where it says nothing.
        relative: corners are shares of the picture's width and height, not px.
        readable: False: the file, or its part, is broken and has been reported.
        picture: file name of the picture as the file gives it; empty where it gives none.
        file: that it shares with other pictures (COCO); empty where it has one of its own.
    """

    where: str
    boxes: list[Box] = field(default_factory=list)
    size: tuple[int, int] | None = None
    relative: bool = False
    readable: bool = True
    picture: str = ""
    file: str = ""

    def corners(self, size: tuple[int, int]) -> np.ndarray:
        """[B, 4]: x0, y0, x1, y1 of the boxes, in px of a picture of this width and height."""
        corners = np.array([box.corners for box in self.boxes], float).reshape(-1, 4)
        return corners * [*size, *size] if self.relative else corners


@dataclass(eq=False)
class Picture(PictureFile):
    """A picture and what is known of its objects.

    Attributes:
        annotation: as the files have it; None where there is none.
        boxes: [B, 4] float: x0, y0, x1, y1 in px of the upright picture; check_data.py fills them
            in.
        labels: B names of classes.
    """

    annotation: Annotation | None = None
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    labels: list[str] = field(default_factory=list)


class AnnotationError(Exception):
    """A file that can't be read at all."""

    def __init__(self, fault: Problem):
        super().__init__(fault.where)
        self.fault = fault


def read_text(path: Path, where: str) -> str:
    """Raises AnnotationError for what is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AnnotationError(problem("not_utf8", where)) from None


def read_json(path: Path, where: str) -> object:
    """Raises AnnotationError for what is no valid JSON."""
    try:
        return json.loads(read_text(path, where))
    except json.JSONDecodeError as error:
        where = f"{where}:{error.lineno}:{error.colno}"
        raise AnnotationError(problem("bad_json", where, reason=error.msg)) from None
    except (RecursionError, ValueError) as error:  # nested too deeply, a number too long
        reason = str(error).split(":")[0]
        raise AnnotationError(problem("bad_json", where, reason=reason)) from None


def path_of(name: object) -> PurePosixPath:
    """A path that a file holds, which Windows may have written; empty for anything else."""
    return PurePosixPath(name.strip().replace("\\", "/") if isinstance(name, str) else "")


def number(value: object) -> float:
    """A number of a file, NaN for anything else."""
    try:
        return float(value) if isinstance(value, (int, float, str)) else math.nan
    except (OverflowError, ValueError):
        return math.nan


def size_of(width: object, height: object) -> tuple[int, int] | None:
    """Width and height as a file gives them, None where it gives none or 0."""
    sides = number(width), number(height)
    return (int(sides[0]), int(sides[1])) if all(0 < side < 1e9 for side in sides) else None


def around(points: object) -> tuple[float, float, float, float]:
    """The box around points [[x, y], ...]; NaN where they are no points."""
    if not isinstance(points, list) or not points:
        return NO_BOX
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        return NO_BOX
    x = _numbers(point[0] for point in points)
    y = _numbers(point[1] for point in points)
    return min(x), min(y), max(x), max(y)


def _numbers(values: Iterable[object]) -> list[float]:
    numbers = [number(value) for value in values]
    # min and max do not pass NaN on.
    return numbers if all(map(math.isfinite, numbers)) else [math.nan]
