"""Figures of an evaluation."""

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from pipeline import plots


def confusion(matrix: list[list[int]], classes: list[str]) -> Figure:
    """Confusion matrix: rows true, columns predicted; shades are shares of a row.

    Names that no font of this machine can draw are replaced by the classes' numbers.
    """
    counts = np.array(matrix)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = float(np.clip(0.55 * len(classes), 3, 16))
    figure, axes = pyplot.subplots(figsize=(size + 1.6, size + 1.2), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
    names = plots.drawable(classes)
    positions = range(len(classes))
    axes.set_xticks(positions, names, rotation=45, ha="right", parse_math=False)
    axes.set_yticks(positions, names, parse_math=False)
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(classes) <= 30:
        for row, column in np.argwhere(counts > 0):
            color = "white" if shares[row, column] > 0.6 else plots.INK
            axes.text(column, row, counts[row, column], ha="center", va="center", color=color)
    return figure


def calibration(
    bins: list[dict], xlabel: str = "probability", ylabel: str = "share right"
) -> Figure:
    """Reliability diagram: the area of a dot grows with the pictures in its bin."""
    figure, axes = pyplot.subplots(figsize=(3.6, 3.4), layout="constrained")
    axes.plot([0, 1], [0, 1], color=plots.FAINT, linewidth=1)
    total = sum(row["pictures"] for row in bins)
    axes.plot(
        [row["confidence"] for row in bins],
        [row["accuracy"] for row in bins],
        color=plots.ACCENT,
        linewidth=1,
    )
    axes.scatter(
        [row["confidence"] for row in bins],
        [row["accuracy"] for row in bins],
        [12 + 300 * row["pictures"] / total for row in bins],
        color=plots.ACCENT,
        alpha=0.7,
        linewidths=0,
        clip_on=False,
    )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel=xlabel, ylabel=ylabel, aspect="equal")
    return figure
