"""Seconds, not minutes: the settings load and every script starts.

make test
"""

import runpy
import sys
from pathlib import Path

import pytest

from pipeline import settings

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(path.name for path in ROOT.glob("*.py") if path.name != "custom.py")


def test_the_settings_load():
    assert settings.load().classes


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_script_answers_help(script, monkeypatch, capsys):
    # In this process, because importing Paddle once for each script takes most of a minute.
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    assert ended.value.code == 0
    assert script in capsys.readouterr().out
