"""The report's page for a classifier."""

from pipeline import evaluation_plots, report_base
from pipeline.report_text import CHINESE

CURVES = {
    "loss": "Loss on the training pictures",
    "held_out_brier": "Brier score on held-out pictures",
    "held_out_accuracy": "Accuracy on held-out pictures",
    "learning_rate": "Learning rate",
    "feature_drift": "Feature drift",
}


def render(language: str, curves: dict[str, list[dict]], evaluation: dict | None, **known) -> str:
    """The whole page.

    Args:
        language: en or zh.
        curves: the rows of every training phase.
        evaluation: `metrics.json`, or None.
        **known: what else `report.html` names.
    """
    text = report_base.translation(language, CHINESE)
    diagram = None
    if evaluation:
        labels = text("probability given"), text("share right")
        diagram = report_base.svg(evaluation_plots.calibration(evaluation["calibration"], *labels))
    return report_base.page(
        _=text,
        language=language,
        curves=report_base.charts(curves, CURVES, text),
        evaluation=evaluation,
        benchmark_chart=report_base.benchmark_chart(known["benchmark"], text),
        diagram=diagram,
        **known,
    )
