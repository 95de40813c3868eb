"""settings.yaml: everything has a default, and all faults are named at once, with their lines."""

import importlib
from pathlib import Path
from typing import ClassVar

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def load(in_project):
    settings = importlib.import_module("pipeline.settings")

    def load(text):
        path = in_project / "settings.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return settings.load()

    return load


@pytest.fixture
def faults(load):
    from pipeline.console import UserError

    def faults(text):
        with pytest.raises(UserError) as error:
            load(text)
        return str(error.value).splitlines()

    return faults


def test_classes_alone_are_enough(load):
    settings = load("classes: [划痕, 'it''s {{ x }}']\n")
    assert settings.classes == ["划痕", "it's {{ x }}"]
    assert settings.data.folder == "data"


def test_the_template_s_settings_hold_the_defaults(load, in_project):
    """What settings.yaml shows is what a missing key means."""
    import jinja2

    source = ROOT / "templates" / "project" / "{{ classification }}" / "settings.yaml.jinja"
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["to_json"] = lambda value, **_: str(value)
    for language in ("en", "zh"):
        text = environment.from_string(source.read_text()).render(
            language=language, class_names=["a", "b"]
        )
        assert load(text) == load("classes: [a, b]\n")


def test_all_faults_at_once(faults):
    text = """\
classes: [a, b, a]
data:
  test_share: 2
  min_side: 0
trian: {}
train:
  seed: "1"
  speed: 3
"""
    assert faults(text) == [
        "settings.yaml:1: classes: a class stands there twice: 'a' (found ['a', 'b', 'a']).",
        "settings.yaml:3: data.test_share: input should be less than 0.9 (found 2).",
        "settings.yaml:4: data.min_side: input should be greater than 0 (found 0).",
        "settings.yaml:7: train.seed: input should be a valid integer (found '1').",
        "settings.yaml:8: train.speed: no such setting. Remove it or mend its name.",
        "settings.yaml:5: trian: no such setting. Remove it or mend its name.",
    ]


def test_what_stands_there_twice_is_named(faults):
    """YAML would take the last one, and drop what the first said without a word."""
    text = """\
classes: [a, b]
model:
  weights: bought.pdparams
train:
  seed: 1
  seed: 2
  steps: -1
  seed: 3
model:
  backbone: PPLCNet_x1_0
"""
    assert faults(text) == [
        "settings.yaml:9: model: stands there twice (lines 2 and 9). Merge them.",
        "settings.yaml:8: train.seed: stands there 3 times (lines 5, 6 and 8). Keep one.",
        "settings.yaml:7: train.steps: input should be greater than or equal to 0 (found -1).",
    ]


def test_numbers_with_an_exponent(load):
    """As everyone writes them; to YAML 1.1, only 1.0e-3 is a number."""
    for text, value in (("1e-3", 0.001), ("1E-3", 0.001), ("2.5e-03", 0.0025), (".1e-1", 0.01)):
        assert load(f"classes: [a, b]\ntrain: {{learning_rate: {text}}}\n").train.learning_rate == (
            value
        )


@pytest.mark.parametrize(
    ("text", "line", "character"),
    [
        (
            "classes: [a, b]\ndata:\n  test_share：0.25\n",
            3,
            "： on line 3: write an ordinary colon",
        ),
        (
            "classes: [a, b]\ndata:\n  folder: x\n  test_share：0.25  # 比例\n\n  min_side: 16\n",
            6,
            "： on line 4: write an ordinary colon (:).",
        ),
        ("classes: [开路，短路]\n", 1, "， on line 1: write an ordinary comma (,)."),
        ("classes: [开路、短路]\n", 1, "、 on line 1: write an ordinary comma (,)."),
        ("classes: 【开路, 短路】\n", 1, "【 on line 1: write an ordinary bracket ([)."),
        ("classes: （开路, 短路）\n", 1, "（ on line 1: write an ordinary bracket ([)."),
        ('classes: ["开路”, "短路"]\n', 1, '” on line 1: write an ordinary quotation mark (").'),
        (
            "classes: [a, b]\naugment: {symmetry: “none”}\n",
            2,
            '“ on line 2: write an ordinary quotation mark (").',
        ),
        (
            "classes: [a, b]\ndata:\n  test_share:　0.25\n",
            3,
            "space on line 3: write an ordinary space.",
        ),
    ],
)
def test_full_width_punctuation_is_named(faults, text, line, character):
    [found] = faults(text)
    assert f" Full-width {character}" in found
    assert int(found.split(":")[1]) in (line - 1, line)


@pytest.mark.parametrize(
    "text",
    [
        "classes: [a, b]  # 类别：甲，乙\ntrain: {seed: x}  # 种子，“整数”\n",
        "classes: ['开路：一', \"短路，二\", 3]\n",
        "classes: [开路（一）, 短路, 3]\n",
        "classes: [开路（一）, 短路\n",
    ],
)
def test_full_width_punctuation_that_is_no_fault(faults, text):
    assert "Full-width" not in faults(text)[0]


def test_class_names_that_yaml_does_not_read_as_text(faults):
    of = "settings.yaml:1: classes."
    assert faults("classes: [yes, 1, b]\n") == [
        f'{of}0: input should be a valid string (found True). Put it in quotes: "yes".',
        f'{of}1: input should be a valid string (found 1). Put it in quotes: "1".',
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "settings.yaml:1: classes: is missing. Add it."),
        ("data: {}\n", "settings.yaml:1: classes: is missing. Add it."),
        (
            "classes: [a]\n",
            "settings.yaml:1: classes: two classes at least, with a comma between them: "
            "[open, short] (found ['a']).",
        ),
        ("classes: [a, ' ']\n", "settings.yaml:1: classes: a class has an empty name "),
        ("classes: [a, 1]\n", "settings.yaml:1: classes.1: input should be a valid string "),
        ("classes: [a, b\n", "settings.yaml:2: not valid YAML ("),
        ("classes: [a, b]\n\tdata: 1\n", "settings.yaml:2: not valid YAML ("),
        ("- 1\n", "settings.yaml:1: the file: input should be a valid dictionary "),
        ("data: !!python/object/apply:os.system [touch x]\n", "settings.yaml:1: not valid YAML ("),
        ("classes: [a, *b]\n", "settings.yaml:1: not valid YAML (found undefined alias"),
        (b"classes: [a, \xff]\n", "settings.yaml: not UTF-8 text. Save it as UTF-8."),
        (b"classes: [a, \x00]\n", "settings.yaml"),
        (
            "classes: [a, b]\naugment: {cutmix: 0.5}\ntrain: {episodic: 1.0}\n",
            "settings.yaml:3: train: episodic needs pictures of one class: set mixup and cutmix ",
        ),
        ("classes: [a, b]\ndata:\n", "settings.yaml:2: data: input should be a valid dictionary"),
    ],
)
def test_one_fault(faults, in_project, text, fault):
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(fault)
    assert not (in_project / "x").exists()


def test_no_file(faults, in_project, run):
    (in_project / "settings.yaml").unlink()
    done = run(in_project, "check_data.py")
    assert done.returncode == 1
    assert done.stderr == (
        "error: settings.yaml: no such file. Restore it with git, or start anew.\n"
    )


def test_names_of_older_templates_are_read_and_named(in_project, load, capsys):
    """An update leaves settings.yaml alone, so what older templates wrote there must load."""
    from pipeline import settings_file
    from pipeline.settings_file import Section

    assert load("classes: [a, b]\ntrain:\n  steps: 7\n  epochs: 80\n").train.steps == 7
    assert capsys.readouterr().err == (
        "settings.yaml:4: train.epochs: is not used any more: train.steps says how long. "
        "Remove it.\n"
    )
    load("classes: [a, b]\ntrain: {epochs: null}\n")
    assert capsys.readouterr().err == ""

    class Part(Section):
        renamed: ClassVar = {"rate": "learning_rate"}
        learning_rate: float = 1.0

    class Whole(Section):
        train: Part = Part()

    path = in_project / "settings.yaml"
    path.write_text("train:\n  rate: 0.5\n")
    assert settings_file.load(path, Whole).train.learning_rate == 0.5
    assert capsys.readouterr().err == (
        "settings.yaml:2: train.rate: is called train.learning_rate now. Rename it.\n"
    )
    path.write_text("train: {rate: 0.5, learning_rate: 0.1}\n")
    with pytest.raises(settings_file.UserError, match="no such setting"):
        settings_file.load(path, Whole)
