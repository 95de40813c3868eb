"""The wizard as a user meets it: in a real terminal, key by key."""

import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOWN, ENTER, CTRL_C, CTRL_U = "\x1b[B", "\r", "\x03", "\x15"


@pytest.fixture
def terminal(bundle, tmp_path):
    """Starts `fewshot` in a terminal of 30 lines and 120 columns."""
    started = []

    def start(*args: str) -> "pexpect.spawn[str]":
        child = pexpect.spawn(
            sys.executable,
            ["-m", "scaffolder", *args],
            cwd=str(tmp_path),
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "FEWSHOT_TEMPLATE": str(bundle),
                "PROMPT_TOOLKIT_NO_CPR": "1",
                "TERM": "xterm-256color",
                "LANG": "C.UTF-8",
            },
            dimensions=(30, 120),
            encoding="utf-8",
            timeout=30,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)


def ended(child: "pexpect.spawn[str]") -> int:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


def test_english(terminal, tmp_path):
    child = terminal("new", "line")
    child.expect("Language")
    child.send(ENTER)
    child.expect("What is the task")
    child.expect("boxes around defects")
    child.send(ENTER)
    child.expect("How many classes")
    child.send(CTRL_U + "two" + ENTER)
    assert child.expect(["a whole number from 2 to 1000", "Invalid input"]) == 0
    child.send(CTRL_U + "3" + ENTER)
    child.expect("Class names")
    child.expect("class_1, class_2, class_3")
    child.send(CTRL_U + "open, short" + ENTER)
    child.expect("there are 2 names for 3 classes")
    child.send(CTRL_U + "open, short, pin-hole" + ENTER)
    child.expect("How many labelled pictures")
    child.send(CTRL_U + "5" + ENTER)
    child.expect("Where will the model run")
    child.send(CTRL_U + "raspberry" + ENTER)
    child.expect("'raspberry' is not one of x86-cpu, nvidia-gpu, jetson, arm-linux")
    child.send(CTRL_U + "jetson, x86-cpu" + ENTER)
    child.expect("Summary")
    child.expect("Folder: line")
    child.expect_exact("Language: English\r\n  Task: Image classification: one class per picture")
    child.expect("Target: jetson, x86-cpu")
    child.expect("Write the project")
    assert not (tmp_path / "line").exists()
    child.send("y" + ENTER)
    child.expect("Next:")
    assert ended(child) == 0
    recorded = yaml.safe_load((tmp_path / "line" / ".copier-answers.yml").read_text())
    assert recorded["classes"] == "open, short, pin-hole"
    assert (recorded["shots"], recorded["target"]) == (5, "jetson, x86-cpu")
    assert os.listdir(tmp_path) == ["line"]


def test_chinese(terminal, tmp_path):
    child = terminal("new", "line")
    child.expect("Language / 语言")
    child.send(DOWN + ENTER)
    child.expect("要解决什么任务")
    assert child.expect(["用方框标出缺陷", "arrow keys"]) == 0
    child.send(ENTER)
    child.expect("有多少个类别")
    child.send(CTRL_U + "两个" + ENTER)
    wrong = ["类别数必须是 2 到 1000 之间的整数", "Invalid input", "Validation error"]
    assert child.expect(wrong) == 0
    child.send(CTRL_U + "2" + ENTER)
    child.expect("类别名称")
    child.send(CTRL_U + "短路，短路" + ENTER)
    child.expect("重复了")
    child.send(CTRL_U + "短路、开路" + ENTER)
    child.expect("每个类别会有多少张")
    child.send(CTRL_U + "几张" + ENTER)
    assert child.expect(["每个类别的样本数必须是 1 到 100000 之间的整数", "Invalid input"]) == 0
    child.send(CTRL_U + "３" + ENTER)
    child.expect("模型将部署在哪里")
    child.send(CTRL_U + "树莓派" + ENTER)
    child.expect("'树莓派'不是以下之一：x86-cpu、nvidia-gpu")
    child.send(CTRL_U + "arm-linux、x86-cpu" + ENTER)
    child.expect("摘要")
    child.expect_exact("语言: 中文\r\n  任务: 图像分类：每张图片一个类别\r\n  类别数: 2\r\n")
    child.expect("类别: 短路、开路")
    child.expect("写入项目")
    child.send("q" + ENTER)
    assert child.expect(["请输入 y、n 或 c", "Error"]) == 0
    child.expect("写入项目")
    child.send(ENTER)
    child.expect("下一步")
    assert ended(child) == 0
    recorded = yaml.safe_load((tmp_path / "line" / ".copier-answers.yml").read_text("utf-8"))
    assert recorded["classes"] == "短路、开路"
    assert (recorded["num_classes"], recorded["shots"]) == (2, 3)
    assert recorded["target"] == "arm-linux、x86-cpu"


def test_a_copier_of_another_build_keeps_its_own_words(monkeypatch):
    from copier import _user_data

    from scaffolder.prompts import our_prompts

    monkeypatch.delattr(_user_data.Question, "get_questionary_structure")
    with our_prompts():
        assert not hasattr(_user_data.Question, "get_questionary_structure")
    monkeypatch.delattr(_user_data, "Question")
    with our_prompts():
        pass


def test_detection(terminal, tmp_path):
    child = terminal("new", "line", "--language", "en")
    child.expect("What is the task")
    child.send(DOWN + ENTER)
    child.expect("How many classes")
    child.send(CTRL_U + "1" + ENTER)
    child.expect("as they stand in the annotations")
    child.expect("defect_1")
    child.send(CTRL_U + "train" + ENTER)
    child.expect("How many labelled objects per class")
    child.send(ENTER)
    child.expect("Where will the model run")
    child.send(ENTER)
    child.expect("Write the project")
    child.send(ENTER)
    child.expect("annotations into data/")
    assert ended(child) == 0
    recorded = yaml.safe_load((tmp_path / "line" / ".copier-answers.yml").read_text())
    assert (recorded["task"], recorded["classes"]) == ("detection", "train")


def test_adapt_offers_the_answers_of_the_other_project(terminal, fewshot, tmp_path):
    args = ("--class", "a", "--class", "b", "--class", "c", "--shots", "7", "--target", "jetson")
    assert fewshot("new", "pcb", "--task", "detection", *args, "--defaults").returncode == 0
    child = terminal("adapt", "pcb", "screws")
    child.expect("Language")
    child.send(ENTER)
    child.expect("How many classes")
    child.send(ENTER)
    child.expect("Class names")
    child.expect("a, b, c")
    child.send(CTRL_U + "x, y, z" + ENTER)
    child.expect("How many labelled objects")
    child.send(ENTER)
    child.expect("Where will the model run")
    child.send(ENTER)
    child.expect("Start: the base model, since pcb has no run to start from")
    child.expect("Write the project")
    child.send(ENTER)
    child.expect("Next:")
    assert ended(child) == 0
    recorded = yaml.safe_load((tmp_path / "screws" / ".copier-answers.yml").read_text())
    assert (recorded["classes"], recorded["num_classes"]) == ("x, y, z", 3)
    assert (recorded["shots"], recorded["target"]) == (7, "jetson")


def test_a_models_classes_are_offered_and_it_is_the_start(terminal, published):
    published("ours", "detection", backbone="EfficientNetLite0", detector="dense")
    child = terminal("new", "next", "--model", "ours", "--language", "en", "--target", "x86-cpu")
    child.expect("How many classes")
    child.send(ENTER)
    child.expect("Class names")
    child.expect("open, 断路")
    child.send(ENTER)
    child.expect("How many labelled objects")
    child.send(ENTER)
    child.expect("Start: ours of the library")
    child.expect("Write the project")


def test_what_is_given_is_not_asked(terminal):
    child = terminal(
        "new", "line", "--preset", "pcb-defects", "--language", "en", "--target", "x86-cpu"
    )
    assert child.expect(["Write the project", "What is", "How many"]) == 0


@pytest.mark.parametrize("answered", [0, 2])
def test_ctrl_c_leaves_nothing(terminal, tmp_path, answered):
    child = terminal("new", "line")
    child.expect("Language")
    for question in ("task", "classes")[:answered]:
        child.send(ENTER)
        child.expect(question)
    child.send(CTRL_C)
    child.expect("stopped: nothing was written")
    assert ended(child) == 130
    assert os.listdir(tmp_path) == []


def test_ctrl_c_is_answered_in_the_language_that_was_chosen(terminal):
    child = terminal("new", "line")
    child.expect("Language")
    child.send(DOWN + ENTER)
    child.expect("要解决什么任务")
    child.send(CTRL_C)
    assert child.expect(["已停止：没有写入任何内容", "stopped"]) == 0
    assert ended(child) == 130


def test_ctrl_c_at_the_summary_is_answered_in_its_language(terminal, tmp_path):
    child = terminal(
        "new", "line", "--preset", "pcb-defects", "--language", "zh", "--target", "jetson"
    )
    child.expect("写入项目")
    child.send(CTRL_C)
    assert child.expect(["已停止：没有写入任何内容", "stopped"]) == 0
    assert ended(child) == 130
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("keys", ["n" + ENTER, CTRL_C])
def test_saying_no_to_the_summary_leaves_nothing(terminal, tmp_path, keys):
    (tmp_path / "line").mkdir()
    child = terminal(
        "new", "line", "--preset", "pcb-defects", "--language", "en", "--target", "x86-cpu"
    )
    child.expect("Write the project")
    child.send(keys)
    child.expect("[Nn]othing was written")
    assert ended(child) in (1, 130)
    assert os.listdir(tmp_path) == ["line"]
    assert os.listdir(tmp_path / "line") == []


def test_an_answer_can_be_changed_at_the_summary(terminal, tmp_path):
    child = terminal("new", "line", "--preset", "pcb-defects", "--language", "zh")
    child.expect("模型将部署在哪里")
    child.send(ENTER)
    child.expect("写入项目.*修改")
    child.send("c" + ENTER)
    child.expect("Language / 语言")
    child.send(ENTER)
    child.expect("有多少个类别.*6")
    child.send(CTRL_U + "2" + ENTER)
    assert child.expect(["class_1, class_2", "short, mousebite"]) == 0
    child.send(CTRL_U + "short, open" + ENTER)
    child.expect("每个类别会有多少张")
    child.send(ENTER)
    child.expect("模型将部署在哪里")
    child.send(CTRL_U + "jetson" + ENTER)
    child.expect("类别: short, open")
    child.expect("写入项目")
    child.send("c" + ENTER)
    for shown in ("Language / 语言", "有多少个类别", "类别名称", "每个类别会有多少张", "jetson"):
        child.expect(shown)
        child.send(ENTER)
    child.expect("写入项目")
    child.send(ENTER)
    assert ended(child) == 0
    recorded = yaml.safe_load((tmp_path / "line" / ".copier-answers.yml").read_text())
    assert (recorded["classes"], recorded["target"]) == ("short, open", "jetson")
    assert recorded["task"] == "classification"
    assert os.listdir(tmp_path) == ["line"]


def test_a_closed_terminal_leaves_nothing(terminal, tmp_path):
    child = terminal("new", "line")
    child.expect("Language")
    child.close(force=False)
    child.wait()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", [".", "line"])
def test_what_a_killed_wizard_left_is_removed_by_the_next(terminal, fewshot, tmp_path, place):
    (tmp_path / place).mkdir(exist_ok=True)

    def left() -> set[str]:
        return {name for name in os.listdir(tmp_path / place) if name.startswith(".fewshot-")}

    killed = terminal("new", "line")
    killed.expect("Language")
    killed.kill(signal.SIGKILL)
    killed.wait()
    abandoned = left()
    assert len(abandoned) == 1
    alive = terminal("new", "line")
    alive.expect("Language")
    in_use = left()
    assert len(in_use) == 1 and in_use != abandoned
    if place == ".":
        assert fewshot("new", "other", "--defaults").returncode == 0
    else:
        assert "line is not empty" in fewshot("new", "line", "--defaults").stderr
    assert left() == in_use
    alive.send(CTRL_C)
    assert ended(alive) == 130
    assert left() == set()


def test_what_only_looks_abandoned_stays(fewshot, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / ".fewshot-unfinished-link").symlink_to("mine")
    (tmp_path / ".fewshot-unfinished-file").write_text("mine")
    assert fewshot("new", "line", "--defaults").returncode == 0
    assert len(os.listdir(tmp_path)) == 4


def test_a_wrong_flag_is_told_before_the_first_question(terminal):
    child = terminal("new", "line", "--target", "toaster")
    child.expect("'toaster' is not one of x86-cpu")
    assert ended(child) == 2


def test_a_folder_filled_in_the_meantime_is_not_touched(terminal, tmp_path):
    child = terminal(
        "new", "line", "--preset", "pcb-defects", "--language", "en", "--target", "x86-cpu"
    )
    child.expect("Write the project")
    (tmp_path / "line").mkdir()
    (tmp_path / "line" / "mine.txt").write_text("mine")
    child.send(ENTER)
    child.expect("error: cannot write")
    assert ended(child) == 1
    assert os.listdir(tmp_path) == ["line"]
    assert os.listdir(tmp_path / "line") == ["mine.txt"]


def test_an_update_asks_only_what_is_new(terminal, tmp_path, template):
    template.write(**{"about.jinja": "{{ shots }}\n"}).release("v1.0.0")
    line = template.new(tmp_path / "line")
    path = template.folder / "copier.yml"
    path.write_text(path.read_text() + "colour: {type: str, default: grey, help: Which colour}\n")
    template.write(**{"about.jinja": "{{ shots }} {{ colour }}\n"}).release("v2.0.0")
    child = terminal("update", "line")
    child.expect("Which colour")
    assert "task" not in child.before and "shots" not in child.before
    child.send(CTRL_C)
    assert ended(child) == 130
    assert (line / "about").read_text() == "20\n"
    child = terminal("update", "line")
    child.expect("Which colour")
    child.send(CTRL_U + "red" + ENTER)
    assert ended(child) == 0
    assert (line / "about").read_text() == "20 red\n"
