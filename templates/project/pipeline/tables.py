"""Tables for the terminal."""

import unicodedata

from pipeline.text import printable


def show(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Prints aligned columns; Chinese characters take two places.

    The first column is flush left, the others flush right unless they hold no digit.
    """
    table = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    right = [
        index > 0 and any(char.isdigit() for row in table[1:] for char in row[index])
        for index in range(len(header))
    ]
    for row in table:
        cells = [
            " " * (width - _width(cell)) + cell if flush else cell + " " * (width - _width(cell))
            for cell, width, flush in zip(row, widths, right, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
