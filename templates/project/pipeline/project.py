"""The project's folder: where things are, and what it was made from."""

import re
from pathlib import Path

import yaml

from pipeline.console import UserError

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs"
EXPORTS = ROOT / "export"
CACHE = ROOT / "cache"
PRUNED = "-pruned"  # ends the names of runs that prune.py made
INT8 = "-int8"  # ends the names of exports that compress.py made


def answers() -> dict:
    """What was answered when the project was made: task, shots, target, language, ...

    `_commit` is the template's version. Empty when the file is gone; the scripts still work.
    """
    path = ROOT / ".copier-answers.yml"
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"{path.name}: not valid YAML. Restore it with git.") from None


def targets() -> list[str]:
    """Where the model will run, as answered; the first decides the default model."""
    given = str(answers().get("target") or "x86-cpu")
    return [name.strip() for name in re.split("[,，、]", given)]


def newest(folder: Path, file: str, remedy: str, skip: tuple[str, ...] = ()) -> Path:
    """The newest sub-folder of `folder` that holds `file`; names sort by time.

    Names that end in one of `skip` don't count.

    Raises:
        UserError: there is none; `remedy` says what to do.
    """
    found = [path.parent for path in folder.glob(f"*/{file}") if path.parent.suffix == ""]
    found = [path for path in found if not path.name.endswith(skip)]
    if not found:
        raise UserError(f"{folder.name}/: nothing with {file} there yet. {remedy}")
    return max(found, key=lambda path: path.name)


def chosen_run(given: Path | None, skip: tuple[str, ...] = ()) -> Path:
    """The run that the user named, by path or by id, or else the newest one with a model; `skip`
    as for `newest`."""
    if given is None:
        return newest(RUNS, "model.safetensors", "Run train.py first.", skip)
    run = given if given.is_dir() else RUNS / given
    if not (run / "model.safetensors").is_file():
        raise UserError(f"{given}: no run with a model. Look into {shown(RUNS)}/.")
    return run.resolve()


def shown(path: Path) -> str:
    """A path as the user would type it from the project's folder."""
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
