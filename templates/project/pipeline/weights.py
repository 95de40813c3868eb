"""Reading weight files without executing anything that they contain.

PyTorch's legacy `.pth` and Paddle's `.pdparams` are pickles, and a pickle can run any program
while it is read. Here it is read by an unpickler that knows a short list of names and refuses
all others; safetensors files hold numbers only.
"""

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from pipeline.console import UserError
from pipeline.project import ROOT

DTYPES = {"FloatStorage": np.float32, "HalfStorage": np.float16, "LongStorage": np.int64}
TORCH_MAGIC = 0x1950A86A20F9469CFC6C


def weight_path(name: str | None) -> Path | None:
    """Where the file is that `model.weights` names: in the project, or below ~, the user's home."""
    return ROOT / os.path.expanduser(name) if name else None


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Reads a weight file by its ending: .safetensors, .pdparams or .pth (legacy format).

    Raises:
        UserError: no such file, an unknown ending, a broken file, or a pickle that names
            anything beyond plain arrays.
    """
    readers = {".safetensors": load_file, ".pdparams": _read_pdparams, ".pth": _read_torch_legacy}
    if not path.is_file():
        raise UserError(
            f"{path}: no such weight file. Put it there (a model of the library: fewshot models "
            "pull NAME), or change model.weights."
        )
    if path.suffix not in readers:
        raise UserError(f"{path}: a weight file must end in one of {', '.join(readers)}.")
    try:
        return readers[path.suffix](path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: not a readable weight file ({error}). Copy it again.") from error


class _AllowListUnpickler(pickle.Unpickler):
    """An unpickler that resolves only the names it was given."""

    def __init__(self, file, allowed: dict[tuple[str, str], object], persistent_load=None):
        super().__init__(file)
        self.allowed = allowed
        self.on_persistent_id = persistent_load

    def find_class(self, module, name):
        try:
            return self.allowed[module, name]
        except KeyError:
            raise UserError(
                f"The weight file asks for {module}.{name}, which is not data. Do not use this "
                "file; get the weights again from their publisher, as safetensors if possible."
            ) from None

    def persistent_load(self, pid):
        if self.on_persistent_id is None:
            raise UserError("The weight file refers to data outside of itself. Get another copy.")
        return self.on_persistent_id(pid)


def _read_pdparams(path: Path) -> dict[str, np.ndarray]:
    allowed = {
        ("collections", "OrderedDict"): OrderedDict,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): np.core.multiarray._reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): np.core.multiarray._reconstruct,
        ("_codecs", "encode"): _encode_latin1,
    }
    with path.open("rb") as file:
        state = _AllowListUnpickler(file, allowed).load()
    state.pop("StructuredToParameterName@@", None)
    # Paddle 2 and 3 store each tensor as an array or as a pair (name, array).
    arrays = {
        name: value[1] if isinstance(value, tuple) else value for name, value in state.items()
    }
    return {name: np.asarray(value) for name, value in arrays.items()}


def _encode_latin1(text: str, encoding: str) -> bytes:
    """What numpy's protocol-2 pickles use to write bytes; nothing but latin1 is needed."""
    if encoding != "latin1":
        raise UserError("The weight file uses an unknown text encoding. Get another copy.")
    return text.encode("latin1")


def _read_torch_legacy(path: Path) -> dict[str, np.ndarray]:
    """Reads the format that torch.save wrote before version 1.6.

    Five pickles (magic number, protocol, system, tensors, storage keys), then the storages' raw
    little-endian values, each behind its length.
    Source: torch/serialization.py, `_legacy_load`, of PyTorch 1.5.
    """
    storages: dict[str, tuple[type, int]] = {}
    tensors: list[tuple[str, int, tuple, tuple]] = []

    def storage_of(pid):
        kind, storage_type, key, _device, length = pid[:5]
        if kind != "storage":
            raise UserError("The weight file holds something other than tensors.")
        storages[key] = (storage_type, length)
        return key

    def tensor(key, offset, shape, stride, *_ignored):
        tensors.append((key, offset, shape, stride))
        return len(tensors) - 1

    allowed = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
        **{("torch", name): dtype for name, dtype in DTYPES.items()},
    }
    with path.open("rb") as file:
        if _AllowListUnpickler(file, {}).load() != TORCH_MAGIC:
            raise UserError(f"{path}: not in PyTorch's legacy format. Convert it to safetensors.")
        for _ in range(2):  # protocol version, system information
            _AllowListUnpickler(file, {}).load()
        state = _AllowListUnpickler(file, allowed, storage_of).load()
        keys = _AllowListUnpickler(file, {}).load()
        values = {}
        for key in keys:
            dtype, length = storages[key]
            (stored,) = struct.unpack("<q", file.read(8))
            if stored != length:
                raise UserError(f"{path}: a tensor has another length than announced.")
            data = file.read(length * np.dtype(dtype).itemsize)
            values[key] = np.frombuffer(data, dtype)
    arrays = {}
    for name, index in state.items():
        key, offset, shape, stride = tensors[index]
        last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if offset < 0 or min(stride, default=0) < 0 or last >= len(values[key]):
            raise UserError(f"{path}: {name} reaches outside of its storage.")
        data = values[key][offset:]
        steps = [step * data.itemsize for step in stride]
        arrays[name] = np.lib.stride_tricks.as_strided(data, shape, steps).copy()
    return arrays
