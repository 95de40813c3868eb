"""How a script talks to the person at the terminal."""

import os
import signal
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something that the user can mend. Printed as it is, with exit code 1 and no traceback.

    The text says what is wrong, where (file, line, image, class) and what to do. Several
    problems that were found together stand on a line each.
    """


def print_utf8() -> None:
    """Makes what is printed UTF-8, as JSON is, whatever the terminal has."""
    sys.stdout.reconfigure(encoding="utf-8")


def run(main: Callable[[], None]) -> None:
    """Runs a script's `main` and turns the errors that users can mend into text on stderr."""
    # docker stop, timeout and systemd: what is unfinished is cleared away as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # who reads has seen enough, as in `predict.py FOLDER | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError:  # Paddle's, too, of a graphics card
        sys.exit(
            "error: out of memory. End what else runs; training needs less with a smaller "
            "train.batch_size in settings.yaml."
        )
    except OSError as error:  # no right to write, disk full, ...
        if not error.strerror:
            raise
        sys.exit(f"error: {error.filename or 'a file'}: {error.strerror}.")
    except KeyboardInterrupt:
        print("\nStopped. Nothing that was finished is lost.", file=sys.stderr)
        sys.exit(130)
