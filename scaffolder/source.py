"""Where a template comes from: the bundle of `fewshot`, or any git repository or bundle."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffolder import releases
from scaffolder.errors import FewshotError, UsageError
from scaffolder.git import git


@dataclass(frozen=True)
class Release:
    """One version of a template, checked out.

    Attributes:
        folder: Its files, without git.
        source: What a project records as `_src_path`.
        version: What a project records as `_commit`: a tag, or what `git describe` says.
        questions: The questions of its copier.yml, in order.
    """

    folder: Path
    source: str
    version: str
    questions: dict[str, dict[str, Any]]


@contextmanager
def checkout(source: str | None, version: str | None) -> Iterator[Release]:
    """Yields a release: of `source`, or of the bundle that comes with `fewshot`.

    Args:
        source: Path or URL of a git repository or bundle with copier.yml at its root.
        version: Tag or commit; the newest release by default.

    Raises:
        UsageError: There is no such source or version.
    """
    for text in (source, version):
        if text is not None and (text.startswith("-") or not text.isprintable() or not text):
            raise UsageError(f"{text!r} is neither a template source nor a version")
    where = _recorded(source) if source else _with_tilde(releases.install())
    with tempfile.TemporaryDirectory(prefix="fewshot-") as temporary:
        folder = Path(temporary) / "template"
        origin = os.path.expanduser(where).removeprefix("git+")
        try:
            git("clone", "--quiet", "--no-checkout", "--", origin, folder)
        except FewshotError as error:
            raise UsageError(f"cannot read the template source {where} ({error})") from None
        version = _pick(version, folder, where)
        git("-c", "advice.detachedHead=false", "checkout", "--quiet", version, cwd=folder)
        # Without .git copier takes the folder as it is instead of cloning it once more.
        shutil.rmtree(folder / ".git")
        yield Release(folder, where, version, _questions(folder, f"{where} {version}"))


def _recorded(source: str) -> str:
    """Returns a source as copier understands it from any folder."""
    path = Path(source).expanduser()
    if path.exists():
        return _with_tilde(path.resolve())
    if re.match(r"https?://|ssh://|file://", source) and not source.endswith(".git"):
        return f"git+{source}"
    return source


def _with_tilde(path: Path) -> str:
    """Writes the home folder as ~, so that a project can move to another account."""
    home = releases.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _pick(version: str | None, clone: Path, where: str) -> str:
    """Returns the tag that is asked for, or the description of a commit."""
    known = sorted(git("tag", cwd=clone).split(), key=releases.order)
    if version is None:
        released = [tag for tag in known if re.fullmatch(r"v?\d+(\.\d+)*", tag)]
        if not released:
            raise UsageError(f"{where} has no released version: name a commit with --version")
        return released[-1]
    for tag in (version, f"v{version}"):
        if tag in known:
            return tag
    for name in (version, f"origin/{version}"):
        with suppress(FewshotError):
            commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", cwd=clone)
            return git("describe", "--tags", "--always", commit.strip(), cwd=clone).strip()
    has = ", ".join(known) or "no versions"
    raise UsageError(f"there is no version {version} in {where}; it has {has}")


def _questions(folder: Path, where: str) -> dict[str, dict[str, Any]]:
    import yaml

    path = folder / "copier.yml"
    if not path.is_file() or path.is_symlink():
        raise UsageError(f"{where} has no copier.yml at its root")
    try:
        config = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return {k: v for k, v in config.items() if not k.startswith("_") and isinstance(v, dict)}
    except (yaml.YAMLError, AttributeError):
        raise FewshotError(f"copier.yml of {where} cannot be read") from None
