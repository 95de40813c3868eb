"""The command line itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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

SIGNALLED_WHILE_DELETING = """
import os, signal, time
from scaffolder import cli

class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass

cli.end_on_signals()
Deleted()
try:
    time.sleep(60)
finally:
    print("tidied up")
"""


def test_a_signal_ends_the_process_also_while_an_object_is_deleted():
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED_WHILE_DELETING],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + 15, "tidied up\n", "")


HANGUP_IS_IGNORED = """
import os, signal
from scaffolder import cli

signal.signal(signal.SIGHUP, signal.SIG_IGN)
cli.end_on_signals()
os.kill(os.getpid(), signal.SIGHUP)
print("goes on")
"""


def test_under_nohup_it_outlives_the_terminal():
    done = subprocess.run([sys.executable, "-c", HANGUP_IS_IGNORED], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


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


def read_settings(folder: Path) -> dict:
    return yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))


def test_presets_are_listed(fewshot):
    done = fewshot("presets")
    assert "pcb-defects: classification of open, short, mousebite" in done.stdout
    assert "screw-loosening: detection of tight, loose, missing; 30 shots\n  Screws" in done.stdout
    assert "  装配件上的螺钉" in done.stdout


def test_every_preset_makes_a_project(fewshot, tmp_path):
    from scaffolder import answers, settings_text

    for name, preset in answers.presets().items():
        task = preset.answers["task"]
        assert fewshot("new", f"plain {name}", "--task", task, "--defaults").returncode == 0
        done = fewshot("new", name, "--preset", name, "--defaults")
        assert done.returncode == 0, done.stderr
        plain = settings_text.dotted(read_settings(tmp_path / f"plain {name}"))
        made = settings_text.dotted(read_settings(tmp_path / name))
        assert made == plain | preset.settings | {"classes": preset.answers["classes"]}
        assert made.keys() == plain.keys()


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
    assert read_settings(folder)["train"]["minutes"] == 1.5


def test_the_detection_demo_is_a_project_with_boards_and_boxes(fewshot, tmp_path):
    done = fewshot("demo", "demo-project", "--task", "detection", "--language", "zh")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "demo-project"
    for split, count in (("train", 40), ("test", 16)):
        images = json.loads((folder / "data" / f"{split}.json").read_text())["images"]
        assert len(images) == count
        assert all((folder / "data/images" / image["file_name"]).is_file() for image in images)
    assert read_settings(folder)["classes"] == ["open", "short", "spur"]
    assert read_settings(folder)["train"]["minutes"] == 2
    assert "已绘制 56 张示例图片。它们是绘图，不是照片。" in done.stdout


def test_a_demo_of_another_task(fewshot, tmp_path):
    done = fewshot("demo", "x", "--task", "sorting")
    assert done.returncode == 2
    assert done.stderr == "error: task: 'sorting' is not one of classification, detection\n"
    assert not (tmp_path / "x").exists()
