"""What a run must remember so that someone else can tell, or repeat, how it came about."""

import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path

from pipeline.project import ROOT, RUNS, answers

PACKAGES = (
    "paddlepaddle",
    "paddlepaddle-gpu",
    "paddleclas",
    "paddleslim",
    "paddle2onnx",
    "onnxruntime",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "scikit-learn",
)


def new_run_folder() -> Path:
    """Makes `runs/<date>-<time>/`; the names sort by time."""
    while True:
        folder = RUNS / time.strftime("%Y%m%d-%H%M%S")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            time.sleep(0.2)


def environment() -> dict:
    """Template version, answers, git commit, packages and machine."""
    known = answers()
    return {
        "template_version": known.get("_commit"),
        "answers": {key: value for key, value in known.items() if not key.startswith("_")},
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": bool(_git("status", "--porcelain")),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
