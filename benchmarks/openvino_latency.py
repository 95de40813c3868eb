"""OpenVINO beside ONNX Runtime and Paddle Inference, on the exports of the project in whose folder
this is run. OpenVINO is no part of a project's environment:

    python -m pip install --no-deps --target build/openvino openvino
    cd PROJECT
    PYTHONPATH=.:.../build/openvino python .../benchmarks/openvino_latency.py export/<id>

All three take turns in one process, with one thread and with all, so that a busy machine slows all
of them alike. A line for every number of threads: median ms of each, and how many times as fast as
ONNX Runtime OpenVINO is, the median over repetitions with the lowest and the highest; the same for
the processor's time, which other jobs disturb less, but with one thread alone: waiting threads use
it too. Both get the same ONNX file.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from pipeline import exports
from pipeline.latency import interleaved
from pipeline.onnx_runtime import ONNX
from pipeline.preprocess import Preprocess


class OpenVinoPredictor:
    """An exported network in OpenVINO, for one request at a time.

    Args:
        path: of the ONNX file.
        threads: CPU threads.
        precision: that it may compute in: f32, or bf16 where the processor has it.
    """

    def __init__(self, path: Path, threads: int, precision: str = "f32"):
        import openvino

        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        options |= {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": 1}
        core = openvino.Core()
        self.request = core.compile_model(core.read_model(path), "CPU", options)
        self.outputs = self.request.outputs

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        found = self.request(x, share_inputs=True)
        return [found[output] for output in self.outputs]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exports", type=Path, nargs="+", metavar="EXPORT")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    for folder in arguments.exports:
        export = exports.load(exports.chosen(folder), Preprocess)
        size = export.preprocess.input_size
        for threads in sorted({1, len(os.sched_getaffinity(0))}):
            x = np.random.default_rng(0).uniform(0, 255, (1, 3, size, size)).astype(np.float32)
            found = measure(export, x, threads, arguments.repetitions)
            about = {"export": export.about["id"], "input_size": size, "threads": threads}
            print(json.dumps(about | found), flush=True)


def measure(export: exports.Export, x: np.ndarray, threads: int, repetitions: int) -> dict:
    predictors = {
        "paddle": export.predictor("paddle", threads),
        "onnx": export.predictor("onnx", threads),
        "openvino": OpenVinoPredictor(export.folder / ONNX, threads),
    }
    wall = {name: [] for name in predictors}
    processor = {name: [] for name in predictors}
    for _ in range(repetitions):
        calls = {name: Timed(predictor, x) for name, predictor in predictors.items()}
        for name, timed in interleaved(calls).items():
            wall[name].append(timed["median_ms"])
            processor[name].append(float(np.median(calls[name].times_ms)))
    found = compared("ms", wall)
    return found | compared("processor_ms", processor) if threads == 1 else found


class Timed:
    """A predictor's call that notes the processor's time, ms."""

    def __init__(self, predictor, x: np.ndarray):
        self.predictor, self.x, self.times_ms = predictor, x, []

    def __call__(self) -> None:
        before = time.process_time()
        self.predictor.run(self.x)
        self.times_ms.append(1000 * (time.process_time() - before))


def compared(name: str, times: dict[str, list[float]]) -> dict[str, object]:
    """Median of each over repetitions, and how many times as fast as ONNX Runtime OpenVINO is."""
    ratios = np.array(times["onnx"]) / times["openvino"]
    ratio = [round(float(value), 2) for value in (np.median(ratios), ratios.min(), ratios.max())]
    median = {rival: round(float(np.median(values)), 1) for rival, values in times.items()}
    return {name: median, f"openvino_times_onnx_{name}": ratio}


if __name__ == "__main__":
    main()
