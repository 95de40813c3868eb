"""What the template renders: the exact files, and any text as a class name."""

import ast
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaffolder import answers, create
from scaffolder.errors import FewshotError
from scaffolder.source import checkout

ROOT = Path(__file__).parents[2]
TASKS = ["classification", "detection"]

HOSTILE = [
    *("{{ 7 * 7 }}", "{% raw %}", "{# x #}", "$(touch pwned)", "`touch pwned`", "$HOME", "${X}"),
    *("it's", '"quoted"', "a: b", "- a", "# a", "&a *b", "!!python", "<b>", "a;b", "a|b"),
    *(
        "no",
        "null",
        "1e3",
        "0o7",
        "~",
        "=",
        "%x",
        "@x",
        "-rf",
        "--",
        "短路",
        "épissure",
        "🔥",
        "👩‍🔧",
    ),
    *("café", "a b", "*", "?", "[a]", "{a}", "x" * 100, "划" * 85, "𠮷"),
]


@pytest.fixture(scope="module", params=TASKS)
def rendering(bundle, tmp_path_factory, request) -> Path:
    """The default project for a task; its folder is named after the task."""
    folder = tmp_path_factory.mktemp("rendering") / request.param
    create.new(folder, {"task": request.param}, source=str(bundle), defaults=True)
    return folder


def listed(task: str) -> list[str]:
    return Path(__file__).with_name(f"{task}.txt").read_text(encoding="utf-8").splitlines()


def run(*args: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(args, cwd=cwd, capture_output=True, encoding="utf-8")


def test_exactly_these_files(rendering):
    """After a change of the files: `make files`, and read the difference."""
    on_disk = sorted(
        str(path.relative_to(rendering))
        for path in rendering.rglob("*")
        if not path.is_dir() and ".git" not in path.relative_to(rendering).parts
    )
    assert on_disk == listed(rendering.name)


def test_both_tasks_have_the_same_steps():
    outside = [[name for name in listed(task) if "pipeline/" not in name] for task in TASKS]
    assert outside[0] == outside[1]


def test_every_file_is_committed(rendering):
    assert run("git", "status", "--porcelain", "--ignored", cwd=rendering).stdout == ""


def test_no_jinja_is_left(rendering):
    for path in rendering.rglob("*"):
        assert "{{" not in path.name and "}}" not in path.name
    for name in ("Makefile", "README.md", "Dockerfile", "settings.yaml"):
        text = (rendering / name).read_text(encoding="utf-8")
        assert "{%" not in text and "{{ " not in text, name


def test_the_dockerfile_is_linted(rendering):
    done = run(Path(sys.executable).with_name("hadolint"), "Dockerfile", cwd=rendering)
    assert done.returncode == 0, done.stdout


def test_the_python_is_plain_python():
    assert not list((ROOT / "templates").rglob("*.py.jinja"))


def test_ruff_finds_nothing(rendering):
    for command in (["check"], ["format", "--check"]):
        options = ("--no-cache", "--config", ROOT / "pyproject.toml")
        done = run(sys.executable, "-m", "ruff", *command, *options, ".", cwd=rendering)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("target", ["x86-cpu", "nvidia-gpu", "jetson", "arm-linux"])
def test_every_language_and_target_renders(bundle, tmp_path, task, language, target):
    given = {"task": task, "language": language, "target": target}
    create.new(tmp_path / "line", given, source=str(bundle), defaults=True)
    done = run("make", "--dry-run", "help", cwd=tmp_path / "line")
    assert done.returncode == 0, done.stderr
    done = run("make", "--dry-run", "all", cwd=tmp_path / "line")
    assert ("lite.py" in done.stdout) == (target == "arm-linux")
    readme = (tmp_path / "line" / "README.md").read_text(encoding="utf-8")
    assert f"**{target}" in readme and f"\n\n{targets_table(language)}\n" in readme


@pytest.mark.parametrize(
    ("language", "targets"),
    [
        ("en", ["x86-cpu", "arm-linux"]),
        ("zh", ["x86-cpu", "arm-linux"]),
        ("en", ["x86-cpu", "nvidia-gpu", "jetson", "arm-linux"]),
    ],
)
def test_the_readme_shows_how_to_change_the_targets(bundle, tmp_path, language, targets):
    given = {"language": language, "target": ",".join(targets)}
    create.new(tmp_path / "line", given, source=str(bundle), defaults=True)
    readme = (tmp_path / "line" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall("`fewshot update --set target=([^`]*)`", readme)
    assert set(example.split(",")) != set(targets)


def targets_table(language: str) -> str:
    """What each target decides, as README.md and the guide show it."""
    return (ROOT / f"templates/readme/targets.{language}.md").read_text(encoding="utf-8")


def test_the_table_of_targets_is_true_and_the_same_everywhere(questions):
    source = (ROOT / "templates/project/{{ detection }}/pipeline/detectors.py").read_text()
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
    }
    for language, guide in (("en", "guide.md"), ("zh", "guide.zh.md")):
        table = targets_table(language)
        rows = [row.split(" | ") for row in table.splitlines()[2:]]
        models = {row[0].strip("| `"): row[1].split("`")[1] for row in rows}
        assert models == constants["DETECTOR_OF"]
        assert all(f"'{name}'" in questions["target"]["validator"] for name in models)
        assert f"\n\n{table}\n" in (ROOT / "docs" / guide).read_text(encoding="utf-8")


def classes_of(bundle: Path, names: list[str], task: str) -> list[str]:
    """Renders a project with these class names and returns those in its settings.yaml."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "line"
        given = answers.merge({"task": task, "classes": names})
        create.new(project, given, source=str(bundle), defaults=True)
        for config in (project / "settings.yaml", project / ".copier-answers.yml"):
            assert yaml.safe_load(config.read_text(encoding="utf-8"))
        return yaml.safe_load((project / "settings.yaml").read_text(encoding="utf-8"))["classes"]


@pytest.mark.parametrize("task", TASKS)
def test_hostile_class_names_are_only_data(bundle, task):
    assert classes_of(bundle, HOSTILE, task) == HOSTILE


@given(
    names=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4),
    task=st.sampled_from(TASKS),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_class_name_is_refused_or_kept(bundle, names, task):
    try:
        kept = classes_of(bundle, names, task)
    except FewshotError as refused:
        assert str(refused).isprintable()
    else:
        assert kept == [unicodedata.normalize("NFC", name) for name in names]


@pytest.fixture(scope="module")
def questions(bundle):
    with checkout(str(bundle), None) as release:
        return release.questions


@given(
    given=st.dictionaries(
        st.sampled_from(
            ["language", "task", "num_classes", "classes", "shots", "target", "x", "y\n"]
        ),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
@settings(max_examples=300, deadline=None)
def test_any_answers_are_refused_in_one_line_or_good(questions, given):
    try:
        checked = answers.check(answers.merge(given), questions)
    except FewshotError as refused:
        assert str(refused).isprintable()
    else:
        assert checked.keys() >= given.keys()


@pytest.mark.parametrize(
    "names",
    [
        ["a", "A"], ["é", "É"], ["a", ""], ["a", " b"], ["a", "b "], ["a", "b/c"], ["a", ".."],
        ["a", "b\\c"], ["a", ".b"], ["a", "b\nc"], ["a", "b\0"], ["a", "b\x1b[2J"],
        ["a", "b\u202ec"], ["a", "b\u3000c"], ["a", "b\u2028c"], ["a", "b\udcff"], ["a", "x" * 101],
        ["a", "划" * 86], ["a", "train"], ["a", "VAL"], ["a", "test"], ["a", "labels.csv"],
        ["a", "unknown"], ["a", "b,c"], ["a", "b，c"], ["a", "b、c"], ["a"], [],
    ],
)  # fmt: skip
def test_names_that_are_no_folder_names_are_refused(questions, names):
    with pytest.raises(FewshotError):
        answers.check(answers.merge({"classes": names}), questions)


def test_a_class_of_boxes_is_no_folder(questions):
    names = ["a/b", "a\\b", ".b", "train", "labels.csv", "unknown"]
    given = answers.merge({"task": "detection", "classes": names})
    assert answers.check(given, questions)["num_classes"] == "6"
    with pytest.raises(FewshotError, match="is there twice"):
        answers.check(answers.merge({"task": "detection", "classes": ["a", "A"]}), questions)


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("val", "is a reserved name", "是保留名称"),
        (
            "Unknown",
            "is what predict.py answers for a picture",
            "是 predict.py 对不像任何类别的图片的回答",
        ),
    ],
)
def test_refusals_are_bilingual(questions, name, english, chinese):
    for language, said in (("en", english), ("zh", chinese)):
        with pytest.raises(FewshotError, match=said):
            given = answers.merge({"language": language, "classes": ["a", name]})
            answers.check(given, questions)


def test_the_template_executes_nothing():
    config = yaml.safe_load((ROOT / "templates/copier.yml").read_text(encoding="utf-8"))
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & config.keys()
    assert config["_min_copier_version"] == "9.17.2"
