"""The forms of an exported model side by side: size, metric, time for a picture."""

import os
from functools import partial

import numpy as np

from pipeline import files
from pipeline.exports import Export
from pipeline.inference import MODEL, ONNX, WEIGHTS
from pipeline.latency import interleaved
from pipeline.tables import show


def measure(fp32: Export, int8: Export, metric: str, before: float, after: float) -> list[dict]:
    """Size, metric and latency, timed in turn on this machine with one thread and with all.

    Args:
        fp32: the export.
        int8: the same model, compressed.
        metric: its name.
        before: the metric of the fp32 model.
        after: the metric of the int8 model.
    """
    table = {
        "fp32 Paddle Inference": (fp32, "paddle", [MODEL, WEIGHTS], before),
        "fp32 ONNX Runtime": (fp32, "onnx", [ONNX], before),
        "int8 Paddle Inference": (int8, "paddle", [MODEL, WEIGHTS], after),
    }
    size = fp32.preprocess.input_size
    picture = np.full((1, 3, size, size), 127, np.float32)
    threads = sorted({1, len(os.sched_getaffinity(0))})
    times = interleaved(
        {
            (name, number): partial(form.predictor(kind, number).run, picture)
            for name, (form, kind, _, _) in table.items()
            for number in threads
        }
    )
    return [
        {
            "name": name,
            "megabytes": files.size_mb([form.folder / file for file in names]),
            metric: value,
            "latency": [{"threads": number} | times[name, number] for number in threads],
        }
        for name, (form, _, names, value) in table.items()
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
