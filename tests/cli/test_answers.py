"""Answers are taken as they are written, from any kind of file and on any keyboard."""

import os
from pathlib import Path

import pytest
import yaml

from scaffolder import answers
from scaffolder.errors import UsageError
from scaffolder.rendering import render
from scaffolder.source import checkout

from .conftest import Template

COPIER_YML = Path(__file__).parents[2] / "templates/copier.yml"
NUMBERS = {"num_classes": {"type": "int"}, "classes": {"type": "str"}, "shots": {"type": "int"}}


@pytest.mark.parametrize("names", ["001, 002, 010", "1_000, 0x1F, 1.10", "12:30:45, 0, -1"])
def test_names_of_digits_stay_as_they_are_written(tmp_path, names):
    file = tmp_path / "a.yml"
    file.write_text(f"classes: [{names}]\nshots: 010\n")
    checked = answers.check(answers.merge(answers.load(file)), NUMBERS)
    assert checked == {"num_classes": 3, "classes": names, "shots": 10}


def test_an_answers_file_has_a_limit_and_can_be_a_pipe(tmp_path):
    file = tmp_path / "a.yml"
    file.write_text(f"# {'x' * (2 << 20)}\nshots: 5\n")
    with pytest.raises(UsageError, match=r"a\.yml is larger than 1 MB"):
        answers.load(file)
    reading, writing = os.pipe()
    os.write(writing, b"shots: 5\n")
    os.close(writing)
    assert answers.load(Path(f"/dev/fd/{reading}")) == {"shots": "5"}
    os.close(reading)


def test_names_that_look_alike_are_one(template: Template, tmp_path):
    """An accented letter can be one character, or a letter and an accent."""
    questions = yaml.safe_load(COPIER_YML.read_text(encoding="utf-8"))
    questions = {name: about for name, about in questions.items() if name[0] != "_"}
    for task in ("classification", "detection"):
        given = {"task": task, "classes": ["caf\u00e9", "cafe\u0301"]}
        with pytest.raises(UsageError, match="is there twice"):
            answers.check(answers.merge(given), questions)
    path = template.folder / "copier.yml"
    path.write_text(path.read_text() + "classes: {type: str, default: a}\n")
    template.release("v1.0.0")
    with checkout(str(template.folder), None) as release:
        recorded = render(release, tmp_path / "line", {"classes": "cafe\u0301"})  # as if typed
    assert recorded["classes"] == "caf\u00e9"
