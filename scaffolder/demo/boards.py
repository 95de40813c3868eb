"""Drawn boards with defects and their boxes, as COCO, for the detection demo."""

import json
import math
import random
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from scaffolder.demo import paint
from scaffolder.demo.layout import COLUMNS, ROWS, Cell, Layout, Part, lay_out

CLASSES = ["open", "short", "spur"]
PITCH = 14  # px of the finished picture from one trace to the next
SIZE = COLUMNS * PITCH, ROWS * PITCH
SCALE = 3  # px a px while drawing: shrunk at the end, for smooth edges
MARGIN = 3  # px around a defect, as people draw boxes
APART = 40  # px between defects
GOOD = 0.2  # share of the boards without a defect
MOST = 5  # defects on a board

Point = tuple[float, float]
Box = tuple[float, float, float, float]

# Rows of three dots, as octal digits.
GLYPHS = dict(zip("0123456789RUJ", (
    "75557", "26227", "71747", "71717", "55711", "74717", "74757", "71122", "75757", "75717",
    "65655", "55557", "11157",
), strict=True))  # fmt: skip


def draw(folder: Path, train: int, test: int, seed: int) -> None:
    """Draws boards into folder/images/ and writes folder/train.json and folder/test.json.

    Args:
        folder: Where to; made if need be.
        train: Number of boards to train on.
        test: Number of boards to test on.
        seed: The same seed gives the same boards.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("test", test)):
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number in range(1, count + 1):
            picture, defects = board(random.Random(f"{seed} {split} {number}"))
            name = f"{split}_{number:03}.png"
            picture.save(folder / "images" / name)
            images.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
            for kind, (x0, y0, x1, y1) in defects:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": CLASSES.index(kind) + 1,
                        "bbox": [round(v, 1) for v in (x0, y0, x1 - x0, y1 - y0)],
                        "area": round((x1 - x0) * (y1 - y0), 1),
                        "iscrowd": 0,
                    }
                )
        categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)]
        coco = {"images": images, "annotations": annotations, "categories": categories}
        (folder / f"{split}.json").write_text(json.dumps(coco, indent=1), encoding="utf-8")


def board(rng: random.Random) -> tuple[Image.Image, list[tuple[str, Box]]]:
    """Draws one board; returns it and its defects: class, and box x0, y0, x1, y1 in px."""
    layout = lay_out(rng)
    width = rng.uniform(4.5, 6.5)
    copper = Image.new("L", (SIZE[0] * SCALE, SIZE[1] * SCALE))
    pen = ImageDraw.Draw(copper)
    for trace in layout.traces:
        points = [on_canvas(middle(cell)) for cell in beyond_edges(trace)]
        pen.line(points, 255, round(width * SCALE), joint="curve")
    pads = [(part, pad) for part in layout.parts for pad in part.pads]
    for part, pad in pads:
        draw_pad(pen, part, pad, 1.0, 255)
    defects = add_defects(rng, layout, copper, width) if rng.random() >= GOOD else []

    colours = paint.colours(rng)
    picture = paint.board(rng, copper, colours)
    pen = ImageDraw.Draw(picture)
    for part, pad in pads:
        draw_pad(pen, part, pad, 0.8, colours.bare)
        if part.round:
            draw_pad(pen, part, pad, 0.4, paint.HOLE)
    ink = tuple(round(value * rng.uniform(0.8, 1)) for value in (236, 238, 228))
    for part in layout.parts:
        if part.name:
            draw_silkscreen(pen, part, ink)
    picture = paint.grained(rng, picture, picture.width // 8, rng.uniform(0.02, 0.05))
    picture = picture.resize(SIZE, Image.Resampling.BOX)
    return paint.photograph(rng, picture), defects


def beyond_edges(trace: list[Cell]) -> list[Cell]:
    """Lengthens a trace that ends in the first or last column to beyond the picture."""
    ends = []
    for x, y in (trace[0], trace[-1]):
        ends.append((x - 1 if x == 0 else x + 1 if x == COLUMNS - 1 else x, y))
    return [ends[0], *trace, ends[1]]


def add_defects(
    rng: random.Random, layout: Layout, copper: Image.Image, width: float
) -> list[tuple[str, Box]]:
    """Spoils the copper in a few places, far from each other and from pads."""
    wanted = rng.choices(CLASSES, k=rng.randint(1, MOST))
    kept_clear = [(middle(pad), PITCH * 1.3) for part in layout.parts for pad in part.pads]
    defects: list[tuple[str, Box]] = []
    for cell, step in rng.sample(cells := inner_cells(layout), len(cells)):
        here, side = middle(cell), rng.choice([-1, 1])
        beside = cell[0] - side * step[1], cell[1] + side * step[0]
        possible = [kind for kind in wanted if is_possible(kind, layout, cell, step, beside)]
        inside = all(20 < value < limit - 20 for value, limit in zip(here, SIZE, strict=True))
        if not possible or not inside:
            continue
        if any(math.dist(here, other) < distance for other, distance in kept_clear):
            continue
        shape = outline(rng, possible[0], here, middle(beside), width)
        fill = 0 if possible[0] == "open" else 255
        ImageDraw.Draw(copper).polygon([on_canvas(point) for point in shape], fill)
        xs, ys = zip(*shape, strict=True)
        box = min(xs) - MARGIN, min(ys) - MARGIN, max(xs) + MARGIN, max(ys) + MARGIN
        defects.append((possible[0], box))
        kept_clear.append((here, APART))
        wanted.remove(possible[0])
    return defects


def inner_cells(layout: Layout) -> list[tuple[Cell, Cell]]:
    """Returns the cells within straight pieces of traces, each with the step to the next one."""
    return [
        (cell, (after[0] - cell[0], after[1] - cell[1]))
        for trace in layout.traces
        for before, cell, after in zip(trace, trace[1:], trace[2:], strict=False)
        if (before[0] + after[0], before[1] + after[1]) == (2 * cell[0], 2 * cell[1])
    ]


def is_possible(kind: str, layout: Layout, cell: Cell, step: Cell, beside: Cell) -> bool:
    """Whether a trace can have such a defect in a cell, towards the cell beside it."""
    if kind == "spur":
        return beside not in layout.taken
    if kind == "short":  # the next trace runs alongside
        pair = {beside, (beside[0] + step[0], beside[1] + step[1])}
        return any(pair <= set(trace) and cell not in trace for trace in layout.traces)
    return True


def outline(rng: random.Random, kind: str, here: Point, beside: Point, width: float) -> list[Point]:
    """Returns the shape of a defect of a trace that is `width` px wide at `here`."""
    gap = math.dist(here, beside)
    across = (beside[0] - here[0]) / gap, (beside[1] - here[1]) / gap
    if kind == "open":
        return blob(rng, here, across, width * 0.75, rng.uniform(2.5, 4.5))
    if kind == "short":
        centre = here[0] + across[0] * gap / 2, here[1] + across[1] * gap / 2
        return blob(rng, centre, across, gap / 2, rng.uniform(2, 4))
    edge = here[0] + across[0] * width / 2, here[1] + across[1] * width / 2
    return blob(rng, edge, across, rng.uniform(3.5, 5.5), rng.uniform(2, 3.5))


def blob(
    rng: random.Random, centre: Point, axis: Point, along: float, across: float
) -> list[Point]:
    """Returns a ragged ellipse with the given radii along a direction and across it."""
    points = []
    for step in range(16):
        angle = step * math.tau / 16
        u = along * math.cos(angle) * rng.uniform(0.85, 1.1)
        v = across * math.sin(angle) * rng.uniform(0.75, 1.2)
        points.append(
            (centre[0] + u * axis[0] - v * axis[1], centre[1] + u * axis[1] + v * axis[0])
        )
    return points


def draw_pad(
    pen: ImageDraw.ImageDraw, part: Part, pad: Cell, size: float, fill: int | paint.Colour
) -> None:
    x, y = middle(pad)
    long, short = (5.2, 5.2) if part.round else (6.2, 4.2)
    across, down = (long, short) if part.along == (1, 0) else (short, long)
    low, high = (on_canvas((x + sign * across * size, y + sign * down * size)) for sign in (-1, 1))
    (pen.ellipse if part.round else pen.rectangle)([*low, *high], fill)


def draw_silkscreen(pen: ImageDraw.ImageDraw, part: Part, ink: paint.Colour) -> None:
    """Prints a part's outline and name."""
    left, top, right, bottom = part.outline
    low, high = (on_canvas(middle(corner)) for corner in ((left, top), (right, bottom)))
    pen.rectangle([*low, *high], outline=ink, width=round(0.8 * SCALE))
    dot = 1.1 * SCALE
    x, y = low[0], low[1] - 6.5 * dot
    for glyph in part.name:
        for row, bits in enumerate(GLYPHS[glyph]):
            for column in range(3):
                if int(bits) & 4 >> column:
                    at = x + column * dot, y + row * dot
                    pen.rectangle([*at, at[0] + dot, at[1] + dot], ink)
        x += 4 * dot


def middle(cell: Point) -> Point:
    """Returns the middle of a cell, in px of the finished picture."""
    return (cell[0] + 0.5) * PITCH, (cell[1] + 0.5) * PITCH


def on_canvas(point: Point) -> Point:
    return point[0] * SCALE, point[1] * SCALE
