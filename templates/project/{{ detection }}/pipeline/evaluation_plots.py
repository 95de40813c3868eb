"""Figures of an evaluation: a line for each class."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from pipeline import plots
from pipeline.drawing import COLORS

DASHES = ("-", "--", ":")
MOST_NAMES = 24  # in a legend


def style(index: int) -> tuple[str, str]:
    """Colour and dashes of a class."""
    return COLORS[index % len(COLORS)], DASHES[index // len(COLORS) % len(DASHES)]


def precision_recall(
    curves: list[dict],
    labels: tuple[str, str] = ("recall", "precision"),
    names: Sequence[str] = (),
) -> Figure:
    """Precision over recall at IoU 0.5, at each recall the best from there on: below it is AP50.

    Args:
        curves: of every class, as in `metrics.json`; empty ones are left out.
        labels: of the axes.
        names: of the classes, for a legend.
    """
    lines = []
    for curve in curves:
        recall = np.array([0, *curve["recall"]])
        best = np.maximum.accumulate([0, *curve["precision"][::-1]])[::-1]
        lines.append((np.append(recall, recall[-1]), np.concatenate([best[:1], best])))
    return _figure(lines, labels, "steps-pre", names)


def over_threshold(curves: list[dict], value: str, labels: tuple[str, str]) -> Figure:
    """A value of the curves over the threshold of the score."""
    lines = [(curve["score"], curve[value]) for curve in curves]
    figure = _figure(lines, labels, "steps-post")
    if value == "false_alarms":
        most = max((max(y, default=0) for _, y in lines), default=0)
        figure.axes[0].set(yscale="log", ylim=(0.001, max(1.2 * most, 1)))
    return figure


def _figure(
    lines: list[tuple], labels: tuple[str, str], steps: str, names: Sequence[str] = ()
) -> Figure:
    figure, axes = pyplot.subplots(figsize=(3.6 + 1.6 * bool(names), 3.2), layout="constrained")
    drawn = []
    for index, (x, y) in enumerate(lines):
        color, dashes = style(index)
        drawn += axes.plot(x, y, color=color, linestyle=dashes, linewidth=1.4, drawstyle=steps)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel=labels[0], ylabel=labels[1])
    axes.grid(color=plots.FAINT, alpha=0.4)
    if 0 < len(names) <= MOST_NAMES:
        legend = figure.legend(drawn, names, loc="outside right center", frameon=False, fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure
