"""An update brings what the template learned, and loses nothing that was written since."""

import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scaffolder import releases, transaction
from scaffolder import update as updates
from scaffolder.errors import FewshotError
from scaffolder.threeway import Kind
from scaffolder.update import Request

from .conftest import Template, commit, files, git

RELEASED = list(releases.tags(releases.BUNDLE))
NEWEST = RELEASED[-1]
OLDER = RELEASED[:-1]
USERS = ("settings.yaml", "custom.py", "data/")
DEFAULTS = Request(defaults=True)

each_release = pytest.mark.parametrize("version", OLDER)


def kinds(done: updates.Updated) -> dict[str, Kind]:
    return {change.path: change.kind for change in done.plan.changes}


def templates_own(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {path: text for path, text in contents.items() if not path.startswith(USERS)}


def newest(originals) -> dict[str, bytes]:
    """What the template owns in a new project of the newest release."""
    return templates_own(files(originals(NEWEST, "classification")))


@pytest.mark.parametrize(
    ("version", "task"),
    [(OLDER[0], "classification")]
    + [(version, task) for version in OLDER[1:] for task in ("classification", "detection")],
)
def test_an_untouched_project_becomes_a_new_one(project, originals, version, task):
    folder = project(version, task=task)
    mine = {path: text for path, text in files(folder).items() if path.startswith(USERS)}
    done = updates.update(folder, DEFAULTS)
    assert done.plan.old == version and done.plan.new == NEWEST
    after = files(folder)
    assert templates_own(after) == templates_own(files(originals(NEWEST, task)))
    assert mine.items() <= after.items()
    assert f"## {NEWEST[1:]}" in done.plan.log or "## Unreleased" in done.plan.log
    git(folder, "diff", "--quiet")  # all of it is staged, nothing is committed
    assert git(folder, "log", "--oneline").count("\n") == 0


@each_release
def test_an_edit_in_every_file_survives(project, originals, version):
    folder = project(version)
    expected = newest(originals)
    edited = []
    for path, old in files(folder).items():
        new = expected.get(path)
        if new is None or path.startswith(".copier"):
            continue
        place = quiet_place(old.decode().splitlines(True), new.decode().splitlines(True))
        if place:
            at_old, at_new = place
            lines = old.decode().splitlines(True)
            (folder / path).write_text("".join([*lines[:at_old], "# mine\n", *lines[at_old:]]))
            lines = new.decode().splitlines(True)
            expected[path] = "".join([*lines[:at_new], "# mine\n", *lines[at_new:]]).encode()
            edited.append(path)
    assert len(edited) > 40
    commit(folder)
    with pytest.MonkeyPatch.context() as patch:
        # An edit in the middle of a statement need not be Python.
        patch.setattr(updates.gate, "check", lambda *_: None)
        done = updates.update(folder, DEFAULTS)
    assert not done.plan.conflicts
    after = files(folder)
    assert {path: after[path] for path in edited} == {path: expected[path] for path in edited}


def quiet_place(old: list[str], new: list[str]) -> tuple[int, int] | None:
    """Where nothing changes for four lines around: in the old text, and in the new one."""
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    longest = max(blocks, key=lambda block: block.size)
    if longest.size < 9:
        return None
    middle = longest.size // 2
    return longest.a + middle, longest.b + middle


@each_release
def test_an_edit_in_the_same_place_is_a_conflict_that_can_be_taken_back(project, version):
    folder = project(version)
    place = changed_line(folder)
    path, line = place
    text = (folder / path).read_text().splitlines(True)
    text[line] = "mine = 'the same line'\n"
    (folder / path).write_text("".join(text))
    commit(folder)
    before = files(folder)
    done = updates.update(folder, DEFAULTS)
    assert [change.path for change in done.plan.conflicts] == [path]
    assert "mine = 'the same line'" in (folder / path).read_text()
    assert "<<<<<<< yours\n" in (folder / path).read_text()
    assert f">>>>>>> template {NEWEST}\n" in (folder / path).read_text()
    assert git(folder, "diff", "--name-only", "--diff-filter=U") == path
    with pytest.raises(FewshotError, match="is not finished: commit it, or take it back"):
        updates.update(folder, DEFAULTS)
    assert updates.abort(folder) is None
    assert files(folder) == before
    assert git(folder, "status", "--porcelain", "--untracked-files=all") == ""


def test_conflict_markers_do_not_get_into_a_commit(project):
    folder = project(NEWEST)
    hook = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    assert subprocess.run(hook, cwd=folder, capture_output=True).returncode == 0
    for marker in ("<<<<<<< yours", ">>>>>>> template v1", "||||||| before"):
        (folder / "train.py").write_text(f"a = 1\n{marker}\n")
        done = subprocess.run(hook, cwd=folder, capture_output=True, encoding="utf-8")
        assert done.returncode == 1 and f"train.py:2:{marker}" in done.stdout


def changed_line(folder: Path) -> tuple[str, int]:
    """A script, and a line of it, that the update rewrites."""
    with updates.planned(folder, DEFAULTS, {}) as (plan, store):
        for change in plan.changes:
            if change.path.endswith(".py") and change.kind is Kind.CLEAN:
                old = store.read(change.before.blob).decode().splitlines()
                new = store.read(change.after.blob).decode().splitlines()
                for tag, start, end, *_ in difflib.SequenceMatcher(None, old, new).get_opcodes():
                    if tag == "replace" and end > start:
                        return change.path, start
    raise AssertionError("no release changes a line of a script")


@each_release
def test_deleted_and_renamed_files_stay_so(project, originals, version):
    folder = project(version)
    git(folder, "rm", "--quiet", "report.py", "custom.py")
    git(folder, "mv", "predict.py", "predict_line.py")
    (folder / "notes.md").write_text("mine\n")
    commit(folder)
    done = updates.update(folder, DEFAULTS)
    assert not done.plan.conflicts
    after = files(folder)
    assert not {"report.py", "custom.py", "predict.py"} & after.keys()
    assert after["predict_line.py"] == newest(originals)["predict.py"]
    assert after["notes.md"] == b"mine\n"


@pytest.mark.parametrize("name", ["a line", "产线 一号/螺丝", 'it\'s "q" $(x) ; é', "-dash"])
def test_unusual_paths(project, name):
    folder = project(OLDER[0], name=f"folder/{name}")
    updates.update(folder, DEFAULTS, commit=True)
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "log", "-1", "--format=%s") == f"Update to template {NEWEST}"


def test_a_project_that_moved(project, tmp_path):
    folder = project(OLDER[0])
    shutil.move(folder, tmp_path / "elsewhere")
    assert kinds(updates.update(tmp_path / "elsewhere", DEFAULTS))["train.py"] is Kind.CLEAN


def test_another_account_s_bundle_is_ours(project):
    folder = project(OLDER[0])
    path = folder / ".copier-answers.yml"
    gone = "/home/someone/.local/share/fewshot/templates.bundle"
    path.write_text(path.read_text().replace("~/.local/share/fewshot/templates.bundle", gone))
    commit(folder)
    updates.update(folder, DEFAULTS)
    assert "~/.local/share/fewshot/templates.bundle" in path.read_text()


def test_a_project_inside_a_larger_repository(project, tmp_path):
    folder = project(OLDER[0], name="plant/lines/pcb")
    shutil.rmtree(folder / ".git")
    outer = tmp_path / "plant"
    git(outer, "init", "--quiet")
    (outer / "other.txt").write_text("a\n")
    commit(outer)
    (outer / "other.txt").write_text("b\n")
    git(outer, "add", "other.txt")  # work elsewhere is neither in the way nor committed
    before = files(folder)
    updates.update(folder, DEFAULTS)
    updates.abort(folder)
    assert files(folder) == before
    updates.update(folder, DEFAULTS, commit=True)
    assert git(outer, "status", "--porcelain") == "M  other.txt"
    assert "other.txt" not in git(outer, "show", "--stat", "HEAD")


def test_a_linked_worktree(project, tmp_path):
    folder = project(OLDER[0])
    linked = tmp_path / "linked"
    git(folder, "worktree", "add", "--quiet", linked)
    main = files(folder)
    before = files(linked)
    updates.update(linked, DEFAULTS)
    updates.abort(linked)
    assert files(linked) == before
    updates.update(linked, DEFAULTS, commit=True)
    assert git(linked, "status", "--porcelain") == ""
    assert files(folder) == main


def test_odd_settings_of_git(project, tmp_path, monkeypatch):
    """No name, Windows line endings, failing hooks, signing, colours, odd diffs."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "reference-transaction", "post-index-change"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "config"
    config.write_text(
        f"[core]\n autocrlf = true\n hooksPath = {hooks}\n quotePath = true\n"
        "[commit]\n gpgSign = true\n[gpg]\n program = false\n[color]\n ui = always\n"
        "[diff]\n noprefix = true\n renames = false\n external = false\n"
        "[merge]\n conflictStyle = diff3\n[status]\n showUntrackedFiles = no\n"
        "[user]\n useConfigOnly = true\n[index]\n version = 4\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    folder = project(OLDER[0])
    git(folder, "rm", "--cached", "-r", "--quiet", ".")
    git(folder, "reset", "--quiet", "--hard")
    assert b"\r\n" in (folder / "train.py").read_bytes()
    before = files(folder)
    updates.update(folder, DEFAULTS)
    updates.abort(folder)
    assert files(folder) == before
    done = updates.update(folder, DEFAULTS, commit=True)
    assert done.commit and git(folder, "status", "--porcelain") == ""
    assert b"\r\n" in (folder / "train.py").read_bytes()
    assert "\r" not in git(folder, "show", "HEAD:train.py")


def test_the_same_files_as_from_copier(project, tmp_path):
    ours, theirs = project(OLDER[0]), project(OLDER[0], name="theirs")
    for folder in (ours, theirs):
        makefile = folder / "Makefile"
        makefile.write_text(makefile.read_text() + "# mine\n")
        git(folder, "rm", "--quiet", "report.py")
        commit(folder)
    updates.update(ours, DEFAULTS)
    env = {f"GIT_{r}_{k}": "x" for r in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}
    subprocess.run(
        [sys.executable, "-m", "copier", "update", "--defaults", "--quiet"],
        cwd=theirs,
        env={**os.environ, **env},
        check=True,
    )
    assert files(ours) == files(theirs)


def test_small_history_of_every_kind_of_change(template: Template, tmp_path):
    body = "".join(f"line {i}\n" for i in range(20))
    template.write(
        same=body, moved=body + "moved\n", removed="removed\n", edited_removed="a\n", tool="x\n"
    ).write(picture=b"\0\1\2", gone=body + "gone\n", both=body + "both\n")
    template.release("v1.0.0")
    line = template.new(tmp_path / "line")
    (line / "moved").write_text("mine\n" + body + "moved\n")
    (line / "edited_removed").write_text("mine\n")
    (line / "picture").write_bytes(b"\0mine")
    (line / "gone").unlink()
    (line / "added").write_text("my own\n")
    git(line, "mv", "both", "both_here")
    commit(line)
    (line / "untracked").write_text("my own too\n")
    template.write(
        moved=None, removed=None, edited_removed=None, picture=b"\0theirs", gone=body + "new\n"
    ).write(**{"sub/moved": body + "moved\nand more\n", "added": "theirs\n", "untracked": "t\n"})
    template.write(both=body + "both, and more\n", fresh="fresh\n")
    (template.folder / "project/tool").chmod(0o755)
    template.release("v1.1.0")
    done = updates.update(line, DEFAULTS)
    assert kinds(done) == {
        "added": Kind.KEPT,
        "both_here": Kind.CLEAN,
        "edited_removed": Kind.CONFLICT,
        "fresh": Kind.ADDED,
        "gone": Kind.KEPT,
        "picture": Kind.CONFLICT,
        "removed": Kind.DELETED,
        "sub/moved": Kind.MERGED,
        "tool": Kind.CLEAN,
        "untracked": Kind.KEPT,
        ".copier-answers.yml": Kind.CLEAN,
    }
    assert (line / "sub/moved").read_text() == "mine\n" + body + "moved\nand more\n"
    assert (line / "both_here").read_text().endswith("both, and more\n")
    assert (line / "picture").read_bytes() == b"\0mine"
    assert (line / "added").read_text() == "my own\n"
    assert (line / "untracked").read_text() == "my own too\n"
    assert (line / "edited_removed").read_text() == "mine\n"
    assert os.access(line / "tool", os.X_OK)
    assert not (line / "moved").exists() and not (line / "removed").exists()


def test_only_new_questions_are_asked(template: Template, tmp_path, fewshot):
    template.write(about="{{ shots }}\n").release("v1.0.0")
    line = template.new(tmp_path / "line")
    path = template.folder / "copier.yml"
    path.write_text(path.read_text() + "colour: {type: str, default: grey}\n")
    template.write(**{"about.jinja": "{{ shots }} {{ colour }}\n", "about": None}).release("v2.0.0")
    done = fewshot("update", line)
    assert done.returncode == 2
    assert done.stderr == (
        "error: the template asks something new (colour): add --defaults, or --set colour=...\n"
    )
    assert fewshot("update", line, "--set", "colour=红").returncode == 0
    assert (line / "about").read_text() == "20 红\n"


def test_a_class_name_that_is_no_longer_taken_can_be_changed(template: Template, tmp_path, fewshot):
    path = template.folder / "copier.yml"
    before = path.read_text()
    path.write_text(before + "classes: {type: str, default: 'a, unknown'}\n")
    template.write(**{"about.jinja": "{{ classes }}\n"}).release("v1.0.0")
    line = template.new(tmp_path / "line")
    check = "{% if 'unknown' in classes %}no unknown{% endif %}"
    path.write_text(before + f'classes: {{type: str, validator: "{check}"}}\n')
    template.write(new="x\n").release("v2.0.0")
    refused = fewshot("update", line)
    assert refused.returncode == 2
    assert "classes: no unknown" in refused.stderr and ".copier-answers.yml" in refused.stderr
    recorded = line / ".copier-answers.yml"
    recorded.write_text(recorded.read_text().replace("unknown", "else"))
    commit(line)
    done = fewshot("update", line)
    assert done.returncode == 0, done.stderr
    assert (line / "new").exists() and "classes: a, else" in recorded.read_text()


def test_answers_are_changed_later(originals, project, fewshot):
    folder = project(NEWEST)
    done = fewshot("update", folder, "--set", "target=arm-linux", "--set", "language=zh")
    assert done.returncode == 0, done.stderr
    assert "target: arm-linux" in (folder / ".copier-answers.yml").read_text()
    assert "数据" in (folder / "README.md").read_text()
    assert (folder / "settings.yaml").read_bytes() == (
        originals(NEWEST) / "settings.yaml"
    ).read_bytes()
    updates.abort(folder)
    for answer, remedy in (("task=detection", "make a new project"), ("classes=a", "adapt")):
        refused = fewshot("update", folder, "--set", answer)
        assert refused.returncode == 2 and remedy in refused.stderr
    wrong = fewshot("update", folder, "--set", "target=toaster", "--set", "shots=0")
    assert wrong.returncode == 2 and "toaster" in wrong.stderr and "shot" in wrong.stderr
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.parametrize("version", OLDER)
def test_the_one_target_of_an_older_project_becomes_several(project, fewshot, version):
    folder = project(version)
    recorded = folder / ".copier-answers.yml"
    assert "target: x86-cpu\n" in recorded.read_text()
    done = fewshot("update", folder)  # nothing is asked, and nothing could be
    assert done.returncode == 0, done.stderr
    assert "target: x86-cpu\n" in recorded.read_text()
    updates.abort(folder)
    done = fewshot("update", folder, "--set", "target=arm-linux,x86-cpu")
    assert done.returncode == 0, done.stderr
    assert "target: arm-linux,x86-cpu\n" in recorded.read_text()
    assert "--no-print-directory lite" in (folder / "Makefile").read_text()
    assert "**arm-linux.**" in (folder / "README.md").read_text()


def test_a_plan_writes_nothing(project, fewshot):
    folder = project(OLDER[0])
    before = files(folder)
    git_before = {p: p.read_bytes() for p in (folder / ".git").rglob("*") if p.is_file()}
    done = fewshot("update", "--plan", "--diff", folder)
    assert done.returncode == 0, done.stderr
    assert f"line: {OLDER[0]} -> {NEWEST}\n" in done.stdout
    assert re.search(r"^  clean +train\.py$", done.stdout, re.MULTILINE)
    assert "+++ b/train.py\n" in done.stdout
    assert "What is new:" in done.stdout
    listed = json.loads(fewshot("update", "--plan", "--json", folder).stdout)
    assert {"path": "train.py", "kind": "clean"} in listed["files"]
    assert files(folder) == before
    git_after = {p: p.read_bytes() for p in (folder / ".git").rglob("*") if p.is_file()}
    assert git_after == git_before


def test_a_chinese_plan_says_that_the_change_log_is_english(project, fewshot):
    folder = project(OLDER[-1])
    recorded = folder / ".copier-answers.yml"
    recorded.write_text(recorded.read_text().replace("language: en", "language: zh"))
    commit(folder)
    assert "\n新内容（英文）：\n\n## " in fewshot("update", "--plan", folder).stdout


def test_check_says_how_far_behind(project, fewshot):
    folder = project(OLDER[0])
    done = fewshot("update", "--check", folder)
    assert (done.returncode, done.stdout) == (
        5,
        f"{OLDER[0]} -> {NEWEST} ({len(OLDER)} newer)\n",
    )
    assert fewshot("update", folder, "--commit").returncode == 0
    done = fewshot("update", "--check", "--json", folder)
    assert done.returncode == 0
    assert json.loads(done.stdout)["behind"] == 0
    again = fewshot("update", folder)
    assert (again.returncode, again.stdout) == (
        0,
        f"Nothing to do: the project has template {NEWEST}.\n",
    )


def test_what_git_could_not_give_back_is_refused(project, template, tmp_path, fewshot):
    folder = project(NEWEST)
    done = fewshot("update", folder, "--to", OLDER[0])
    assert done.returncode == 2 and "is older: go back with git" in done.stderr
    assert "no version v9" in fewshot("update", folder, "--to", "v9").stderr
    older = project(OLDER[0], name="older")
    (older / "train.py").write_text("mine\n")
    done = fewshot("update", older)
    assert done.returncode == 1
    assert "has changes that are not committed (train.py): commit them" in done.stderr
    assert (older / "train.py").read_text() == "mine\n"
    shutil.rmtree(older / ".git")
    assert "is not committed: git init" in fewshot("update", older).stderr
    assert "no project" in fewshot("update", tmp_path / "nowhere").stderr
    assert "it is no project of fewshot" in fewshot("update", tmp_path).stderr
    assert "no update that could be taken back" in fewshot("update", "--abort", folder).stderr


def test_what_was_written_after_the_update_is_kept(project):
    folder = project(OLDER[0])
    before = files(folder)
    updates.update(folder, DEFAULTS)
    (folder / "train.py").write_text("mine, later\n")
    (folder / "notes").write_text("mine\n")
    kept = updates.abort(folder)
    assert kept is not None and files(kept) == {"train.py": b"mine, later\n"}
    (folder / "notes").unlink()
    shutil.rmtree(kept.parent)
    assert files(folder) == before


def with_environment(folder: Path) -> None:
    """The interpreter of these tests has pytest: that is all a smoke test needs."""
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    (folder / ".git/info/exclude").write_text(".venv\n")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tests/test_smoke.py", "def test_x():\n    assert 1 == 2\n", "assert 1 == 2"),
        ("tests/test_smoke.py", "import nowhere\n", "nowhere"),
        ("train.py", "def (:\n", "train.py (line 1) would not be valid Python"),
    ],
)
def test_a_project_that_would_not_work_is_put_back(
    template: Template, tmp_path, fewshot, name, content, reason
):
    template.write(**{"tests/test_smoke.py": "def test_x():\n    pass\n", "train.py": "a = 1\n"})
    template.release("v1.0.0")
    line = template.new(tmp_path / "line")
    with_environment(line)
    template.write(**{name: content, "new/file": "x\n"}).release("v1.1.0")
    before = files(line)
    done = fewshot("update", line)
    assert done.returncode == 1
    assert reason in done.stderr and "line is as before" in done.stderr
    assert done.stderr.count("\n") == 1
    assert files(line) == before and not (line / "new").exists()
    assert git(line, "status", "--porcelain") == ""
    if name != "train.py":
        assert fewshot("update", line, "--no-test").returncode == 0


def test_a_settings_file_that_is_broken_stops_an_update(project, fewshot):
    folder = project(OLDER[0])
    (folder / "settings.yaml").write_text("classes: [a\n")
    commit(folder)
    done = fewshot("update", folder)
    assert done.returncode == 1 and "settings.yaml is not valid YAML" in done.stderr
    assert git(folder, "status", "--porcelain") == ""


KILLS = int(os.environ.get("FEWSHOT_KILLS", "8"))


def test_killed_at_any_moment_nothing_is_lost(project, tmp_path):
    """FEWSHOT_KILLS=100 kills more often."""
    import random
    import time

    rng = random.Random(0)
    folder = project(OLDER[0])
    (folder / "Makefile").write_text((folder / "Makefile").read_text() + "# mine\n")
    commit(folder)
    before = files(folder)
    # Calls `update` in a process that has everything imported, and says when it begins.
    code = (
        "import sys; from pathlib import Path; from scaffolder import update, rendering, gate;"
        "import copier, yaml; print('go', flush=True);"
        "update.update(Path(sys.argv[1]), update.Request(defaults=True)); print('end', flush=True)"
    )
    longest = 1.5
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        began = time.monotonic()
        time.sleep(rng.uniform(0, longest))
        os.killpg(process.pid, signal.SIGKILL)
        ended = process.stdout.read()
        process.wait()
        if ended:
            longest = max(0.2, time.monotonic() - began)
        if transaction.pending(folder):
            assert updates.abort(folder) is None
        assert files(folder) == before
        assert git(folder, "status", "--porcelain", "--untracked-files=all") == ""


def test_cut_off_in_the_middle_of_the_files(project, monkeypatch):
    """The worst moments, one after the other: between any two files, and before the index."""
    folder = project(OLDER[0])
    before = files(folder)

    class Killed(BaseException):
        pass

    put, abort = transaction._put, transaction._abort
    monkeypatch.setattr(transaction, "_abort", lambda project: None)  # as if killed
    for place in (0, 1, 20, 40):
        left = [place]

        def stop(*args, left=left):
            if not left[0]:
                raise Killed
            left[0] -= 1
            put(*args)

        monkeypatch.setattr(transaction, "_put", stop)
        with pytest.raises(Killed):
            updates.update(folder, DEFAULTS)
        monkeypatch.setattr(transaction, "_put", put)
        with pytest.raises(FewshotError, match="cut off: fewshot update --abort"):
            updates.update(folder, DEFAULTS)
        abort(folder)
        assert files(folder) == before
        assert git(folder, "status", "--porcelain", "--untracked-files=all") == ""


def test_a_second_update_waits(project, fewshot):
    folder = project(OLDER[0])
    with transaction.lock(folder):
        done = fewshot("update", folder)
    assert done.returncode == 1 and "another fewshot is at work" in done.stderr


def test_a_journal_that_leads_elsewhere_is_refused(project, tmp_path):
    folder = project(OLDER[0])
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    about = {"before": None, "digest_before": None, "digest_after": None}
    for name in ("../victim", str(victim)):
        (folder / transaction.FOLDER).mkdir(exist_ok=True)
        journal = {"old": "v1", "new": "v2", "head": "x", "files": {name: about}}
        (folder / transaction.FOLDER / "journal.json").write_text(json.dumps(journal))
        with pytest.raises(FewshotError, match="which is not in the project"):
            updates.abort(folder)
    assert victim.read_text() == "precious\n"
