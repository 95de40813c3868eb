"""The command line itself."""

import subprocess
import sys

import pytest

NO_COPIER = """
import sys
sys.argv = ["fewshot", {argument!r}]
from scaffolder.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code
heavy = {{"copier", "pydantic", "questionary", "jinja2", "yaml", "PIL"}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_do_not_import_copier(fewshot, argument):
    done = subprocess.run([sys.executable, "-c", NO_COPIER.format(argument=argument)])
    assert done.returncode == 0


def test_alone_it_shows_the_help(fewshot):
    done = fewshot()
    assert done.returncode == 0
    assert done.stdout == fewshot("--help").stdout


def test_version(fewshot):
    from scaffolder import __version__

    assert fewshot("--version").stdout == f"fewshot {__version__}\n"


def test_presets_are_listed(fewshot):
    done = fewshot("presets")
    assert "pcb-defects: classification of open, short, mousebite" in done.stdout


def test_every_preset_makes_a_project(fewshot):
    from scaffolder import answers

    for name in answers.presets():
        done = fewshot("new", name, "--preset", name, "--defaults")
        assert done.returncode == 0, done.stderr


def test_a_wrong_command_gets_one_line(fewshot):
    done = fewshot("gnu")
    assert done.returncode == 2
    assert done.stderr == "error: No such command 'gnu'.\n"


def test_the_demo_has_pictures_that_are_not_committed(fewshot, tmp_path):
    done = fewshot("demo", "demo-project")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "demo-project"
    for name in ("open", "short", "mousebite", "spur", "copper", "pin-hole"):
        assert len(list((folder / "data" / name).glob("*.png"))) == 40
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=folder, capture_output=True, encoding="utf-8"
    )
    assert status.stdout == ""
    assert "drawings, not photographs" in done.stdout
