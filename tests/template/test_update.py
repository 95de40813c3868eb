"""An update by plain `copier update` from what a project recorded: the user's files stay."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMIT = ("-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--all", "-m", "mine")


@pytest.fixture
def source(home, tmp_path) -> Path:
    """A template source with v1.0.0 as the templates are, and v1.1.0 with every file changed."""
    from scaffolder import releases

    checkout = tmp_path / "checkout"
    shutil.copytree(
        ROOT / "templates", checkout / "templates", ignore=shutil.ignore_patterns("__pycache__")
    )
    subprocess.run(["git", "init", "--quiet"], cwd=checkout, check=True)
    path = tmp_path / "templates.bundle"
    (checkout / "templates/VERSION").write_text("1.0.0\n")
    releases.build(checkout / "templates", path)
    (checkout / "templates/VERSION").write_text("1.1.0\n")
    for file in (checkout / "templates/project").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes() + b"# new in 1.1.0\n")
    releases.build(checkout / "templates", path)
    return path


@pytest.fixture(params=["classification", "detection"])
def project(fewshot, source, tmp_path, request) -> Path:
    args = ("--task", request.param, "--template", source, "--version", "v1.0.0", "--defaults")
    done = fewshot("new", "line", *args)
    assert done.returncode == 0, done.stderr
    return tmp_path / "line"


def update(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "copier", "update", "--defaults", "--quiet"],
        cwd=project,
        env={**os.environ, "GIT_AUTHOR_NAME": "x"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr


def test_files_of_the_template_are_updated_and_files_of_the_user_are_not(project):
    (project / "data/mine.txt").write_text("mine")
    subprocess.run(["git", "add", "--force", "data"], cwd=project, check=True)
    subprocess.run(["git", *COMMIT], cwd=project, check=True)
    settings = (project / "settings.yaml").read_bytes()
    update(project)
    assert (project / "settings.yaml").read_bytes() == settings
    assert (project / "data/mine.txt").read_text() == "mine"
    assert (project / "Makefile").read_text().endswith("# new in 1.1.0\n")
    assert "_commit: v1.1.0\n" in (project / ".copier-answers.yml").read_text()


def test_edits_and_deletions_of_the_user_stay(project):
    (project / "settings.yaml").write_text("mine: true\n")
    (project / "custom.py").unlink()
    shutil.rmtree(project / "data")
    (project / "README.md").unlink()
    makefile = project / "Makefile"
    makefile.write_text("# mine\n" + makefile.read_text())
    subprocess.run(["git", *COMMIT], cwd=project, check=True)
    update(project)
    assert (project / "settings.yaml").read_text() == "mine: true\n"
    assert not (project / "custom.py").exists()
    assert not (project / "data").exists()
    assert makefile.read_text().startswith("# mine\n")
    assert makefile.read_text().endswith("# new in 1.1.0\n")
