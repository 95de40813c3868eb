"""Reads YOLO's text files: one a picture, a line an object.

class x y width height, or class x1 y1 x2 y2 x3 y3 ... for an outline: the class as a number from
0 on, the centre and the size as shares of the picture.
"""

import math
from pathlib import Path

import yaml

from pipeline.annotations import Annotation, AnnotationError, Box, around, number, read_text
from pipeline.problems import Problem, problem

LISTS = ("classes.txt", "obj.names")
YAMLS = ("data.yaml", "data.yml", "dataset.yaml")
FAR = 2.0  # a share beyond this is no share of a picture but px


def read(path: Path, where: str, names: list[str]) -> tuple[Annotation, list[Problem]]:
    """Reads what a file holds.

    Args:
        path: of the file.
        where: the file, as the user knows it.
        names: of the classes, in the order of their numbers.

    Raises:
        AnnotationError: not UTF-8.
    """
    annotation, problems = Annotation(where, relative=True), []
    for line, text in enumerate(read_text(path, where).splitlines(), 1):
        row = text.split()
        if not row:
            continue
        place = f"{where}:{line}"
        values = [number(word) for word in row[1:]]
        if not is_row(text):
            problems.append(problem("bad_row", place, row=text[:60]))
            continue
        if any(math.isfinite(value) and abs(value) > FAR for value in values):
            problems.append(problem("not_shares", place, row=text[:60]))
            continue
        label, index = "", int(row[0])
        if index < len(names) and names[index]:
            label = names[index]
        else:
            problems.append(problem("no_such_number", place, number=index, count=len(names)))
        if len(values) == 4:
            x, y, width, height = values
            corners = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        else:
            points = zip(values[::2], values[1::2], strict=True)
            corners = around([list(point) for point in points])
        annotation.boxes.append(Box(label, corners, place))
    return annotation, problems


def is_row(text: str) -> bool:
    """Whether a line is a class number with a box or an outline."""
    row = text.split()
    is_box_or_outline = len(row) == 5 or (len(row) >= 7 and len(row) % 2 == 1)
    return is_box_or_outline and row[0].isascii() and row[0].isdigit() and len(row[0]) < 6


def class_names(folder: Path, data: Path) -> list[str] | None:
    """The names of the classes from the nearest file that gives them, or None.

    Args:
        folder: that holds the text files.
        data: the data folder, where the search upwards ends.

    Raises:
        AnnotationError: not UTF-8, or no valid YAML.
    """
    for path in (folder / name for name in (*LISTS, *YAMLS)):
        if path.is_file():
            where = f"{data.name}/{path.relative_to(data).as_posix()}"
            names = _from_list(path, where) if path.name in LISTS else _from_yaml(path, where)
            if names:
                return names
    return class_names(folder.parent, data) if folder != data else None


def _from_list(path: Path, where: str) -> list[str]:
    return [line.strip() for line in read_text(path, where).rstrip().splitlines()]


def _from_yaml(path: Path, where: str) -> list[str] | None:
    try:
        tree = yaml.safe_load(read_text(path, where))
    except (RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        raise AnnotationError(problem("bad_yaml", place)) from None
    names = tree.get("names") if isinstance(tree, dict) else None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, (int, str)) for name in names):
        return None
    return [str(name).strip() for name in names]
