"""What the reports of all tasks share: a Jinja template with autoescape, languages, pictures."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from pipeline import benchmark_plots, files, picking, plots
from pipeline.curves import read_curves
from pipeline.exports import ABOUT, REFUSAL, aside
from pipeline.images import PictureError, read_picture
from pipeline.project import EXPORTS, INT8, PRUNED, RUNS

SIDE = 112  # px, of a thumbnail


def read(path: Path) -> dict | None:
    """A JSON file, or None where it is not there yet."""
    return files.read_json(path) if path.is_file() else None


def results_of(name: str) -> list[dict]:
    """What is known of an export: first of the one that was refused, with the key `reason`, as it
    is never the older one, then of the one in use. `earlier` is whether it is of weights that
    the run no longer has."""
    found = read(aside(EXPORTS / name) / REFUSAL), read(EXPORTS / name / ABOUT)
    return [about | {"earlier": _is_earlier(name, _model_of(about))} for about in found if about]


def _model_of(export: dict | None) -> str | None:
    """SHA-256 of the model that an export was made of, where that is known."""
    return (export or {}).get("run", {}).get("model_sha256")


def _is_earlier(export: str, model_sha256: str | None) -> bool:
    """Whether the run of an export has another model by now; not where earlier templates recorded
    none."""
    run = read(RUNS / export.removesuffix(INT8) / "run.json") or {}
    known = run.get("model_sha256")
    return None not in (known, model_sha256) and known != model_sha256


def translation(language: str, chinese: dict[str, str]) -> Callable[[str], str]:
    """English text -> the same in the report's language, en or zh."""
    return lambda english: chinese[english] if language == "zh" else english


def page(**known) -> str:
    """The whole page from the task's `report.html`; `known` is what it names."""
    pages = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"number": number, "interval": interval, "json": as_json}
    return pages.get_template("report.html").render(**known)


def curves_of(run: Path) -> dict[str, list[dict]]:
    """The rows of every training phase of a run."""
    return {path.stem: read_curves(path) for path in sorted((run / "curves").glob("*.csv"))}


def charts(
    curves: dict[str, list[dict]], titles: dict[str, str], text: Callable[[str], str]
) -> list[str]:
    """Training curves as data URIs.

    Args:
        curves: the rows of every training phase.
        titles: of the columns that are drawn, in this order, where a phase knows them.
        text: as from `translation`.
    """
    curves = {name: rows for name, rows in curves.items() if rows}
    drawn = [column for column in titles if any(column in rows[0] for rows in curves.values())]
    return [svg(plots.curve(curves, c, text(titles[c]), text("epoch"))) for c in drawn]


def benchmark_of(name: str) -> dict | None:
    """What benchmark.py measured of an export, or of the one that was pruned to make it."""
    return _measured(name, "benchmark.json")


def compared_of(name: str) -> dict | None:
    """What compress.py measured of an export, or of the one that was pruned to make it, and what
    it picked."""
    return _measured(name, picking.FILE)


def _measured(name: str, file: str) -> dict | None:
    """A file with `forms`. Each gets `earlier`, whether it is of weights that its run no longer
    has, and all together `earlier_runs`, the runs of those."""
    original = name.removesuffix(PRUNED)
    table = read(EXPORTS / original / file)
    if table is None:
        return None
    forms, runs = [], set()
    for form in table["forms"]:
        run = form.get("export", original).removesuffix(INT8)
        made_of = form.get("model_sha256") or _model_of(read(EXPORTS / run / ABOUT))
        forms.append(form | {"earlier": _is_earlier(run, made_of)})
        if forms[-1]["earlier"]:
            runs.add(run)
    return table | {"forms": forms, "earlier_runs": sorted(runs)}


def benchmark_chart(benchmark: dict | None, text: Callable[[str], str]) -> str | None:
    """Its figure as a data URI."""
    if benchmark is None:
        return None
    labels = text("inputs a second"), text("threads × inputs at a time")
    return svg(benchmark_plots.throughput(benchmark["forms"], *labels))


def thumbnail(path: Path) -> str | None:
    """A small JPEG as a data URI; None when the picture is gone."""
    try:
        picture = Image.fromarray(read_picture(path))
    except PictureError:
        return None
    picture.thumbnail((SIDE, SIDE))
    return jpeg(picture)


def jpeg(picture: Image.Image, subsampling: str = "4:2:0") -> str:
    """A picture as a data URI; 4:4:4 keeps thin coloured lines."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=88, subsampling=subsampling)
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
