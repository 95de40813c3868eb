"""Where a trained model comes from, in the words that go along with it."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scaffolder.errors import FewshotError
from scaffolder.existing import Existing, Run

_SHA256 = re.compile("[0-9a-f]{64}")
_LONGEST = 2000  # characters of a text
_MOST_BASES = 100  # of one model


def of_run(origin: Existing, run: Run, sha256: str) -> dict[str, Any]:
    """Returns what a project must know of the model that it starts from.

    Args:
        origin: The project that trained it.
        run: The run.
        sha256: Of the model's file.

    Raises:
        FewshotError: The run is described so that it cannot be written down.
    """
    try:
        data = json.dumps(run.about.get("data"), sort_keys=True)
    except RecursionError:
        raise FewshotError(f"run.json of {run.id} is nested too deeply") from None
    known = _weights(run)
    networks = {k: known[k] for k in ("backbone", "detector") if isinstance(known.get(k), str)}
    return {
        "project": origin.name,
        "task": origin.task,
        "run": run.id,
        "stage": run.about.get("stage"),
        "classes": run.classes,
        "sha256": sha256,
        "template_version": run.about.get("template_version"),
        "git_commit": run.about.get("git_commit"),
        "git_dirty": run.about.get("git_dirty"),
        **networks,
        "base": base(run),
        "metrics": run.about.get("metrics"),
        "data_sha256": hashlib.sha256(data.encode()).hexdigest(),
    }


def base(run: Run) -> dict[str, Any]:
    """Returns the source and the file's SHA-256 of the model that a run started from, None where
    it does not say so; of another project's model also the base."""
    known = _weights(run)
    source, sha256 = known.get("source"), known.get("file_sha256")
    earlier = {}
    if isinstance(source, dict):  # another project's model
        sha256 = source.get("sha256")
        if isinstance(source.get("base"), dict):
            earlier = {"base": source["base"]}
        source = f"run {source.get('run')} of {source.get('project')}"
    return {
        "source": source if isinstance(source, str) else None,
        "sha256": sha256 if isinstance(sha256, str) else None,
        **earlier,
    }


def bases(record: Any) -> Iterator[dict[str, Any]]:
    """Yields the models that one was trained from: its base, the base of that, and so on.

    Args:
        record: The base as a record tells of it, or nothing.
    """
    while isinstance(record, dict):
        yield record
        record = record.get("base")


def write(path: Path, record: dict[str, Any]) -> None:
    """Writes a record as JSON.

    Raises:
        FewshotError: It cannot be written.
    """
    try:
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    except RecursionError:
        raise FewshotError(f"{path.name}: nested too deeply") from None
    # Half a surrogate pair becomes the escape that JSON has for it.
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def is_sha256(value: object) -> bool:
    return isinstance(value, str) and bool(_SHA256.fullmatch(value))


def _is_base(value: object) -> bool:
    """Whether it is a base as `provenance.base` tells of one, with those before it."""
    chain = list(bases(value))
    facts = [v for base in chain for k, v in base.items() if k != "base" or not isinstance(v, dict)]
    return 0 < len(chain) <= _MOST_BASES and all(v is None or is_text(v) for v in facts)


def _are_classes(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 1000 and all(map(is_text, value))


def _weights(run: Run) -> dict[str, Any]:
    weights = run.about.get("weights")
    return weights if isinstance(weights, dict) else {}


# What `of_run` says besides of whom a model is for and its SHA-256, and what each must be.
FIELDS: dict[str, Callable[[Any], bool]] = {
    "project": is_text,
    "run": is_text,
    "stage": lambda value: value in (1, 2),
    "classes": _are_classes,
    "template_version": is_text,
    "git_commit": is_text,
    "git_dirty": lambda value: isinstance(value, bool),
    "backbone": is_text,
    "detector": is_text,
    "base": _is_base,
    "data_sha256": is_sha256,
    "metrics": lambda value: isinstance(value, dict),
}
