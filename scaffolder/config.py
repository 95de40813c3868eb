"""What holds for all projects of a user: one YAML file in the user's configuration folder."""

import os
from pathlib import Path
from typing import Any

from scaffolder import reading, writing
from scaffolder.errors import FewshotError, UsageError

KEYS = {"template": "the template source: path or URL of a git repository or bundle"}


def path() -> Path:
    """Returns where the configuration is, or will be."""
    from platformdirs import user_config_path

    return user_config_path("fewshot", appauthor=False) / "config.yaml"


def load() -> dict[str, str]:
    """Returns what is set.

    Raises:
        FewshotError: The file is broken.
    """
    found = _read()
    for name, value in found.items():
        if name not in KEYS:
            raise FewshotError(f"{path()}: {name!r} is no setting; there are {', '.join(KEYS)}")
        if not isinstance(value, str):
            raise FewshotError(f"{path()}: {name} is not text: fewshot config {name} --unset")
    return found


def _read() -> dict[str, Any]:
    """Returns what stands in the file, whatever it is."""
    file = path()
    if not os.path.lexists(file):
        return {}
    return reading.yaml_mapping(reading.text(file.resolve()), str(file))  # it may be a link


def change(key: str, value: str | None) -> None:
    """Sets a key, or removes it.

    Raises:
        UsageError: There is no such key.
    """
    import yaml

    if key not in KEYS:
        raise UsageError(f"there is no setting {key!r}: choose from {', '.join(KEYS)}")
    known = _read()
    known.pop(key, None)
    file = path().resolve()
    content = yaml.safe_dump(known | ({key: value} if value else {}), allow_unicode=True)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writing.replace(file, content.encode("utf-8"), mode=0o600)  # an address can be a secret
    except OSError as error:
        raise FewshotError(f"cannot write {file}: {error.strerror}") from None


def template() -> str | None:
    """Returns the configured template source."""
    return load().get("template")
