"""Which settings of a project make sense in a new one that is made from it."""

import math
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scaffolder.existing import Existing
from scaffolder.messages import Note
from scaffolder.settings_text import Scalar, dotted

# Settings that are found anew, and those that lead to the other project's pictures.
_ANEW = {"classes", "model.start"}
_ITS_DATA = {"data.folder", "data.labels"}


def settings_of(
    origin: Existing,
    theirs: dict[str, Any],
    ours: dict[str, Any],
    replaced: Collection[str],
    dest: Path,
    notes: list[Note],
) -> dict[str, Scalar]:
    """Returns the settings of a project that somebody chose, differ from ours and make sense.

    Args:
        origin: The existing project, of any template version.
        theirs: The settings that its template gave it, by dotted name, as far as they are known.
        ours: The settings that the template gives the new project, by dotted name.
        replaced: Names of settings that something else decides.
        dest: Where the new project will be.
        notes: Is told what was carried over and what not.
    """
    changes: dict[str, Scalar] = {}
    dropped = []
    for name, value in dotted(origin.settings).items():
        value = _number(value)
        as_given = any(name in known and value == _number(known[name]) for known in (theirs, ours))
        if as_given or name in _ANEW or name in replaced:
            continue
        if name in _ITS_DATA or name not in ours or not _fits(value, ours[name]):
            dropped.append(name)
        elif name == "model.weights" and _lies_inside(str(value), origin.folder):
            changes[name] = os.path.relpath(origin.folder / str(value), dest)
        else:
            changes[name] = value
    for key, names in (("carried", list(changes)), ("dropped", dropped)):
        if names:
            notes.append((key, {"settings": listed(names)}))
    return changes


def listed(names: list[str], most: int = 20) -> str:
    """Returns names in one line of bounded length."""
    more = ["…"] if len(names) > most else []
    return ", ".join([name[:60] for name in names[:most]] + more)


def _lies_inside(path: str, folder: Path) -> bool:
    """Whether a file is named by its place in a project, and is there."""
    return not os.path.isabs(path) and os.path.isfile(folder / path)


def _number(value: Any) -> Any:
    """Returns 1e-3 as the number that a project takes it for; to YAML 1.1 it is text."""
    if isinstance(value, str) and re.fullmatch(
        r"[-+]?([0-9]+\.?|[0-9]*\.[0-9]+)e[-+]?[0-9]+", value, re.I
    ):
        return float(value)
    return value


def _fits(value: object, ours: object) -> bool:
    """Whether a value is of the kind that the template has there; null goes with every kind."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        is_number = isinstance(ours, (int, float)) and not isinstance(ours, bool)
        return (is_number or ours is None) and (isinstance(value, int) or math.isfinite(value))
    if value is None or ours is None:
        return value is None or isinstance(value, (bool, str))
    return type(value) is type(ours) and isinstance(value, (bool, str))
