"""Copier's prompts, without words that are English whatever the user's language.

Copier has no setting for them, so they are replaced in what it hands to questionary. A copier
that is built differently shows its own words, and nothing else changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_BUILD = "get_questionary_structure"


@contextmanager
def our_words() -> Iterator[None]:
    """Replaces them while the block runs."""
    try:
        from copier._user_data import Question

        build = getattr(Question, _BUILD)
    except (ImportError, AttributeError):
        yield
        return
    setattr(Question, _BUILD, lambda question: _replaced(build(question)))
    try:
        yield
    finally:
        setattr(Question, _BUILD, build)


def _replaced(prompt: dict[str, Any]) -> dict[str, Any]:
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
