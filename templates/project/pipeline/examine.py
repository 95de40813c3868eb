"""Looks at each picture once: whether it can be used, and which others show the same."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from pipeline.duplicates import fingerprint, group
from pipeline.images import DECODERS, MAX_PIXELS, PictureError, orientation, read_picture
from pipeline.picture_files import PictureFile
from pipeline.picture_problems import Problem, picture_problem
from pipeline.text import some

ENDINGS = {
    "BMP": ".bmp",
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "PPM": ".ppm",
    "TIFF": ".tif",
    "WEBP": ".webp",
}
SAME_ENDING = {".jpe": ".jpg", ".jpeg": ".jpg", ".pgm": ".ppm", ".tiff": ".tif"}
FAINT = 24  # grey levels, of 255; a picture within fewer shows next to nothing
TAIL = 0.001  # of its pixels, the darkest and as many of the brightest, don't count there

P = TypeVar("P", bound=PictureFile)


def examine(pictures: Sequence[PictureFile], data: str, least: int) -> list[Problem]:
    """Decodes every picture once; those that can be used get a size and a fingerprint.

    Args:
        pictures: of the data folder.
        data: name of that folder.
        least: px; a picture with a shorter side can't be used.
    """

    faint = set()  # names

    def look(picture: PictureFile) -> list[Problem]:
        where = f"{data}/{picture.name}"
        if picture.path.stat().st_size == 0:
            return [picture_problem("empty", where)]
        try:
            pixels = read_picture(picture.path)
        except PictureError as error:
            details = {"reason": error.reason, "most": MAX_PIXELS // 1_000_000}
            return [picture_problem(error.fault, where, **details)]
        height, width = pixels.shape[:2]
        if min(height, width) < least:
            return [picture_problem("tiny", where, width=width, height=height, least=least)]
        faults = []
        if pixels.min() == pixels.max() or (pixels == pixels[0, 0]).all():
            faults.append(picture_problem("uniform", where))
        elif is_faint(pixels):
            faint.add(picture.name)
        with Image.open(picture.path) as file:
            kind = str(file.format)
            picture.orientation = orientation(file)
            # To count the pages Pillow would read them all, and stop at a broken one.
            has_pages = kind == "TIFF" and getattr(file, "is_animated", False)
        ending = picture.path.suffix
        right = ENDINGS.get(kind)
        if right is None:
            faults.append(picture_problem("wrong_format", where, format=kind, ending=ending))
        elif SAME_ENDING.get(ending.lower(), ending.lower()) != right:
            details = {"format": kind, "ending": ending, "right": right}
            faults.append(picture_problem("wrong_ending", where, **details))
        if has_pages:
            faults.append(picture_problem("pages", where))
        picture.size = width, height
        picture.fingerprint = fingerprint(pixels)
        return faults

    with ThreadPoolExecutor(DECODERS) as pool:
        quiet = None if len(pictures) > 200 else True  # None: only where someone can watch
        found = tqdm(pool.map(look, pictures), "pictures", len(pictures), disable=quiet)
        problems = [fault for faults in found for fault in faults]
    if names := [picture.name for picture in pictures if picture.name in faint]:
        details = {"count": len(names), "names": some(names), "least": FAINT}
        problems.append(picture_problem("faint", f"{data}/", **details))
    return problems


def is_faint(pixels: np.ndarray) -> bool:
    """Whether nearly all pixels [H, W, 3], uint8, are of nearly one grey."""
    step = max(1, min(pixels.shape[:2]) // 512)  # enough to count
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[::step, ::step]), cv2.COLOR_RGB2GRAY)
    shares = np.bincount(grey.ravel(), minlength=256).cumsum() / grey.size
    low, high = np.searchsorted(shares, (TAIL, 1 - TAIL))
    return bool(high - low < FAINT)


def group_alike(pictures: Sequence[PictureFile], alike_are_copies: bool) -> None:
    """Names the group of every picture after the first one that is the same (or almost, too)."""
    prints = [picture.fingerprint for picture in pictures if picture.fingerprint]
    first = group(prints, alike_are_copies)
    for picture, index in zip(pictures, first, strict=True):
        picture.group = pictures[index].name


def families(pictures: Sequence[P]) -> list[list[P]]:
    """The groups of two pictures and more."""
    groups = together(pictures, lambda picture: picture.group)
    return [alike for alike in groups if len(alike) > 1]


def together(pictures: Sequence[P], key: Callable[[P], str]) -> list[list[P]]:
    """Puts the pictures together that have the same key."""
    members = defaultdict(list)
    for picture in pictures:
        members[key(picture)].append(picture)
    return list(members.values())


def copies(alike: Sequence[PictureFile], data: str) -> Problem:
    """Says of a family that its pictures are the same, and worse, the same in two splits."""
    names = [f"{data}/{picture.name}" for picture in alike]
    others = ", ".join(names[1:5]) + (f" (+{len(names) - 5})" if len(names) > 5 else "")
    splits = sorted({picture.split or "" for picture in alike})
    pixels = {picture.fingerprint.pixels for picture in alike if picture.fingerprint}
    kind = "same" if len(pixels) == 1 else "almost_same"
    if len(splits) > 1:
        kind += "_two_splits"
    return picture_problem(kind, names[0], others=others, splits=", ".join(splits))
