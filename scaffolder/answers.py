"""Answers given beforehand: flags, an answers file, a preset.

Which questions exist, their types, choices and checks stand in the template's copier.yml alone.
"""

import difflib
import re
import reprlib
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffolder import reading, settings_text
from scaffolder.errors import FewshotError, UsageError
from scaffolder.messages import plain, texts

PRESETS = Path(__file__).parent / "presets"

# What separates names in the one line that holds them.
_SEPARATORS = re.compile("[,，、]")
_LISTS = ("classes", "target")  # answers that are names
_CASTS = {"int": int, "str": str}

Questions = Mapping[str, Mapping[str, Any]]
Answers = dict[str, Any]


@dataclass(frozen=True)
class Preset:
    """What is known beforehand about a job that comes up often.

    Attributes:
        about: One line in each language.
        answers: Answers to some of the questions.
        settings: Values of settings.yaml by dotted name, as in `train.minutes`.
    """

    about: dict[str, str] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def presets() -> dict[str, Preset]:
    """Returns the presets by name."""
    found = {}
    for path in sorted(PRESETS.glob("*.yaml")):
        parts = reading.yaml_mapping(path.read_text(encoding="utf-8"), path.name)
        settings = settings_text.dotted(parts["settings"])
        found[path.stem] = Preset(parts["about"], parts["answers"], settings)
    return found


def preset(name: str) -> Preset:
    """Returns a preset.

    Raises:
        UsageError: There is no such preset.
    """
    known = presets()
    if name not in known:
        raise UsageError(f"there is no preset {name!r}: choose from {', '.join(known)}")
    return known[name]


def load(path: Path) -> Answers:
    """Reads an answers file: YAML, one answer a line. A project's own answers file will do.

    Numbers are text as they are written there: a class can be called 001.

    Raises:
        UsageError: The file is missing, too large, or no such YAML.
    """
    name = f"the answers file {path}"
    try:
        with path.open("rb") as file:
            text = reading.text_of(file, name)
        answers = reading.yaml_mapping(text, name, numbers_as_text=True)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    except FewshotError as error:
        raise UsageError(str(error)) from None
    if not all(isinstance(key, str) for key in answers):
        raise UsageError(f"{name} must hold lines like 'shots: 20'")
    return {key: value for key, value in answers.items() if key not in ("_commit", "_src_path")}


def merge(*layers: Answers) -> Answers:
    """Merges answers, the later layer winning; class names bring their number with them."""
    merged: Answers = {}
    for layer in layers:
        classes = layer.get("classes")
        if "num_classes" in layer and "classes" not in layer:
            merged.pop("classes", None)
        if isinstance(classes, str):
            merged["num_classes"] = len(_SEPARATORS.split(classes))
        elif isinstance(classes, list):
            # Several names in one are its only fault, not their number as well.
            merged["num_classes"] = sum(len(_SEPARATORS.split(str(name))) for name in classes)
        merged |= layer
    return merged


def choices(question: Mapping[str, Any]) -> list[Any]:
    """Returns the values that a question offers, none if it takes any."""
    return [choice["value"] for _, choice in _choices(question)]


def shown(answers: Answers, questions: Questions) -> dict[str, str]:
    """Returns answers as the questions show them: a choice by its label."""
    from jinja2 import ChainableUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    jinja = SandboxedEnvironment(undefined=ChainableUndefined)
    said = {name: str(value) for name, value in answers.items() if name in questions}
    for name in said:
        for label, choice in _choices(questions[name]):
            if choice["value"] == answers[name]:
                with suppress(TemplateError, TypeError, ArithmeticError):
                    said[name] = jinja.from_string(str(label)).render(answers).strip()
    return said


def _choices(question: Mapping[str, Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Yields the label of each choice, and what copier.yml says of it, at least its value."""
    for choice in question.get("choices", []):
        label, value = choice if isinstance(choice, list) else (choice, choice)
        yield label, value if isinstance(value, dict) else {"value": value}


def check(answers: Answers, questions: Questions, language: object = None) -> Answers:
    """Checks answers against the questions, and returns them in the types of the questions.

    Args:
        answers: To some of the questions.
        questions: Of the template.
        language: Of the faults, where the answers name none.

    Raises:
        UsageError: Naming every fault.
    """
    from jinja2 import ChainableUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    jinja = SandboxedEnvironment(undefined=ChainableUndefined)
    say = texts(answers.get("language", language))
    asked = [name for name, question in questions.items() if question.get("when") is not False]
    faults = [_unknown(name, asked, say) for name in answers if name not in asked]
    known: Answers = {"language": language} if language else {}
    for name in asked:
        try:
            known[name] = _answer(jinja, name, questions[name], known, answers, say)
        except ValueError as error:
            faults.append(f"{name}: {error}")
            known.pop(name, None)
        except (TypeError, ArithmeticError, TemplateError) as error:
            if not faults:  # else it follows from one of them
                faults.append(f"{name}: {error}")
    if faults:
        raise UsageError(say["fault_separator"].join(faults))
    return {name: known[name] for name in asked if name in answers}


def _answer(
    jinja: Any,
    name: str,
    question: Mapping[str, Any],
    known: Answers,
    answers: Answers,
    say: Mapping[str, str],
) -> Any:
    """Returns an answer in the question's type, or the question's default; notes it in `known`."""
    cast = _CASTS.get(question.get("type", "str"), str)
    if name not in answers:
        return known.get(name) or cast(
            jinja.from_string(str(question.get("default", ""))).render(known)
        )
    given = answers[name]
    if isinstance(given, list) and name in _LISTS:
        given = _one_line(name, given, say)
    if isinstance(given, bool) or not isinstance(given, (str, int)):
        raise ValueError(say["no_text_or_number"].format(value=reprlib.repr(given)))
    try:
        known[name] = value = cast(given)
    except ValueError:
        raise ValueError(say["no_whole_number"].format(value=reprlib.repr(given))) from None
    if isinstance(value, str):
        known[name] = value = unicodedata.normalize("NFC", value)
    fault = _choice_fault(jinja, question, known, value, say)
    if not fault:
        fault = jinja.from_string(question.get("validator", "")).render(known).strip()
    if fault:
        raise ValueError(fault)
    return value


def _one_line(question: str, names: list[Any], say: Mapping[str, str]) -> str:
    """Writes names in one line, as the question wants them."""
    for name in names:
        if isinstance(name, bool) or not isinstance(name, (str, int, float)):
            shown = {True: "yes/true", False: "no/false", None: "null"}
            what = shown[name] if name is None or isinstance(name, bool) else reprlib.repr(name)
            raise ValueError(say[f"{question}_no_text"].format(name=what))
        if isinstance(name, str) and (_SEPARATORS.search(name) or name != name.strip()):
            write = _apart(question, name)
            raise ValueError(say["several_names"].format(name=reprlib.repr(name), options=write))
    return ", ".join(map(str, names))


def _apart(question: str, name: str) -> str:
    """Returns the options that give each of several names on its own."""
    option = {"classes": "--class", "target": "--target"}[question]
    parts = [part.strip() for part in _SEPARATORS.split(name) if part.strip()]
    if not parts or len(name) > 100:
        parts = ["NAME", "NAME"]
    bare = [part if re.fullmatch(r"[\w.-]+", part) else shlex.quote(part) for part in parts]
    return plain(" ".join(f"{option} {part}" for part in bare))


def _choice_fault(
    jinja: Any, question: Mapping[str, Any], known: Answers, value: Any, say: Mapping[str, str]
) -> str:
    """Returns why a value is none of the question's choices, or nothing."""
    open_choices = []
    for _, choice in _choices(question):
        closed = jinja.from_string(choice.get("validator", "")).render(known).strip()
        if choice["value"] == value:
            return f"{value} {closed}" if closed else ""
        if not closed:
            open_choices.append(str(choice["value"]))
    if not open_choices:
        return ""
    return say["not_one_of"].format(
        value=reprlib.repr(value), choices=say["names_separator"].join(open_choices)
    )


def _unknown(name: str, asked: list[str], say: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, asked, 1)
    there_are = say["there_are"].format(names=say["names_separator"].join(asked))
    hint = say["did_you_mean"].format(near=near[0]) if near else there_are
    return say["unknown_answer"].format(name=reprlib.repr(name), hint=hint)
