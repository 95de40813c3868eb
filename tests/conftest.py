"""Fixtures that run the real `fewshot` away from the user's home and configuration.

Whoever tests a rendered project has neither scaffolder nor copier: import them in fixtures only.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A shell starts jobs in the background with Ctrl-C switched off, and what they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder with no configuration at all."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("GIT_", "XDG_", "COPIER_", "FEWSHOT_")) or name == "EMAIL":
                patch.delenv(name)
        patch.setenv("HOME", str(folder))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield folder


@pytest.fixture(scope="session")
def bundle(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one release: templates/ as it is now."""
    from scaffolder import releases

    path = tmp_path_factory.mktemp("bundle") / "templates.bundle"
    releases.build(ROOT / "templates", path)
    return path


@pytest.fixture
def fewshot(bundle: Path, tmp_path: Path) -> Run:
    """Runs `fewshot` in an empty folder on the working templates, with nothing to type."""

    def run(*args: str | Path, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "scaffolder", *map(str, args)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FEWSHOT_TEMPLATE": str(bundle), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )

    return run
