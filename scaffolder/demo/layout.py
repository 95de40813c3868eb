"""The layout of a board: pads of parts on a grid, and traces that join them without touching."""

import heapq
import math
import random
from dataclasses import dataclass, field

COLUMNS, ROWS = 32, 24

Cell = tuple[int, int]
ON_BOARD = {(x, y) for x in range(COLUMNS) for y in range(ROWS)}
DIRECTIONS = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]


@dataclass(frozen=True)
class Part:
    """A part's place: its pads, and the corner cells of its outline on the silkscreen.

    Attributes:
        pads: Cells.
        round: Whether the pads are round, with a hole.
        along: Direction of the longer side of a pad that is not round.
        outline: Left, top, right, bottom; in cells, fractions allowed.
        name: What the silkscreen says.
    """

    pads: list[Cell]
    round: bool
    along: Cell
    outline: tuple[float, float, float, float]
    name: str

    def area(self) -> set[Cell]:
        """The cells that it needs, with one all around."""
        xs, ys = [x for x, _ in self.pads], [y for _, y in self.pads]
        rows = range(min(ys) - 1, max(ys) + 2)
        return {(x, y) for x in range(min(xs) - 1, max(xs) + 2) for y in rows}


@dataclass
class Layout:
    """A board with parts and traces.

    Attributes:
        parts: What is on it.
        traces: Cells from end to end, each a neighbour of the one before, straight or diagonal.
        taken: Cells that pads and traces occupy.
    """

    parts: list[Part] = field(default_factory=list)
    traces: list[list[Cell]] = field(default_factory=list)
    taken: set[Cell] = field(default_factory=set)


def lay_out(rng: random.Random) -> Layout:
    """Places parts where there is room, then joins pads by the shortest way that is free."""
    layout = Layout()
    covered: set[Cell] = set()
    for kind in (chip, chip, chip, header, *rng.choices([passive, via], k=18)):
        for _ in range(20):
            corner = rng.randrange(1, COLUMNS - 1), rng.randrange(1, ROWS - 1)
            part = kind(rng, corner, len(layout.parts) + 1)
            area = part.area()
            if area <= ON_BOARD and not area & covered:
                layout.parts.append(part)
                layout.taken |= set(part.pads)
                covered |= area
                break
    # Some traces leave the picture.
    edges = [(x, y) for x in (0, COLUMNS - 1) for y in range(1, ROWS, 2)]
    owners = {pad: number for number, part in enumerate(layout.parts) for pad in part.pads}
    ends = [*owners, *edges]
    rng.shuffle(ends)
    joined: set[Cell] = set()
    for start in ends:
        others = [end for end in ends if owners.get(end) != owners.get(start)]
        for end in sorted(others, key=lambda end: math.dist(end, start))[3:9]:
            if {start, end} & joined or {start, end} & layout.taken - owners.keys():
                continue
            if trace := route(layout, start, end):
                layout.traces.append(trace)
                layout.taken |= set(trace)
                joined |= {start, end}
    return layout


def chip(rng: random.Random, corner: Cell, number: int) -> Part:
    """Two rows of pads, as of an SOIC."""
    x, y = corner
    pins, width = rng.randrange(4, 8), rng.randrange(4, 6)
    pads = [(x + side, y + pin) for side in (0, width) for pin in range(pins)]
    outline = (x + 0.9, y - 0.6, x + width - 0.9, y + pins - 0.4)
    return Part(pads, False, (1, 0), outline, f"U{number}")


def header(rng: random.Random, corner: Cell, number: int) -> Part:
    """A row of round pads with holes."""
    x, y = corner
    pins = rng.randrange(4, 9)
    pads = [(x + 2 * pin, y) for pin in range(pins)]
    outline = (x - 0.9, y - 0.9, x + 2 * pins - 1.1, y + 0.9)
    return Part(pads, True, (1, 0), outline, f"J{number}")


def passive(rng: random.Random, corner: Cell, number: int) -> Part:
    """A resistor or capacitor: two pads."""
    x, y = corner
    dx, dy = rng.choice([(2, 0), (0, 2)])
    outline = (x - 0.6 + dx / 5, y - 0.6 + dy / 5, x + dx * 0.8 + 0.6, y + dy * 0.8 + 0.6)
    return Part([(x, y), (x + dx, y + dy)], False, (dy // 2, dx // 2), outline, f"R{number}")


def via(rng: random.Random, corner: Cell, number: int) -> Part:
    """Where a trace goes to the other side of the board."""
    return Part([corner], True, (1, 0), (0, 0, 0, 0), "")


def route(layout: Layout, start: Cell, end: Cell) -> list[Cell]:
    """Finds a way over free cells with few bends, none sharper than 45 degrees; or none: [].

    Dijkstra's method; a state is a cell and the direction in which it was entered.
    """
    queue: list[tuple[float, Cell, int, tuple[Cell, ...]]] = [(0, start, -1, (start,))]
    seen = set()
    while queue:
        cost, (x, y), came, path = heapq.heappop(queue)
        if (x, y) == end:
            return list(path)
        if (x, y, came) in seen:
            continue
        seen.add((x, y, came))
        for turn in range(8) if came < 0 else ((came - 1) % 8, came, (came + 1) % 8):
            dx, dy = DIRECTIONS[turn]
            cell = x + dx, y + dy
            corners = [(x + dx, y), (x, y + dy)] if dx and dy else []
            if cell not in ON_BOARD or {cell, *corners} & layout.taken - {start, end}:
                continue
            step = math.hypot(dx, dy) + (0.6 if came not in (-1, turn) else 0)
            if (cell[0] + dy, cell[1] - dx) in layout.taken:  # traces like to go side by side
                step *= 0.8
            heapq.heappush(queue, (cost + step, cell, turn, (*path, cell)))
    return []
