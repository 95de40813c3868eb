"""`fewshot new` without questions: what it leaves on disk, and what it refuses."""

import os
import re
import subprocess

import pytest

from .conftest import answers, git

ANSWERS = ".copier-answers.yml"


def assert_refused(done: "subprocess.CompletedProcess[str]", *texts: str) -> None:
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for text in texts:
        assert text in done.stderr


def test_flags_become_the_recorded_answers(fewshot, tmp_path):
    done = fewshot(
        *("new", "line", "--task", "classification", "--class", "open", "--class", "短路"),
        *("--shots", "5", "--target", "jetson", "--language", "en", "--defaults"),
    )
    assert done.returncode == 0, done.stderr
    recorded = answers(tmp_path / "line")
    assert recorded.pop("_commit").startswith("v")
    assert recorded.pop("_src_path").endswith("templates.bundle")
    assert recorded == {
        "language": "en",
        "task": "classification",
        "num_classes": 2,
        "classes": "open, 短路",
        "shots": 5,
        "target": "jetson",
    }
    assert "cd line" in done.stdout and "make setup" in done.stdout
    assert os.listdir(tmp_path) == ["line"]


def test_a_detection_project(fewshot, tmp_path):
    args = ("--task", "detection", "--class", "a/b", "--class", ".train", "--defaults")
    done = fewshot("new", "line", *args)
    assert done.returncode == 0, done.stderr
    recorded = answers(tmp_path / "line")
    assert (recorded["task"], recorded["classes"]) == ("detection", "a/b, .train")
    assert "put your pictures and their annotations into data/" in done.stdout
    assert fewshot("new", "two", "--task", "detection", "--defaults").returncode == 0
    assert answers(tmp_path / "two")["classes"] == "defect_1, defect_2"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            "error: classes: '开路,短 路' has a comma, or a space at its beginning or end: write ",
        ),
        ("zh", "error: classes: '开路,短 路'含有逗号，或首尾有空格：请写成 "),
    ],
)
def test_several_names_in_one_option(fewshot, language, expected):
    """The one thing to mend, not the number that follows from it as well."""
    given = ("--class", "开路,短 路", "--language", language, "--defaults")
    done = fewshot("new", "line", *given)
    assert done.returncode == 2
    assert done.stderr == f"{expected}--class 开路 --class '短 路'\n"


def test_a_detector_of_one_class(fewshot, tmp_path):
    done = fewshot("new", "line", "--task", "detection", "--class", "scratch", "--defaults")
    assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "line")["num_classes"] == 1


def test_a_preset_brings_its_settings(fewshot, tmp_path):
    done = fewshot("new", "line", "--preset", "screw-loosening", "--defaults")
    assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "line")["classes"] == "tight, loose, missing"
    text = (tmp_path / "line/settings.yaml").read_text(encoding="utf-8")
    assert re.search("^  light: 0.3 +# brightness", text, re.MULTILINE)


def test_it_makes_the_first_commit_and_says_so(fewshot, tmp_path):
    done = fewshot("new", "line", "--defaults")
    assert "first commit" in done.stdout
    assert git(tmp_path / "line", "rev-list", "--count", "HEAD") == "1"
    assert git(tmp_path / "line", "status", "--porcelain") == ""


def test_it_speaks_chinese(fewshot):
    done = fewshot("new", "line", "--language", "zh", "--defaults")
    assert "下一步" in done.stdout and "Next" not in done.stdout


def test_it_speaks_chinese_to_a_terminal_that_cannot(fewshot):
    done = fewshot("new", "line", "--language", "zh", "--defaults", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stderr == ""


def test_only_the_number_of_classes(fewshot, tmp_path):
    assert fewshot("new", "line", "--num-classes", "3", "--defaults").returncode == 0
    assert answers(tmp_path / "line")["classes"] == "class_1, class_2, class_3"


def test_a_flag_wins_over_the_file_and_the_file_over_the_preset(fewshot, tmp_path):
    (tmp_path / "a.yml").write_text("shots: 7\ntarget: jetson\nclasses: [a, 2]\n")
    done = fewshot(
        *("new", "line", "--preset", "pcb-defects", "--answers", "a.yml"),
        *("--target", "arm-linux", "--defaults"),
    )
    assert done.returncode == 0, done.stderr
    recorded = answers(tmp_path / "line")
    assert (recorded["shots"], recorded["target"]) == (7, "arm-linux")
    assert (recorded["classes"], recorded["num_classes"]) == ("a, 2", 2)


@pytest.mark.parametrize(
    "args",
    [
        ["--target", "arm-linux", "--target", "x86-cpu"],
        ["--target", "arm-linux, x86-cpu"],
        ["--answers", "a.yml"],
    ],
)
def test_a_project_can_have_several_targets(fewshot, tmp_path, args):
    (tmp_path / "a.yml").write_text("target: [arm-linux, x86-cpu]\n")
    done = fewshot("new", "line", *args, "--defaults")
    assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "line")["target"] == "arm-linux, x86-cpu"
    text = (tmp_path / "line" / "README.md").read_text(encoding="utf-8")
    assert "**arm-linux.**" in text and "**x86-cpu.**" in text and "**jetson" not in text


def test_another_projects_answers_file_will_do(fewshot, tmp_path):
    fewshot("new", "one", "--class", "a", "--class", "b", "--class", "c", "--defaults")
    done = fewshot("new", "two", "--answers", f"one/{ANSWERS}", "--defaults")
    assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "two") == answers(tmp_path / "one")


def test_an_empty_folder_is_filled_in_place(fewshot, tmp_path):
    dest = tmp_path / "line"
    dest.mkdir()
    inode = dest.stat().st_ino
    assert fewshot("new", "line", "--defaults").returncode == 0
    assert dest.stat().st_ino == inode
    assert (dest / ANSWERS).is_file() and (dest / ".git").is_dir()
    assert not list(dest.glob(".fewshot-*"))


def test_the_folder_has_ordinary_permissions(fewshot, tmp_path):
    fewshot("new", "line", "--defaults")
    (tmp_path / "ordinary").mkdir()
    assert (tmp_path / "line").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


@pytest.mark.parametrize(
    ("args", "texts"),
    [
        (["no/such"], ["there is no folder"]),
        (["full"], ["full is not empty"]),
        (["file"], ["file is not a folder"]),
        (["file/x"], ["there is no folder"]),
        (["loop"], ["loop"]),
        (["/proc/x"], ["cannot write in /proc"]),
        (["a\nb"], ["cannot be the name of a folder"]),
        (["x", "--target", "toaster"], ["'toaster' is not one of x86-cpu, nvidia-gpu"]),
        (["x", "--target", "a", "--target", "b"], ["'a' is", "'b' is not one"]),
        (["x", "--target", "jetson, jetson"], ["'jetson' is there twice"]),
        (["x", "--target", ""], ["'' is not one of x86-cpu"]),
        (["x", "--target", "y", "--language", "zh"], ["'y'不是以下之一：x86-cpu"]),
        (["x", "--task", "sorting"], ["'sorting' is not one of classification, detection"]),
        (["x", "--task", "detection", "--num-classes", "0"], ["from 1 to 1000"]),
        (["x", "--language", "fr"], ["'fr' is not one of en, zh"]),
        (["x", "--num-classes", "0"], ["from 2 to 1000"]),
        (["x", "--num-classes", "1000000000"], ["from 2 to 1000"]),
        (["x", "--class", "a"], ["from 2 to 1000"]),
        (["x", "--num-classes", "3", "--class", "a", "--class", "b"], ["2 names for 3 classes"]),
        (["x", "--shots", "0"], ["from 1 to 100000"]),
        (["x", "--shots", "many"], ["must be a whole number from 1"]),
        (["x", "--shots", "2.5"], ["must be a whole number from 1"]),
        (["x", "--shots", "-1"], ["must be a whole number from 1"]),
        (["x", "--shots", "9" * 5000], ["must be a whole number from 1"]),
        (["x", "--num-classes", "z", "--class", "a"], ["error: num_classes: ", "to 1000\n"]),
        (["x", "--num-classes", "z"], ["error: num_classes: ", "whole number from 2 to 1000\n"]),
        (["x", "--shots", "z", "--language", "zh"], ["之间的整数"]),
        (["x", "--shots", "0", "--target", "y"], ["from 1 to 100000", "'y' is not one of"]),
        (["x", "--preset", "nope"], ["there is no preset 'nope'", "pcb-defects"]),
        (["x", "--preset", "../presets/pcb-defects"], ["there is no preset"]),
        (["x", "--answers", "nope.yml"], ["cannot read the answers file nope.yml"]),
        (["x", "--answers", "full"], ["cannot read the answers file full"]),
        (["x", "--version", "v99"], ["there is no version v99"]),
        (["x", "--version", "--upload-pack=x"], ["neither a template source nor a version"]),
        (["x", "--template", "--upload-pack=x"], ["neither a template source nor a version"]),
        (["x", "--template", "nowhere"], ["cannot read the template source nowhere"]),
        (["x", "--template", "full"], ["cannot read the template source"]),
        (["x", "--template", "ext::touch here"], ["cannot read the template source"]),
        (["x", "--colour"], ["No such option"]),
    ],
)
def test_wrong_input_gets_one_line(fewshot, tmp_path, args, texts):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(os.listdir(tmp_path))
    assert_refused(fewshot("new", *args, "--defaults"), *texts)
    assert sorted(os.listdir(tmp_path)) == before
    assert os.listdir(tmp_path / "full") == ["mine.txt"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shot: 3\nclass: [a]\n", ["'shot' (did you mean shots?)", "'class' (did you mean class"]),
        ("class_names: [a, b]\n", ["unknown answer 'class_names'"]),
        ("shots: [", ["not valid YAML (line 1)"]),
        ("shots: !!python/object/apply:os.system [ls]", ["not valid YAML (line 1)"]),
        ("shots", ["must hold lines like"]),
        ("", ["must hold lines like"]),
        ("1: 2", ["unknown answer '1'"]),
        ("classes: [yes, no]", ["class name yes/true is not text: put it in quotes"]),
        ("classes: [a, null]", ["is not text"]),
        ("classes: {a: b}", ["is not text or a number"]),
        ("shots: 1.5", ["shots: the number of shots per class must be a whole number"]),
        ("shots: true", ["is not text or a number"]),
        ("a: &a [x, x]\nb: &b [*a, *a]\nclasses: [*b, *b]", ["aliases (*name) are not read"]),
        ("\0", ["not valid YAML"]),
    ],
)
def test_a_wrong_answers_file_gets_one_line(fewshot, tmp_path, text, said):
    (tmp_path / "a.yml").write_text(text)
    assert_refused(fewshot("new", "x", "--answers", "a.yml", "--defaults"), *said)
    assert os.listdir(tmp_path) == ["a.yml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("classes: ['x ', y]", "classes: 'x '含有逗号，或首尾有空格"),
        ("classes: [yes, no]", "classes: 类别名称 yes/true 不是文本：请加引号"),
        ("target: [null]", "target: 部署目标 null 不是文本：请加引号"),
        ("task: sorting", "task: 'sorting'不是以下之一：classification、detection"),
        ("shots: 1.5", "shots: 每个类别的样本数必须是 1 到 100000 之间的整数"),
        ("shots: [a]", "shots: ['a']不是文本或数字"),
        ("shot: 3", "没有'shot'这个回答（是 shots 吗？）"),
        ("shots: 0\ntarget: y", "之间的整数；target: 'y'不是以下之一：x86-cpu、nvidia-gpu"),
    ],
)
def test_wrong_answers_are_told_in_their_language(fewshot, tmp_path, text, said):
    (tmp_path / "a.yml").write_text(f"language: zh\n{text}\n", encoding="utf-8")
    assert_refused(fewshot("new", "x", "--answers", "a.yml", "--defaults"), said)


def test_an_answers_file_in_another_encoding(fewshot, tmp_path):
    (tmp_path / "a.yml").write_bytes("classes: 短路".encode("gbk"))
    assert_refused(fewshot("new", "x", "--answers", "a.yml", "--defaults"), "not UTF-8")


def test_without_a_terminal_it_wants_defaults(fewshot):
    assert_refused(fewshot("new", "x"), "not a terminal", "--defaults")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(fewshot, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    assert_refused(fewshot("new", "locked/x", "--defaults"), "cannot write in")


def test_a_source_without_releases_wants_a_version(fewshot, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "copier.yml").write_text("language: {type: str, default: en}\n")
    (source / "{{_copier_conf.answers_file}}.jinja").write_text(
        "{{ _copier_answers|to_nice_yaml }}"
    )
    git(source, "init", "--quiet", "--initial-branch=main")
    git(source, "add", "--all")
    identity = ("-c", "user.name=x", "-c", "user.email=x")
    git(source, *identity, "commit", "--quiet", "--message", "x")
    assert_refused(fewshot("new", "x", "--template", source, "--defaults"), "no released version")
    done = fewshot("new", "x", "--template", source, "--version", "main", "--defaults")
    assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "x")["_commit"] == git(source, "rev-parse", "--short", "HEAD")
    for url in (f"file://{source}", str(source)):
        done = fewshot("new", f"x{len(url)}", "--template", url, "--version", "main", "--defaults")
        assert done.returncode == 0, done.stderr


def test_a_source_without_questions(fewshot, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "--quiet")
    identity = ("-c", "user.name=x", "-c", "user.email=x")
    git(source, *identity, "commit", "--quiet", "--allow-empty", "--message", "x")
    git(source, "tag", "v1.0")
    assert_refused(fewshot("new", "x", "--template", source, "--defaults"), "no copier.yml")


def test_a_template_that_wants_to_run_something_is_refused(fewshot, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "copier.yml").write_text("_tasks: [touch ran]\n")
    git(source, "init", "--quiet")
    git(source, "add", "--all")
    identity = ("-c", "user.name=x", "-c", "user.email=x")
    git(source, *identity, "commit", "--quiet", "--message", "x")
    git(source, "tag", "v1.0")
    assert_refused(
        fewshot("new", "x", "--template", source, "--defaults"), "its copier.yml sets _tasks"
    )
    assert not list(tmp_path.rglob("ran"))
