"""settings.yaml: everything has a default, and all faults are named at once, with their lines."""

import importlib
from pathlib import Path

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


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "settings.yaml:1: classes: is missing. Add it."),
        ("data: {}\n", "settings.yaml:1: classes: is missing. Add it."),
        (
            "classes: [a]\n",
            "settings.yaml:1: classes: list should have at least 2 items after validation, not 1 "
            "(found ['a']).",
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
