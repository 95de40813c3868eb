"""Many projects at once: how they stand, and updates side by side."""

import json
import shutil

import pytest

from scaffolder import releases

from .conftest import Template, commit, files, git


@pytest.fixture
def lines(template: Template, tmp_path):
    """Three projects, one behind, one edited where the template changes, one broken."""
    template.write(train="a\nb\nc\n").release("v1.0.0")
    folder = tmp_path / "lines"
    folder.mkdir()
    for name in ("一号线", "edited", "broken"):
        template.new(folder / name)
    (folder / "edited/train").write_text("mine\nb\nc\n")
    commit(folder / "edited")
    (folder / "broken/.copier-answers.yml").write_text("[\n")
    commit(folder / "broken")
    template.write(train="theirs\nb\nc\n").release("v1.1.0")
    return folder


def test_status(lines, fewshot):
    run = lines / "一号线/runs/20260101-120000"
    run.mkdir(parents=True)
    (run / "model.safetensors").write_bytes(b"x")
    about = {
        "finished": True,
        "settings": {"classes": ["a"]},
        "metrics": {"test": {"pictures": 3, "accuracy": {"value": 0.9375}}},
    }
    (run / "run.json").write_text(json.dumps(about))
    (lines / "edited/train").write_text("dirty\n")
    shutil.copytree(lines / "edited", lines / "data/not-a-project")
    done = fewshot("status", lines)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0].rpartition("/")[2]: line for line in done.stdout.splitlines()}
    assert list(rows) == ["project", "broken", "edited", "一号线"]
    assert "v1.0.0   1       accuracy 0.938  clean" in rows["一号线"]
    assert rows["edited"].endswith("dirty")
    assert "is not valid YAML" in rows["broken"]
    listed = json.loads(fewshot("status", lines, "--json").stdout)
    assert {row["behind"] for row in listed} == {1, None}


def test_update_all(lines, fewshot):
    untouched = files(lines / "broken")
    done = fewshot("update", "--all", lines, "--commit")
    assert done.returncode == 1
    assert "1 updated, 0 up to date, 1 with conflicts, 1 not updated" in done.stderr
    assert "[3/3]" in done.stderr
    assert (lines / "一号线/train").read_text() == "theirs\nb\nc\n"
    assert git(lines / "一号线", "status", "--porcelain") == ""
    assert "<<<<<<< yours" in (lines / "edited/train").read_text()
    assert files(lines / "broken") == untouched
    rows = {
        row["folder"].rpartition("/")[2]: row
        for row in json.loads(fewshot("status", lines, "--json").stdout)
    }
    assert rows["edited"]["waiting"] == "conflicts"
    # A second call goes on with what is left.
    (lines / "edited/train").write_text("mine and theirs\nb\nc\n")
    commit(lines / "edited")
    (lines / "broken/.copier-answers.yml").write_text("also: not one\n")
    again = fewshot("update", "--all", lines, "--json")
    assert "0 updated, 2 up to date, 0 with conflicts, 1 not updated" in again.stderr
    assert "does not say which template version" in again.stderr
    assert {row["new"] for row in json.loads(again.stdout)} == {"v1.1.0", ""}


def test_a_lost_answers_file_is_found_again(project, fewshot):
    oldest = next(iter(releases.tags(releases.BUNDLE)))
    folder = project(oldest)
    env = {"FEWSHOT_TEMPLATE": ""}
    before = (folder / ".copier-answers.yml").read_bytes()
    assert "is linked already" in fewshot("link", folder, **env).stderr
    git(folder, "rm", "--quiet", ".copier-answers.yml", "pipeline/views.py")
    (folder / "train.py").write_text((folder / "train.py").read_text() + "# mine\n")
    commit(folder)
    done = fewshot("link", folder, **env)
    assert done.returncode == 0, done.stderr
    assert f"It fits template {oldest}" in done.stdout
    assert "  edited   train.py\n  missing  pipeline/views.py\n" in done.stdout
    assert (folder / ".copier-answers.yml").read_bytes() == before
    commit(folder)
    assert fewshot("update", folder, "--plan").returncode == 0


def test_answers_that_can_be_seen_are_found(project, fewshot, tmp_path):
    done = fewshot(
        *("new", "螺丝", "--task", "detection", "--class", "松动", "--class", "x", "--shots", "7"),
        *("--target", "arm-linux", "--language", "zh", "--defaults"),
        FEWSHOT_TEMPLATE="",
    )
    assert done.returncode == 0, done.stderr
    path = tmp_path / "螺丝/.copier-answers.yml"
    before = path.read_bytes()
    path.unlink()
    done = fewshot("link", "螺丝", "--set", "shots=7", FEWSHOT_TEMPLATE="")
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == before


def test_another_folder_is_not_taken_for_a_project(tmp_path, fewshot):
    (tmp_path / "train.py").write_text("import torch\n")
    done = fewshot("link", tmp_path, FEWSHOT_TEMPLATE="")
    assert done.returncode == 1 and "does not look like a project" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]
