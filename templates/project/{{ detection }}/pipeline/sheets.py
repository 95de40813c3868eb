"""Inputs of stage 1: the frozen backbone's maps of augmented pictures, computed once.

Nearly all of a training step is spent in the backbone. While it is frozen, a sheet (an augmented
picture, or a part of one) always gives the same maps. So they are taken once, through an exported
network, and kept on disk; the head learns from windows of them.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import paddle
from numpy.lib.format import open_memmap
from tqdm import tqdm

from pipeline import files
from pipeline.crops import (
    AROUND_OBJECTS,
    Crops,
    any_object,
    by_class,
    padded,
    start_of,
    visible,
)
from pipeline.inference import exported
from pipeline.project import CACHE, shown

AT_ONCE = 4  # sheets through the backbone
MOST_BYTES = 3e9  # of maps on disk
OBJECTS = "objects.npy"


class _Maps(paddle.nn.Layer):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network.maps(x)


class FrozenBackbone:
    """A detector whose backbone runs in Paddle Inference, several times faster than in training.

    Args:
        network: the detector in training; its head answers.
        twin: one with the same backbone, which can't be trained afterwards: exporting changes it.
        side: S of all inputs, px.
    """

    def __init__(self, network, twin, side: int):
        self.network = network
        self.predictor = exported(_Maps(twin), side)

    def maps(self, x: np.ndarray) -> list[np.ndarray]:
        """[N, 3, S, S] float32 -> the maps, [N, C, S / stride, S / stride] each."""
        return self.predictor.run(x)

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        """[N, 3, S, S] float32 -> rows and counts, as `detect` wants them."""
        with paddle.no_grad():
            maps = [paddle.to_tensor(m) for m in self.maps(x)]
            return [output.numpy() for output in self.network.rows_of(maps)]


class Sheets:
    """Sheets on disk, to train on windows of them.

    Args:
        folder: as `make_sheets` wrote it: for each of the backbone's maps an array
            [sheets, C, S / stride, S / stride] float16, and the objects [sheets, M, 6] as
            `padded` gives them.
        side: S, of a sheet, px.
        window: side of a window, px.
    """

    def __init__(self, folder: Path, side: int, window: int):
        self.maps = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("map*.npy"))]
        self.objects = [rows[rows[:, 0] >= 0] for rows in np.load(folder / OBJECTS)]
        self.side = side
        self.window = window
        self.strides = [side // m.shape[2] for m in self.maps]
        self.by_class = by_class([rows[:, 0] for rows in self.objects])

    def batches(
        self, count: int, size: int, rng: np.random.Generator
    ) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
        """`count` batches of `size` windows: their maps, [N, C, h, w] float32 each, and their
        objects [N, M, 6] as in `DenseDetector.losses`."""
        for _ in range(count):
            drawn = [self.draw(rng) for _ in range(size)]
            parts = zip(*(maps for maps, _ in drawn), strict=True)
            maps = tuple(np.stack(part).astype(np.float32) for part in parts)
            yield maps, padded([objects for _, objects in drawn])

    def draw(self, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        """The maps of a window [C, h, w] and its objects [M, 6]."""
        index, box = rng.integers(len(self.objects)), None
        if self.by_class and rng.random() < AROUND_OBJECTS:
            index, which = any_object(self.by_class, rng)
            box = self.objects[index][which, 1:5]
        left, top = (self._start(box, axis, rng) for axis in (0, 1))
        maps = []
        for m, stride in zip(self.maps, self.strides, strict=True):
            y, x, length = top // stride, left // stride, self.window // stride
            maps.append(m[index, :, y : y + length, x : x + length])
        rows = self.objects[index]
        boxes = rows[:, 1:5] - np.float32([left, top, left, top])
        return maps, visible(boxes, rows[:, 0], rows[:, 5], self.window)

    def _start(self, box: np.ndarray | None, axis: int, rng: np.random.Generator) -> int:
        """Where a window begins along x (0) or y (1), px: where cells of all maps begin."""
        ends = None if box is None else (box[axis], box[axis + 2])
        coarsest = max(self.strides)
        return coarsest * round(start_of(self.side, self.window, ends, rng) / coarsest)


def make_sheets(folder: Path, frozen: FrozenBackbone, crops: Crops, seconds: float, rng) -> None:
    """Writes sheets to a folder, whole or not at all: what `crops` draws, through the backbone.

    As many as can be made in some seconds, and kept in MOST_BYTES and half of the free disk.

    Raises:
        OSError: no room on the disk.
    """
    for pattern in ("sheets-*", ".sheets-*"):  # of runs that were never finished
        for old in CACHE.glob(pattern):
            files.remove(old)
    for _ in range(2):  # the first time prepares the kernels
        before = time.monotonic()
        x, _ = next(crops.batches(1, AT_ONCE, rng))
        maps = frozen.maps(x)
    each = (time.monotonic() - before) / AT_ONCE
    size = sum(m[0].size for m in maps) * np.dtype(np.float16).itemsize
    folder.parent.mkdir(parents=True, exist_ok=True)
    room = min(MOST_BYTES, shutil.disk_usage(folder.parent).free / 2)
    count = int(max(AT_ONCE, min(seconds / each, room / size)))
    print(
        f"Frozen maps of {count} augmented pictures: {count * size / 1e9:.1f} GB in {shown(CACHE)}/"
    )
    objects: list[np.ndarray] = []
    with files.replacing(folder) as beside, tqdm(total=count, desc="maps", leave=False) as bar:
        beside.mkdir()
        stored = [
            _on_disk(beside / f"map{index}.npy", (count, *m.shape[1:]))
            for index, m in enumerate(maps)
        ]
        while len(objects) < count:
            done = len(objects)
            x, rows = next(crops.batches(1, min(AT_ONCE, count - done), rng))
            objects += list(rows)
            for array, m in zip(stored, frozen.maps(x), strict=True):
                array[done : done + len(m)] = m
            bar.update(len(x))
        np.save(beside / OBJECTS, padded([rows[rows[:, 0] >= 0] for rows in objects]))


def _on_disk(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """An array in a file whose room is taken at once: a full disk found while writing into the
    array would end the process without a word."""
    array = open_memmap(path, "w+", np.float16, shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
