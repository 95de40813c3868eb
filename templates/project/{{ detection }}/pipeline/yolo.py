"""Reads YOLO's text files: one a picture, a line an object.

class x y width height, or class x1 y1 x2 y2 x3 y3 ... for an outline: the class as a number from
0 on, the centre and the size as shares of the picture.
"""

import math
from contextlib import suppress
from pathlib import Path

import yaml

from pipeline.annotations import Annotation, AnnotationError, Box, around, number, read_text
from pipeline.picture_files import is_inside
from pipeline.problems import Problem, problem

LISTS = {".labels", ".names"}  # and classes.txt: a name a line
YAMLS = {".yaml", ".yml"}  # with names
FOR_NAMES = {"data.yaml", "data.yml", "dataset.yaml"}  # others may be anything's
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
            kind = "nameless_number" if index < len(names) else "no_such_number"
            problems.append(problem(kind, place, number=index, count=len(names)))
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
    return is_box_or_outline and _is_number(row[0])


def class_names(folder: Path, data: Path) -> list[str] | None:
    """The names of the classes from the nearest folder with files that give them, or None.

    A number without a name has an empty one.

    Args:
        folder: that holds the text files.
        data: the data folder, where the search upwards ends.

    Raises:
        AnnotationError: not UTF-8, no valid YAML, names that are no names by number, or two files
            of the folder that name a number differently.
    """
    named: dict[int, tuple[str, str]] = {}  # name and file of a number
    for path, names in _that_name(folder, data):
        where = _shown(path, data)
        for index, name in enumerate(names):
            other, first = named.setdefault(index, (name, where)) if name else (name, where)
            if name != other:
                details = {"number": index, "name": name, "other": other, "first": first}
                raise AnnotationError(problem("named_twice", where, **details))
    if named:
        return [named.get(index, ("", ""))[0] for index in range(max(named) + 1)]
    return class_names(folder.parent, data) if folder != data else None


def _that_name(folder: Path, data: Path) -> list[tuple[Path, list[str]]]:
    """The files of a folder that name the classes; YAML of any name where there are no others."""
    named, others = [], list[Path]()
    for path in sorted(folder.iterdir()):
        name, ending = path.name.lower(), path.suffix.lower()
        if name.startswith(".") or not path.is_file() or not is_inside(data, path):
            continue
        if name == "classes.txt" or ending in LISTS:
            named.append((path, _from_list(path, _shown(path, data))))
        elif name in FOR_NAMES:
            named.append((path, _from_yaml(path, _shown(path, data))))
        elif ending in YAMLS:
            others.append(path)
    if any(names for _, names in named):
        return named
    read = []
    for path in others:
        with suppress(AnnotationError):
            read.append((path, _from_yaml(path, _shown(path, data))))
    return read


def _shown(path: Path, data: Path) -> str:
    return f"{data.name}/{path.relative_to(data).as_posix()}"


def _from_list(path: Path, where: str) -> list[str]:
    return [line.strip() for line in read_text(path, where).rstrip().splitlines()]


def _from_yaml(path: Path, where: str) -> list[str]:
    """Nothing but text is read, so that a class may be called 1 or yes, and a number '0'."""
    try:
        tree = yaml.load(read_text(path, where), Loader=yaml.BaseLoader)
    except (RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        raise AnnotationError(problem("bad_yaml", place)) from None
    if not isinstance(tree, dict) or "names" not in tree:
        return []
    names = tree["names"]
    if isinstance(names, dict) and all(_is_number(key) for key in names):
        by_number = {int(key): name for key, name in names.items()}
        names = [by_number.get(index, "") for index in range(max(by_number, default=-1) + 1)]
    if not names or not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise AnnotationError(problem("bad_names", where))
    return [name.strip() for name in names]


def _is_number(text: object) -> bool:
    """Whether it is the number of a class."""
    return isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 6
