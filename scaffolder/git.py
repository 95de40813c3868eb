"""Calls of git that neither depend on the user's configuration nor change it."""

import os
import shutil
import subprocess
from pathlib import Path

from scaffolder.errors import FewshotError

# Set by git for hooks and aliases: they would turn our calls to another repository.
_FOREIGN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)
# No hook of the user's runs in any call, and no line ending that git would change stops one.
_OURS = ("-c", "core.hooksPath=/dev/null", "-c", "core.safecrlf=false")
# No ignore rule or background job of the user's takes part in the first commit.
_FIRST_COMMIT = (
    *("-c", "core.excludesFile="),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)


def prepare() -> None:
    """Drops the variables that point git elsewhere.

    Raises:
        FewshotError: There is no git.
    """
    for name in _FOREIGN:
        os.environ.pop(name, None)
    if not shutil.which("git"):
        raise FewshotError("git was not found: install it (2.30 or newer) and try again")


def git(
    *args: str | Path,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdin: str = "",
    check: bool = True,
) -> str:
    """Runs git, without hooks, and returns what it printed.

    Args:
        args: Command and options.
        cwd: Where to run it.
        env: Variables to set.
        stdin: What it reads.
        check: Whether it has to succeed.

    Raises:
        FewshotError: git failed; the text is the line in which it says why.
    """
    done = subprocess.run(
        ["git", *_OURS, *map(str, args)],
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
    )
    if done.returncode and check:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        why = [line for line in said if line.startswith(("fatal: ", "error: "))]
        raise FewshotError(why[0].removeprefix("error: ") if why else said[-1])
    return done.stdout


def enclosing_repository(folder: Path, name: str) -> Path | None:
    """Returns the root of the repository that would track `folder/name`, if there is one."""
    try:
        root = git("rev-parse", "--show-toplevel", cwd=folder).rstrip("\n")
    except FewshotError:
        return None
    if not root:  # inside a .git folder or a bare repository
        return None
    try:
        git("check-ignore", "--quiet", "--no-index", "--", f"./{name}/", cwd=folder)
    except FewshotError:
        return Path(root)
    return None


def first_commit(folder: Path, message: str) -> None:
    """Makes `folder` a repository with one commit of everything that it does not ignore."""
    git("-c", "init.defaultBranch=main", "init", "--quiet", cwd=folder)
    git(*_FIRST_COMMIT, "add", "--all", cwd=folder)
    flags = ("--quiet", "--no-gpg-sign", "--message", message)
    git(*_FIRST_COMMIT, "commit", *flags, cwd=folder, env=identity(folder))


def identity(folder: Path) -> dict[str, str]:
    """Returns a name and an address for what the user has not configured."""
    try:
        known = git("config", "--get-regexp", r"^user\.(name|email)$", cwd=folder)
    except FewshotError:
        known = ""
    env = {}
    for key, fallback in (("name", "fewshot"), ("email", "fewshot@localhost")):
        if f"user.{key} " not in known:
            for role in ("AUTHOR", "COMMITTER"):
                variable = f"GIT_{role}_{key.upper()}"
                env[variable] = os.environ.get(variable) or fallback
    return env
