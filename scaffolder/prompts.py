"""Copier's prompts: without words that are English whatever the user's language, with an offered
answer only where it fits the answers before it, and with one way to write an accented letter.

Copier has no setting for these, so three methods of its questions are replaced while it asks. A
copier that is built differently asks in its own way.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copier._user_data import Question


@contextmanager
def our_prompts() -> Iterator[None]:
    """Replaces them while the block runs."""
    try:
        from copier._user_data import Question

        build, default = Question.get_questionary_structure, Question.get_default
        cast = Question.cast_answer
    except (ImportError, AttributeError):
        yield
        return

    def fitting(question: "Question") -> Any:
        try:
            return default(question)
        except ValueError:  # as many class names as were offered, for another number
            question.answers.user_defaults.pop(question.var_name, None)
            return default(question)

    def composed(question: "Question", answer: Any) -> Any:
        value = cast(question, answer)
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value

    replaced = {
        build.__name__: lambda question: _in_our_words(build(question)),
        default.__name__: fitting,
        cast.__name__: composed,
    }
    try:
        for name, method in replaced.items():
            setattr(Question, name, method)
        yield
    finally:
        for original in (build, default, cast):
            setattr(Question, original.__name__, original)


def _in_our_words(prompt: dict[str, Any]) -> dict[str, Any]:
    """A prompt whose list says which keys choose, and whose check says no more than the
    template's message."""
    if prompt.get("type") == "select":
        prompt["instruction"] = "(↑ ↓)"
    if check := prompt.get("validate"):
        words = f"Validation error for question '{prompt.get('name')}': "

        def checked(answer: Any) -> Any:
            said = check(answer)
            return said.removeprefix(words) if isinstance(said, str) else said

        prompt["validate"] = checked
    return prompt
