"""Updates of projects in odd states: made rightly, or refused in one line with nothing changed."""

import errno
import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest

from scaffolder import link as links
from scaffolder import transaction
from scaffolder import update as updates
from scaffolder.errors import FewshotError
from scaffolder.threeway import Kind
from scaffolder.update import Request

from .conftest import Template, commit, files, git

DEFAULTS = Request(defaults=True)
TEXT = "".join(f"line {i}\n" for i in range(20))


def kinds(done: updates.Updated) -> dict[str, Kind]:
    found = {change.path: change.kind for change in done.plan.changes}
    return {path: kind for path, kind in found.items() if path != ".copier-answers.yml"}


def is_clean(folder: Path) -> bool:
    return git(folder, "status", "--porcelain", "--untracked-files=all") == ""


def test_a_file_where_a_folder_was_and_the_reverse(template: Template, tmp_path):
    template.write(one="1\n", **{"two/x": "2\n", "three": TEXT}).release("v1.0.0")
    line = template.new(tmp_path / "line")
    before = files(line)
    template.write(one=None, three=None, **{"two/x": None})
    (template.folder / "project/two").rmdir()
    template.write(two="two\n", **{"one/y": "y\n", "three/in": TEXT + "more\n"}).release("v1.1.0")
    done = updates.update(line, DEFAULTS)
    assert kinds(done) == {
        "one": Kind.DELETED,
        "one/y": Kind.ADDED,
        "two": Kind.ADDED,
        "two/x": Kind.DELETED,
        "three/in": Kind.RENAMED,
    }
    assert (line / "two").read_text() == "two\n" and (line / "one/y").read_text() == "y\n"
    updates.abort(line)
    assert files(line) == before and is_clean(line)


def test_a_folder_with_a_file_of_the_user_s_makes_no_room(template: Template, tmp_path):
    template.write(**{"two/x": "2\n"}).release("v1.0.0")
    line = template.new(tmp_path / "line")
    (line / "two/mine").write_text("mine\n")
    template.write(**{"two/x": None})
    (template.folder / "project/two").rmdir()
    template.write(two="two\n").release("v1.1.0")
    assert kinds(updates.update(line, DEFAULTS)) == {"two": Kind.KEPT, "two/x": Kind.DELETED}
    assert (line / "two/mine").read_text() == "mine\n"


def test_what_is_put_in_the_way_after_an_update_is_kept(template: Template, tmp_path):
    template.write(a="a\n", b="b\n", c="c\n", **{"in/x": "x\n"}).release("v1.0.0")
    line = template.new(tmp_path / "line")
    before = files(line)
    template.write(a="A\n", b="B\n", c="C\n", new="n\n", **{"in/x": "X\n"}).release("v1.1.0")
    updates.update(line, DEFAULTS)
    for name in ("a", "new"):
        (line / name).unlink()
        (line / name).mkdir()
        (line / name / "mine").write_text(f"mine in {name}\n")
    (line / "b").unlink()
    (line / "b").symlink_to("c")
    shutil.rmtree(line / "in")
    (line / "in").symlink_to(tmp_path)  # not followed
    (tmp_path / "x").write_text("elsewhere\n")
    kept = updates.abort(line)
    assert (tmp_path / "x").read_text() == "elsewhere\n"
    assert kept and files(kept)["a/mine"] == b"mine in a\n"
    assert files(kept)["new/mine"] == b"mine in new\n" and os.readlink(kept / "in") == str(tmp_path)
    assert os.readlink(kept / "b") == "c"
    assert is_clean(line)
    shutil.rmtree(kept.parent)
    assert files(line) == before and is_clean(line) and not (line / "b").is_symlink()


def test_ctrl_c_does_not_stop_going_back(template: Template, tmp_path, monkeypatch):
    template.write(a="1\n", b="1\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    template.write(a="2\n", b="2\n").release("v1.1.0")
    updates.update(line, DEFAULTS)
    put = transaction._put

    def interrupted(*args) -> None:
        put(*args)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(transaction, "_put", interrupted)
    updates.abort(line)
    assert is_clean(line) and (line / "b").read_text() == "1\n"


def test_a_repository_with_sha256(template: Template, tmp_path):
    template.write(a="one\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    shutil.rmtree(line / ".git")
    git(line, "init", "--quiet", "--object-format=sha256")
    commit(line)
    template.write(a="two\n", new="n\n").release("v1.1.0")
    updates.update(line, DEFAULTS)
    updates.abort(line)
    assert is_clean(line) and (line / "a").read_text() == "one\n"
    assert updates.update(line, DEFAULTS, commit=True).commit
    assert is_clean(line)


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_an_edit_that_git_was_told_not_to_see(template: Template, tmp_path, flag):
    template.write(a="one\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    git(line, "update-index", flag, "a")
    (line / "a").write_text("mine\n")
    template.write(a="two\n").release("v1.1.0")
    with pytest.raises(FewshotError, match="git does not look at a in "):
        updates.update(line, DEFAULTS, commit=True)
    assert (line / "a").read_text() == "mine\n"


def test_names_that_git_could_take_for_something_else(template: Template, tmp_path):
    names = ('"quoted"', ":x", "*", "a[1]", "-d", "back\\slash", "a b", "$(x)", "中 文")
    template.write(**dict.fromkeys(names, "1\n")).release("v1.0.0")
    line = template.new(tmp_path / "line")
    (line / "new\nline").write_text("mine\n")
    (line / "z.py").write_text("mine\n")
    commit(line)
    template.write(**dict.fromkeys(names, "2\n")).release("v1.1.0")
    changes = updates.update(line, DEFAULTS).plan.changes
    (line / "z.py").write_text("staged, and not the update's\n")
    git(line, "add", "z.py")
    transaction.commit(line, changes, "made")
    assert git(line, "status", "--porcelain") == "M  z.py"
    assert all((line / name).read_text() == "2\n" for name in names)


def test_line_ends_of_windows_stay(template: Template, tmp_path):
    template.write(a=TEXT).release("v1.0.0")
    line = template.new(tmp_path / "line")
    mine = TEXT.replace("line 3", "mine").replace("\n", "\r\n").encode()
    (line / "a").write_bytes(mine)
    commit(line)
    template.write(a=TEXT.replace("line 15", "theirs")).release("v1.1.0")
    assert kinds(updates.update(line, DEFAULTS)) == {"a": Kind.MERGED}
    assert (line / "a").read_bytes() == mine.replace(b"line 15", b"theirs")


def test_a_project_inside_another(template: Template, tmp_path, fewshot):
    template.write(report=TEXT, a="1\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    git(line, "rm", "--quiet", "report")  # the inner one's is not the outer one's, moved
    template.new(line / "inner")
    commit(line)
    template.write(report=TEXT + "more\n", a="2\n").release("v1.1.0")
    (line / "inner/a").write_text("being edited\n")
    assert kinds(updates.update(line, DEFAULTS)) == {"a": Kind.CLEAN, "report": Kind.KEPT}
    assert (line / "inner/report").read_text() == TEXT


def test_a_commit_elsewhere_does_not_hinder_going_back(template: Template, tmp_path):
    template.write(a="one\nsame\n").release("v1.0.0")
    outer = tmp_path / "plant"
    outer.mkdir()
    git(outer, "init", "--quiet")
    line = template.new(outer / "line")
    (line / "a").write_text("mine\nsame\n")
    commit(outer)
    template.write(a="two\nsame\n").release("v1.1.0")
    assert updates.update(line, DEFAULTS).plan.conflicts
    author = ("-c", "user.name=x", "-c", "user.email=x@x")
    other = git(outer, *author, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "elsewhere")
    git(outer, "update-ref", "HEAD", other)
    updates.abort(line)
    assert (line / "a").read_text() == "mine\nsame\n" and git(outer, "status", "--porcelain") == ""


def journal(line: Path, name: str, before: object = None) -> Path:
    folder = line / transaction.FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "before").mkdir(parents=True)
    about = {"before": before, "digest_before": "x", "digest_after": "y"}
    (folder / "journal.json").write_text(
        json.dumps({"old": "a", "new": "b", "files": {name: about}})
    )
    return folder


def test_broken_journals(template: Template, tmp_path, fewshot):
    template.write(a="one\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    before = files(line)
    blob = ["100644", "0" * 40]
    cases = [("", None), (".", None), ("a\0b", None), ("a", ["x"]), ("a", 5), ("a", blob)]
    for name, entry in cases:
        journal(line, name, entry)
        with pytest.raises(FewshotError, match="back with git, and remove"):
            updates.abort(line)
    for text in ("[1]", "{", "[" * 100000, "{}"):
        (line / transaction.FOLDER / "journal.json").write_text(text)
        with pytest.raises(FewshotError, match="is broken"):
            updates.update(line, DEFAULTS)
    assert files(line) == before


def test_a_journal_writes_nothing_outside(template: Template, tmp_path):
    template.write(a="one\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "out").mkdir()
    folder = journal(line, "a", ["100644", git(line, "rev-parse", "HEAD:a")])
    (folder / "before/a").write_text("old\n")
    (folder / "restored").symlink_to(victim)
    (line / transaction.KEPT).symlink_to(tmp_path / "out")
    with pytest.raises(FewshotError, match="fewshot-kept is in the way"):
        updates.abort(line)
    (line / transaction.KEPT).unlink()
    assert updates.abort(line)
    (line / "link").symlink_to(tmp_path)
    journal(line, "link/victim")
    updates.abort(line)
    git(line, "checkout", "--quiet", "HEAD", "--", "a")
    assert victim.read_text() == "precious\n" and not os.listdir(tmp_path / "out")
    template.write(a="two\n").release("v1.1.0")
    folder.symlink_to(tmp_path / "out")
    with pytest.raises(FewshotError, match="fewshot-update is in the way: remove it"):
        updates.update(line, DEFAULTS)
    assert not os.listdir(tmp_path / "out")


def test_git_at_work_is_said_by_name(template: Template, tmp_path, fewshot):
    template.write(a="one\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    template.write(a="two\n").release("v1.1.0")
    (line / ".git/index.lock").touch()
    done = fewshot("update", line)
    assert done.returncode == 1 and f"{line}/.git/index.lock': File exists" in done.stderr
    assert (line / "a").read_text() == "one\n"


def test_a_commit_without_a_tag_is_no_version(template: Template, tmp_path, fewshot):
    """Its id may begin with digits, and is no number that could be compared."""
    for attempt in range(50):
        template.write(a=f"{attempt}\n")
        commit(template.folder)
        made = git(template.folder, "rev-parse", "HEAD")
        if made[0] in "123456789":
            break
    line = template.new(tmp_path / "line", made)
    template.write(a="new\n").release("v0.1.0")
    assert fewshot("update", "--check", line).returncode == 5
    assert kinds(updates.update(line, DEFAULTS)) == {"a": Kind.CLEAN}


def test_a_chinese_project_is_told_in_chinese(template: Template, tmp_path, fewshot):
    path = template.folder / "copier.yml"
    path.write_text(path.read_text() + "language: {type: str, default: zh}\n")
    template.write(a="one\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    template.write(a="two\n").release("v1.1.0")
    assert "有 1 个更新的版本" in fewshot("update", "--check", line).stdout
    assert "没有 tests/test_smoke.py" in fewshot("update", line).stdout
    commit(line)
    assert fewshot("update", "--check", line).stdout == "无需更新：项目已是模板 v1.1.0。\n"


def test_a_file_of_the_user_s_own_is_no_conflict_later(template: Template, tmp_path):
    """The second release after the one that brought a file of the same name changes it."""
    template.write(a="1\n", one="VERSION 1\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    own = {"text": b"my own\nnotes\n", "picture": b"\0mine"}
    for name, content in own.items():
        (line / name).write_bytes(content)
    (line / "one").write_text("VERSION mine\n")
    commit(line)
    for number, picture in ((1, b"\0theirs"), (2, b"\0other")):
        template.write(text=f"of the template\n{number}\n", picture=picture)
        template.write(one=f"VERSION {number + 1}\n").release(f"v1.{number}.0")
        done = updates.update(line, DEFAULTS)
        assert kinds(done) | {"one": None} == dict.fromkeys(own, Kind.KEPT) | {"one": None}
        assert kinds(done)["one"] is Kind.CONFLICT
        assert {name: (line / name).read_bytes() for name in own} == own
        (line / "one").write_text("VERSION mine\n")
        commit(line)


def test_moved_files_are_found_among_very_many(template: Template, tmp_path):
    """However few files git compares by the user's own settings."""
    template.write(a=TEXT, b=TEXT.replace("line", "row")).release("v1.0.0")
    line = template.new(tmp_path / "line")
    git(line, "config", "diff.renameLimit", "1")
    for name in ("a", "b"):
        git(line, "mv", name, f"moved_{name}")
        (line / f"moved_{name}").write_text((line / f"moved_{name}").read_text() + "mine\n")
    commit(line)
    template.write(a="new\n" + TEXT, b="new\n" + TEXT.replace("line", "row")).release("v1.1.0")
    (tmp_path / "config").write_text("[diff]\n\trenameLimit = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
        done = updates.update(line, DEFAULTS)
    assert kinds(done) == {"moved_a": Kind.MERGED, "moved_b": Kind.MERGED}


def test_what_a_smoke_test_started_ends_with_it(template: Template, tmp_path, fewshot):
    """Ctrl-C or the time limit: a process in the background would hold the command up."""
    template.write(a="1\n", **{"tests/test_smoke.py": "x\n"}).release("v1.0.0")
    line = template.new(tmp_path / "line")
    python = line / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nsleep 60 &\necho $! > started\nsleep 60\n")
    python.chmod(0o755)
    template.write(a="2\n").release("v1.1.0")
    from scaffolder import gate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "MINUTES", 1 / 60)
        with pytest.raises(updates.Rejected, match="did not end within"):
            updates.update(line, DEFAULTS)
    stat = Path("/proc", (line / "started").read_text().strip(), "stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"
    assert (line / "a").read_text() == "1\n"


def test_a_disk_without_hard_links(template: Template, tmp_path, monkeypatch):
    def refused(*args: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    template.write(a=TEXT).release("v1.0.0")
    line = template.new(tmp_path / "line")
    template.write(a=TEXT.replace("line 3\n", "line three\n")).release("v1.1.0")
    assert kinds(updates.update(line, DEFAULTS, commit=True)) == {"a": Kind.CLEAN}
    recorded = (line / ".copier-answers.yml").read_bytes()
    (line / ".copier-answers.yml").unlink()
    assert links.link(line, {}, template=str(template.folder)).version == "v1.1.0"
    assert (line / ".copier-answers.yml").read_bytes() == recorded


@pytest.mark.parametrize("left", ["whole", "cut off", "empty", "git's own"])
def test_a_lock_that_a_killed_update_has_left(template: Template, tmp_path, monkeypatch, left):
    template.write(a="one\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    before = files(line)
    template.write(a="two\n").release("v1.1.0")
    held, fsync = line / ".git/index.lock", os.fsync

    class Killed(BaseException):
        pass

    def stop(descriptor: int) -> None:
        if held.exists():
            raise Killed
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", stop)
        patch.setattr(transaction, "_abort", lambda project: None)  # as if killed
        with pytest.raises(Killed):
            updates.update(line, DEFAULTS)
    content = {"cut off": held.read_bytes()[:50], "empty": b"", "git's own": b"DIRC of git"}
    held.write_bytes(content.get(left, held.read_bytes()))
    if left == "git's own":
        with pytest.raises(FewshotError, match="File exists"):
            updates.abort(line)
        held.unlink()
    assert updates.abort(line) is None
    assert files(line) == before and is_clean(line) and not held.exists()


def test_a_new_name_that_the_user_has_taken_is_said(template: Template, tmp_path):
    template.write(one=TEXT).release("v1.0.0")
    line = template.new(tmp_path / "line")
    (line / "two").write_text("mine\n")
    commit(line)
    template.write(one=None, two=TEXT + "more\n").release("v1.1.0")
    assert kinds(updates.update(line, DEFAULTS)) == {"one": Kind.CLEAN, "two": Kind.KEPT}
    assert (line / "two").read_text() == "mine\n"
    assert (line / "one").read_text() == TEXT + "more\n"


def test_a_folder_with_a_line_break(template: Template, tmp_path):
    template.release("v1.0.0")
    line = template.new(tmp_path / "line").rename(tmp_path / "li\nne")
    with pytest.raises(FewshotError, match="line break"):
        updates.update(line, DEFAULTS)


def test_a_full_disk_is_named(template: Template, tmp_path):
    template.write(**{"large.jinja": "{{ 'x' * 100000 }}"}).release("v1.0.0")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(FewshotError, match=f"^cannot write {tmp_path}/line: File too large$"):
            template.new(tmp_path / "line")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
