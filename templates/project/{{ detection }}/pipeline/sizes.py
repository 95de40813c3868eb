"""At which size the network sees pictures, and which levels it needs: both follow the objects."""

import numpy as np

from pipeline.boxes import area
from pipeline.dataset import Sample
from pipeline.preprocess import Preprocess
from pipeline.targets import levels_for

WHOLE = (320, 640)  # px, smallest and largest input for a whole picture
TILE = 640  # px
ENOUGH = 48  # px; smaller objects are not shrunk, larger ones need not be that large
TOO_SMALL = 16  # px; objects that would become smaller are looked at in tiles
IN_TILES = 32  # px that a small object gets in a tile, by growing the picture if need be
LARGEST_GROWTH = 2.0
USUAL_CROP = 256  # px; larger crops come fewer at a time


def choose_preprocess(samples: list[Sample], options) -> Preprocess:
    """How pictures become inputs.

    A small object decides, the lower quartile: it shall have about ENOUGH px of a whole picture.
    Where it would have less than TOO_SMALL, pictures are cut into tiles.

    Args:
        samples: to train on, at least one with an object.
        options: `model` of the settings; `input_size` and `tiles` there come first.
    """
    longer = np.concatenate([np.full(len(s.boxes), max(s.size)) for s in samples])
    sides = np.concatenate([area(s.boxes) for s in samples]) ** 0.5
    share = float(np.quantile(sides / longer, 0.25))
    size = options.input_size or int(np.clip(np.ceil(ENOUGH / share / 32) * 32, *WHOLE))
    tiles = options.tiles
    if tiles is None:
        tiles = share * size < TOO_SMALL and float(np.median(longer)) > size
    if not tiles:
        return Preprocess(size)
    size = options.input_size or TILE
    small, large = np.quantile(sides, (0.25, 0.95))
    scale = round(float(np.clip(IN_TILES / small, 0.05, LARGEST_GROWTH)), 3)
    overlap = int(np.clip(1.25 * large * scale, 32, size // 2))
    return Preprocess(size, scale, overlap)


def seen_sizes(samples: list[Sample], preprocess: Preprocess) -> np.ndarray:
    """Square root of the area of every object as the network sees it, [B], px."""
    return np.concatenate([area(s.boxes) ** 0.5 * preprocess.scale_of(*s.size) for s in samples])


def choose_levels(samples: list[Sample], preprocess: Preprocess) -> tuple[int, ...]:
    """Strides of the levels for the objects of the samples."""
    return levels_for(seen_sizes(samples, preprocess))


def choose_crop(samples: list[Sample], preprocess: Preprocess) -> int:
    """Side of the crops to train on, px: large objects several times over, or the whole input."""
    large = float(np.quantile(seen_sizes(samples, preprocess), 0.95))
    return int(np.clip(np.ceil(4 * large / 32) * 32, 256, preprocess.input_size))


def crops_at_once(side: int, batch_size: int) -> int:
    """How many crops of a side, px, make a batch; `batch_size` is for those of USUAL_CROP."""
    return max(1, min(batch_size * USUAL_CROP**2 // side**2, 64))
