"""Is a file what it says: weights and nothing else? It is looked through, never loaded."""

import json
import math
import mmap
import pickletools
import struct
from pathlib import Path
from typing import Any, NoReturn

from scaffolder.errors import FewshotError

# What a project's own reader lets a pickle name (pipeline/weights.py): plain arrays.
ALLOWED_NAMES = {
    ("collections", "OrderedDict"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}

# What pickling a dictionary of arrays writes. Everything that a pickle can do beyond that, such
# as INST, OBJ, NEWOBJ, EXT or persistent ids, is refused.
_TEXTS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_GETS = {"BINGET", "LONG_BINGET"}
_PUTS = {"BINPUT", "LONG_BINPUT", "MEMOIZE"}
_NAMES = {"GLOBAL", "STACK_GLOBAL"}
_PLAIN = set(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
    "SHORT_BINBYTES BINBYTES BINBYTES8 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND "
    "APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 REDUCE BUILD".split()
)
_MOST_MEMOS = 1 << 20  # a reader makes room for the highest number, however few there are
_MOST_HEADER = 100 << 20  # bytes; also the limit of the format's own library


def check(path: Path, kind: str) -> int | None:
    """Looks through a weight file.

    Args:
        path: The file.
        kind: pdparams or safetensors.

    Returns:
        The number of parameters without running statistics; None where that would take loading.

    Raises:
        FewshotError: It is damaged, or a pickle that names anything beyond plain arrays.
    """
    try:
        if kind == "safetensors":
            return _check_safetensors(path)
        _check_pickle(path)
        return None
    except (ValueError, KeyError, TypeError, RecursionError, struct.error):
        raise FewshotError(
            f"{path.name} is not a whole {kind} file: it is damaged, or something else"
        ) from None


def _check_pickle(path: Path) -> None:
    """Follows a pickle's instructions without carrying them out.

    `pushed` are the texts, or None for what is unknown, that were pushed on top of the stack with
    nothing but memorising in between. So the two last ones are what STACK_GLOBAL will name.
    """
    pushed: list[str | None] = []
    memo: dict[int, str | None] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        argument: Any
        for operation, argument, _ in pickletools.genops(data):  # type: ignore[arg-type]
            name = operation.name
            if name in _TEXTS:
                pushed.append(argument)
            elif name in _GETS:
                pushed.append(memo[argument])
            elif name in _PUTS:
                index = len(memo) if argument is None else argument
                if index > _MOST_MEMOS:
                    raise ValueError
                memo[index] = pushed[-1] if pushed else None
            elif name in _NAMES:
                parts = argument.split(" ") if name == "GLOBAL" else pushed[-2:]
                if tuple(parts) not in ALLOWED_NAMES:
                    _refuse(path, f"asks for {'.'.join(part or '?' for part in parts)[:100]}")
                pushed = []
            elif name in _PLAIN:
                pushed = []
            else:
                _refuse(path, f"uses {name}")


def _refuse(path: Path, what: str) -> NoReturn:
    raise FewshotError(
        f"{path.name} {what}, which is not data: reading it could run a program. It was not "
        "taken. Get the weights again from their publisher, as safetensors if possible."
    )


def _check_safetensors(path: Path) -> int:
    """Checks the header, and that the tensors fill the rest of the file.

    Source: https://github.com/huggingface/safetensors#format
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(_MOST_HEADER, size):
            raise ValueError
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    end = parameters = 0
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, after = tensor["data_offsets"]
        if begin != end or after < begin or not all(side >= 0 for side in tensor["shape"]):
            raise ValueError
        end = after
        if not name.endswith(("._mean", "._variance")):
            parameters += math.prod(tensor["shape"])
    if 8 + length + end != size or not header:
        raise ValueError
    return parameters
