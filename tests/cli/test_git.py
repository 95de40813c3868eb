"""The first commit under every kind of git configuration, and inside other repositories."""

import pytest

from .conftest import git

HOSTILE = """
[commit]
    gpgSign = true
[gpg]
    program = false
[init]
    defaultBranch = trunk/odd
[user]
    useConfigOnly = true
[core]
    autocrlf = true
    safecrlf = true
    hooksPath = {hooks}
    excludesFile = {ignored}
"""


def test_a_hostile_configuration(fewshot, tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "ignored").write_text("*\n")
    config = tmp_path / "gitconfig"
    config.write_text(HOSTILE.format(hooks=hooks, ignored=tmp_path / "ignored"))
    before = config.read_text()
    done = fewshot("new", "line", "--defaults", GIT_CONFIG_GLOBAL=str(config))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "hook-ran").exists()
    assert config.read_text() == before
    assert git(tmp_path / "line", "log", "--format=%an") == "fewshot"
    assert ".copier-answers.yml" in git(tmp_path / "line", "ls-files")


def test_the_users_name_is_used(fewshot, tmp_path):
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n    name = 李雷\n    email = li@factory.example\n")
    fewshot("new", "line", "--defaults", GIT_CONFIG_GLOBAL=str(config))
    assert git(tmp_path / "line", "log", "--format=%an %ae") == "李雷 li@factory.example"


def test_inside_another_repository_nothing_is_committed(fewshot, tmp_path):
    git(tmp_path, "init", "--quiet")
    done = fewshot("new", "line", "--defaults")
    assert done.returncode == 0, done.stderr
    assert f"part of the git repository {tmp_path}" in done.stdout
    assert not (tmp_path / "line" / ".git").exists()
    assert git(tmp_path, "status", "--porcelain") == "?? line/"


@pytest.mark.parametrize("dest", ["lines", "lines/one"])
def test_where_another_repository_ignores_the_folder_it_gets_its_own(fewshot, tmp_path, dest):
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/lines/\n")
    (tmp_path / dest).parent.mkdir(exist_ok=True)
    done = fewshot("new", dest, "--defaults")
    assert "first commit" in done.stdout
    assert git(tmp_path / dest, "rev-list", "--count", "HEAD") == "1"


def test_called_from_a_hook_of_another_repository(fewshot, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    done = fewshot(
        *("new", "line", "--defaults"),
        GIT_DIR=str(other / ".git"),
        GIT_WORK_TREE=str(other),
        GIT_INDEX_FILE=str(other / ".git" / "index"),
    )
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "line", "rev-list", "--count", "HEAD") == "1"
    assert git(other, "status", "--porcelain") == ""


def test_without_git(fewshot, tmp_path):
    done = fewshot("new", "line", "--defaults", PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("error: git was not found")
    assert not (tmp_path / "line").exists()
