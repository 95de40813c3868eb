"""Post-training quantization to int8 with ONNX Runtime.

Written as its documentation says for x86: QDQ format, activations unsigned, weights signed and by
channel (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline import quiet
from pipeline.console import UserError
from pipeline.onnx_runtime import ONNX
from pipeline.project import shown

RUNTIME = "ONNX Runtime"
# How the range of an activation follows from the calibration pictures.
METHODS = ("MinMax", "Percentile", "Entropy")
QUANTIZED = ("Conv", "Add", "Clip", "Relu")  # kinds of nodes, where they lead to a convolution


def write(
    source: Path, target: Path, x: np.ndarray, method: str, log: Path, keep_last: bool
) -> None:
    """Writes the int8 network of one method, what follows the last convolutions in fp32.
    Arguments as for `pipeline.quantization.quantize`."""
    target.mkdir(parents=True, exist_ok=True)
    with quiet.output_to(log), TemporaryDirectory() as scratch:
        try:
            import onnx
            from onnxruntime import quantization

            prepared = Path(scratch) / ONNX
            _prepare(source / ONNX, prepared)
            graph = onnx.load(prepared).graph
            logging.disable(logging.WARNING)  # it can't see that the network is prepared
            quantization.quantize_static(
                str(prepared),
                str(target / ONNX),
                _Reader(graph.input[0].name, x),
                quant_format=quantization.QuantFormat.QDQ,
                calibrate_method=quantization.CalibrationMethod[method],
                op_types_to_quantize=list(QUANTIZED),
                nodes_to_exclude=_last(graph, keep_last),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                # One picture after the other: else the maps of all of them are held at once.
                extra_options={"CalibStridedMinMax": 1},
            )
        except ImportError as error:
            raise UserError(f"ONNX Runtime's quantization: {error}. Run make setup.") from None
        except Exception as error:  # each library raises its own
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise UserError(
                f"ONNX Runtime could not quantize the network ({reason[-1]}); see {shown(log)}."
            ) from None
        finally:
            logging.disable(logging.NOTSET)


class _Reader:
    """Gives the calibration pictures, as `quantize_static` asks for them."""

    def __init__(self, name: str, x: np.ndarray):
        self.name, self.x = name, x
        self.left: Iterator[int] = iter(range(len(x)))

    def __len__(self) -> int:
        return len(self.x)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.left = iter(range(start_index, end_index))

    def get_next(self) -> dict | None:
        index = next(self.left, None)
        return None if index is None else {self.name: self.x[index : index + 1]}


def _prepare(source: Path, target: Path) -> None:
    """Makes weights known as such and folds batch norm into the convolutions.

    paddle2onnx writes weights as the outputs of nodes, which the quantization does not look at.
    """
    import onnx
    import onnxruntime

    model = onnx.load(source)
    graph = model.graph
    outputs = {output.name for output in graph.output}
    kept, same = [], {}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            node.attribute[0].t.name = node.output[0]
            graph.initializer.append(node.attribute[0].t)
        elif node.op_type == "Identity" and node.output[0] not in outputs:
            same[node.output[0]] = same.get(node.input[0], node.input[0])
        else:
            kept.append(node)
            for place, name in enumerate(node.input):
                node.input[place] = same.get(name, name)
    del graph.node[:]
    graph.node.extend(kept)
    plain = target.with_name("plain.onnx")
    onnx.save(model, plain)

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(plain), options, providers=["CPUExecutionProvider"])


def _last(graph, keep_last: bool) -> list[str]:
    """The nodes from whose outputs no way leads to a convolution, and convolutions among them only
    where `keep_last`."""
    leads: set[str] = set()
    last = []
    for node in reversed(graph.node):
        if leads & set(node.output):
            leads |= set(node.input)
        else:
            if node.op_type != "Conv" or keep_last:
                last.append(node.name)
            if node.op_type == "Conv":
                leads |= set(node.input)
    return last
