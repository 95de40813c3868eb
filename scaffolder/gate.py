"""What an updated project must pass before the update is accepted."""

import ast
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from scaffolder import reading
from scaffolder.errors import FewshotError
from scaffolder.threeway import Change

SMOKE_TEST = "tests/test_smoke.py"
LOCKS = "requirements/"
MINUTES = 10


class Failed(FewshotError):
    """The updated project does not work."""


def check(project: Path, changes: list[Change], test: bool) -> str | None:
    """Checks an updated project: its Python and its settings parse, its smoke test passes.

    Args:
        project: The project, with the update in its files.
        changes: What the update did.
        test: Whether to run the smoke test, in the project's own environment.

    Returns:
        Why the smoke test was not run, if it was not: a key of the texts.

    Raises:
        Failed: Says what does not work.
    """
    for change in changes:
        if change.after and change.path.endswith(".py"):
            _parse(project, change.path)
    settings = project / "settings.yaml"
    if settings.exists():
        try:
            reading.yaml_mapping(reading.text(settings), settings.name)
        except FewshotError as error:
            raise Failed(str(error)) from None
    if not test:
        return "untested_off"
    environment = project / os.environ.get("VENV", ".venv")
    python = environment / "bin" / "python"
    if not (project / SMOKE_TEST).is_file():
        return "untested_none"
    if not python.exists():
        return "untested_no_environment"
    if any(change.path.startswith(LOCKS) and change.after for change in changes):
        return "untested_old_environment"
    _run_smoke_test(project, python)
    return None


def _parse(project: Path, path: str) -> None:
    try:
        ast.parse((project / path).read_bytes(), path)
    except (SyntaxError, ValueError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        raise Failed(f"{path}{line} would not be valid Python") from None


def _run_smoke_test(project: Path, python: Path) -> None:
    options = ("-q", "--tb=line", "-p", "no:cacheprovider")
    # A group of its own, so that nothing it has started outlives it.
    with subprocess.Popen(
        [str(python), "-m", "pytest", *options, SMOKE_TEST],
        cwd=project,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as test:
        try:
            said = test.communicate(timeout=MINUTES * 60)[0]
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(test.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise Failed(f"its smoke test did not end within {MINUTES} minutes") from None
            raise
    if test.returncode:
        lines = [line for line in said.splitlines() if line.strip()]
        named = [line for line in lines if line.startswith(("E ", "FAILED", "ERROR"))] or lines
        reason = named[0] if named else f"exit code {test.returncode}"
        raise Failed(f"its smoke test would fail: {reason}")
