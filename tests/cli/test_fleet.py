"""Many projects at once: how they stand, and updates side by side."""

import json
import os
import shutil

import pytest
import typer

from scaffolder import cli_projects, fleet, releases

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
    shutil.copytree(lines / "edited", lines / "edited/data/not-a-project")
    done = fewshot("status", lines)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0].rpartition("/")[2]: line for line in done.stdout.splitlines()}
    assert list(rows) == ["project", "broken", "edited", "一号线"]
    assert "v1.0.0   1       accuracy 0.938  clean" in rows["一号线"]
    assert rows["edited"].endswith("  edits not committed")
    assert "is not valid YAML" in rows["broken"]
    listed = json.loads(fewshot("status", lines, "--json").stdout)
    assert {row["behind"] for row in listed} == {1, None}
    assert fewshot("update", lines / "一号线").returncode == 0
    assert (
        "v1.1.0   0       accuracy 0.938  update not committed\n" in fewshot("status", lines).stdout
    )


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


def test_a_project_below_a_folder_of_any_name_is_found(template: Template, tmp_path, fewshot):
    template.write(a="1\n").release("v1.0.0")
    (tmp_path / "data").mkdir()
    template.new(tmp_path / "data/line")
    assert "data/line" in fewshot("status", tmp_path).stdout


def test_what_a_project_says_does_not_steer_the_terminal(template: Template, tmp_path, fewshot):
    template.release("v1.0.0")
    path = template.new(tmp_path / "line") / ".copier-answers.yml"
    path.write_text(path.read_text().replace("task: classification", 'task: "\\e[2J"'))
    run = tmp_path / "line/runs/20260101-120000"
    run.mkdir(parents=True)
    (run / "model.safetensors").write_bytes(b"x")
    huge = {"test": {"accuracy": {"value": 10**400}}}
    about = {"finished": True, "settings": {"classes": ["a"]}, "metrics": huge}
    (run / "run.json").write_text(json.dumps(about))
    done = fewshot("status", tmp_path)
    assert done.returncode == 0 and "\x1b" not in done.stdout and "\\x1b[2J" in done.stdout


def test_one_folder_that_cannot_be_read_hides_no_other(template: Template, tmp_path, fewshot):
    template.release("v1.0.0")
    for name in ("one", "two"):
        template.new(tmp_path / name)
    (tmp_path / "one/runs").write_text("no folder\n")
    rows = json.loads(fewshot("status", tmp_path, "--json").stdout)
    assert [row["fault"] == "" for row in rows] == [False, True]


def test_a_process_that_dies_stops_no_other_project(template: Template, tmp_path, fewshot):
    template.write(a="1\n", **{"tests/test_smoke.py": "\n"}).release("v1.0.0")
    folder = tmp_path / "lines"
    folder.mkdir()
    for number in range(4):
        template.new(folder / f"line-{number}")
    template.write(a="2\n").release("v1.1.0")
    python = folder / "line-1/.venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nkill -9 $PPID\n")
    python.chmod(0o755)
    done = fewshot("update", "--all", folder)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "[4/4]" in done.stderr
    assert all((folder / f"line-{number}/a").read_text() == "2\n" for number in range(4))
    fewshot("update", "--abort", folder / "line-1")
    done = fewshot("update", "--all", folder / "line-1")
    assert "line-1: not updated: its process was killed" in done.stderr
    done = fewshot("update", folder / "line-1", folder / "line-2", folder / "line-1")
    assert "[2/2]" in done.stderr and "3]" not in done.stderr


def test_many_projects_of_one_repository(template: Template, tmp_path, fewshot):
    template.write(a="one\n").release("v1.0.0")
    plant = tmp_path / "plant"
    plant.mkdir()
    git(plant, "init", "--quiet")
    for number in range(5):
        template.new(plant / f"line-{number}")
    (plant / "line-2/a").write_text("mine\n")
    commit(plant)
    template.write(a="two\n").release("v1.1.0")
    done = fewshot("update", "--all", plant, "--commit")
    assert "4 updated, 0 up to date, 1 with conflicts, 0 not updated" in done.stderr
    assert fewshot("update", "--abort", plant / "line-2").returncode == 0
    assert git(plant, "status", "--porcelain") == ""


def test_a_template_that_is_refused_is_named_for_each(template: Template, tmp_path, fewshot):
    template.write(a="one\n").release("v1.0.0")
    (tmp_path / "lines").mkdir()
    for name in ("one", "two"):
        template.new(tmp_path / "lines" / name)
    path = template.folder / "copier.yml"
    path.write_text(path.read_text() + "_tasks: [x]\n")
    template.release("v1.1.0")
    done = fewshot("update", "--all", tmp_path / "lines")
    assert done.stderr.count("its copier.yml sets _tasks") == 2


def test_wrong_answers_to_link_are_named(template: Template, tmp_path, fewshot):
    template.write(a="one\n" * 20).release("v1.0.0")
    line = template.new(tmp_path / "line")
    (line / ".copier-answers.yml").write_text("{}\n")
    assert "remove that file, and fewshot link finds it" in fewshot("update", line).stderr
    (line / ".copier-answers.yml").unlink()
    for wrong in ("nonsense=1", "shots=abc"):
        done = fewshot("link", line, "--template", template.folder, "--set", wrong)
        assert done.returncode == 2 and wrong.split("=")[0] in done.stderr
    assert fewshot("link", line, "--template", template.folder).returncode == 0


def test_classes_that_no_answer_can_hold_do_not_hide_a_project(project, fewshot):
    folder = project(next(iter(releases.tags(releases.BUNDLE))))
    (folder / ".copier-answers.yml").unlink()
    path = folder / "settings.yaml"
    path.write_text(path.read_text().replace("classes:", "classes: [true, 5.5]\nold:"))
    done = fewshot("link", folder, FEWSHOT_TEMPLATE="")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_listed(template: Template, tmp_path, fewshot):
    template.release("v1.0.0")
    template.new(tmp_path / "hidden")
    (tmp_path / "hidden").chmod(0)
    try:
        assert "hidden cannot be read: permission denied" in fewshot("status", tmp_path).stdout
    finally:
        (tmp_path / "hidden").chmod(0o755)


def test_a_bad_project_hides_no_other(template: Template, tmp_path, capsys):
    template.release("v1.0.0")
    one, two = (template.new(tmp_path / name) for name in ("one", "two"))
    template.write(a="a\n").release("v1.1.0")
    for mode, said in (("check", "v1.0.0 -> v1.1.0"), ("plan", "added")):
        with pytest.raises(typer.Exit) as ended:
            cli_projects.update([one, tmp_path / "missing", two], **{mode: True})
        assert ended.value.exit_code == 2  # a fault is worse than an old version
        told = capsys.readouterr()
        assert told.out.count(said) == 2 and "one: " in told.out and "two: " in told.out
        assert told.err.count("\n") == 1 and "there is no project" in told.err
    with pytest.raises(typer.Exit) as ended:
        cli_projects.update([one, two], check=True)
    assert ended.value.exit_code == cli_projects.BEHIND


def test_a_project_without_git_has_a_remedy(template: Template, tmp_path):
    template.release("v1.0.0")
    line = template.new(tmp_path / "line")
    shutil.rmtree(line / ".git")
    (row,) = fleet.status([tmp_path])
    assert row.fault.startswith(f"{line} is not committed: git init && git add --all")
