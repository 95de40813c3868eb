"""docs/cli.md is what the commands say, and its examples are true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_is_up_to_date():
    made = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py"], capture_output=True, encoding="utf-8"
    )
    assert made.stdout == (ROOT / "docs/cli.md").read_text(encoding="utf-8"), "run `make docs`"


def test_each_command_has_an_example_that_works(fewshot, tmp_path):
    reference = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    examples = re.findall(r"```sh\nfewshot (.*)\n```", reference)
    assert len(examples) == reference.count("\n## ")
    for example in examples:
        if example.startswith("link "):  # is for projects that have lost it
            (tmp_path / "pcb-line/.copier-answers.yml").unlink()
        done = fewshot(*shlex.split(example.partition("&&")[0]))
        assert done.returncode == 0, done.stderr
