"""Times one form of a network in a process of its own, so that its peak of memory is its own too.

    python -m pipeline.stopwatch FOLDER KIND PRECISION THREADS BATCH SIZE

benchmark.py starts it, and reads the JSON on the last line of standard output.
"""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import console
from pipeline.console import UserError
from pipeline.latency import picture, repeated

WARM_UP = 3  # calls
SECONDS = 1.0
RUNS = 5, 200  # the fewest and the most


def main() -> None:
    folder, kind, precision, *numbers = sys.argv[1:]
    threads, batch, size = map(int, numbers)
    predictor = open_predictor(Path(folder), kind, threads, precision == "int8")
    one, many = picture(size), picture(size, batch)
    if batch > 1 and not takes_batches(predictor, one, many):
        raise UserError("takes one input at a time")
    call = partial(predictor.run, many)
    expected = repeated(call, WARM_UP)[-1]
    times = repeated(call, int(np.clip(1000 * SECONDS / expected, *RUNS)))
    print(json.dumps({"times_ms": times, "peak_mb": peak_mb()}))


def open_predictor(folder: Path, kind: str, threads: int, int8: bool):
    """Imports the one runtime that is needed: the other one would count as memory."""
    if kind == "onnx":
        from pipeline.onnx_runtime import OnnxPredictor

        return OnnxPredictor(folder, threads)
    from pipeline.inference import Predictor

    return Predictor(folder, threads, int8)


def takes_batches(predictor, one: np.ndarray, many: np.ndarray) -> bool:
    """Whether N equal inputs [N, 3, S, S] get N times the answers of one."""
    try:
        return all(
            len(answers) == len(many) * len(answer)
            for answer, answers in zip(predictor.run(one), predictor.run(many), strict=True)
        )
    except Exception:  # each runtime raises its own
        return False


def peak_mb() -> float:
    """The most memory that this process has held, in units of 10^6 bytes.

    Not `ru_maxrss`: that begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    console.run(main)
