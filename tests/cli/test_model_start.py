"""`fewshot new --model`: a new project starts from a model of the library."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from scaffolder.errors import UsageError
from scaffolder.models import start


def model_settings(folder: Path) -> dict:
    return yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))["model"]


def test_from_a_published_model(fewshot, published, tmp_path):
    there = published("ours", "detection", backbone="EfficientNetLite0", detector="dense")
    given = ("--class", "断路", "--class", "spur", "--defaults")
    done = fewshot("new", "next", "--model", "ours", *given)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "next"
    settings = model_settings(made)
    assert (settings["start"], settings["detector"]) == ("start", "dense")
    model = (made / "start/model.safetensors").read_bytes()
    source = json.loads((made / "start/source.json").read_text(encoding="utf-8"))
    assert source["sha256"] == hashlib.sha256(model).hexdigest()
    assert source == json.loads((there / "source.json").read_text(encoding="utf-8"))
    said = "Training starts from run 20260101-120000 of line. Class rows kept: 断路; new: spur.\n"
    assert said in done.stdout
    listed = subprocess.run(["git", "ls-files", "start"], cwd=made, capture_output=True, text=True)
    assert listed.stdout == "start/source.json\n"


def test_a_detector_with_a_backbone_of_its_own_is_copied_too(fewshot, published, tmp_path):
    published("ours", "detection", backbone="native", detector="picodet")
    done = fewshot("new", "next", "--model", "ours", "--defaults")
    assert done.returncode == 0, done.stderr
    settings = model_settings(tmp_path / "next")
    assert (settings["start"], settings["detector"]) == ("start", "picodet")
    assert (settings["backbone"], settings["weights"]) == ("EfficientNetLite0", None)
    assert (tmp_path / "next/start/model.safetensors").is_file()
    assert "Class rows kept: open, 断路; new: none.\n" in done.stdout  # its classes are offered


def test_of_a_classifier_the_backbone_is_kept(fewshot, published):
    published("ours", "classification", backbone="EfficientNetLite0")
    done = fewshot("new", "next", "--model", "ours", "--defaults")
    assert done.returncode == 0, done.stderr
    said = "starts from the backbone of run 20260101-120000 of line; the head is fitted anew.\n"
    assert said in done.stdout and "Class rows" not in done.stdout


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_from_a_backbone(fewshot, home, library, tmp_path, pdparams, monkeypatch, task):
    file = library / "PPLCNet_x1_0" / "model.pdparams"
    named = str(file)
    if task == "detection":  # the library lies below the user's home
        monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
        named = "~/data/fewshot/models/PPLCNet_x1_0/model.pdparams"
        file = home / named.removeprefix("~/")
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    fewshot("models", "pull", "PPLCNet_x1_0", "--from", "a.pdparams")
    given = ("--task", task, "--language", "zh", "--defaults")
    done = fewshot("new", "next", "--model", "PPLCNet_x1_0", *given)
    assert done.returncode == 0, done.stderr
    settings = model_settings(tmp_path / "next")
    assert (settings["backbone"], settings["weights"]) == ("PPLCNet_x1_0", named)
    assert settings["start"] is None
    assert settings.get("detector") == ("dense" if task == "detection" else None)
    assert f"将从 PPLCNet_x1_0 开始训练：{file}。" in done.stdout


def test_a_damaged_model_is_not_used(fewshot, published, tmp_path):
    there = published("ours", "classification", backbone="EfficientNetLite0")
    (there / "model.safetensors").write_bytes(b"x")
    done = fewshot("new", "next", "--model", "ours", "--defaults")
    assert done.returncode == 1 and "ours is not in the library" in done.stderr
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "ours is a model for classification, not for detection"),
        ("zh", "ours 是用于 classification 的模型，不能用于 detection"),
    ],
)
def test_a_model_of_another_task_is_refused(fewshot, published, tmp_path, language, text):
    published("ours", "classification", backbone="EfficientNetLite0")
    given = ("--task", "detection", "--language", language, "--defaults")
    done = fewshot("new", "next", "--model", "ours", *given)
    assert (done.returncode, done.stderr) == (2, f"error: {text}\n")
    assert sorted(os.listdir(tmp_path)) == ["line"]


def test_a_template_that_knows_no_start_is_refused(fewshot, published, tmp_path):
    published("ours", "classification", backbone="EfficientNetLite0")
    given = ("--version", "v0.1.0", "--defaults")
    done = fewshot("new", "next", "--model", "ours", *given, FEWSHOT_TEMPLATE="")
    text = "error: template v0.1.0 cannot start from a model: take a newer one\n"
    assert (done.returncode, done.stderr) == (1, text)
    assert sorted(os.listdir(tmp_path)) == ["line"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PPLCNet_x1_0", "PPLCNet_x1_0 is not in the library: fewshot models pull PPLCNet_x1_0"),
        ("EfficientNetLite0", "starts from it by default: pull nothing, and leave --model out"),
        ("../x", "cannot be the name of a model"),
        ("mine", "architecture mine is: fewshot models pull mine --architecture X"),
    ],
)
def test_a_model_that_cannot_be_used(fewshot, library, tmp_path, pdparams, name, text):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    fewshot("models", "pull", "mine", "--from", "a.pdparams")
    done = fewshot("new", "next", "--model", name, "--defaults")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert text in done.stderr
    assert not (tmp_path / "next").exists()


def test_a_model_that_nobody_knows(library):
    with pytest.raises(UsageError, match=r"'PPLCNet_x10': did you mean PPLCNet_x1_0\?"):
        start.ready("PPLCNet_x10")
    with pytest.raises(UsageError, match="'nope': fewshot models list shows those there are"):
        start.ready("nope")
