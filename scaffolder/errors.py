"""What the user can mend: one line on stderr and an exit code, never a traceback."""


class FewshotError(Exception):
    """Bad data or state. The text says what is wrong, where, and what to do."""

    exit_code = 1


class Unreadable(FewshotError):
    """The system does not give a file out, which tells nothing of what is in it."""


class UsageError(FewshotError):
    """A wrong option or answer."""

    exit_code = 2


class Stopped(FewshotError):
    """Ctrl-C. The text says, in the user's language where that is known, what was written."""

    exit_code = 130


def said(error: Exception) -> str:
    """Returns an error in words."""
    if isinstance(error, OSError):
        return f"{error.filename or 'input or output'}: {error.strerror}"
    return str(error) if isinstance(error, FewshotError) else repr(error)
