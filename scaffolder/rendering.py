"""Renders a release of the template with answers."""

import re
from pathlib import Path
from typing import Any

from scaffolder.answers import Answers
from scaffolder.errors import FewshotError, Stopped
from scaffolder.messages import plain, texts
from scaffolder.prompts import our_prompts
from scaffolder.source import Release

ANSWERS_FILE = ".copier-answers.yml"


def render(
    release: Release,
    folder: Path,
    given: Answers,
    *,
    offered: Answers | None = None,
    defaults: bool = True,
    left_out: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Renders a release into an empty folder and returns the answers that it records.

    Args:
        release: What to render.
        folder: Where to.
        given: Answers to questions that are not to be asked.
        offered: Answers that stand in for the questions' own defaults.
        defaults: Ask nothing: questions without an answer take their defaults.
        left_out: Patterns of files that are not rendered, as in `_exclude` of copier.yml.

    Raises:
        FewshotError: The template is broken, or would have to be trusted.
        Stopped: Ctrl-C.
    """
    import copier
    import yaml
    from copier.errors import CopierError

    try:
        with our_prompts():
            copier.run_copy(
                str(release.folder),
                folder,
                given,
                user_defaults=offered or {},
                defaults=defaults,
                exclude=left_out,
                quiet=True,
            )
    except KeyboardInterrupt as stopped:  # copier's own kind of it holds the answers so far
        so_far = getattr(stopped, "answers", None)
        known = so_far.combined if so_far else given
        raise Stopped(texts(known.get("language"))["stopped"]) from None
    except Exception as error:  # a template can fail in any way
        if isinstance(error, OSError) and not isinstance(error, LookupError):
            raise
        said = str(error).strip().splitlines() or [type(error).__name__]
        if not isinstance(error, (CopierError, ValueError)):
            said[0] = f"{type(error).__name__}: {said[0]}"
        raise FewshotError(f"the template cannot be rendered: {said[0]}") from None
    _refuse_strange_names(folder, release.source)
    # Record what copier would have recorded had it made the checkout.
    path = folder / ANSWERS_FILE
    origin = {"_commit": release.version, "_src_path": release.source}
    line = yaml.safe_dump(origin, allow_unicode=True, width=1000)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise FewshotError(f"the template {release.source} writes no {ANSWERS_FILE}") from None
    text, count = re.subn(r"^_src_path: .*\n", lambda _: line, text, count=1, flags=re.MULTILINE)
    if not count:
        raise FewshotError(f"the template {release.source} does not record its _src_path")
    path.write_text(text, encoding="utf-8")
    recorded = yaml.safe_load(text)
    return origin | {name: recorded[name] for name in release.questions if name in recorded}


def _refuse_strange_names(folder: Path, source: str) -> None:
    """Refuses names that only rendering has made: git would run what stands in a .git folder."""
    for path in folder.rglob("*"):
        parts = [part.lower() for part in path.relative_to(folder).parts]
        if ".git" in parts or parts[0].startswith(".fewshot-") or "\n" in path.name:
            name = plain(path.relative_to(folder))
            raise FewshotError(f"the template {source} is refused: it writes {name}")


def users_files(release: Release, answers: Answers) -> tuple[str, ...]:
    """Returns the patterns of the files that an update leaves to their owner.

    They are those that copier.yml excludes while `_copier_operation` is "update".
    """
    from jinja2 import ChainableUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    jinja = SandboxedEnvironment(undefined=ChainableUndefined)
    known = answers | {"_copier_operation": "update"}
    try:
        patterns = [jinja.from_string(pattern).render(known) for pattern in release.exclude]
    except (TemplateError, ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise FewshotError(f"_exclude of {release.source} cannot be read: {error}") from None
    return tuple(pattern for pattern in patterns if pattern)
