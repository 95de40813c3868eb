"""At which size the network sees pictures, and which levels it needs: both follow the objects."""

import numpy as np

from pipeline.boxes import area
from pipeline.dataset import Sample
from pipeline.preprocess import Preprocess
from pipeline.targets import levels_for

WHOLE = (192, 640)  # px, smallest and largest input for a whole picture
TILE = 640  # px
ENOUGH = 48  # px; smaller objects are not shrunk, larger ones need not be that large
TOO_SMALL = 16  # px; objects that would become smaller are looked at in tiles
IN_TILES = 32  # px that a small object gets in a tile, by growing the picture if need be
LARGEST_GROWTH = 2.0
USUAL_CROP = 256  # px; larger crops come fewer at a time
FOR_A_COPY = 4  # crops at least, which share batch normalisation and are weighed by their objects
ROOM = 1.25  # times an object that is to be whole in a crop or in a tile


def choose_preprocess(samples: list[Sample], options) -> Preprocess:
    """How pictures become inputs.

    A small object decides, the lower quartile: it shall have about ENOUGH px of a whole picture.
    Where it would have less than TOO_SMALL, pictures are cut into tiles. There the class with the
    smallest objects decides if the settings ask for tiles, and long objects shall be whole in one
    tile, as far as that leaves TOO_SMALL px to small ones.

    Args:
        samples: to train on, at least one with an object.
        options: `model` of the settings; `input_size` and `tiles` there come first.
    """
    longer = np.concatenate([np.full(len(s.boxes), max(s.size)) for s in samples])
    boxes = np.concatenate([s.boxes for s in samples])
    sides = area(boxes) ** 0.5
    share = float(np.quantile(sides / longer, 0.25))
    size = options.input_size or int(np.clip(np.ceil(ENOUGH / share / 32) * 32, *WHOLE))
    tiles = options.tiles
    if tiles is None:
        tiles = share * size < TOO_SMALL and float(np.median(longer)) > size
    if not tiles:
        return Preprocess(size)
    size = options.input_size or TILE
    labels = np.concatenate([s.labels for s in samples])
    small = float(np.quantile(sides, 0.25))
    if options.tiles:
        small = min(float(np.quantile(sides[labels == k], 0.25)) for k in np.unique(labels))
    long = ROOM * _long_ones(boxes, labels)
    scale = min(IN_TILES / small, max(size / long.max(), TOO_SMALL / small))
    scale = round(float(np.clip(scale, 0.05, LARGEST_GROWTH)), 3)
    whole = (long * scale)[long * scale <= size]  # no overlap helps the others
    return Preprocess(size, scale, int(np.clip(whole.max(initial=0), 32, size // 2)))


def choose_levels(samples: list[Sample], preprocess: Preprocess) -> tuple[int, ...]:
    """Strides of the levels for the objects of the samples."""
    boxes, labels = _seen(samples, preprocess)
    return levels_for(area(boxes) ** 0.5, labels)


def choose_crop(samples: list[Sample], preprocess: Preprocess) -> int:
    """Side of the crops to train on, px: large objects several times over, and the long ones of
    every class whole, however rare the class is; or the whole input."""
    boxes, labels = _seen(samples, preprocess)
    large = float(np.quantile(area(boxes) ** 0.5, 0.95))
    wanted = max(4 * large, ROOM * _long_ones(boxes, labels).max())
    return int(np.clip(np.ceil(wanted / 32) * 32, USUAL_CROP, preprocess.input_size))


def crops_at_once(side: int, batch_size: int) -> int:
    """How many crops of a side, px, make a batch; `batch_size` is for those of USUAL_CROP."""
    wanted = batch_size * USUAL_CROP**2 // side**2
    return int(np.clip(wanted, min(2, batch_size), 64))


def _seen(samples: list[Sample], preprocess: Preprocess) -> tuple[np.ndarray, np.ndarray]:
    """All boxes as the network sees them, [B, 4] px, and their labels [B]."""
    boxes = np.concatenate([s.boxes * preprocess.scale_of(*s.size) for s in samples])
    return boxes, np.concatenate([s.labels for s in samples])


def _long_ones(boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How long the long objects of each class are that occurs: [B, 4] and [B] -> [classes] px."""
    lengths = (boxes[:, 2:] - boxes[:, :2]).max(1)
    return np.array([np.quantile(lengths[labels == k], 0.95) for k in np.unique(labels)])
