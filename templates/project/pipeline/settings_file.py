"""Reading and checking a YAML settings file: every fault at once, each with its line."""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import full_width
from pipeline.console import UserError


class Section(BaseModel):
    """A part of the settings. An unknown name is a fault, since it is most often a typo.

    Attributes:
        renamed: Names of older templates and what they are called now; they are still read.
        retired: Names of older templates that mean nothing any more, and why.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    renamed: ClassVar[dict[str, str]] = {}
    retired: ClassVar[dict[str, str]] = {}


S = TypeVar("S", bound=Section)


class _Loader(yaml.SafeLoader):
    """Takes 1e-3 as a number, as YAML 1.2 does; 1.1 knows 1.0e-3 alone."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def load(path: Path, kind: type[S]) -> S:
    """Reads `path` as the settings `kind`; says on stderr which old names it read.

    Raises:
        UserError: no such file, no valid YAML, or values out of range: all of them, one a line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=_Loader)
        values = yaml.load(text, Loader=_Loader)
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
            f"{full_width.near(text, error)}"
        ) from None
    values = values if values is not None else {}
    for name, note in _brought_up_to_date(values, kind):
        line, _ = _place_of(tree, name.split("."))
        print(f"{path.name}:{line}: {name}: {note}", file=sys.stderr)
    faults = _repeated(path.name, tree)
    try:
        settings = kind.model_validate(values)
    except ValidationError as error:
        faults += [_describe(path.name, text, tree, fault) for fault in error.errors()]
    if faults:
        raise UserError("\n".join(faults))
    return settings


def _brought_up_to_date(values, kind: type[Section], above: str = "") -> list[tuple[str, str]]:
    """Turns old names into those of today, in place; the file stays as it is. Returns notes."""
    if not isinstance(values, dict):
        return []
    notes = []
    for name, reason in kind.retired.items():
        if values.pop(name, None) is not None:
            notes.append((above + name, f"is not used any more: {reason}. Remove it."))
    for name, now in kind.renamed.items():
        if name in values and now not in values:
            values[now] = values.pop(name)
            notes.append((above + name, f"is called {above}{now} now. Rename it."))
    for name, field in kind.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, Section):
            notes += _brought_up_to_date(values.get(name), part, f"{above}{name}.")
    return notes


def _repeated(name: str, tree: yaml.Node | None, above: str = "") -> list[str]:
    """Says which sections and keys stand there again: YAML takes the last and drops the others."""
    if not isinstance(tree, yaml.MappingNode):
        return []
    lines, faults = defaultdict(list), []
    for key, _ in tree.value:
        lines[str(key.value)].append(key.start_mark.line + 1)
    for key, value in tree.value:
        own = lines.pop(str(key.value), [])
        if len(own) > 1:
            places = f"{', '.join(map(str, own[:-1]))} and {own[-1]}"
            often = "twice" if len(own) == 2 else f"{len(own)} times"
            remedy = "Merge them" if isinstance(value, yaml.MappingNode) else "Keep one"
            dotted = f"{above}{key.value}"
            faults.append(
                f"{name}:{own[-1]}: {dotted}: stands there {often} (lines {places}). {remedy}."
            )
        if not above:  # sections hold no sections
            faults += _repeated(name, value, f"{key.value}.")
    return faults


def _describe(name: str, text: str, tree: yaml.Node | None, fault) -> str:
    location = [part for part in fault["loc"] if not str(part).startswith("function-")]
    dotted = ".".join(str(part) for part in location) or "the file"
    line, node = _place_of(tree, location)
    if fault["type"] == "extra_forbidden":
        return f"{name}:{line}: {dotted}: no such setting. Remove it or mend its name."
    if fault["type"] == "missing":
        return f"{name}:{line}: {dotted}: is missing. Add it."
    message = fault["msg"].removeprefix("Value error, ").replace(" after validation", "")
    given = repr(fault["input"])
    given = given if len(given) <= 60 else given[:57] + "..."
    remedy = ""
    if isinstance(node, yaml.ScalarNode) or (node and node.flow_style):
        written = text[node.start_mark.index : node.end_mark.index]
        remedy = full_width.found(written, node.start_mark.line + 1)
        is_text = isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":null")
        if fault["type"] == "string_type" and is_text:
            remedy = remedy or f' Put it in quotes: "{node.value}".'
    return f"{name}:{line}: {dotted}: {message[0].lower()}{message[1:]} (found {given}).{remedy}"


def _place_of(node: yaml.Node | None, location: list) -> tuple[int, yaml.Node | None]:
    """The line, 1-based, and the node of the deepest part of `location` that the file has."""
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
    return line, node


def distinct(names: list[str]) -> list[str]:
    """The names, if each stands there once and none is empty; else ValueError."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"a class stands there twice: {', '.join(map(repr, twice))}")
    if not all(name.strip() for name in names):
        raise ValueError("a class has an empty name")
    return names
