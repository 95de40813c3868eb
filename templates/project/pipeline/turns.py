"""Times forms of a network in turn, each time in a new process."""

import json
import subprocess
import sys

from tqdm import tqdm

from pipeline import latency
from pipeline.forms import Form
from pipeline.project import ROOT

ROUNDS = 3

Case = tuple[Form, int, int]  # and threads, and inputs at a time


def take(cases: list[Case], size: int) -> tuple[dict[tuple, dict], dict[str, str]]:
    """Times the cases, round by round.

    Args:
        cases: what to time.
        size: side of the network's input, px.

    Returns:
        {(form, threads, batch): {"threads", "batch", "median_ms", "p99_ms", "runs",
        "inputs_per_s", "peak_mb"}}, and {form, ...: why it does not run here}.
    """
    times: dict[tuple, list[float]] = {}
    peaks: dict[tuple, list[float]] = {}
    skipped: dict[str, str] = {}
    print(f"Timing {len(cases)} cases in {ROUNDS} rounds ...", flush=True)
    with tqdm(total=ROUNDS * len(cases), unit="case", leave=False, disable=None) as bar:
        for _ in range(ROUNDS):
            for form, threads, batch in cases:
                name = f"{form.name}, {batch} at a time"
                bar.set_description(f"{name}, {threads} threads")
                if name not in skipped:
                    answer = time_one(form, threads, batch, size)
                    if isinstance(answer, str):
                        skipped[name] = answer
                    else:
                        case = (form.name, threads, batch)
                        times.setdefault(case, []).extend(answer["times_ms"])
                        peaks.setdefault(case, []).append(answer["peak_mb"])
                bar.update()
    rows = {}
    for case, values in times.items():
        _, threads, batch = case
        rows[case] = {"threads": threads, "batch": batch} | latency.summary(values)
        rows[case]["inputs_per_s"] = 1000 * batch * len(values) / sum(values)
        rows[case]["peak_mb"] = max(peaks[case])
    return rows, skipped


def time_one(form: Form, threads: int, batch: int, size: int) -> dict | str:
    """What pipeline/stopwatch.py measured, or why it could not."""
    numbers = map(str, (threads, batch, size))
    command = [sys.executable, "-m", "pipeline.stopwatch", str(form.export.folder.resolve())]
    command += [form.kind, form.precision, *numbers]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    if done.returncode < 0:
        return f"it was ended by signal {-done.returncode}; is there enough memory?"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1].removeprefix("error: ")
    return json.loads(done.stdout.splitlines()[-1])
