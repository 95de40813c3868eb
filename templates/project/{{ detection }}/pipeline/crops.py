"""Training inputs: augmented crops of the pictures, at the scale at which the network sees them."""

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from tempfile import TemporaryFile

import cv2
import numpy as np
from tqdm import tqdm

from pipeline.boxes import area
from pipeline.dataset import Sample
from pipeline.images import DECODERS, read_picture
from pipeline.preprocess import GREY, Preprocess
from pipeline.project import CACHE

AROUND_OBJECTS = 0.75  # of the crops; the others lie anywhere, to learn what is no object
VISIBLE = 0.6  # of a cut object must be seen to learn it
MOST_OBJECTS = 1000  # of a crop
MOST_IN_MEMORY = 2e9  # bytes of all pictures


@dataclass(frozen=True)
class Scene:
    """A picture with its objects, as large as the network sees it.

    Attributes:
        picture: [H, W, 3] uint8.
        boxes: [B, 4] px.
        labels: [B].
    """

    picture: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray


def read_scenes(samples: list[Sample], preprocess: Preprocess) -> list[Scene]:
    """Decodes every picture once, on all cores; many large ones lie on disk.

    Raises:
        PictureError: names the picture that can't be read.
        OSError: no room on the disk.
    """
    ends = np.cumsum([3 * math.prod(preprocess.scaled_size(*s.size)) for s in samples])
    room = _on_disk(int(ends[-1])) if ends[-1] > MOST_IN_MEMORY else None

    def read(sample: Sample, end: int) -> Scene:
        picture, scale = preprocess.scaled(read_picture(sample.path))
        if room is not None:
            place = room[end - picture.size : end].reshape(picture.shape)
            place[:] = picture
            picture = place
        return Scene(picture, sample.boxes * scale, sample.labels)

    with ThreadPoolExecutor(DECODERS) as pool:
        return list(tqdm(pool.map(read, samples, ends), "pictures", len(samples), leave=False))


def _on_disk(size: int) -> np.ndarray:
    """So many bytes in a file without a name, of which nothing stays when the process ends.
    Raises OSError where the disk has no room for them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=CACHE) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, np.uint8, "r+", shape=(size,))


class Crops:
    """Draws augmented crops.

    Args:
        scenes: of the training pictures.
        side: of a crop, px.
        options: `augment` of the settings.
        custom_augment: (picture, rng) -> picture, the user's own augmentation.
    """

    def __init__(self, scenes: list[Scene], side: int, options, custom_augment: Callable):
        self.scenes = scenes
        self.side = side
        self.options = options
        self.custom_augment = custom_augment
        self.objects = by_class([scene.labels for scene in scenes])

    def batches(
        self, count: int, size: int, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """`count` batches of `size` crops: [N, 3, S, S] float32 and the objects [N, M, 6] as in
        `DenseDetector.losses`. Raises UserError through `custom_augment`."""
        for _ in range(count):
            drawn = [self.draw(rng) for _ in range(size)]
            x = np.stack([picture for picture, _ in drawn]).transpose(0, 3, 1, 2)
            yield np.ascontiguousarray(x, np.float32), padded([objects for _, objects in drawn])

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A crop [S, S, 3] uint8 and its objects [M, 6]."""
        if rng.random() < self.options.mosaic:
            picture, objects = self._mosaic(rng)
        else:
            picture, objects = self._crop(rng, self.side)
        picture = _recolour(picture, self.options.light, self.options.colour, rng)
        return self.custom_augment(picture, rng), objects

    def _crop(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        if self.objects and rng.random() < AROUND_OBJECTS:
            index, which = any_object(self.objects, rng)
            scene = self.scenes[index]
            box = scene.boxes[which]
        else:
            scene = self.scenes[rng.integers(len(self.scenes))]
            box = None
        zoom = self.options.scale ** rng.uniform(-1, 1)
        span = side / zoom  # px of the scene that the crop shows
        height, width = scene.picture.shape[:2]
        corner = [
            start_of(length, span, None if box is None else (box[axis], box[axis + 2]), rng)
            for axis, length in ((0, width), (1, height))
        ]
        # Of a large picture, which may lie on disk, only this part is looked at.
        (left, right), (top, bottom) = ((max(0, int(c)), int(c + span) + 2) for c in corner)
        part = np.ascontiguousarray(scene.picture[top:bottom, left:right])
        shift = np.float32([left, top]) - corner
        matrix = np.float32([[zoom, 0, shift[0] * zoom], [0, zoom, shift[1] * zoom]])
        # Cubic: linear interpolation blurs, and the pictures to be judged are not blurred.
        picture = cv2.warpAffine(
            part, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=(GREY,) * 3
        )
        boxes = (scene.boxes - np.tile(corner, 2)) * zoom
        picture, boxes = _turn(picture, boxes, self.options.symmetry, rng)
        return picture, visible(boxes, scene.labels, np.ones(len(boxes)), side)

    def _mosaic(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Four crops in one: Bochkovskiy et al., YOLOv4, 2020."""
        half = self.side // 2
        picture = np.full((self.side, self.side, 3), GREY, np.uint8)
        found = []
        for top, left in ((0, 0), (0, half), (half, 0), (half, half)):
            part, objects = self._crop(rng, half)
            picture[top : top + half, left : left + half] = part
            objects[:, 1:5] += np.float32([left, top, left, top])
            found.append(objects)
        return picture, np.concatenate(found)


def by_class(labels: list[np.ndarray]) -> list[list[tuple[int, int]]]:
    """Labels of the objects of each picture -> for each class that occurs, where its objects are:
    index of the picture, index of the object in it."""
    joined = np.concatenate(labels)
    where = [(i, j) for i, own in enumerate(labels) for j in range(len(own))]
    return [[where[k] for k in np.flatnonzero(joined == label)] for label in np.unique(joined)]


def any_object(objects: list[list[tuple[int, int]]], rng: np.random.Generator) -> tuple[int, int]:
    """One of what `by_class` gives; classes come up equally often, however many objects each
    has."""
    members = objects[rng.integers(len(objects))]
    return members[rng.integers(len(members))]


def padded(objects: list[np.ndarray]) -> np.ndarray:
    """Objects of N pictures, [m, 6] each, as one array [N, M, 6]; label -1 for none."""
    most = max(1, *(len(rows) for rows in objects)) if len(objects) > 1 else max(1, len(objects[0]))
    result = np.full((len(objects), most, 6), -1, np.float32)
    for rows, target in zip(objects, result, strict=True):
        target[: len(rows)] = rows
    return result


def start_of(length: int, span: float, box: tuple[float, float] | None, rng) -> float:
    """Where a crop of `span` px begins along a side: within the picture where that can be, and
    around the whole box if there is one and it fits."""
    low, high = min(0.0, length - span), max(0.0, length - span)
    if box is not None:
        inner = max(low, min(box[1] - span, box[0])), min(high, max(box[0], box[1] - span))
        if inner[0] <= inner[1]:
            low, high = inner
    return rng.uniform(low, high)


def _turn(picture: np.ndarray, boxes: np.ndarray, symmetry: str, rng):
    """A random one of the views that leave the classes as they are, of a square picture."""
    side = picture.shape[0]
    x0, y0, x1, y1 = boxes.T
    if symmetry == "dihedral" and rng.random() < 0.5:
        picture, (x0, y0, x1, y1) = picture.transpose(1, 0, 2), (y0, x0, y1, x1)
    if symmetry == "dihedral" and rng.random() < 0.5:
        picture, (y0, y1) = picture[::-1], (side - y1, side - y0)
    if symmetry != "none" and rng.random() < 0.5:
        picture, (x0, x1) = picture[:, ::-1], (side - x1, side - x0)
    return np.ascontiguousarray(picture), np.stack([x0, y0, x1, y1], axis=1)


def visible(boxes: np.ndarray, labels: np.ndarray, weights: np.ndarray, side: int) -> np.ndarray:
    """Objects [M, 6] of a crop: boxes cut to what is seen. Of those cut too much the weight is 0:
    they are neither learned nor taken for background. A sliver of less than a px is left out,
    unless the object is no thicker."""
    seen = np.clip(boxes, 0, side)
    spans, whole = (part[:, 2:] - part[:, :2] for part in (seen, boxes))
    here = (spans > np.minimum(1, whole / 2)).all(1)
    share = area(seen) / np.maximum(area(boxes), 1e-6)
    # An object larger than the crop can't be whole in it; most of the crop will do.
    weight = (share >= VISIBLE) | (area(seen) > 0.5 * side * side)
    weight = weight * weights
    rows = np.concatenate([labels[:, None], seen, weight[:, None]], axis=1)
    return np.float32(rows[here][:MOST_OBJECTS])


def _recolour(picture: np.ndarray, light: float, colour: float, rng) -> np.ndarray:
    """Changes contrast, brightness (`light`), hue and saturation (`colour`), each at random."""
    contrast, brightness = 1 + rng.uniform(-light, light, 2)
    mean = float(picture.mean())
    picture = cv2.addWeighted(picture, contrast, picture, 0, mean * (brightness - contrast))
    hue, saturation = rng.uniform(-colour, colour, 2)
    if colour == 0 or not (picture[::8, ::8] != picture[::8, ::8, :1]).any():
        return picture  # grey stays grey
    values = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float32)
    values[..., 0] = (values[..., 0] + 180 * hue) % 180
    values[..., 1] = np.clip(values[..., 1] * (1 + 4 * saturation), 0, 255)
    return cv2.cvtColor(values.astype(np.uint8), cv2.COLOR_HSV2RGB)
