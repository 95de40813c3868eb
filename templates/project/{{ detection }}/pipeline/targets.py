"""What the dense detector's cells should say, from the objects of a picture."""

import numpy as np

# Objects up to this size, px (square root of the area), belong to the level of this stride; all
# larger ones to the last.
LARGEST = {8: 64, 16: 160, 32: 1e9}
SPREAD = 0.54 / 6  # standard deviation of a centre's heat as a share of the object's side: TTFNet
LEAST_SPREAD = 0.75  # cells; the neighbours of a small object's cell learn its box, too
LEAST_HEAT = 0.1  # a cell with less does not learn the box


def levels_for(sizes: np.ndarray, labels: np.ndarray, least_share: float = 0.1) -> tuple[int, ...]:
    """The strides of the levels that a data set needs.

    Args:
        sizes: [B] of all objects as the network sees them, px, square root of the area.
        labels: [B].
        least_share: of the objects of a class; a level for fewer is not worth its computing.
    """
    levels = level_of(sizes, tuple(LARGEST))
    share = np.zeros(len(LARGEST))
    for label in np.unique(labels):
        mine = levels[labels == label]
        share = np.maximum(share, np.bincount(mine, minlength=len(LARGEST)) / len(mine))
    return tuple(stride for stride, most in zip(LARGEST, share, strict=True) if most >= least_share)


def level_of(sizes: np.ndarray, strides: tuple[int, ...]) -> np.ndarray:
    """[B] px -> [B], index into `strides`: of the finest one that the size still suits."""
    limits = [LARGEST[stride] for stride in strides[:-1]]
    return np.searchsorted(np.array(limits, float), sizes)


def dense_targets(
    targets: np.ndarray, size: int, strides: tuple[int, ...], classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Targets of all cells.

    Args:
        targets: [N, M, 6], as in `DenseDetector.losses`.
        size: S, side of the input, px.
        strides: of the levels.
        classes: C.

    Returns:
        heat [N, cells, C], 1 in the cell of a centre and falling around it; care [N, cells, 1],
        0 where an object is cut too much to tell; distances [N, cells, 4] of the sides of the
        cell's object, px; weight [N, cells] of the box, 1 in all for each object.
    """
    parts = [
        _level(targets, size // s, s, level, strides, classes) for level, s in enumerate(strides)
    ]
    return tuple(np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))


def _level(targets, side: int, stride: int, level: int, strides, classes: int):
    count = len(targets)
    heat = np.zeros((count, side, side, classes), np.float32)
    care = np.ones((count, side, side, 1), np.float32)
    sides = np.ones((count, side, side, 4), np.float32)
    weight = np.zeros((count, side, side), np.float32)
    middle = (np.arange(side) + 0.5) * stride
    for index, objects in enumerate(targets):
        objects = objects[objects[:, 0] >= 0]
        spans = np.maximum(objects[:, 3:5] - objects[:, 1:3], 1e-3)
        areas = spans.prod(1)
        for i in np.argsort(-areas):  # where two claim a cell the smaller one has it
            label, x0, y0, x1, y1, learn = objects[i]
            if not learn:
                low = np.floor(np.array([x0, y0]) / stride).astype(int).clip(0)
                high = np.ceil(np.array([x1, y1]) / stride).astype(int)
                care[index, low[1] : high[1], low[0] : high[0]] = 0
                continue
            if level_of(areas[i : i + 1] ** 0.5, strides)[0] != level:
                continue
            column, row = (np.array([x0 + x1, y0 + y1]) / 2 / stride).astype(int).clip(0, side - 1)
            spread = np.maximum(SPREAD * spans[i] / stride, LEAST_SPREAD)
            along_x = np.exp(-((np.arange(side) - column) ** 2) / (2 * spread[0] ** 2))
            along_y = np.exp(-((np.arange(side) - row) ** 2) / (2 * spread[1] ** 2))
            warmth = np.float32(along_y[:, None] * along_x[None])
            mine = heat[index, :, :, int(label)]
            np.maximum(mine, warmth, out=mine)
            inside = ((middle > x0) & (middle < x1))[None] & ((middle > y0) & (middle < y1))[
                :, None
            ]
            learns = (warmth > LEAST_HEAT) & inside
            learns[row, column] = True
            weight[index][learns] = warmth[learns] / warmth[learns].sum()
            x, y = np.meshgrid(middle, middle)
            box = np.stack([x - x0, y - y0, x1 - x, y1 - y], axis=2)
            sides[index][learns] = np.maximum(box[learns], 0.1)
            care[index, row, column] = 1
    shape = (count, side * side)
    return (
        heat.reshape(*shape, classes),
        care.reshape(*shape, 1),
        sides.reshape(*shape, 4),
        weight.reshape(shape),
    )
