"""The figure of benchmark.py."""

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from pipeline import plots


def throughput(forms: list[dict], xlabel: str, legend: str) -> Figure:
    """Inputs a second: a group of bars for each form, a bar for each number of threads and inputs.

    Args:
        forms: of `benchmark.json`.
        xlabel: of the axis.
        legend: what the two numbers are.
    """
    cases = sorted({(row["threads"], row["batch"]) for form in forms for row in form["measured"]})
    height = 0.8 / len(cases)
    tall = 0.9 + 0.22 * len(cases) * len(forms)
    figure, axes = pyplot.subplots(figsize=(5.6, tall), layout="constrained")
    for index, (threads, batch) in enumerate(cases):
        found = [
            next((r for r in form["measured"] if (r["threads"], r["batch"]) == cases[index]), None)
            for form in forms
        ]
        shown = [(place, row) for place, row in enumerate(found) if row]
        bars = axes.barh(
            [place + (index - (len(cases) - 1) / 2) * height for place, _ in shown],
            [row["inputs_per_s"] for _, row in shown],
            height * 0.9,
            color=pyplot.cm.Blues(np.linspace(0.85, 0.35, len(cases))[index]),
            label=f"{threads} × {batch}",
        )
        axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=7, color=plots.INK)
    axes.set_yticks(range(len(forms)), [form["name"] for form in forms])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(xlabel)
    figure.legend(title=legend, loc="outside right upper", frameon=False, fontsize=7)
    return figure
