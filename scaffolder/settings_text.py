"""Changes values in the text of a settings.yaml and leaves everything else as the user wrote it.

A settings file is a mapping of keys and of sections that hold keys. A key of a section is named
as in the project's own messages: `train.minutes`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffolder import reading
from scaffolder.errors import FewshotError

Scalar = str | int | float | bool | None


def read(path: Path) -> dict[str, Any]:
    """Returns the settings in a file by dotted name.

    Raises:
        FewshotError: It is no such file.
    """
    return dotted(reading.yaml_mapping(reading.text(path), path.name))


def dotted(settings: Mapping[Any, Any]) -> dict[str, Any]:
    """Returns {"train": {"minutes": 10}} as {"train.minutes": 10}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[str(name)] = value
    return flat


def change_file(path: Path, changes: Mapping[str, Scalar]) -> None:
    """Changes a file; see `change`."""
    text = path.read_bytes().decode("utf-8")
    path.write_bytes(change(text, changes).encode("utf-8"))


def change(text: str, changes: Mapping[str, Scalar]) -> str:
    """Returns the text with other values.

    All else stays byte for byte, but for the spaces before a comment behind a changed value: the
    comment keeps its column where there is room. A key that is missing becomes the first line of
    its section, a missing section the last lines of the file.

    Args:
        text: YAML.
        changes: The new values by their names, as from `dotted`.

    Raises:
        FewshotError: The text cannot be changed so; names the setting.
    """
    for name, value in changes.items():
        try:
            changed = _with(text, tuple(name.split(".")), _written(value))
            if _leaves(changed) != _leaves(text) | {tuple(name.split(".")): _leaf(value)}:
                raise ValueError
        except (ValueError, RecursionError):
            raise FewshotError(
                f"{name} cannot be set to {_written(value)} in settings.yaml: write it by hand"
            ) from None
        text = changed
    return text


def _with(text: str, path: tuple[str, ...], written: str) -> str:
    """Returns the text with one other value, unchecked."""
    import yaml

    node = _compose(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    for depth, name in enumerate(path):
        if not isinstance(node, yaml.MappingNode):
            raise ValueError
        inside = dict((key.value, value) for key, value in node.value)
        if name not in inside:
            if depth == 0 and len(path) > 1:
                before = "" if text.endswith("\n") else newline
                section, key = map(_written, path)
                return f"{text}{before}{newline}{section}:{newline}  {key}: {written}{newline}"
            first = node.value[0][0].start_mark
            line = text.rfind("\n", 0, first.index) + 1
            entry = f"{text[line : first.index]}{_written(name)}: {written}{newline}"
            return text[:line] + entry + text[line:]
        node = inside[name]
    start, end = node.start_mark.index, node.end_mark.index
    old, rest = text[start:end], text[end:]
    if text[start - 1 : start] == ":":  # there was no value at all
        written = " " + written
    if comment := re.match(" +(?=#)", rest):
        room = max(1, len(comment[0]) + len(old) - len(written))
        rest = " " * room + rest[comment.end() :]
    # What ends a block of text belongs to it as well.
    return text[:start] + written + old[len(old.rstrip(" \t\r\n")) :] + rest


def _written(value: Scalar) -> str:
    """Writes a value in one line of YAML."""
    import yaml

    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][\w./-]*", value, re.ASCII):
        style = '"'
    else:
        style = None
    line: str = yaml.safe_dump(value, default_style=style, allow_unicode=True, width=10**9)
    return line.removesuffix("...\n").rstrip("\n")


def _leaf(value: Scalar) -> tuple[str, str]:
    """Returns the tag and the text of a value, as `_leaves` does."""
    [leaf] = _leaves(_written(value)).values()
    return leaf


def _leaves(text: str) -> dict[tuple[str, ...], tuple[str, str]]:
    """Returns tag and text of every scalar, by its place."""
    import yaml

    found: dict[tuple[str, ...], tuple[str, str]] = {}

    def visit(node: yaml.Node | None, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                visit(value, (*path, str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                visit(value, (*path, str(index)))
        elif isinstance(node, yaml.ScalarNode):
            found[path] = node.tag, node.value

    visit(_compose(text), ())
    return found


def _compose(text: str) -> Any:
    """Returns the tree of a YAML text, with the place of each node."""
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        raise ValueError from None
