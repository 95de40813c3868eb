"""The report's page: a Jinja template with autoescape, its pictures, its two languages."""

import base64
import io
import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from pipeline import plots
from pipeline.images import PictureError, read_picture
from pipeline.report_text import CHINESE

SIDE = 112  # px, of a thumbnail
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

    def text(english: str) -> str:
        return CHINESE[english] if language == "zh" else english

    pages = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"number": number, "interval": interval, "json": as_json}
    curves = {name: rows for name, rows in curves.items() if rows}
    drawn = [column for column in CURVES if any(column in rows[0] for rows in curves.values())]
    diagram = None
    if evaluation:
        labels = text("probability given"), text("share right")
        diagram = svg(plots.calibration(evaluation["calibration"], *labels))
    return pages.get_template("report.html").render(
        _=text,
        language=language,
        curves=[svg(plots.curve(curves, c, text(CURVES[c]), text("epoch"))) for c in drawn],
        evaluation=evaluation,
        diagram=diagram,
        **known,
    )


def thumbnail(path: Path) -> str | None:
    """A small JPEG as a data URI; None when the picture is gone."""
    try:
        picture = Image.fromarray(read_picture(path))
    except PictureError:
        return None
    picture.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=88)
    return _uri("image/jpeg", data.getvalue())


def svg(figure: Figure) -> str:
    """A figure as a data URI: sharp in print, its text in the reader's own fonts."""
    data = io.BytesIO()
    plots.save(figure, data, "svg")
    return _uri("image/svg+xml", data.getvalue())


def number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def interval(metric: dict | None) -> str:
    return "–" if metric is None else f"{metric['low']:.3f} – {metric['high']:.3f}"


def as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
