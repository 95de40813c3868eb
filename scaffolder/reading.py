"""Files that someone else wrote: read within limits or refused in one line, never executed."""

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from scaffolder.errors import FewshotError, Unreadable

_MB = 1 << 20
_YAML_LIMIT = 1 * _MB
_NUMBER_LIMIT = 100  # characters
_JSON_LIMIT = 64 * _MB  # a run lists the pictures and boxes that it was trained on


def text(path: Path, limit: int = _YAML_LIMIT) -> str:
    """Reads a text file as it is, line endings included.

    Raises:
        FewshotError: It is no ordinary file, too large, or not UTF-8.
    """
    with _ordinary(path) as file:
        return text_of(file, str(path), limit)


def text_of(file: IO[bytes], name: str, limit: int = _YAML_LIMIT) -> str:
    """Reads what is open already, a pipe too, as `text` does.

    Args:
        file: Is read as far as the limit.
        name: What it is called in an error.
        limit: Bytes.

    Raises:
        FewshotError: It is too large, or not UTF-8.
    """
    content = file.read(limit + 1)
    if len(content) > limit:
        raise FewshotError(f"{name} is larger than {limit // _MB} MB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise FewshotError(f"{name} is not UTF-8 text") from None


def yaml_mapping(content: str, name: str, *, numbers_as_text: bool = False) -> dict[Any, Any]:
    """Parses YAML text that must be a mapping. Aliases are refused: they can multiply.

    Args:
        content: The text.
        name: What the text is called in an error.
        numbers_as_text: Return numbers as they are written: to YAML 010 is 8, and 1:30 is 90.

    Raises:
        FewshotError: It is no such YAML; says in which line, if that is known.
    """
    import yaml
    from yaml.composer import ComposerError

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise ComposerError(None, None, "aliases (*name) are not read", mark)
            return super().compose_node(parent, index)

    def as_written(loader: Any, node: Any) -> Any:
        return loader.construct_scalar(node)

    def whole_number(loader: Any, node: Any) -> int:
        found = loader.construct_yaml_int(bounded(node))
        if abs(found) >= 1 << 63:  # no setting's, and Python writes none of thousands of digits
            raise ValueError(node.value)
        return int(found)

    def number(loader: Any, node: Any) -> float:
        return float(loader.construct_yaml_float(bounded(node)))

    def bounded(node: Any) -> Any:
        if len(node.value) > _NUMBER_LIMIT:
            raise ValueError(node.value)
        return node

    numbers = (as_written, as_written) if numbers_as_text else (whole_number, number)
    for kind, constructor in zip(("int", "float"), numbers, strict=True):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", constructor)
    try:
        found = yaml.load(content, Loader=Loader)
    except (
        *(yaml.YAMLError, ArithmeticError, AttributeError, LookupError),
        *(RecursionError, TypeError, ValueError),  # of tags with odd values
    ) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        why = f": {error.problem}" if isinstance(error, ComposerError) else ""
        raise FewshotError(f"{name} is not valid YAML{line}{why}") from None
    if not isinstance(found, dict):
        raise FewshotError(f"{name} must hold lines like 'shots: 20'")
    return found


def json_mapping(path: Path) -> dict[str, Any]:
    """Reads a JSON file that must be an object; NaN and infinity are refused.

    Raises:
        FewshotError: It is no such file.
    """
    with _ordinary(path) as file:
        return json_of(file, str(path))


def json_of(file: IO[bytes], name: str) -> dict[str, Any]:
    """Reads what is open already, as `json_mapping` does; `name` is what it is called in an error.

    Raises:
        FewshotError: It is no such JSON.
    """

    def refused(constant: str) -> None:
        raise ValueError(constant)

    def finite(number: str) -> float:
        if not math.isfinite(found := float(number)):
            raise ValueError(number)
        return found

    try:
        text = text_of(file, name, _JSON_LIMIT)
        found = json.loads(text, parse_constant=refused, parse_float=finite)
    except (ValueError, RecursionError):
        raise FewshotError(f"{name} is not valid JSON") from None
    if not isinstance(found, dict):
        raise FewshotError(f"{name} is not a JSON object")
    return found


def sha256(path: Path) -> str:
    """Returns the SHA-256 of an ordinary file.

    Raises:
        FewshotError: It is no ordinary file.
    """
    with _ordinary(path) as file:
        return _digest(file, lambda block: None)


def copy(path: Path, to: Path) -> str:
    """Copies an ordinary file and returns the SHA-256 of the bytes that were written.

    Raises:
        FewshotError: It is no ordinary file.
    """
    with _ordinary(path) as file, to.open("xb") as copied:
        return _digest(file, copied.write)


def _digest(file: IO[bytes], use: Callable[[bytes], object]) -> str:
    """Returns the SHA-256 of what is read, and gives it to `use` block by block."""
    digest = hashlib.sha256()
    while block := file.read(_MB):
        digest.update(block)
        use(block)
    return digest.hexdigest()


def _ordinary(path: Path) -> BinaryIO:
    """Opens a file for reading; a link, a pipe or a device is refused without being opened up."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if os.path.islink(path):
            raise FewshotError(f"{path} is a link, not an ordinary file") from None
        raise Unreadable(f"cannot read {path}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FewshotError(f"{path} is not an ordinary file")
    return open(descriptor, "rb")
