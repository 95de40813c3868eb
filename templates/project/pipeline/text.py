"""Names from outside: to compare, and for a line of the terminal."""

import unicodedata

MOST = 3


def composed(text: str) -> str:
    """However its accents are composed: macOS takes them apart."""
    return unicodedata.normalize("NFC", text)


def printable(text: str) -> str:
    """Escapes line breaks, terminal codes and whatever else does not print."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    return ", ".join(names[:MOST]) + (f" (+{len(names) - MOST})" if len(names) > MOST else "")
