"""Reads COCO's instances (https://cocodataset.org/#format-data): one JSON for many pictures."""

from collections.abc import Iterator

from pipeline.annotations import NO_BOX, Annotation, Box, around, number, size_of
from pipeline.problems import Problem, problem

# The sections, and what an entry must have.
SECTIONS = {
    "images": "id, file_name",
    "annotations": "image_id, category_id, bbox",
    "categories": "id, name",
}


def read(tree: dict, where: str) -> tuple[list[tuple[str, Annotation]], list[Problem]]:
    """Reads what a file holds.

    Args:
        tree: the parsed file, with all of SECTIONS.
        where: the file.

    Returns:
        For each picture its `file_name` and what is known of it; and entries that can't be used.
    """
    images: dict = {}
    problems: list[Problem] = []
    entries = {section: list(_entries(tree, section, where, problems)) for section in SECTIONS}
    names = {_id(entry, "id"): entry.get("name") for _, entry in entries["categories"]}
    for place, entry in entries["images"]:
        key, name = _id(entry, "id"), entry.get("file_name")
        if key is None or not isinstance(name, str):
            problems.append(problem("bad_entry", place, wanted=SECTIONS["images"]))
        elif key in images:
            problems.append(problem("same_id", place, id=key))
        else:
            size = size_of(entry.get("width"), entry.get("height"))
            images[key] = name, Annotation(place, size=size, file=where)
    crowds, masks = 0, []
    for place, entry in entries["annotations"]:
        image, category = _id(entry, "image_id"), _id(entry, "category_id")
        if image not in images:
            problems.append(problem("no_such_image", place, id=entry.get("image_id")))
            continue
        name, annotation = images[image]
        place = f"{place} ({name})"
        if not entry.get("bbox") and isinstance(entry.get("segmentation"), dict):
            masks.append(place)
            annotation.readable = False  # and its picture no good one
            continue
        crowds += entry.get("iscrowd") == 1
        label = names.get(category)
        if not isinstance(label, str) or not label.strip():
            problems.append(problem("no_such_category", place, id=entry.get("category_id")))
            label = ""
        annotation.boxes.append(Box(label, _corners(entry), place))
    if masks:
        problems.append(problem("only_mask", masks[0], count=len(masks)))
    if crowds:
        problems.append(problem("crowds", where, count=crowds))
    return list(images.values()), problems


def _entries(
    tree: dict, section: str, where: str, problems: list[Problem]
) -> Iterator[tuple[str, dict]]:
    if not isinstance(tree[section], list):
        problems.append(problem("bad_section", where, section=section))
        return
    for index, entry in enumerate(tree[section]):
        place = f"{where}: {section}[{index}]"
        if isinstance(entry, dict):
            yield place, entry
        else:
            problems.append(problem("bad_entry", place, wanted=SECTIONS[section]))


def _id(entry: dict, key: str) -> int | float | str | None:
    value = entry.get(key)
    return value if isinstance(value, (int, float, str)) else None


def _corners(entry: dict) -> tuple[float, float, float, float]:
    box = entry.get("bbox")
    if isinstance(box, list) and len(box) == 4:
        x, y, width, height = map(number, box)
        return x, y, x + width, y + height
    parts = entry.get("segmentation")
    if box or not isinstance(parts, list):
        return NO_BOX
    parts = parts if any(isinstance(part, list) for part in parts) else [parts]
    if not all(isinstance(part, list) for part in parts):
        return NO_BOX
    values = [value for part in parts for value in part]
    return around([list(point) for point in zip(values[::2], values[1::2], strict=False)])
