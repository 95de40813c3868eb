"""Exported networks in TensorRT, through Paddle Inference.

Never run by those who wrote it: it takes an NVIDIA card or a Jetson. Written for the old program
format, after https://paddlepaddle.org.cn/inference/guides/nv_gpu_infer/trt_fp16_int8.html and
https://github.com/PaddlePaddle/Paddle-Inference-Demo/tree/master/python/gpu/tuned_dynamic_shape.
"""

import hashlib
import sys
from functools import partial
from pathlib import Path

import numpy as np
import paddle
from paddle import inference

from pipeline import files
from pipeline.console import UserError
from pipeline.inference import MODEL, WEIGHTS, Predictor
from pipeline.project import CACHE, shown

KINDS = {"tensorrt": "fp32", "tensorrt-fp16": "fp16"}  # precision of an fp32 export there
PRECISIONS = {
    "fp32": inference.PrecisionType.Float32,
    "fp16": inference.PrecisionType.Half,
    "int8": inference.PrecisionType.Int8,
}
SHAPES = "shapes.pbtxt"
BATCHES = (1, 16)  # smallest and largest number of pictures that an engine is built for
WORKSPACE = 1 << 30  # bytes that TensorRT may use while it builds
SHORTEST = 3  # operators in a row; fewer are left to Paddle


def tensorrt_predictor(folder: Path, precision: str, input_size: int) -> Predictor:
    """An exported network in TensorRT; the first one takes minutes, while its engine is built.

    Args:
        folder: holds `model.pdmodel` and `model.pdiparams`.
        precision: fp32 or fp16; int8 for what compress.py has quantized.
        input_size: S, px.

    Raises:
        UserError: there is no TensorRT here, or the files are missing or broken.
    """
    versions = inference.get_trt_compile_version(), inference.get_trt_runtime_version()
    if (0, 0, 0) in versions:
        raise UserError(
            "TensorRT is not here: it takes an NVIDIA card with the image that `make image` "
            "builds, or a Jetson with NVIDIA's TensorRT and a Paddle that was built with it."
        )
    cache = CACHE / "tensorrt" / _key(folder, precision, str(versions))
    if not (cache / SHAPES).is_file():
        print(f"Building an engine, to be kept in {shown(cache)}/ ...", file=sys.stderr, flush=True)
        with files.replacing(cache) as beside:
            beside.mkdir(parents=True)
            collect_shapes(folder, input_size, beside / SHAPES)
    return Predictor(folder, adjust=partial(use_tensorrt, precision=precision, cache=cache))


def _key(folder: Path, precision: str, versions: str) -> str:
    """Whatever an engine was built for: network, precision, card, version of TensorRT."""
    parts = [files.sha256(folder / name) for name in (MODEL, WEIGHTS)]
    parts += [precision, versions, paddle.device.cuda.get_device_name()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def collect_shapes(folder: Path, input_size: int, file: Path) -> None:
    """Runs a network with the fewest and with the most pictures, and writes the shapes of all its
    tensors; TensorRT builds its engine for what lies between."""

    def note_shapes(config: inference.Config) -> None:
        config.collect_shape_range_info(str(file))

    predictor = Predictor(folder, adjust=note_shapes)
    for count in BATCHES:
        predictor.run(np.zeros((count, 3, input_size, input_size), np.float32))
    del predictor  # writes the file


def use_tensorrt(config: inference.Config, precision: str, cache: Path) -> None:
    """Makes Paddle Inference hand to TensorRT whatever that can compute.

    Args:
        config: to be changed.
        precision: of PRECISIONS.
        cache: holds SHAPES; gets the engine.
    """
    config.set_optim_cache_dir(str(cache))
    config.enable_tuned_tensorrt_dynamic_shape(str(cache / SHAPES), True)
    config.enable_tensorrt_engine(
        workspace_size=WORKSPACE,
        max_batch_size=max(BATCHES),
        min_subgraph_size=SHORTEST,
        precision_mode=PRECISIONS[precision],
        use_static=True,
        use_calib_mode=False,
    )
