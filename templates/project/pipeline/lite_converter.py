"""Paddle Lite's converter, in `.venv-lite`: it runs on Python 3.8 and 3.10 only."""

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import files
from pipeline.console import UserError
from pipeline.inference import MODEL, WEIGHTS
from pipeline.lite_program import readable
from pipeline.project import CACHE, ROOT, shown

TARGET = "arm"
ENVIRONMENT = ROOT / ".venv-lite"
LOCK = ROOT / "requirements" / "lite.txt"
LOG = CACHE / "lite.log"
PYTHONS = {"3.10": "python3.10", "3.8": "python3.8"}

# Runs there, so it can import nothing of the project.
CONVERT = """
import sys
from paddlelite.lite import Opt
model, weights, target, result = sys.argv[1:]
converter = Opt()
converter.set_model_file(model)
converter.set_param_file(weights)
converter.set_valid_places(target)
converter.set_model_type("naive_buffer")
converter.set_optimize_out(result)
converter.run()
"""
VERSION = "from importlib.metadata import version; print(version('paddlelite'))"
ABOUT_PYTHON = "import sys; print('{}.{}'.format(*sys.version_info))"


def prepare() -> Path:
    """The Python with the converter; makes its environment unless it is there, as locked.

    Raises:
        UserError: no fitting Python, or the converter can't be installed.
    """
    made_from = ENVIRONMENT / "lock.sha256"
    python = ENVIRONMENT / "bin" / "python"
    if (
        python.exists()
        and made_from.is_file()
        and made_from.read_text(encoding="utf-8") == files.sha256(LOCK)
    ):
        return python
    base = find_python()
    print(f"Making {shown(ENVIRONMENT)}/ with {base} (48 MB to download) ...", flush=True)
    with files.replacing(ENVIRONMENT) as beside:
        _run([base, "-m", "venv", str(beside)], f"{base} can't make an environment")
        pip = [str(beside / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--quiet"]
        pip += ["--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
        if wheels := os.environ.get("WHEELS"):
            pip += ["--no-index", "--find-links", wheels]
        _run([*pip, "-r", str(LOCK)], "Paddle Lite's converter can't be installed")
        (beside / made_from.name).write_text(files.sha256(LOCK), encoding="utf-8")
    return python


def find_python() -> str:
    """The Python that LITE_PYTHON names, or python3.10 or python3.8 of this machine."""
    named = os.environ.get("LITE_PYTHON")
    for name in [named] if named else PYTHONS.values():
        try:
            done = subprocess.run([name, "-c", ABOUT_PYTHON], capture_output=True, text=True)
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.strip() in PYTHONS:
            return name
    missing = f"{named} is no" if named else "there is no"
    raise UserError(
        f"Paddle Lite's converter needs Python 3.10 or 3.8, and {missing} such Python. Install one "
        "(uv python install 3.10, or pyenv install 3.10), or name it: make lite LITE_PYTHON=path"
    )


def version(python: Path) -> str:
    """Of the converter."""
    return _run([str(python), "-I", "-c", VERSION], "Paddle Lite's converter does not start")


def convert(python: Path, export: Path, target: Path) -> None:
    """Writes the network of an export as Paddle Lite's `.nb`, whole or not at all.

    Args:
        python: as from `prepare`.
        export: folder with `model.pdmodel` and `model.pdiparams`.
        target: the file.

    Raises:
        UserError: the converter stopped or wrote nothing.
    """
    with TemporaryDirectory() as scratch, files.replacing(target) as beside:
        program = Path(scratch) / MODEL
        program.write_bytes(readable((export / MODEL).read_bytes()))
        result = Path(scratch) / "result"
        inputs = [str(program), str(export / WEIGHTS), TARGET, str(result)]
        fault = f"Paddle Lite can't convert {shown(export)}"
        _run([str(python), "-I", "-c", CONVERT, *inputs], fault)
        written = result.with_name("result.nb")
        if not written.is_file() or not written.stat().st_size:
            raise UserError(f"{fault}: it wrote nothing; {shown(LOG)} says more.")
        beside.write_bytes(written.read_bytes())


def _run(command: list[str], fault: str) -> str:
    """What a command prints; all of it goes to the log, too."""
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        reason = f"signal {-done.returncode}" if done.returncode < 0 else said[-1]
        raise UserError(f"{fault} ({reason}); {shown(LOG)} says more.")
    return done.stdout.strip()
