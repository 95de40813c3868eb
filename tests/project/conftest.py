"""Rendered projects, without the tool that renders them; here one for classification."""

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def edit(path: Path, old: str, new: str, count: int = 1) -> None:
    """Replaces what must be there in a file: the first places, all with a count of -1."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def shorten_compression(project: Path, paddle: str = "avg") -> None:
    """One way to calibrate for each runtime, and one round of timing."""
    pipeline = project / "pipeline"
    edit(pipeline / "latency.py", "ROUNDS = 5", "ROUNDS = 1")
    edit(pipeline / "paddle_int8.py", '("avg", "hist")', f'("{paddle}",)')
    edit(pipeline / "onnx_int8.py", '("MinMax", "Percentile", "Entropy")', '("MinMax",)')


def newest_run(project: Path) -> Path:
    return max((project / "runs").iterdir())


def about(project: Path) -> dict:
    """What is known of the newest run."""
    return json.loads((newest_run(project) / "run.json").read_text(encoding="utf-8"))


def weights(project: Path) -> dict[str, np.ndarray]:
    """Of the newest run."""
    from safetensors.numpy import load_file

    return load_file(newest_run(project) / "model.safetensors")


def model_to_start_from(
    folder: Path, tensors: dict[str, np.ndarray], classes: list[str]
) -> dict[str, object]:
    """Writes a model as `fewshot adapt` puts it into start/ and `fewshot models publish` into the
    library; gives its record."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    save_file(tensors, model := folder / "model.safetensors")
    record = {"name": folder.name, "project": "line", "run": "20260101-120000", "classes": classes}
    record |= {"sha256": hashlib.sha256(model.read_bytes()).hexdigest()}
    (folder / "source.json").write_text(json.dumps(record), encoding="utf-8")
    return record


class Page(HTMLParser):
    """A page's tags, what it loads or links to, and its text."""

    def __init__(self, file: Path):
        super().__init__()
        self.tags, self.sources, self.text = [], [], ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def draw(seed: int, side: int = 48, dark: bool = False) -> Image.Image:
    """Coarse random texture; each seed's is unlike the others'."""
    values = np.random.default_rng(seed).integers(0, 128, (8, 8, 3), np.uint8)
    values = values if dark else values + 127
    return Image.fromarray(values).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    return draw


@pytest.fixture(scope="session")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folds the template's files that are no Jinja, the shared ones and a task's, together."""

    def folded(task: str) -> Path:
        folder = tmp_path_factory.mktemp(task) / "project"
        source = ROOT / "templates" / "project"
        unused = shutil.ignore_patterns("*.jinja", "{{*", "__pycache__")
        shutil.copytree(source, folder, ignore=unused)
        overlay = source / f"{{{{ {task} }}}}"
        shutil.copytree(overlay, folder, ignore=unused, dirs_exist_ok=True)
        return folder

    return folded


@pytest.fixture(scope="session")
def project_template(folded: Callable[[str], Path]) -> Path:
    return folded("classification")


@pytest.fixture
def project(project_template: Path, tmp_path: Path) -> Path:
    """A project with 8 pictures each of the classes `dark` and `light`, for 4 shots."""
    folder = tmp_path / "project"
    shutil.copytree(project_template, folder)
    (folder / "settings.yaml").write_text("classes: [dark, light]\n")
    (folder / ".copier-answers.yml").write_text("language: en\nshots: 4\ntarget: x86-cpu\n")
    for label in ("dark", "light"):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(8):
            name = folder / "data" / label / f"{number}.png"
            draw(number + 100 * (label == "dark"), dark=label == "dark").save(name)
    return folder


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a project's script as its user does: run(project, "train.py", "--resume")."""

    def run(project: Path, script: str, *args: str, **env: str):
        return subprocess.run(
            [sys.executable, project / script, *args],
            cwd=project,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )

    return run


@pytest.fixture(scope="session")
def converter(folded: Callable[[str], Path]) -> Path:
    """A project's `.venv-lite`, made as lite.py makes it; skips the test where that can't be."""
    found: list[str | Path | None] = []
    for version in ("3.10", "3.8"):
        found.append(shutil.which(f"python{version}"))
        found += Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")
    project = folded("classification")
    program = "from pipeline import lite_converter; print(lite_converter.prepare())"
    said = "no Python 3.10 or 3.8 found"
    for python in filter(None, found):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=project,
            env={**os.environ, "LITE_PYTHON": str(python)},
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode == 0:
            return project / ".venv-lite"
        said = done.stderr.strip().splitlines()[-1]
    pytest.skip(f"no Paddle Lite: {said}")


@pytest.fixture
def in_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Makes `import pipeline...` mean this project's modules, for this test only."""
    ours = [name for name in sys.modules if name.split(".")[0] == "pipeline"]
    for name in ours:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.import_module("pipeline")  # it sets Paddle up, before a test imports that
    yield project
    for name in [name for name in sys.modules if name.split(".")[0] == "pipeline"]:
        del sys.modules[name]


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Finds a pack of real pictures; skips the test where it is absent."""

    def real_data(name: str) -> Path:
        if not (SHARED / name).is_dir():
            pytest.skip(f"real pictures not found: {SHARED / name}")
        return SHARED / name

    return real_data
