"""Whether pictures still become the inputs that they became in training.

A picture of noise goes the whole way from a file to the network's input. A few numbers of that
input are written down when a model is saved; another order of the channels, another interpolation
or another size gives other numbers.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.console import UserError
from pipeline.images import read_picture
from pipeline.project import shown

VALUES = 240  # that are kept of a picture
ALIKE = 0.5  # grey levels, on average: decoders and processors may round in another way
# Sides of the pictures in shares of the input's: one that shrinks, one that grows, one of either.
SIDES = ((1.5, 1.2), (0.4, 0.7), (0.7, 1.5))


def sample(preprocess) -> list[dict]:
    """Some values of the inputs that the pictures of noise become.

    Args:
        preprocess: the task's Preprocess.

    Returns:
        For each picture the `shape` of its inputs and `values`, the grey levels in hexadecimal.
    """
    kept = []
    for number, sides in enumerate(SIDES):
        height, width = (max(2, round(side * preprocess.input_size)) for side in sides)
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        file = BytesIO()
        Image.fromarray(noise).save(file, "PNG", compress_level=0)
        x = preprocess.inputs(read_picture(file))
        values = x.ravel()[np.linspace(0, x.size - 1, VALUES).astype(int)]
        levels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        kept.append({"shape": list(x.shape), "values": levels.tobytes().hex()})
    return kept


def check(where: Path, preprocess, about: dict) -> None:
    """Makes sure that pictures become the inputs that a network was trained on.

    Args:
        where: the run, or the export of it.
        preprocess: of it.
        about: what `run.json` says.

    Raises:
        UserError: the code prepares pictures in another way now.
    """
    if different := faults(preprocess, about.get("inputs")):
        raise UserError(
            f"{shown(where)}: {different[0]}. pipeline/preprocess.py or pipeline/images.py was "
            "changed since training: bring it back, or train again."
        )


def faults(preprocess, kept: list[dict] | None) -> list[str]:
    """What is different from when `sample` gave `kept`; runs of earlier templates kept nothing."""
    if kept is None:
        return []
    for before, now in zip(kept, sample(preprocess), strict=False):
        if before["shape"] != now["shape"]:
            return [f"a picture becomes {now['shape']} and became {before['shape']} in training"]
        levels = [
            np.frombuffer(bytes.fromhex(one["values"]), np.uint8).astype(float)
            for one in (before, now)
        ]
        apart = float(np.abs(levels[0] - levels[1]).mean())
        if apart > ALIKE:
            return [f"the inputs differ from those of training by {apart:.1f} grey levels"]
    return []
