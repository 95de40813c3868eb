"""Reads LabelMe's JSON: one file a picture, shapes as points in px.

https://github.com/wkentaro/labelme
"""

import math

from pipeline.annotations import NO_BOX, Annotation, Box, around, path_of, size_of
from pipeline.problems import Problem, problem

WITHOUT_AREA = ("line", "linestrip", "point", "points")


def read(tree: dict, where: str) -> tuple[Annotation, list[Problem]]:
    """Reads what a file holds; polygons and circles become the boxes around them.

    Args:
        tree: the parsed file, with `shapes`.
        where: the file.
    """
    size = size_of(tree.get("imageWidth"), tree.get("imageHeight"))
    annotation = Annotation(where, size=size, picture=path_of(tree.get("imagePath")).name)
    if not isinstance(tree["shapes"], list):
        return annotation, [problem("bad_section", where, section="shapes")]
    problems = []
    for index, shape in enumerate(tree["shapes"]):
        place = f"{where}: shapes[{index}]"
        if not isinstance(shape, dict):
            problems.append(problem("bad_entry", place, wanted="label, points"))
            continue
        label = shape.get("label")
        if not isinstance(label, str) or not label.strip():
            problems.append(problem("no_label", place))
            label = ""
        kind = shape.get("shape_type") or "polygon"
        if kind == "circle":
            annotation.boxes.append(Box(label, _around_circle(shape.get("points")), place))
        elif kind in WITHOUT_AREA:
            problems.append(problem("no_area_shape", place, shape=kind))
        else:
            annotation.boxes.append(Box(label, around(shape.get("points")), place))
    return annotation, problems


def _around_circle(points: object) -> tuple[float, float, float, float]:
    """Of a centre and a point on the circle."""
    if not isinstance(points, list) or len(points) != 2:
        return NO_BOX
    x, y, _, _ = around(points[:1])
    radius = math.dist((x, y), around(points[1:])[:2])
    return x - radius, y - radius, x + radius, y + radius
