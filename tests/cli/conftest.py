"""What several tests of the command line need.

Projects of every released template version, small templates to try changes with, small weight
files and a real server.
"""

import hashlib
import json
import pickle
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml


def git(folder: Path, *args: str | Path) -> str:
    done = subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *map(str, args)],
        cwd=folder,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.rstrip("\n")


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "-m", "mine")


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a project but git's."""
    found = (path for path in folder.rglob("*") if path.is_file())
    paths = {path.relative_to(folder).as_posix(): path for path in found}
    hidden = (".git/", ".fewshot-update/")
    return {p: f.read_bytes() for p, f in paths.items() if not p.startswith(hidden) and p != ".git"}


def answers(folder: Path) -> dict:
    """What a project records."""
    return yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def originals(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A project of a released version, made once."""
    from scaffolder import create

    folder = tmp_path_factory.mktemp("originals")

    def original(version: str, task: str = "classification") -> Path:
        project = folder / f"{task}-{version}"
        if not project.exists():
            create.new(project, {"task": task}, version=version, defaults=True)
        return project

    return original


@pytest.fixture
def project(originals: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A project of a released version, to be changed."""

    def project(version: str, name: str = "line", task: str = "classification") -> Path:
        folder = tmp_path / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(originals(version, task), folder)
        return folder

    return project


QUESTIONS = """\
_subdirectory: project
_exclude:
  - "{% if _copier_operation == 'update' %}/settings.yaml{% endif %}"
task: {type: str, default: classification}
shots: {type: int, default: 20}
"""
ANSWERS = "{{ _copier_answers | to_nice_yaml -}}\n"


class Template:
    """A small template in a git repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        git_folder = folder / "project"
        git_folder.mkdir(parents=True)
        git(folder, "init", "--quiet")
        (folder / "copier.yml").write_text(QUESTIONS)
        (git_folder / "{{_copier_conf.answers_file}}.jinja").write_text(ANSWERS)
        (git_folder / "settings.yaml").write_text("classes: [a, b]\n")

    def write(self, **contents: str | bytes | None) -> "Template":
        """Writes files of the project by name; None removes one."""
        for name, content in contents.items():
            path = self.folder / "project" / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def release(self, tag: str) -> None:
        commit(self.folder)
        git(self.folder, "tag", tag)

    def new(self, dest: Path, version: str | None = None) -> Path:
        from scaffolder import create

        create.new(dest, {}, source=str(self.folder), version=version, defaults=True)
        return dest


@pytest.fixture
def template(home: Path, tmp_path: Path) -> Template:
    return Template(tmp_path / "template")


class Server(ThreadingHTTPServer):
    """Serves bytes on this machine.

    Attributes:
        files: Content by path.
        moved: Where a path leads instead.
        cuts: After how many bytes an answer breaks off, one for each of the first answers.
        gives_parts: Whether it can go on in the middle of a file.
        tag: What identifies the version of the files.
        asked: Path and Range of each request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.cuts: list[int] = []
        self.gives_parts = True
        self.tag = '"one"'
        self.asked: list[tuple[str, str | None]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append((self.path, wanted))
        if self.path in server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved[self.path])
            self.end_headers()
            return
        if self.path not in server.files:
            self.send_error(404)
            return
        content = server.files[self.path]
        begin = 0
        if wanted and server.gives_parts and self.headers["If-Range"] == server.tag:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if server.gives_parts:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", server.tag)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = begin + server.cuts.pop(0) if server.cuts else None
        self.wfile.write(content[begin:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def _pdparams(count: int = 1000, seed: int = 0) -> bytes:
    """A weight file as paddle.save writes it, but for numpy, with so many bytes of weights."""
    values = hashlib.shake_256(bytes([seed])).digest(count)
    return pickle.dumps({"fc.weight": values, "StructuredToParameterName@@": {}}, protocol=4)


def _safetensors(shape: tuple[int, ...] = (2, 3), fill: int = 0) -> bytes:
    count = 4
    for side in shape:
        count *= side
    about = {"dtype": "F32", "shape": shape, "data_offsets": [0, count]}
    header = json.dumps({"backbone.fc.weight": about}).encode()
    return struct.pack("<Q", len(header)) + header + bytes([fill]) * count


@pytest.fixture(scope="session")
def pdparams() -> Callable[..., bytes]:
    return _pdparams


@pytest.fixture(scope="session")
def safetensors() -> Callable[..., bytes]:
    return _safetensors


@pytest.fixture
def library(home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> Path:
    """The folder of an empty library, also for what runs in this process."""
    data = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    return data / "fewshot" / "models"


@pytest.fixture
def models(fewshot: Callable[..., "subprocess.CompletedProcess[str]"], library: Path) -> Callable:
    """Runs `fewshot models` on that library."""
    return lambda *args, **env: fewshot("models", *args, **env)


@pytest.fixture
def published(fewshot, library, tmp_path, safetensors):
    """Publishes a model of a hand-made project under a name."""

    def publish(name: str, task: str, **weights: str) -> Path:
        folder = tmp_path / "line"
        run = folder / "runs" / "20260101-120000"
        run.mkdir(parents=True)
        (folder / ".copier-answers.yml").write_text(f"task: {task}\n")
        (run / "model.safetensors").write_bytes(safetensors())
        about = {"finished": True, "settings": {"classes": ["open", "断路"]}, "weights": weights}
        (run / "run.json").write_text(json.dumps(about), encoding="utf-8")
        done = fewshot("models", "publish", folder, "--name", name)
        assert done.returncode == 0, done.stderr
        return library / name

    return publish
