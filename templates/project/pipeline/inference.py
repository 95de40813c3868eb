"""Exported networks: writing and running them. Needs no training code."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import paddle
from paddle import inference

from pipeline import files, quiet
from pipeline.console import UserError
from pipeline.onnx_runtime import ONNX
from pipeline.project import shown

MODEL = "model.pdmodel"
WEIGHTS = "model.pdiparams"
OPSET = 15  # of ONNX


class Predictor:
    """An exported network in Paddle Inference.

    Args:
        folder: holds `model.pdmodel` and `model.pdiparams`.
        threads: CPU threads; all cores by default.
        int8: compute in 8 bit what was quantized, instead of only imitating it.
        adjust: changes the configuration before the network is loaded.

    Raises:
        UserError: the files are missing or broken.
    """

    def __init__(
        self,
        folder: Path,
        threads: int | None = None,
        int8: bool = False,
        adjust: Callable[[inference.Config], None] | None = None,
    ):
        for name in (MODEL, WEIGHTS):
            if not (folder / name).is_file():
                raise UserError(f"{folder / name}: missing. Run export.py again.")
        config = inference.Config(str(folder / MODEL), str(folder / WEIGHTS))
        if paddle.is_compiled_with_cuda():
            config.enable_use_gpu(256, 0)
        else:
            config.disable_gpu()
            config.enable_mkldnn()
            if int8:
                config.enable_mkldnn_int8()
            config.set_cpu_math_library_num_threads(threads or len(os.sched_getaffinity(0)))
        config.enable_memory_optim()
        config.disable_glog_info()
        if adjust:
            adjust(config)
        try:
            with quiet.output_to(Path(os.devnull)):  # each int8 pass prints what it found
                self.predictor = inference.create_predictor(config)
        except (RuntimeError, ValueError, SystemError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"{folder}: the network can't be loaded ({reason}).") from None

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        """[N, 3, S, S] float32 -> the network's outputs."""
        # Through handles: what `predictor.run(tensors)` gives keeps oneDNN's blocked layout where
        # an output is also the input of another layer, and numpy reads it in the wrong order.
        (name,) = self.predictor.get_input_names()
        self.predictor.get_input_handle(name).copy_from_cpu(np.ascontiguousarray(x))
        self.predictor.run()
        names = self.predictor.get_output_names()
        return [self.predictor.get_output_handle(name).copy_to_cpu() for name in names]


def save_network(network, folder: Path, input_size: int) -> None:
    """Writes a Paddle layer as an inference program, whole or not at all.

    Args:
        network: takes one input [N, 3, S, S].
        folder: gets `model.pdmodel` and `model.pdiparams`.
        input_size: S, px. The number of pictures N stays open.
    """
    network.eval()
    spec = [paddle.static.InputSpec([None, 3, input_size, input_size], "float32", name="picture")]
    with files.replacing(folder) as beside:
        static = paddle.jit.to_static(network, input_spec=spec, full_graph=True)
        paddle.jit.save(static, str(beside / "model"))
        if not (beside / MODEL).is_file():
            raise UserError("Paddle wrote no model.pdmodel: FLAGS_enable_pir_api=0 came too late.")
        tidy(beside)


def exported(network, input_size: int) -> Predictor:
    """A Paddle layer in Paddle Inference, several times faster; the layer itself can't be used any
    more. Arguments as for `save_network`."""
    with TemporaryDirectory() as folder:
        save_network(network, Path(folder) / "network", input_size)
        return Predictor(Path(folder) / "network")


def tidy(folder: Path) -> None:
    """Takes out of an inference program what only debuggers read: above all the paths, on this
    machine, of the code that built it."""
    program = paddle.base.core.ProgramDesc((folder / MODEL).read_bytes())
    for block in map(program.block, range(program.num_blocks())):
        for operator in map(block.op, range(block.op_size())):
            operator.remove_attr("op_callstack")
    (folder / MODEL).write_bytes(program.serialize_to_string())
    files.remove(folder / "model.pdiparams.info")


def write_onnx(folder: Path, log: Path) -> None:
    """Converts the Paddle program in `folder` to `model.onnx`; the number of pictures stays open.

    Raises:
        UserError: the conversion failed.
    """
    with quiet.output_to(log):
        import paddle2onnx

        # No optimiser: the default one installs packages from the internet when it is missing.
        paddle2onnx.export(
            str(folder / MODEL),
            str(folder / WEIGHTS),
            save_file=str(folder / ONNX),
            opset_version=OPSET,
            optimize_tool="none",
        )
    if not (folder / ONNX).is_file():
        raise UserError(f"The network can't be converted to ONNX; {shown(log)} says why.")
