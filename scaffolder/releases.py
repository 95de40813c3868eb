"""The template's history: one git bundle with every released version as a tag.

`data/templates.bundle` travels in the wheel. A project must not point into an environment that
will be deleted, so the bundle is copied to the user's data folder, and that path is recorded.

Maintainers, in a checkout: `python -m scaffolder.releases build` after each edit of templates/,
`python -m scaffolder.releases release` when it is done.
"""

import argparse
import ast
import json
import os
import re
import shutil
import tempfile
from datetime import date
from pathlib import Path

from scaffolder import writing
from scaffolder.errors import FewshotError
from scaffolder.git import git

BUNDLE = Path(__file__).parent / "data" / "templates.bundle"

# Released versions and their commits: these are never built again. A commit's id is the digest
# of all its files.
RELEASED = BUNDLE.with_name("releases.json")

_AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (
        ("NAME", "fewshot"),
        ("EMAIL", "fewshot@localhost"),
        ("DATE", "2026-01-01T00:00:00Z"),
    )
}


def tags(bundle: Path) -> dict[str, str]:
    """Returns the tags of a bundle and their commits, oldest version first.

    Reads the header only: https://git-scm.com/docs/gitformat-bundle
    """
    with bundle.open("rb") as file:
        header = file.read(1 << 20).partition(b"\n\n")[0].decode(errors="replace")
    found = re.findall(r"^([0-9a-f]{40,64}) refs/tags/(\S+)$", header, re.MULTILINE)
    return {tag: commit for commit, tag in sorted(found, key=lambda ref: order(ref[1]))}


def released() -> dict[str, str]:
    """Returns the commits of the released versions."""
    found: dict[str, str] = json.loads(RELEASED.read_text(encoding="utf-8"))
    return found


def installed() -> Path:
    """Returns where the bundle is copied to."""
    from platformdirs import user_data_path

    home()
    return user_data_path("fewshot", appauthor=False) / BUNDLE.name


def install(anew: bool = False) -> Path:
    """Copies the bundle to where projects can find it from now on, and returns that path.

    A bundle already there stays if it holds all that ours does: a newer `fewshot` wrote it.

    Args:
        anew: The one that is there cannot be read: it does not stay.
    """
    path = installed()
    try:
        if anew or not (path.is_file() and tags(BUNDLE).items() <= tags(path).items()):
            path.parent.mkdir(parents=True, exist_ok=True)
            writing.replace(path, BUNDLE.read_bytes())
    except OSError as error:
        raise FewshotError(f"cannot write {path}: {error.strerror}") from None
    return path


def order(tag: str) -> tuple[list[int], bool]:
    """Sorts v0.9.0 before v0.10.0rc1 before v0.10.0."""
    number, rest = re.match(r"v?([\d.]*)(.*)", tag, re.DOTALL).groups()  # type: ignore[union-attr]
    return [int(part[:99]) for part in number.split(".") if part], not rest


def home() -> Path:
    """Returns the user's home folder, or raises FewshotError."""
    try:
        return Path.home()
    except RuntimeError:
        raise FewshotError("your home folder is not known: set HOME") from None


def build(templates: Path, bundle: Path) -> str:
    """Adds the version that `templates/VERSION` names to a bundle, byte for byte reproducibly.

    Returns:
        The tag.

    Raises:
        FewshotError: The version is released already, or older than the newest release.
    """
    tag = f"v{(templates / 'VERSION').read_text().strip()}"
    with tempfile.TemporaryDirectory(prefix="fewshot-") as folder:
        store = Path(folder)
        git("init", "--quiet", "--bare", cwd=store)
        history = tags(bundle) if bundle.is_file() else {}
        if history:
            git("fetch", "--quiet", bundle.resolve(), "refs/tags/*:refs/tags/*", cwd=store)
        earlier = [known for known in history if known != tag]
        next_version = f"{tag} is released: write the next version into templates/VERSION"
        if earlier and order(earlier[-1]) > order(tag):
            raise FewshotError(next_version)
        tree = _write_tree(templates, store)
        parents = ("-p", earlier[-1]) if earlier else ()
        commit = git("commit-tree", tree, *parents, "-m", tag, cwd=store, env=_AUTHOR).strip()
        if history.get(tag) == released().get(tag, "") != commit:
            raise FewshotError(next_version)
        git("update-ref", f"refs/tags/{tag}", commit, cwd=store)
        made = store / "made.bundle"
        git("-c", "pack.threads=1", "bundle", "create", "--quiet", made, "--tags", cwd=store)
        bundle.parent.mkdir(parents=True, exist_ok=True)
        writing.replace(bundle, made.read_bytes())
    return tag


def release(templates: Path, bundle: Path, released_json: Path) -> str:
    """Checks the templates, adds them to a bundle for good, and dates their change log.

    What is new stands in `CHANGELOG.md` of the templates under the heading `## Unreleased`.

    Returns:
        The tag.

    Raises:
        FewshotError: Something is missing, or does not render; nothing was written.
    """
    version = (templates / "VERSION").read_text().strip()
    log = templates / "CHANGELOG.md"
    text = log.read_text(encoding="utf-8") if log.is_file() else ""
    heading = "## Unreleased\n"
    if not re.search(f"^{heading}\\s*- ", text, re.MULTILINE):
        raise FewshotError(f"{log} says nothing under '{heading.strip()}'")
    dated = text.replace(heading, f"## {version} ({date.today().isoformat()})\n", 1)
    writing.replace(log, dated.encode("utf-8"))  # it is a part of the version
    try:
        with tempfile.TemporaryDirectory(prefix="fewshot-") as folder:
            made = Path(folder) / bundle.name
            if bundle.is_file():
                shutil.copyfile(bundle, made)
            tag = build(templates, made)
            _check_renderings(made, tag)
            writing.replace(bundle, made.read_bytes())
    except BaseException:
        writing.replace(log, text.encode("utf-8"))
        raise
    known = json.loads(released_json.read_text()) | {tag: tags(bundle)[tag]}
    writing.replace(released_json, (json.dumps(known, indent=2) + "\n").encode())
    return tag


def _check_renderings(bundle: Path, tag: str) -> None:
    """Renders a version in each task and language; all of its Python must parse."""
    from scaffolder.rendering import render
    from scaffolder.source import checkout

    with checkout(str(bundle), tag) as version, tempfile.TemporaryDirectory() as folder:
        for task in ("classification", "detection"):
            for language in ("en", "zh"):
                project = Path(folder) / f"{task}-{language}"
                render(version, project, {"task": task, "language": language})
                for path in project.rglob("*.py"):
                    try:
                        ast.parse(path.read_bytes(), path.name)
                    except SyntaxError as error:
                        where = f"{path.relative_to(project)}:{error.lineno}"
                        raise FewshotError(f"{where} is not valid Python") from None


def _write_tree(templates: Path, store: Path) -> str:
    """Writes what git tracks or would track under `templates` as a tree, and returns its id."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=templates)
    present = [name for name in listed.split("\0") if name and os.path.lexists(templates / name)]
    env = {"GIT_DIR": str(store), "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": str(store / "index")}
    names = "\0".join(sorted(set(present)))
    git("update-index", "--add", "-z", "--stdin", cwd=templates, env=env, stdin=names)
    return git("write-tree", cwd=templates, env=env).strip()


def main() -> None:
    """Maintainers' command."""
    checkout = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(prog="python -m scaffolder.releases", description=main.__doc__)
    parser.add_argument("command", choices=["build", "release"])
    parser.add_argument("--templates", type=Path, default=checkout / "templates")
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    args = parser.parse_args()
    try:
        if args.command == "build":
            tag = build(args.templates, args.bundle)
        else:
            tag = release(args.templates, args.bundle, RELEASED)
        print(f"{args.bundle}: {tag}")
    except FewshotError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
