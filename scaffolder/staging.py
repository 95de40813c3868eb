"""The hidden folder that a project is made in, before it is renamed to its place.

A killed process leaves its folder behind, and the next one there removes it: a folder in use is
locked (flock), and a lock ends with its process.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scaffolder.errors import FewshotError

PREFIX = ".fewshot-unfinished-"
NEW = ".fewshot-new-"


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yields a hidden folder in `folder`, which is gone afterwards.

    Raises:
        FewshotError: Nothing can be written there.
    """
    try:
        stage, lock = _locked(folder)
    except OSError as error:
        raise FewshotError(f"cannot write in {folder}: {error.strerror}") from None
    try:
        os.chmod(stage, 0o777 & ~_umask())
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        os.close(lock)


def remove_abandoned(folder: Path) -> None:
    """Removes what killed processes left in `folder`, as far as that can be told and done."""
    for stage in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(stage, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(stage)
            finally:
                os.close(lock)


def _locked(folder: Path) -> tuple[Path, int]:
    """Makes a folder that is locked before it has a name that `remove_abandoned` looks for; the
    lock's file descriptor."""
    made = Path(tempfile.mkdtemp(dir=folder, prefix=NEW))
    lock = os.open(made, os.O_RDONLY)
    with suppress(OSError):  # no locks on this disk: then nothing is taken for abandoned
        fcntl.flock(lock, fcntl.LOCK_SH)
    return made.rename(folder / made.name.replace(NEW, PREFIX, 1)), lock


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
