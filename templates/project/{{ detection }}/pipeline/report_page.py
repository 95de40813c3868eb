"""The report's page for a detector."""

from pathlib import Path

import numpy as np

from pipeline import drawing, evaluation_plots, report_base
from pipeline.images import PictureError, read_picture
from pipeline.report_text import CHINESE

SIDE = 240  # px, of a crop
CURVES = {
    "loss": "Loss on the training pictures",
    "held_out_AP50": "AP50 on held-out pictures",
    "held_out_AP": "AP on held-out pictures",
    "learning_rate": "Learning rate",
}
DASHES = {"-": "solid", "--": "dashed", ":": "dotted"}  # Matplotlib's, in CSS


def render(language: str, curves: dict[str, list[dict]], evaluation: dict | None, **known) -> str:
    """The whole page.

    Args:
        language: en or zh.
        curves: the rows of every training phase.
        evaluation: `metrics.json`, or None.
        **known: what else `report.html` names.
    """
    text = report_base.translation(language, CHINESE)
    styles = [evaluation_plots.style(index) for index in range(len(known["classes"]))]
    return report_base.page(
        _=text,
        language=language,
        curves=report_base.charts(curves, CURVES, text),
        evaluation=evaluation,
        benchmark_chart=report_base.benchmark_chart(known["benchmark"], text),
        charts=figures(evaluation["curves"], text) if evaluation else [],
        styles=[{"color": color, "dashes": DASHES[dashes]} for color, dashes in styles],
        labelled_color=drawing.LABELLED,
        found_color=drawing.FOUND,
        **known,
    )


def figures(curves: list[dict], text) -> list[str]:
    """What the thresholds of the score do, as data URIs."""
    score, recall = text("threshold of the score"), text("recall")
    alarms = text("false alarms a picture")
    return [
        report_base.svg(evaluation_plots.precision_recall(curves, (recall, text("precision")))),
        report_base.svg(evaluation_plots.over_threshold(curves, "recall", (score, recall))),
        report_base.svg(evaluation_plots.over_threshold(curves, "false_alarms", (score, alarms))),
    ]


def crop(path: Path, labelled: list[list[float]], found: list[list[float]]) -> str | None:
    """What is around boxes, as a data URI; None when the picture is gone."""
    try:
        picture = read_picture(path)
    except PictureError:
        return None
    boxes = (np.reshape(np.float64(part), (-1, 4)) for part in (labelled, found))
    return report_base.jpeg(drawing.crop(picture, *boxes, SIDE), "4:4:4")
