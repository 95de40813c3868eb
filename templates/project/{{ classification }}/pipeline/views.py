"""Views of a picture that show the same thing: mirrored, and turned by quarters."""

import numpy as np

MIRROR = ("as it is", "mirrored")
DIHEDRAL = (
    "as it is",
    "turned 90",
    "turned 180",
    "turned 270",
    "mirrored",
    "mirrored, turned 90",
    "mirrored, turned 180",
    "mirrored, turned 270",
)
VIEWS = {"none": DIHEDRAL[:1], "mirror": MIRROR, "dihedral": DIHEDRAL}


def turn(x, view: str):
    """A view of pictures [N, 3, S, S]: Paddle tensors or arrays.

    Turning is a transposition and a mirroring, which every runtime knows.
    """
    if view.startswith("mirrored"):
        x = _flip(x, 3)
    if view.endswith(" 90"):
        x = _flip(_transpose(x), 2)
    elif view.endswith(" 180"):
        x = _flip(_flip(x, 2), 3)
    elif view.endswith(" 270"):
        x = _flip(_transpose(x), 3)
    return x


def _transpose(x):
    return x.transpose([0, 1, 3, 2])


def _flip(x, axis: int):
    return np.flip(x, axis) if isinstance(x, np.ndarray) else x.flip([axis])
