"""Finds pictures that are one and the same: copied, saved anew, resized, or lit otherwise."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import cv2
import numpy as np
from tqdm import tqdm

SIDE = 128  # px; pictures that differ in less than can be seen at this size count as the same
COARSE = 32  # px
BLOCK = 256  # pictures that are compared with as many others at once

# Parts of one kind look alike without being the same picture, so a pair has to pass all three.
# Measured on crops of boards and of screws: the same picture saved as JPEG 50, at half the size,
# at 1.5 times the size or with other brightness stayed above 0.993, above 0.99 and (19 of 20)
# below 0.3; different pictures that passed the first were above 0.69 in the last.
MIN_COARSE_CORRELATION = 0.985
MIN_DETAIL_CORRELATION = 0.9
MAX_DIFFERENCE = 0.35  # anywhere, in standard deviations of the picture: a small defect counts


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a picture to compare it.

    Attributes:
        pixels: SHA-256 of the size and the pixels.
        grey: [SIDE, SIDE] uint8, the picture shrunk or grown to a square.
        short_side: of the picture, px.
    """

    pixels: str
    grey: np.ndarray
    short_side: int


def fingerprint(picture: np.ndarray) -> Fingerprint:
    """[H, W, 3] uint8 -> its fingerprint."""
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture))
    short_side = min(picture.shape[:2])
    method = cv2.INTER_AREA if short_side > SIDE else cv2.INTER_LINEAR
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return Fingerprint(
        digest.hexdigest(), cv2.resize(grey, (SIDE, SIDE), None, 0, 0, method), short_side
    )


def group(prints: list[Fingerprint], alike_are_copies: bool) -> list[int]:
    """Finds for each picture the first one that is the same; often itself.

    Args:
        prints: of the pictures.
        alike_are_copies: whether those that are almost the same count as well. Pictures of one
            single colour are only compared by their exact pixels.
    """
    same: dict[str, int] = {}
    first = np.array([same.setdefault(p.pixels, index) for index, p in enumerate(prints)], int)
    if alike_are_copies and len(prints):
        _join_almost_same(prints, first)
    return first.tolist()


def _join_almost_same(prints: list[Fingerprint], first: np.ndarray) -> None:
    """Joins the groups of pictures that are almost the same: `first` [N] names the first of each
    picture's group."""
    coarse = [cv2.resize(p.grey, (COARSE, COARSE), interpolation=cv2.INTER_AREA) for p in prints]
    vectors = np.array([_unit(square).ravel() for square in coarse])

    @lru_cache(maxsize=2 * BLOCK)
    def views(index: int, blur: float) -> tuple[np.ndarray, np.ndarray]:
        grey = prints[index].grey.astype(np.float32)
        smooth = cv2.GaussianBlur(grey, (0, 0), blur)
        detail = _unit(smooth - cv2.GaussianBlur(grey, (0, 0), 4 * blur))
        # One grey level more, so that the noise of a nearly flat picture isn't blown up.
        return (smooth - smooth.mean()) / (smooth.std() + 1), detail

    def are_same(one: int, other: int) -> bool:
        # Compared as coarsely as the smaller of the two can show things.
        blur = max(1.0, SIDE / min(prints[one].short_side, prints[other].short_side))
        (smooth, detail), (other_smooth, other_detail) = views(one, blur), views(other, blur)
        return bool(
            np.vdot(detail, other_detail) > MIN_DETAIL_CORRELATION
            and cv2.norm(smooth, other_smooth, cv2.NORM_INF) < MAX_DIFFERENCE
        )

    # Block by block, so that the views of a picture are not made anew for every pair.
    blocks = list(combinations_with_replacement(range(0, len(vectors), BLOCK), 2))
    quiet = None if len(blocks) > 1 else True  # None: only where someone can watch
    for top, left in tqdm(blocks, "comparing pictures", leave=False, disable=quiet):
        correlation = vectors[top : top + BLOCK] @ vectors[left : left + BLOCK].T
        for row, column in np.argwhere(correlation > MIN_COARSE_CORRELATION).tolist():
            one, other = top + row, left + column
            if one < other and first[one] != first[other] and are_same(one, other):
                joined = sorted((first[one], first[other]))
                first[first == joined[1]] = joined[0]


def _unit(values: np.ndarray) -> np.ndarray:
    """Moves to mean 0 and scales to length 1; all zeros where every value is the same."""
    values = values - values.mean(dtype=np.float64)
    return (values / (np.linalg.norm(values) or 1)).astype(np.float32)
