"""The release bundle, and what a project records of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scaffolder import releases, source
from scaffolder.errors import FewshotError, UsageError
from scaffolder.source import checkout

ROOT = Path(__file__).parents[2]


def write_version(templates: Path, version: str) -> None:
    (templates / "VERSION").write_text(f"{version}\n")


@pytest.fixture
def templates(home, tmp_path) -> Path:
    """A copy of templates/ in a repository of its own."""
    copy = tmp_path / "checkout" / "templates"
    shutil.copytree(ROOT / "templates", copy, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "--quiet"], cwd=copy.parent, check=True)
    return copy


def test_the_newest_release_is_the_working_templates(home, bundle):
    """Whoever edits templates/ runs `make bundle`."""
    shipped, built = releases.tags(releases.BUNDLE), releases.tags(bundle)
    newest = list(shipped)[-1]
    assert [newest] == list(built)
    with (
        checkout(str(releases.BUNDLE), newest) as old,
        checkout(str(bundle), newest) as new,
    ):
        diff = subprocess.run(
            ["git", "diff", "--no-index", "--stat", old.folder, new.folder],
            capture_output=True,
            encoding="utf-8",
        )
    assert diff.stdout == "", "run `make bundle`"


def test_a_bundle_is_built_byte_for_byte_alike(templates, tmp_path):
    one, two = tmp_path / "one.bundle", tmp_path / "two.bundle"
    releases.build(templates, one)
    os.utime(templates / "copier.yml", (0, 0))
    releases.build(templates, two)
    assert one.read_bytes() == two.read_bytes()
    releases.build(templates, two)
    assert one.read_bytes() == two.read_bytes()


def test_versions_follow_each_other(templates, tmp_path):
    path = tmp_path / "templates.bundle"
    for version in ("0.9.0", "0.10.0", "0.10.1"):
        write_version(templates, version)
        assert releases.build(templates, path) == f"v{version}"
    assert list(releases.tags(path)) == ["v0.9.0", "v0.10.0", "v0.10.1"]
    first = releases.tags(path)["v0.9.0"]
    write_version(templates, "0.10.1")
    (templates / "new").write_text("x")
    releases.build(templates, path)
    assert releases.tags(path)["v0.9.0"] == first
    write_version(templates, "0.9.5")
    with pytest.raises(FewshotError, match="next version"):
        releases.build(templates, path)


def test_a_released_version_is_not_built_again(templates, tmp_path, monkeypatch):
    bundle, released = tmp_path / "templates.bundle", tmp_path / "releases.json"
    write_version(templates, "1.0.0")
    releases.build(templates, bundle)
    released.write_text(json.dumps(releases.tags(bundle)))
    monkeypatch.setattr(releases, "RELEASED", released)
    before = bundle.read_bytes()
    releases.build(templates, bundle)
    (templates / "project/doctor.py").write_text("")
    with pytest.raises(FewshotError, match=r"v1\.0\.0 is released: write the next version"):
        releases.build(templates, bundle)
    assert bundle.read_bytes() == before


def test_released_versions_are_what_was_released():
    tags = releases.tags(releases.BUNDLE)
    assert releases.released().items() <= tags.items()
    assert len(releases.released()) >= 3


def test_the_bundle_is_copied_to_the_users_data(fewshot, home, tmp_path):
    done = fewshot("new", "line", "--defaults", FEWSHOT_TEMPLATE="")
    assert done.returncode == 0, done.stderr
    recorded = yaml.safe_load((tmp_path / "line" / ".copier-answers.yml").read_text())
    assert recorded["_src_path"] == "~/.local/share/fewshot/templates.bundle"
    installed = home / ".local/share/fewshot/templates.bundle"
    assert installed.read_bytes() == releases.BUNDLE.read_bytes()
    assert os.listdir(installed.parent) == ["templates.bundle"]


def test_a_newer_bundle_of_the_user_stays(templates, home, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    older, newer = tmp_path / "older" / "templates.bundle", tmp_path / "newer.bundle"
    write_version(templates, "1.0.0")
    releases.build(templates, older)
    shutil.copy(older, newer)
    write_version(templates, "1.1.0")
    releases.build(templates, newer)
    monkeypatch.setattr(releases, "BUNDLE", older)
    installed = releases.install()
    assert installed.read_bytes() == older.read_bytes()
    shutil.copy(newer, installed)
    assert releases.install().read_bytes() == newer.read_bytes()
    installed.write_bytes(b"\xffbroken")
    assert releases.install().read_bytes() == older.read_bytes()


@pytest.mark.parametrize("damage", ["cut off", "a wrong byte"])
def test_a_damaged_bundle_of_the_user_is_written_anew(home, tmp_path, monkeypatch, damage):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    installed = releases.install()
    whole = installed.read_bytes()
    content = bytearray(whole)
    content[len(whole) // 2] ^= 1
    installed.write_bytes(content if damage == "a wrong byte" else whole[: len(whole) // 2])
    assert releases.tags(installed) == releases.tags(releases.BUNDLE)  # the header is whole
    with source.opened(None) as opened:
        assert opened.versions == list(releases.tags(releases.BUNDLE))
    assert installed.read_bytes() == whole
    assert os.listdir(installed.parent) == ["templates.bundle"]
    monkeypatch.setattr(releases, "BUNDLE", tmp_path / "templates.bundle")
    installed.write_bytes(whole[: len(whole) // 2])
    releases.BUNDLE.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(UsageError), source.opened(None):  # as where the disk is full
        pass
    assert installed.read_bytes() == whole[: len(whole) // 2]


def test_an_older_version_can_be_asked_for(templates, fewshot, tmp_path):
    path = tmp_path / "templates.bundle"
    for version in ("1.0.0", "1.1.0"):
        write_version(templates, version)
        releases.build(templates, path)
    for asked in ("v1.0.0", "1.0.0"):
        args = ("new", asked, "--template", path, "--version", asked, "--defaults")
        assert fewshot(*args).returncode == 0
        assert "_commit: v1.0.0\n" in (tmp_path / asked / ".copier-answers.yml").read_text()


def test_what_is_rendered_is_what_copier_renders(bundle, fewshot, tmp_path):
    assert fewshot("new", "ours", "--template", bundle, "--defaults").returncode == 0
    subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", bundle, "copiers"],
        cwd=tmp_path,
        check=True,
    )
    diff = subprocess.run(
        ["diff", "--recursive", "--exclude=.git", "ours", "copiers"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert diff.stdout == ""


def test_a_release_is_checked_dated_and_final(templates, tmp_path, monkeypatch):
    bundle, released = tmp_path / "templates.bundle", tmp_path / "releases.json"
    released.write_text("{}")
    monkeypatch.setattr(releases, "RELEASED", released)
    write_version(templates, "1.0.0")
    log = templates / "CHANGELOG.md"
    log.write_text("# Changes\n\n## Unreleased\n")
    with pytest.raises(FewshotError, match="says nothing under '## Unreleased'"):
        releases.release(templates, bundle, released)
    log.write_text("# Changes\n\n## Unreleased\n\n- Something.\n")
    script = templates / "project/doctor.py"
    text = script.read_text()
    script.write_text("def broken(:\n")
    with pytest.raises(FewshotError, match=r"doctor\.py:1 is not valid Python"):
        releases.release(templates, bundle, released)
    assert not bundle.exists() and "## Unreleased" in log.read_text()
    script.write_text(text)
    assert releases.release(templates, bundle, released) == "v1.0.0"
    assert re.search(r"^## 1\.0\.0 \(\d{4}-\d\d-\d\d\)$", log.read_text(), re.MULTILINE)
    assert json.loads(released.read_text()) == releases.tags(bundle)
    script.write_text("")
    with pytest.raises(FewshotError, match=r"v1\.0\.0 is released"):
        releases.build(templates, bundle)
