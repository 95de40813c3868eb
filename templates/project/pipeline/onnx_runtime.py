"""Exported networks in ONNX Runtime. Imports no Paddle, which would take its memory along."""

import os
from pathlib import Path

import numpy as np

from pipeline.console import UserError

ONNX = "model.onnx"


class OnnxPredictor:
    """An exported network in ONNX Runtime.

    Args:
        folder: holds `model.onnx`.
        threads: CPU threads; all cores by default.

    Raises:
        UserError: the file is missing or broken.
    """

    def __init__(self, folder: Path, threads: int | None = None):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        path = folder / ONNX
        if not path.is_file():
            raise UserError(f"{path}: missing. Run export.py again.")
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"{path}: the network can't be loaded ({reason}).") from None
        self.input = self.session.get_inputs()[0].name

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        """[N, 3, S, S] float32 -> the network's outputs."""
        return self.session.run(None, {self.input: x})
