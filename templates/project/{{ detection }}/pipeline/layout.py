"""Finds the pictures in the data folder, and what is annotated of each.

COCO JSON for many pictures; or VOC XML, YOLO txt, LabelMe JSON for one each, beside it or in a
folder that mirrors its own (images/line 1/a.png, labels/line 1/a.txt).
"""

import os
from pathlib import Path, PurePosixPath

from pipeline import yolo
from pipeline.annotation_files import AnnotationFiles
from pipeline.annotations import Picture
from pipeline.console import UserError
from pipeline.finding import walk
from pipeline.images import OTHER_PICTURES, SUFFIXES
from pipeline.picture_files import data_folder, is_inside
from pipeline.picture_index import split_folder
from pipeline.problems import Problem, problem
from pipeline.settings import Settings
from pipeline.splits import split_named
from pipeline.text import some

ANNOTATIONS = {".json", ".txt", ".xml"}
THAT_COUNT = frozenset(ANNOTATIONS | yolo.LISTS | yolo.YAMLS)  # files with labels
MASKS = ("segmentationclass", "segmentationobject")  # what VOC's folders of masks begin with


def find(settings: Settings) -> tuple[list[Picture], list[Problem]]:
    """Finds all pictures, in the order of their names, and what is in the way.

    Raises:
        UserError: no data folder, or `data.labels` names nothing in it.
    """
    folder = data_folder(settings.data.folder)
    pictures, paths, problems = _files(folder)
    chosen, base = _chosen(paths, folder, settings.data.labels)
    annotations = AnnotationFiles(folder, base, pictures, settings.classes)
    for path in sorted(set(paths).difference(chosen)):
        annotations.read_splits(path)
    for path in chosen:
        annotations.read(path)
    problems += annotations.problems + annotations.left_over()
    used = sorted(annotations.used(), key=lambda picture: picture.name)
    return used, problems + _without_split(used, folder.name)


def _files(folder: Path) -> tuple[list[Picture], list[PurePosixPath], list[Problem]]:
    """Pictures, other files that may be annotations, and what is wrong with either."""
    pictures, others, masks, problems = [], [], [], []
    for path, fault in walk(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        where, suffix = f"{folder.name}/{name}", path.suffix.lower()
        if fault:
            problems.append(problem(fault, where))
        elif suffix in OTHER_PICTURES:
            problems.append(problem("not_a_picture", where))
        elif suffix not in SUFFIXES | ANNOTATIONS:
            continue
        elif not is_inside(folder, path):
            problems.append(problem("outside", where))
        elif not os.path.isfile(path):  # a link that leads nowhere, a pipe
            problems.append(problem("no_file", where))
        elif suffix in SUFFIXES and _is_mask(path, name):
            masks.append(str(name))
        elif suffix in SUFFIXES:
            picture = Picture(path, str(name))
            if given := split_folder(name):
                picture.split, picture.given_by = split_named(given.name), f"{folder.name}/{given}"
            pictures.append(picture)
        else:
            others.append(name)
    if masks:
        details = {"count": len(masks), "names": some(masks)}
        problems.append(problem("masks", f"{folder.name}/", **details))
    return pictures, others, problems


def _is_mask(path: Path, name: PurePosixPath) -> bool:
    """Whether a picture lies where VOC puts masks, or labelme_json_to_dataset."""
    in_voc = any(part.lower().startswith(MASKS) for part in name.parent.parts)
    return in_voc or (name.parent.name.endswith("_json") and (path.parent / "label.png").is_file())


def _chosen(
    paths: list[PurePosixPath], folder: Path, labels: str | None
) -> tuple[list[PurePosixPath], PurePosixPath]:
    """The annotation files of the settings, and the folder that mirrors the pictures'."""
    if labels is None:
        return paths, PurePosixPath(".")
    base = PurePosixPath(os.path.normpath(labels))
    paths = [path for path in paths if path.is_relative_to(base)]
    if not paths:
        raise UserError(
            f"{folder.name}/{labels}: no annotation file there. Mend data.labels in settings.yaml."
        )
    return paths, base if base != paths[0] else base.parent


def _without_split(pictures: list[Picture], data: str) -> list[Problem]:
    names = [picture.name for picture in pictures if not picture.split]
    if not names or len(names) == len(pictures):
        return []
    return [problem("no_split", f"{data}/", count=len(names), names=some(names))]
