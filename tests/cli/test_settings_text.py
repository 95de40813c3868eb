"""Changing values in the text of a settings file: nothing else moves."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaffolder import settings_text
from scaffolder.errors import FewshotError

TEXT = """\
# Yours.
classes: ["短路", "b"]   # as drawn

data:
  folder: data              # where the pictures are
  labels:     # none
model:
  # what is trained
  backbone: "A # b"
  tiles: [1, 2]
  note: |
    one
    two

train: {seed: 0, minutes: 10}
"""


@pytest.mark.parametrize(
    ("name", "value", "before", "after"),
    [
        ("data.folder", "x", "folder: data              # w", "folder: x                 # w"),
        ("data.folder", "a" * 30, "data              # w", "a" * 30 + " # w"),
        ("data.folder", "a, #b", "data              # w", '"a, #b"           # w'),
        ("data.labels", "a.csv", "labels:     # none", "labels: a.csv # none"),
        ("model.backbone", "yes", '"A # b"', "'yes'"),
        ("model.note", None, "|\n    one\n    two\n", "null\n"),
        ("train.minutes", 1.5, "minutes: 10}", "minutes: 1.5}"),
        ("train.seed", True, "seed: 0", "seed: true"),
        ("model.start", "start", "  backbone", "  start: start\n  backbone"),
        ("seed", 3, "classes", "seed: 3\nclasses"),
        ("limits.loss", 0.1, "10}\n", "10}\n\nlimits:\n  loss: 0.1\n"),
    ],
)
def test_a_value_changes_and_the_rest_stays(name, value, before, after):
    assert TEXT.count(before) == 1
    assert settings_text.change(TEXT, {name: value}) == TEXT.replace(before, after)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TEXT, "model.tiles"),  # a list
        (TEXT, "model"),  # a section
        (TEXT, "train.epochs"),  # into braces
        (TEXT, "classes.first"),
        ("a: &x 1\nb: *x\n", "a"),
        ("a: &x 1\nb: *x\n", "b"),
        ("a: {b}\n", "a.b"),
        ("a: [", "a"),
        ("a: 1\n---\na: 2\n", "a"),
        ("", "a"),
        ("- a\n", "a"),
        ("a: &x {b: *x}\n", "a.c"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_to_the_user(text, name):
    with pytest.raises(FewshotError) as error:
        settings_text.change(text, {name: "x"})
    said = f"{name} cannot be set to x in settings.yaml: write it by hand"
    assert str(error.value) == said


def test_line_endings_stay(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_bytes(b"a:\r\n  b: 1 # x\r\n")
    settings_text.change_file(path, {"a.b": 2, "a.c": 3})
    assert path.read_bytes() == b"a:\r\n  c: 3\r\n  b: 2 # x\r\n"


NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
)
SETTINGS = st.dictionaries(
    NAMES, SCALARS | st.dictionaries(NAMES, SCALARS, min_size=1, max_size=5), min_size=1, max_size=5
)
DUMPED = SETTINGS.map(
    lambda settings: yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
)


def is_same(one: object, other: object) -> bool:
    """Equal, and of the same types: 1 is neither true nor 1.0."""
    if isinstance(one, float) and isinstance(other, float) and one and math.isfinite(one):
        return math.isclose(one, other)
    return type(one) is type(other) and repr(one) == repr(other)


@given(text=DUMPED, value=SCALARS, data=st.data())
def test_any_value_can_be_given_to_any_setting(text, value, data):
    before = settings_text.dotted(yaml.safe_load(text))
    name = data.draw(st.sampled_from(sorted(before)))
    after = settings_text.dotted(yaml.safe_load(settings_text.change(text, {name: value})))
    assert list(after) == list(before)
    for key in before:
        assert is_same(after[key], value if key == name else before[key])


def test_a_key_that_yaml_takes_for_something_else_is_quoted():
    text = settings_text.change("a: 1\n", {"on.off": 2, "null": 3})
    assert yaml.safe_load(text) == {"a": 1, "on": {"off": 2}, "null": 3}


@given(text=DUMPED, value=SCALARS, name=NAMES, data=st.data())
def test_any_setting_can_be_added(text, value, name, data):
    settings = yaml.safe_load(text)
    sections = [key for key in settings if isinstance(settings[key], dict)]
    section = data.draw(st.sampled_from([*sections, "other section"]))
    added = f"{section}.{name}"
    before = settings_text.dotted(settings)
    after = settings_text.dotted(yaml.safe_load(settings_text.change(text, {added: value})))
    assert set(after) == {*before, added}
    assert is_same(after[added], value)


@given(
    lines=st.lists(st.tuples(NAMES, st.integers() | NAMES), min_size=1, unique_by=lambda x: x[0]),
    comment=st.text(st.characters(exclude_categories=["C", "Z"])),
    data=st.data(),
)
def test_only_the_line_of_the_setting_changes(lines, comment, data):
    text = "# first\ntrain:\n" + "".join(f"  {k}: {v!s:<12} # {comment}\n" for k, v in lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = settings_text.change(text, {f"train.{lines[at][0]}": 0.25})
    before, after = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    assert len(before) == len(after)
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] in (
        [at + 2],
        [],
    )
    assert after[at + 2].endswith(f" # {comment}\n")
    if len(str(lines[at][1])) <= 12:
        assert after[at + 2].index("#") == before[at + 2].index("#")
