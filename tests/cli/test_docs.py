"""docs/cli.md is what the commands say, and its examples are true."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from scaffolder.models import entry

ROOT = Path(__file__).parents[2]


def test_the_reference_is_up_to_date():
    made = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py"], capture_output=True, encoding="utf-8"
    )
    assert made.stdout == (ROOT / "docs/cli.md").read_text(encoding="utf-8"), "run `make docs`"


def test_each_command_has_an_example_that_works(
    fewshot, library, server, tmp_path, pdparams, safetensors
):
    """One after another, with a mirror; before the last ones, a run is finished."""
    reference = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    examples = re.findall(r"```sh\nfewshot (.*)\n```", reference)
    assert len(examples) == reference.count("\n## ")
    model = entry.known_models()["PPLCNet_x1_0"]
    server.files[urlsplit(model.source).path] = pdparams()
    for example in examples:
        if example.startswith("link "):  # is for projects that have lost it
            (tmp_path / "pcb-line/.copier-answers.yml").unlink()
        if "publish" in example:
            run = tmp_path / "pcb-line" / "runs" / "20260101-120000"
            run.mkdir(parents=True)
            (run / "model.safetensors").write_bytes(safetensors())
            about = {"finished": True, "settings": {"classes": ["a"]}}
            (run / "run.json").write_text(json.dumps(about), encoding="utf-8")
        command = shlex.split(example.partition("&&")[0])
        done = fewshot(*command, FEWSHOT_MIRROR=server.address)
        assert done.returncode == 0, done.stderr
