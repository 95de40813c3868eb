"""Pictures with boxes, for people to look at."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from pipeline import files, fonts
from pipeline.detections import Detections

# Told apart by colour-blind people, too (after Okabe and Ito, 2008), and seen on white.
COLORS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#a89c00", "#8a8a8a")
LABELLED, FOUND = "#56b4e9", "#ff7a1a"
INK = "#111111"
DARK = 110  # grey value up to which a colour needs white text
LEAST = 640  # px; smaller pictures are enlarged, or their boxes would vanish under the text
CONTEXT = 2.5  # sides of a crop, in sides of what it is about
LEAST_CONTEXT = 64  # px

Rectangle = tuple[float, float, float, float]


def draw(picture: np.ndarray, found: Detections, classes: list[str]) -> Image.Image:
    """A picture with what was found in it: boxes with class and score.

    Args:
        picture: [H, W, 3] uint8, RGB.
        found: boxes in px of it.
        classes: their names. One that no font of this machine can draw becomes "class 1", ...
    """
    image = Image.fromarray(picture)
    factor = max(1, -(-LEAST // max(image.size)))
    if factor > 1:
        size = image.width * factor, image.height * factor
        image = image.resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    line = max(2, round(max(image.size) / 400))
    height = max(14, round(max(image.size) / 60))
    boxes = found.boxes * factor
    for box, label in zip(boxes, found.labels, strict=True):
        _outline(pen, box, COLORS[label % len(COLORS)], line)
    taken: list[Rectangle] = []
    outsides = boxes + np.array([-line, -line, line, line])
    for outside, label, score in zip(outsides, found.labels, found.scores, strict=True):
        name, font = _name(classes, label, height)
        text = f"{name} {score:.2f}"
        width = pen.textlength(text, font) + height / 2
        place = _place(outside, width, 1.4 * height, image.size, taken)
        taken.append(place)
        color = COLORS[label % len(COLORS)]
        pen.rectangle(place, color)
        middle = (place[1] + place[3]) / 2
        ink = INK if ImageColor.getcolor(color, "L") > DARK else "white"
        pen.text((place[0] + height / 4, middle), text, ink, font, anchor="lm")
    return image


def crop(picture: np.ndarray, labelled: np.ndarray, found: np.ndarray, side: int) -> Image.Image:
    """What is around boxes, with the labelled and the found ones in colours of their own.

    Args:
        picture: [H, W, 3] uint8, RGB.
        labelled: [B, 4], px of the picture.
        found: [D, 4], px of the picture; with `labelled` at least one.
        side: of the longer side of the result, px.
    """
    boxes = np.concatenate([labelled, found])
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    limit = np.array(picture.shape[1::-1])
    wanted = np.minimum(max(CONTEXT * (high - low).max(), LEAST_CONTEXT), limit)
    start = np.clip((low + high - wanted) / 2, 0, limit - wanted).round().astype(int)
    end = np.maximum(start + wanted.round().astype(int), start + 1)
    image = Image.fromarray(picture[start[1] : end[1], start[0] : end[0]])
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image = image.resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    corner = np.tile(start, 2)
    for rows, color in ((labelled, LABELLED), (found, FOUND)):
        for box in rows:
            _outline(pen, (box - corner) * scale, color, 2)
    return image


def save(image: Image.Image, path: Path) -> None:
    """Writes a picture in the format of its name, PNG if that says nothing."""
    with files.replacing(path) as beside:
        kind = Image.registered_extensions().get(path.suffix.lower(), "PNG")
        image.save(beside, kind, quality=92)


def _outline(pen: ImageDraw.ImageDraw, box: np.ndarray, color: str, width: int) -> None:
    """A box around what it holds, with a dark rim: to be seen on dark and on light ground."""
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    outer = (x0 - width - 1, y0 - width - 1, x1 + width, y1 + width)
    pen.rectangle(outer, outline=INK, width=width + 2)
    pen.rectangle((x0 - width, y0 - width, x1 + width - 1, y1 + width - 1), None, color, width)


def _name(classes: list[str], label: int, height: int) -> tuple[str, ImageFont.FreeTypeFont]:
    """A class's name and a font that has its characters, px."""
    name = fonts.short(classes[label])
    file = fonts.file_for(name)
    return (name, _font(file, height)) if file else (f"class {label + 1}", _font(None, height))


@cache
def _font(file: str | None, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file or fonts.file_for("class 1"), height)


def _place(
    box: np.ndarray, width: float, height: float, size: tuple[int, int], taken: list[Rectangle]
) -> Rectangle:
    """Where a label goes: above its box, below it or inside; where no other label is, if it can."""
    x0, y0, x1, y1 = box
    spots = [(x, y) for y in (y0 - height, y1, y0) for x in (x0, x1 - width)]
    limit = size[0] - width, size[1] - height
    places = []
    for x, y in spots:
        left, top = float(np.clip(x, 0, max(limit[0], 0))), float(np.clip(y, 0, max(limit[1], 0)))
        places.append((left, top, left + width, top + height))
    free = (place for place in places if not any(_meet(place, other) for other in taken))
    return next(free, places[0])


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
