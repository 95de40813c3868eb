"""Drawn crops of printed circuit boards, one defect each, for the classification demo."""

import math
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

from scaffolder.demo import paint
from scaffolder.errors import FewshotError

SIDE = 96  # px of the finished picture
WINDOW = 50  # units of the board that it shows
SCALE = 4  # px a unit while drawing: shrunk at the end, for smooth edges
CANVAS = 88 * SCALE  # px; what turning and moving the window needs

Point = tuple[float, float]


def draw(folder: Path, classes: list[str], per_class: int, seed: int) -> None:
    """Draws `per_class` pictures of each class, folder/<class>/<n>.png, 96 x 96 px.

    Args:
        folder: where to; made if need be.
        classes: some of DEFECTS.
        per_class: number of pictures of each class.
        seed: the same seed gives the same pictures.

    Raises:
        FewshotError: a class that it can't draw.
    """
    unknown = [name for name in classes if name not in DEFECTS]
    if unknown:
        raise FewshotError(
            f"no drawing of {', '.join(map(repr, unknown))}. "
            f"Demo pictures exist for: {', '.join(DEFECTS)}."
        )
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(1, per_class + 1):
            rng = random.Random(f"{seed} {name} {number}")
            crop(rng, DEFECTS[name]).save(folder / name / f"{number:03}.png")


class Copper:
    """The copper of a board around a defect at (0, 0), in units of the board.

    Traces run along x, `pitch` apart; the one nearest to the defect is at y = `trace`.
    """

    def __init__(self, rng: random.Random, width: float, gap: float, between: bool):
        self.rng, self.width, self.gap = rng, width, gap
        self.mask = Image.new("L", (CANVAS, CANVAS))
        self.pads: list[tuple[Point, float]] = []
        pitch = width + gap
        self.trace = pitch / 2 if between else 0.0
        bend, rise = rng.uniform(18, 50), rng.choice([-1, 0, 0, 1]) * rng.uniform(15, 60)
        for step in range(-6, 7):
            near = step in (0, -1) if between else step == 0
            y = self.trace + step * pitch
            if near or rng.random() < 0.75:
                self.line([(-150, y), (bend, y), (bend + abs(rise), y + rise), (220, y + rise)])
            if not near and rng.random() < 0.3:
                self.pad((rng.uniform(-40, 40), y + rng.uniform(-2, 2)))
            elif rng.random() < 0.35:
                self.pad((rng.choice([-1, 1]) * rng.uniform(20, 34), y))

    def line(self, points: list[Point]) -> None:
        width = round(self.width * SCALE)
        ImageDraw.Draw(self.mask).line([on_canvas(p) for p in points], 255, width, joint="curve")

    def pad(self, centre: Point) -> None:
        radius = self.width * self.rng.uniform(0.6, 0.95) + 1
        if math.hypot(*centre) > radius + 14:
            self.pads.append((centre, radius))
            self.blob(centre, radius, radius, 255, rough=0)

    def blob(
        self, centre: Point, along: float, across: float, fill: int, rough: float = 0.3
    ) -> None:
        """Adds (255) or takes away (0) a ragged ellipse with the given radii."""
        outline = []
        for step in range(14):
            angle = step * math.tau / 14
            reach = 1 + self.rng.uniform(-rough, rough)
            x = centre[0] + along * reach * math.cos(angle)
            y = centre[1] + across * reach * math.sin(angle)
            outline.append(on_canvas((x, y)))
        ImageDraw.Draw(self.mask).polygon(outline, fill)


def on_canvas(point: Point) -> Point:
    return CANVAS / 2 + point[0] * SCALE, CANVAS / 2 + point[1] * SCALE


def open_(rng: random.Random) -> Copper:
    """A trace that is cut through."""
    copper = Copper(rng, rng.uniform(6, 15), rng.uniform(8, 16), between=False)
    half, lean = rng.uniform(1.5, 5), rng.uniform(-3, 3)
    for step in range(-4, 5):
        y = step * copper.width / 7
        copper.blob((lean * step / 4, y), half, copper.width / 6, 0)
    return copper


def short(rng: random.Random) -> Copper:
    """Copper that joins two traces."""
    copper = Copper(rng, rng.uniform(6, 15), rng.uniform(7, 16), between=True)
    half, lean = rng.uniform(1.5, 5), rng.uniform(-3, 3)
    for step in range(-4, 5):
        y = step * copper.gap / 7
        copper.blob((lean * step / 4, y), half, copper.gap / 6, 255)
    return copper


def mousebite(rng: random.Random) -> Copper:
    """A bite out of a trace's edge."""
    copper = Copper(rng, rng.uniform(8, 18), rng.uniform(8, 16), between=False)
    depth = copper.width * rng.uniform(0.35, 0.65)
    copper.blob((0, copper.width / 2), rng.uniform(2.5, 6), depth, 0)
    return copper


def spur(rng: random.Random) -> Copper:
    """A trace's edge that sticks out, without touching the next trace."""
    copper = Copper(rng, rng.uniform(6, 16), rng.uniform(10, 20), between=False)
    reach = copper.gap * rng.uniform(0.35, 0.6)
    copper.blob((0, copper.width / 2), rng.uniform(2.5, 6), reach, 255)
    return copper


def island(rng: random.Random) -> Copper:
    """Copper between traces that touches none."""
    copper = Copper(rng, rng.uniform(6, 16), rng.uniform(12, 26), between=True)
    across = copper.gap * rng.uniform(0.12, 0.26)
    copper.blob((0, 0), rng.uniform(2, 5.5), across, 255)
    return copper


def pin_hole(rng: random.Random) -> Copper:
    """A hole within a trace."""
    copper = Copper(rng, rng.uniform(12, 26), rng.uniform(8, 16), between=False)
    across = copper.width * rng.uniform(0.11, 0.26)
    y = rng.uniform(-0.12, 0.12) * copper.width
    copper.blob((0, y), rng.uniform(1.5, 4), across, 0)
    return copper


DEFECTS: dict[str, Callable[[random.Random], Copper]] = {
    "open": open_,
    "short": short,
    "mousebite": mousebite,
    "spur": spur,
    "copper": island,
    "pin-hole": pin_hole,
}


def crop(rng: random.Random, defect: Callable[[random.Random], Copper]) -> Image.Image:
    """Etches, colours, lights and photographs a board; the defect is near the centre."""
    copper = defect(rng)
    colours = paint.colours(rng)
    picture = paint.board(rng, copper.mask, colours)
    pen = ImageDraw.Draw(picture)
    for (x, y), radius in copper.pads:
        for size, colour in ((radius * 0.85, colours.bare), (radius * 0.42, paint.HOLE)):
            pen.ellipse(
                [*on_canvas((x - size, y - size)), *on_canvas((x + size, y + size))], colour
            )
    picture = paint.grained(rng, picture, CANVAS // 8, rng.uniform(0.02, 0.05))

    # The camera is turned and not quite centred.
    picture = picture.rotate(rng.choice([0, 90]) + rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    left, top = ((CANVAS - WINDOW * SCALE) // 2 + rng.randint(-3, 3) * SCALE for _ in range(2))
    box = (left, top, left + WINDOW * SCALE, top + WINDOW * SCALE)
    picture = picture.resize((SIDE, SIDE), Image.Resampling.BOX, box)
    return paint.photograph(rng, picture)
