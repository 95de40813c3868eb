"""Checks that this machine can run the project.

Reads: the Python that runs it, the lock in requirements/, the disk, git.
Writes: a table on standard output.

    python doctor.py
"""

from __future__ import annotations  # so that an older Python gets as far as saying so

import argparse
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.console import UserError, run

ROOT = Path(__file__).resolve().parent
PADDLE = "3.0.0"
GIGABYTES_NEEDED = 2  # features, runs and exports of a few hundred pictures

# In a process of its own: a Paddle that does not fit the other packages dies without a word.
PROBE = """
import json, paddle
from paddle import inference
paddle.ones([8, 8]).matmul(paddle.ones([8, 8])).numpy()
cuda = paddle.device.is_compiled_with_cuda()
tensorrt = ".".join(map(str, inference.get_trt_runtime_version()))
print(json.dumps([paddle.__version__, cuda, paddle.device.get_device(), tensorrt]))
"""


def check_python() -> str:
    version = "{}.{}.{}".format(*sys.version_info)
    if sys.version_info[:2] not in [(3, 10), (3, 11)]:
        raise UserError(f"{version}: use 3.10 or 3.11, as make setup does")
    return f"{version} in {sys.prefix}"


def check_packages() -> str:
    try:
        from pip._vendor.packaging.markers import Marker
    except ImportError:
        raise UserError("pip is missing: run make setup") from None
    lock = ROOT / "requirements" / ("gpu.txt" if _installed("paddlepaddle-gpu") else "cpu.txt")
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except OSError:
        raise UserError(f"requirements/{lock.name} is missing: restore it with git") from None
    pins = [re.match(r"([\w.-]+)==([^\s;]+)(?:\s*;\s*([^\\]+))?", line) for line in lines]
    pins = [pin for pin in pins if pin and (not pin[3] or Marker(pin[3].strip()).evaluate())]
    wrong = [
        f"{name} {_installed(name) or 'missing'}"
        for name, locked, _ in (pin.groups() for pin in pins)
        if _installed(name) != locked
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise UserError(f"not as locked: {', '.join(wrong[:5])}{more}: run make setup")
    return f"{len(pins)} as locked in requirements/{lock.name}"


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_paddle() -> str:
    environment = os.environ | {"FLAGS_enable_pir_api": "0"}
    probe = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True
    )
    if probe.returncode:
        said = probe.stderr.strip().splitlines() or [f"it died with code {probe.returncode}"]
        raise UserError(f"does not start ({said[-1]}): run make setup, or build the image again")
    version, cuda, device, tensorrt = json.loads(probe.stdout.splitlines()[-1])
    if version != PADDLE:
        raise UserError(f"{version}: the project needs {PADDLE}: run make setup")
    if cuda and not device.startswith("gpu"):
        raise UserError("no graphics card seen: start the container with --gpus all")
    if cuda:
        device += f", TensorRT {tensorrt}" if tensorrt != "0.0.0" else ", without TensorRT"
    return f"{version} on {device}"


def check_disk() -> str:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES_NEEDED:
        raise UserError(f"{free:.1f} GB free: make room for {GIGABYTES_NEEDED} GB")
    return f"{free:.0f} GB free"


def check_git() -> str:
    if not shutil.which("git"):
        raise UserError("not found: install git; without it the project cannot be updated")
    status = subprocess.run(
        ["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, text=True
    )
    if status.returncode:
        raise UserError("not a repository: run git init, and commit the project")
    changed = len(status.stdout.splitlines())
    return f"{changed} files not committed" if changed else "all committed"


CHECKS = {
    "Python": check_python,
    "packages": check_packages,
    "Paddle": check_paddle,
    "disk": check_disk,
    "git": check_git,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    faults = 0
    for name, check in CHECKS.items():
        try:
            print(f"{name:<10}ok      {check()}")
        except UserError as error:
            faults += 1
            print(f"{name:<10}FAULT   {error}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    run(main)
