"""Times every form of an export on this machine: threads, batches, memory, size and metric.

Reads:  export/<id>/, and what prune.py and compress.py made of it (<id>-pruned/, <id>-int8/, ...)
Writes: a table on standard output; export/<id>/benchmark.json and benchmark.png, which report.py
        shows

    python benchmark.py
    python benchmark.py --export 20260131-120000
    python benchmark.py --threads 1 2 4 --batches 1 16

Each case runs in a process of its own, and they take turns, so that a busy machine slows all of
them alike. An input is a picture, or a tile of it where large pictures are cut up. The
metric is the one that compress.py or evaluate.py measured; nothing is measured on pictures here.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from pipeline import (
    benchmark_plots,
    console,
    exports,
    files,
    forms,
    picking,
    plots,
    provenance,
    tables,
    turns,
)
from pipeline.console import UserError
from pipeline.forms import Form
from pipeline.parity import METRIC
from pipeline.preprocess import Preprocess
from pipeline.project import shown

BUSY = 0.5  # of the cores have work already


def main() -> None:
    arguments = read_arguments()
    export = exports.load(exports.chosen(arguments.export), Preprocess)
    if not forms.present(export)[0].is_original:
        raise UserError(f"{shown(export.folder)} is compressed. Name the export it was made of.")
    found = forms.present(*forms.family(export, Preprocess))
    compared = picking.read(export.folder)
    cases = [
        (form, threads, batch)
        for form in found
        for threads in arguments.threads
        for batch in arguments.batches
    ]
    warn_if_busy()
    started = {"made": time.strftime("%Y-%m-%d %H:%M"), "load": os.getloadavg()[0]}
    measured, skipped = turns.take(cases, export.preprocess.input_size)
    if not measured:
        raise UserError("\n".join(f"{name}: {reason}" for name, reason in skipped.items()))

    about = started | {"machine": machine(), "metric": METRIC, "skipped": skipped}
    about["forms"] = [
        {
            "name": form.name,
            "export": form.export.about["id"],
            "model_sha256": form.model_sha256,
            "precision": form.precision,
            "is_original": form.is_original,
            "runtime": form.runtime,
            "megabytes": form.megabytes,
            "metric": metric(form, compared),
            "measured": [row for (other, *_), row in measured.items() if other == form.name],
        }
        for form in found
    ]
    about["forms"] = [form for form in about["forms"] if form["measured"]]
    add_ratios(about["forms"])
    show(about)
    chart = benchmark_plots.throughput(about["forms"], "inputs/s", "threads × batch")
    with files.replacing(export.folder / "benchmark.png") as beside:
        plots.save(chart, beside)
    files.write_json(export.folder / "benchmark.json", about)
    print(f"Written: {shown(export.folder)}/benchmark.json and benchmark.png")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--export", type=Path, help="id or folder; the newest fp32 one by default")
    parser.add_argument(
        "--threads",
        type=count,
        nargs="+",
        default=sorted({1, cores}),
        metavar="N",
        help="one and all cores by default",
    )
    parser.add_argument(
        "--batches",
        type=count,
        nargs="+",
        default=[1, 8],
        metavar="N",
        help="inputs at a time; 1 and 8 by default",
    )
    return parser.parse_args()


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def warn_if_busy() -> None:
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > BUSY * cores:
        print(
            f"note: this machine is busy (load {load:.1f} on {cores} cores): times are longer than "
            "on a quiet one.",
            file=sys.stderr,
        )


def machine() -> dict:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    known = {"processor": names[0] if names else None, "cores": len(os.sched_getaffinity(0))}
    return provenance.environment() | known


def metric(form: Form, compared: dict | None) -> dict:
    """{"value", "low", "high", "pictures"} on the test pictures, by compress.py or, for what was
    not compressed, by evaluate.py; before those, {"value", "pictures"} on the pictures that
    export.py compared."""
    for row in compared["forms"] if compared else []:
        if picking.is_of(row, form):
            return row[METRIC] | {"pictures": compared["test_pictures"]}
    about = form.export.about
    evaluated = about["run"].get("metrics", {}).get("test")
    if form.is_original and evaluated and evaluated[METRIC]:
        return evaluated[METRIC] | {"pictures": evaluated["pictures"]}
    if form.precision == "fp32":
        measured = about["parity"]
        return {"value": measured[form.runtime][METRIC], "pictures": measured["pictures"]}
    measured = about["compression"][form.kind]
    return measured["interval"] | {"pictures": measured["pictures"]}


def add_ratios(measured: list[dict]) -> None:
    """How many times as fast as fp32, with the same threads and batch: in the same runtime, and in
    the fastest one."""
    fp32 = {
        (form["runtime"], row["threads"], row["batch"]): row["median_ms"]
        for form in measured
        for row in form["measured"]
        if form["is_original"]
    }
    for form in measured:
        for row in form["measured"]:
            case = row["threads"], row["batch"]
            own = fp32.get((form["runtime"], *case))
            rivals = [time for (_, *other), time in fp32.items() if tuple(other) == case]
            row["times_own_fp32"] = own and own / row["median_ms"]
            row["times_fastest_fp32"] = min(rivals) / row["median_ms"] if rivals else None


def show(about: dict) -> None:
    rows = [
        (
            form["name"],
            f"{form['megabytes']:.1f}",
            with_interval(form["metric"]),
            str(row["threads"]),
            str(row["batch"]),
            f"{row['median_ms']:.1f} / {row['p99_ms']:.1f}",
            f"{row['inputs_per_s']:.1f}",
            f"{row['peak_mb']:.0f}",
            ratio(row["times_own_fp32"]),
            ratio(row["times_fastest_fp32"]),
        )
        for form in about["forms"]
        for row in form["measured"]
    ]
    header = ("form", "MB", about["metric"], "threads", "batch", "ms: median / p99", "inputs/s")
    tables.show((*header, "peak MB", "× own fp32", "× fastest fp32"), rows)
    for name, reason in about["skipped"].items():
        print(f"not measured: {name}: {reason}")


def with_interval(metric: dict) -> str:
    value = f"{metric['value']:.3f}"
    return f"{value} [{metric['low']:.3f}, {metric['high']:.3f}]" if "low" in metric else value


def ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    console.run(main)
