"""Where a template comes from: the bundle of `fewshot`, or any git repository or bundle.

A template is someone else's text: before anything of a version is used, its files and its
copier.yml are checked, and what could execute or reach outside is refused.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from scaffolder import config, releases
from scaffolder.errors import FewshotError, UsageError
from scaffolder.git import git
from scaffolder.messages import plain

# What copier.yml may set; all that it could execute or read from elsewhere is missing here.
_SETTINGS = {
    "_answers_file",
    "_envops",
    "_exclude",
    "_message_after_copy",
    "_message_after_update",
    "_message_before_copy",
    "_message_before_update",
    "_min_copier_version",
    "_skip_if_exists",
    "_subdirectory",
    "_templates_suffix",
}
# Files as they were committed: no line ending is changed and no filter runs, whatever the user's
# git and the template's own .gitattributes say.
_AS_COMMITTED = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")
_ATTRIBUTES = "* -text -ident !filter !working-tree-encoding\n"


@dataclass(frozen=True)
class Release:
    """One version of a template, checked out.

    Attributes:
        folder: Its files, without git.
        source: What a project records as `_src_path`.
        version: What a project records as `_commit`: a tag, or what `git describe` says.
        questions: The questions of its copier.yml, in order.
        exclude: The patterns of its `_exclude`, not rendered.
    """

    folder: Path
    source: str
    version: str
    questions: dict[str, dict[str, Any]]
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A template source, read into a folder that is gone after use.

    Attributes:
        where: What a project records as `_src_path`.
        folder: Holds `history.git`, and each version that was asked for.
        versions: Its tags, the oldest first.
    """

    where: str
    folder: Path
    versions: list[str]
    _releases: dict[str, Release] = field(default_factory=dict)

    def release(self, version: str | None = None) -> Release:
        """Returns a version, checked out and checked.

        Args:
            version: Tag or commit; the newest release by default.

        Raises:
            UsageError: There is no such version.
            FewshotError: It is not what was released, or a template that is not to be trusted.
        """
        version = self._pick(version)
        if version not in self._releases:
            self._releases[version] = self._checkout(version)
        return self._releases[version]

    def contains(self, version: str, other: str) -> bool:
        """Whether `other` is `version` or lies before it."""
        history = self.folder / "history.git"
        with suppress(FewshotError):
            git("merge-base", "--is-ancestor", other, version, cwd=history)
            return True
        return False

    def _pick(self, version: str | None) -> str:
        """Returns the tag that is asked for, or the description of a commit."""
        if version is None:
            found = newest(self.versions)
            if not found:
                raise UsageError(f"{self.where} has no released version: name a commit")
            return found
        _refuse_option(version)
        for tag in (version, f"v{version}"):
            if tag in self.versions:
                return tag
        history = self.folder / "history.git"
        with suppress(FewshotError):
            named = ("--verify", "--quiet", f"{version}^{{commit}}")
            commit = git("rev-parse", *named, cwd=history).strip()
            return git("describe", "--tags", "--always", commit, cwd=history).strip()
        has = ", ".join(self.versions) or "no versions"
        raise UsageError(f"there is no version {version} in {self.where}; it has {has}")

    def _checkout(self, version: str) -> Release:
        history = self.folder / "history.git"
        commit = git("rev-parse", f"{version}^{{commit}}", cwd=history).strip()
        if self.where == default() and releases.released().get(version, commit) != commit:
            raise FewshotError(
                f"{version} in {self.where} is not what was released: remove that file, "
                "and the next command writes it anew"
            )
        _refuse_unsafe_files(git("ls-tree", "-r", "-z", commit, cwd=history), self.where)
        (history / "info").mkdir(exist_ok=True)
        (history / "info/attributes").write_text(_ATTRIBUTES)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        env = {
            "GIT_DIR": str(history),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": f"{folder}.index",
        }
        git("read-tree", commit, cwd=folder, env=env)
        git(*_AS_COMMITTED, "checkout-index", "--all", "--quiet", cwd=folder, env=env)
        settings, questions = _copier_yml(folder, f"{self.where} {version}")
        exclude = settings.get("_exclude") or []
        if not isinstance(exclude, list) or not all(isinstance(p, str) for p in exclude):
            raise FewshotError(
                f"_exclude in copier.yml of {self.where} {version} is no list of text"
            )
        return Release(folder, self.where, version, questions, tuple(exclude))


def newest(versions: list[str]) -> str | None:
    """Returns the newest release among tags; what is marked as coming before one is none."""
    known = [tag for tag in versions if re.fullmatch(r"v?\d+(\.\d+)*", tag)]
    return max(known, key=releases.order, default=None)


@contextmanager
def opened(source: str | None) -> Iterator[Source]:
    """Yields a template source.

    Args:
        source: Path or URL of a git repository or bundle with copier.yml at its root, or a
            project's `_src_path`; by default what `fewshot config` names, or else the bundle
            that comes with `fewshot`.

    Raises:
        UsageError: There is no such source.
    """
    where = locate(source)
    with tempfile.TemporaryDirectory(prefix="fewshot-") as temporary:
        history = Path(temporary) / "history.git"
        try:
            _clone(where, history)
        except FewshotError as error:
            raise UsageError(f"cannot read the template source {where} ({error})") from None
        tags = sorted(git("tag", cwd=history).split(), key=releases.order)
        yield Source(where, Path(temporary), tags)


@contextmanager
def checkout(source: str | None, version: str | None) -> Iterator[Release]:
    """Yields one version of a template source, as `opened` and `Source.release` do."""
    if version is not None:
        _refuse_option(version)
    with opened(source) as template:
        yield template.release(version)


def versions(source: str | None) -> list[str]:
    """Returns the tags of a source, the oldest first, without reading more than needed.

    Raises:
        UsageError: There is no such source.
    """
    where = locate(source)
    path = Path(_origin(where))
    if path.is_file():
        return list(releases.tags(path))
    try:
        listed = git("ls-remote", "--tags", "--refs", "--", _origin(where))
    except FewshotError as error:
        raise UsageError(f"cannot read the template source {where} ({error})") from None
    tags = [line.rpartition("refs/tags/")[2] for line in listed.splitlines()]
    return sorted(tags, key=releases.order)


def locate(source: str | None) -> str:
    """Returns a source as a project records it, and puts our own bundle where it says."""
    source = source or config.template()
    if not source or is_ours(source):
        releases.install()
        return default()
    _refuse_option(source)
    return _recorded(source)


def default() -> str:
    """Returns what a project records that was made from the bundle of `fewshot`."""
    return with_tilde(releases.installed())


def is_in_use(source: str, chosen: str | None) -> bool:
    """Whether a recorded source is the bundle of `fewshot` or the user's choice: another one is
    a project's word alone, and may be anywhere and anyone's."""
    wanted = chosen or config.template()
    return is_ours(source) or (wanted is not None and source == _recorded(wanted))


def is_ours(source: str) -> bool:
    """Whether a recorded source is the bundle of `fewshot`, on this machine or another."""
    path, ours = os.path.expanduser(source), releases.installed()
    is_like_ours = PurePosixPath(source).parts[-2:] == ours.parts[-2:]
    return path == str(ours) or (is_like_ours and not os.path.exists(path))


def _clone(where: str, history: Path) -> None:
    """Copies a source's history; our own bundle is written anew where it is damaged."""
    command = ("clone", "--quiet", "--bare", "--")
    try:
        git(*command, _origin(where), history)
    except FewshotError:
        if where != default():
            raise
        git(*command, releases.BUNDLE, history)  # where this fails too, the copy is not to blame
        releases.install(anew=True)


def _origin(where: str) -> str:
    return os.path.expanduser(where).removeprefix("git+")


def _refuse_option(text: str) -> None:
    if text.startswith("-") or not text.isprintable() or not text:
        raise UsageError(f"{text!r} is neither a template source nor a version")


def _recorded(source: str) -> str:
    """Returns a source as copier understands it from any folder."""
    path = os.path.expanduser(source)
    if os.path.exists(path):
        return with_tilde(Path(path).resolve())
    if re.match(r"https?://|ssh://|file://", source) and not source.endswith(".git"):
        return f"git+{source}"
    return source


def with_tilde(path: Path) -> str:
    """Writes the home folder as ~, so that a project can move to another account."""
    home = releases.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _refuse_unsafe_files(listed: str, where: str) -> None:
    """Refuses links, other repositories inside, and names that lead out of a folder."""
    for entry in listed.split("\0")[:-1]:
        about, _, name = entry.partition("\t")
        mode = about.split()[0]
        if mode not in ("100644", "100755"):
            kind = "a link" if mode == "120000" else "no ordinary file"
            raise FewshotError(f"the template {where} is refused: {plain(name)} is {kind}")
        parts = PurePosixPath(name).parts
        if ".." in parts or any(part.lower() == ".git" for part in parts) or "\n" in name:
            raise FewshotError(f"the template {where} is refused: it has a file {plain(name)}")


def _copier_yml(folder: Path, where: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Returns the settings and the questions of a template."""
    import yaml

    path = folder / "copier.yml"
    if not path.is_file():
        raise UsageError(f"{where} has no copier.yml at its root")
    try:
        config = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        settings = {name: value for name, value in config.items() if name.startswith("_")}
    except (yaml.YAMLError, AttributeError):
        raise FewshotError(f"copier.yml of {where} cannot be read") from None
    refused = sorted(settings.keys() - _SETTINGS)
    if refused:
        raise FewshotError(
            f"the template {where} is refused: its copier.yml sets {', '.join(map(plain, refused))}"
        )
    inside = PurePosixPath(str(settings.get("_subdirectory", "")))
    if inside.is_absolute() or ".." in inside.parts:
        raise FewshotError(f"the template {where} is refused: its _subdirectory is {inside}")
    questions = {k: v for k, v in config.items() if k not in settings and isinstance(v, dict)}
    return settings, questions
