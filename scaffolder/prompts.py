"""Copier's prompts: without words that are English whatever the user's language, and with an
offered answer only where it fits the answers before it.

Copier has no setting for either, so two methods of its questions are replaced while it asks. A
copier that is built differently asks in its own way.
"""

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
    except (ImportError, AttributeError):
        yield
        return

    def fitting(question: "Question") -> Any:
        try:
            return default(question)
        except ValueError:  # as many class names as were offered, for another number
            question.answers.user_defaults.pop(question.var_name, None)
            return default(question)

    replaced = {
        build.__name__: lambda question: _in_our_words(build(question)),
        default.__name__: fitting,
    }
    try:
        for name, method in replaced.items():
            setattr(Question, name, method)
        yield
    finally:
        for original in (build, default):
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
