"""Post-training quantization to int8, by the runtime that is to run the network."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline import onnx_int8, paddle_int8

ROUTES = {"paddle": paddle_int8, "onnx": onnx_int8}


def quantize(
    kind: str,
    source: Path,
    target: Path,
    x: np.ndarray,
    loss: Callable[[Path], float],
    log: Path,
    enough: float,
    keep_last: bool = False,
) -> tuple[str, dict[str, float | None]]:
    """Writes the int8 network that loses least: weights by channel, activations by tensor. The
    methods are tried in their order until one loses little enough: to search on takes minutes, for
    differences that few pictures can't tell.

    Args:
        kind: of ROUTES.
        source: folder with the fp32 network.
        target: folder for the int8 network.
        x: calibration pictures, [N, 3, S, S].
        loss: of the int8 network in a folder, on held-out pictures. What is no number is worst.
        log: file that the libraries' output goes to.
        enough: of the loss, to be content with a method.
        keep_last: the convolutions whose outputs are the answer stay fp32: coordinates need more
            than 256 values.

    Returns:
        The calibration method, and the loss of each that was tried; None where it is no number.

    Raises:
        UserError: the quantization failed.
    """
    route = ROUTES[kind]
    losses: dict[str, float | None] = {}
    with TemporaryDirectory() as scratch:
        for method in route.METHODS:
            print(f"Quantizing for {route.RUNTIME}: {method}, {len(x)} inputs ...", flush=True)
            candidate = Path(scratch) / method
            route.write(source, candidate, x, method, log, keep_last)
            value = loss(candidate)
            losses[method] = value if math.isfinite(value) else None
            if value <= enough:
                break
        best = min(losses, key=lambda m: math.inf if losses[m] is None else losses[m])
        shutil.copytree(Path(scratch) / best, target, dirs_exist_ok=True)
    return best, losses
