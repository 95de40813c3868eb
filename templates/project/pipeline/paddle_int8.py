"""Post-training quantization to int8 with PaddleSlim, for Paddle Inference."""

from pathlib import Path

import numpy as np
import paddle

from pipeline import quiet
from pipeline.console import UserError
from pipeline.inference import MODEL, WEIGHTS, tidy
from pipeline.project import shown

RUNTIME = "Paddle Inference"
# How the range of an activation follows from the calibration pictures: the mean of the batches'
# maxima, or a percentile. PaddleSlim's "KL" and "mse" take minutes and were worse.
METHODS = ("avg", "hist")
PIXELS = 4 * 320 * 320  # at a time: all maps of the network are held for them
# The convolutions next to the picture suffer most from 8 bits and hold hardly any weights: as
# many of them stay fp32 as hold this share together.
FP32_SHARE = 0.015


def write(
    source: Path, target: Path, x: np.ndarray, method: str, log: Path, keep_last: bool
) -> None:
    """Writes the int8 network of one method, the first convolutions and the head in fp32.
    Arguments as for `pipeline.quantization.quantize`."""
    with quiet.output_to(log):
        from paddleslim.quant import quant_post_static

        paddle.enable_static()
        try:
            scope = paddle.static.Scope()
            with (
                paddle.static.scope_guard(scope),
                paddle.static.program_guard(paddle.static.Program()),
            ):
                executor = paddle.static.Executor(paddle.CPUPlace())
                kept = _sensitive_convolutions(source, executor, keep_last)
                shape = [None, *x.shape[1:]]
                picture = paddle.static.data("picture", shape, "float32")
                quant_post_static(
                    executor,
                    str(source),
                    str(target),
                    data_loader=paddle.io.DataLoader(
                        [(row,) for row in x],
                        feed_list=[picture],
                        places=paddle.CPUPlace(),
                        batch_size=int(np.clip(PIXELS // x[0, 0].size, 1, 4)),
                        return_list=False,
                    ),
                    model_filename=MODEL,
                    params_filename=WEIGHTS,
                    scope=scope,
                    algo=method,
                    skip_tensor_list=kept,
                    quantizable_op_type=["conv2d", "depthwise_conv2d"],
                    optimize_model=True,  # folds batch norm into the convolutions first
                    onnx_format=True,
                )
        except Exception as error:  # whatever PaddleSlim raises, its log tells more
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise UserError(
                f"PaddleSlim could not quantize the network ({reason[-1]}); see {shown(log)}."
            ) from None
        finally:
            paddle.disable_static()
    tidy(target)


def _sensitive_convolutions(source: Path, executor, keep_last: bool) -> list[str]:
    """The names of the weights of those that stay fp32."""
    program = paddle.static.load_inference_model(str(source / "model"), executor)[0].global_block()
    convolutions = [op for op in program.ops if op.type.endswith("conv2d")]
    names = [op.input("Filter")[0] for op in convolutions]
    sizes = np.array([np.prod(program.var(name).shape) for name in names])
    first = [
        name
        for name, share in zip(names, np.cumsum(sizes) / sizes.sum(), strict=True)
        if share < FP32_SHARE
    ]
    if not keep_last:
        return first
    taken = {name for op in program.ops if op.type.endswith("conv2d") for name in op.input("Input")}
    return first + _last(program, convolutions, taken)


def _last(program, convolutions: list, inputs: set[str]) -> list[str]:
    """Convolutions from whose outputs no way leads to another convolution."""
    leads = set(inputs)
    for op in reversed(program.ops):
        if leads & set(op.output_arg_names):
            leads |= set(op.input_arg_names)
    return [op.input("Filter")[0] for op in convolutions if not leads & set(op.output("Output"))]
