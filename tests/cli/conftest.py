"""Projects of every released template version, and small templates to try changes with."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


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
