"""Figures of evaluations and trainings."""

import matplotlib

matplotlib.use("Agg")

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from matplotlib import font_manager, pyplot
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

# Where the machine has one of these, Chinese names can be drawn.
CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Noto Sans CJK JP",
)
LONGEST_NAME = 24
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


def confusion(matrix: list[list[int]], classes: list[str]) -> Figure:
    """Confusion matrix: rows true, columns predicted; shades are shares of a row.

    Names that no font of this machine can draw are replaced by the classes' numbers.
    """
    counts = np.array(matrix)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = float(np.clip(0.55 * len(classes), 3, 16))
    figure, axes = pyplot.subplots(figsize=(size + 1.6, size + 1.2), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
    names = drawable(classes)
    positions = range(len(classes))
    axes.set_xticks(positions, names, rotation=45, ha="right", parse_math=False)
    axes.set_yticks(positions, names, parse_math=False)
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(classes) <= 30:
        for row, column in np.argwhere(counts > 0):
            color = "white" if shares[row, column] > 0.6 else INK
            axes.text(column, row, counts[row, column], ha="center", va="center", color=color)
    return figure


def calibration(bins: list[dict], xlabel: str = "probability", ylabel: str = "share right"):
    """Reliability diagram: the area of a dot grows with the pictures in its bin."""
    figure, axes = pyplot.subplots(figsize=(3.6, 3.4), layout="constrained")
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    total = sum(row["pictures"] for row in bins)
    axes.plot(
        [row["confidence"] for row in bins],
        [row["accuracy"] for row in bins],
        color=ACCENT,
        linewidth=1,
    )
    axes.scatter(
        [row["confidence"] for row in bins],
        [row["accuracy"] for row in bins],
        [12 + 300 * row["pictures"] / total for row in bins],
        color=ACCENT,
        alpha=0.7,
        linewidths=0,
        clip_on=False,
    )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel=xlabel, ylabel=ylabel, aspect="equal")
    return figure


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
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel(xlabel)
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    if len(phases) > 1:
        axes.legend(frameon=False, fontsize=7)
    axes.grid(axis="y", color=FAINT, alpha=0.4)
    return figure


def drawable(names: list[str]) -> list[str]:
    """Short names that the fonts can draw, or else "class 1", "class 2", ..."""
    fonts = ["DejaVu Sans", *(name for name in CHINESE_FONTS if name in _installed())]
    glyphs = set().union(*(FT2Font(_installed()[name]).get_charmap() for name in fonts))
    if not all(ord(char) in glyphs for name in names for char in name):
        return [f"class {number}" for number in range(1, len(names) + 1)]
    pyplot.rcParams["font.family"] = fonts
    return [n if len(n) <= LONGEST_NAME else n[: LONGEST_NAME - 1] + "…" for n in names]


def _installed() -> dict[str, str]:
    return {font.name: font.fname for font in font_manager.fontManager.ttflist}


def save(figure: Figure, target: Path | BinaryIO, kind: str = "png") -> None:
    """Writes PNG or SVG. Text that is no glyph here may well be one for the reader of an SVG."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        metadata = {"Date": None} if kind == "svg" else None  # the same figure, the same bytes
        figure.savefig(target, format=kind, dpi=150, metadata=metadata)
    pyplot.close(figure)
