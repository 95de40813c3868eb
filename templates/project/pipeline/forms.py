"""The forms of an exported model side by side: size, metric, time for a picture."""

import os
from dataclasses import dataclass
from functools import partial

from pipeline import files
from pipeline.exports import Export
from pipeline.inference import MODEL, WEIGHTS
from pipeline.latency import interleaved, picture
from pipeline.onnx_runtime import ONNX
from pipeline.tables import show

RUNTIMES = {
    "paddle": ("Paddle Inference", (MODEL, WEIGHTS)),
    "onnx": ("ONNX Runtime", (ONNX,)),
}


@dataclass(frozen=True)
class Form:
    """An export in one of the runtimes that it has files for.

    Attributes:
        export: the export.
        kind: of RUNTIMES.
    """

    export: Export
    kind: str

    @property
    def runtime(self) -> str:
        return RUNTIMES[self.kind][0]

    @property
    def precision(self) -> str:
        return self.export.about["precision"]

    @property
    def name(self) -> str:
        return f"{self.precision} {self.runtime}"

    @property
    def megabytes(self) -> float:
        return files.size_mb([self.export.folder / file for file in RUNTIMES[self.kind][1]])


def present(*exports: Export) -> list[Form]:
    """Every form of the exports whose files are there."""
    return [
        Form(export, kind)
        for export in exports
        for kind, (_, names) in RUNTIMES.items()
        if all((export.folder / name).is_file() for name in names)
    ]


def measure(fp32: Export, int8: Export, metric: str, before: float, after: float) -> list[dict]:
    """Size, metric and latency, timed in turn on this machine with one thread and with all.

    Args:
        fp32: the export.
        int8: the same model, compressed.
        metric: its name.
        before: the metric of the fp32 model.
        after: the metric of the int8 model.
    """
    forms = present(fp32, int8)
    one = picture(fp32.preprocess.input_size)
    threads = sorted({1, len(os.sched_getaffinity(0))})
    times = interleaved(
        {
            (form.name, number): partial(form.export.predictor(form.kind, number).run, one)
            for form in forms
            for number in threads
        }
    )
    return [
        {
            "name": form.name,
            "megabytes": form.megabytes,
            metric: before if form.precision == "fp32" else after,
            "latency": [{"threads": number} | times[form.name, number] for number in threads],
        }
        for form in forms
    ]


def report(forms: list[dict], metric: str) -> None:
    """Prints them as a table."""
    threads = [timed["threads"] for timed in forms[0]["latency"]]
    rows = [
        (
            form["name"],
            f"{form['megabytes']:.1f}",
            f"{form[metric]:.3f}",
            *(f"{t['median_ms']:.1f} / {t['p99_ms']:.1f}" for t in form["latency"]),
        )
        for form in forms
    ]
    columns = [f"ms, {number} thread{'s'[: number > 1]}: median / p99" for number in threads]
    show(("one picture at a time", "MB", metric, *columns), rows)
    fastest = min(forms, key=lambda form: min(t["median_ms"] for t in form["latency"]))
    share = forms[-1]["megabytes"] / forms[0]["megabytes"]
    print(f"int8 has {share:.2f} of the size; the fastest on this machine: {fastest['name']}")
