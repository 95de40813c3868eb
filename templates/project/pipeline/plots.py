"""Figures of trainings, and what all figures have in common."""

import matplotlib

matplotlib.use("Agg")

import warnings
from pathlib import Path
from typing import BinaryIO

from matplotlib import pyplot
from matplotlib.figure import Figure

from pipeline import fonts

INK, ACCENT, FAINT = "#1f2933", "#1f6fb2", "#b8c2cc"

pyplot.rcParams |= {
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text, drawn with the reader's fonts
    "svg.hashsalt": "fewshot",
}


def curve(phases: dict[str, list[dict]], column: str, title: str, xlabel: str) -> Figure:
    """A value over the epochs, a line for each training phase that knows it."""
    figure, axes = pyplot.subplots(figsize=(3.4, 2.3), layout="constrained")
    for index, (name, rows) in enumerate(phases.items()):
        if column in rows[0]:
            axes.plot(
                [row["epoch"] for row in rows],
                [row[column] for row in rows],
                color=ACCENT if index == 0 else pyplot.cm.tab10(index % 10),
                label=name,
                marker="o" if len(rows) < 3 else None,
            )
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.set_xlabel(xlabel)
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    if len(phases) > 1:
        axes.legend(frameon=False, fontsize=7)
    axes.grid(axis="y", color=FAINT, alpha=0.4)
    return figure


def drawable(names: list[str]) -> list[str]:
    """Short names that the fonts can draw, or else "class 1", "class 2", ..."""
    glyphs = set().union(*map(fonts.characters, fonts.installed().values()))
    if not all(ord(char) in glyphs for name in names for char in name):
        return [f"class {number}" for number in range(1, len(names) + 1)]
    pyplot.rcParams["font.family"] = list(fonts.installed())
    return [fonts.short(name) for name in names]


def save(figure: Figure, target: Path | BinaryIO, kind: str = "png") -> None:
    """Writes PNG or SVG. Text that is no glyph here may well be one for the reader of an SVG."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        metadata = {"Date": None} if kind == "svg" else None  # the same figure, the same bytes
        figure.savefig(target, format=kind, dpi=150, metadata=metadata)
    pyplot.close(figure)
