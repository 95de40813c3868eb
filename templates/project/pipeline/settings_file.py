"""Reading and checking a YAML settings file: every fault at once, each with its line."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.console import UserError


class Section(BaseModel):
    """A part of the settings. An unknown name is a fault, since it is most often a typo."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


S = TypeVar("S", bound=Section)


def load(path: Path, kind: type[S]) -> S:
    """Reads `path` as the settings `kind`.

    Raises:
        UserError: no such file, no valid YAML, or values out of range: all of them, one a line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except FileNotFoundError:
        raise UserError(f"{path.name}: no such file. Restore it with git, or start anew.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path.name}: not UTF-8 text. Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise UserError(
            f"{path.name}{where}: not valid YAML ({problem}). Look at this line and the one above."
        ) from None
    try:
        return kind.model_validate(values if values is not None else {})
    except ValidationError as error:
        faults = [_describe(path.name, tree, fault) for fault in error.errors()]
        raise UserError("\n".join(faults)) from None


def _describe(name: str, tree: yaml.Node | None, fault) -> str:
    location = [part for part in fault["loc"] if not str(part).startswith("function-")]
    dotted = ".".join(str(part) for part in location) or "the file"
    line = _line_of(tree, location)
    if fault["type"] == "extra_forbidden":
        return f"{name}:{line}: {dotted}: no such setting. Remove it or mend its name."
    if fault["type"] == "missing":
        return f"{name}:{line}: {dotted}: is missing. Add it."
    message = fault["msg"].removeprefix("Value error, ")
    given = repr(fault["input"])
    given = given if len(given) <= 60 else given[:57] + "..."
    return f"{name}:{line}: {dotted}: {message[0].lower()}{message[1:]} (found {given})."


def _line_of(node: yaml.Node | None, location: list) -> int:
    """The line of the deepest part of `location` that the file has; 1-based."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(part) not in pairs:
                break
            key, node = pairs[str(part)]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def distinct(names: list[str]) -> list[str]:
    """The names, if each stands there once and none is empty; else ValueError."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"a class stands there twice: {', '.join(map(repr, twice))}")
    if not all(name.strip() for name in names):
        raise ValueError("a class has an empty name")
    return names
