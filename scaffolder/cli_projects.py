"""The commands for projects that exist: arguments -> one call -> text and exit code."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaffolder import config
from scaffolder.errors import FewshotError, Stopped, UsageError, said
from scaffolder.messages import plain

if TYPE_CHECKING:
    from scaffolder.update import Request

BEHIND = 5  # exit code of `fewshot update --check`

Projects = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PROJECT", help="The project; this folder by default."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def update(
    projects: Projects = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would change; write nothing.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="With --plan: every line.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say whether there is a newer version: exit code 5."),
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="Bring back what was before the last update.")
    ] = False,
    to: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Template version; else the newest.")
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change an answer: shots=50."),
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="New questions take their defaults.")
    ] = False,
    commit: Annotated[
        bool, typer.Option("--commit", help="Commit the update, if it has no conflict.")
    ] = False,
    no_test: Annotated[
        bool, typer.Option("--no-test", help="Do not run the project's smoke test.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Another template source from now on."),
    ] = None,
    all_below: Annotated[
        Path | None, typer.Option("--all", metavar="FOLDER", help="Every project below a folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the template's improvements into projects.

    What their owners wrote stays. Nothing is committed unless you ask for it. An update with
    conflicts ends with exit code 1.
    """
    modes = [name for name, on in (("plan", plan), ("check", check), ("abort", abort)) if on]
    if len(modes) > 1:
        raise UsageError(f"--{modes[0]} and --{modes[1]} do not go together")
    if diff and not plan:
        raise UsageError("--diff belongs to --plan")
    if all_below and projects:
        raise UsageError("name projects, or a folder with --all, not both")
    if all_below and modes:
        raise UsageError(f"--all does not go with --{modes[0]}: fewshot status shows many projects")
    from scaffolder import fleet, update_summary
    from scaffolder import update as updates

    request = updates.Request(to, _answers(answers or []), template, defaults)
    if all_below or (len(projects or []) > 1 and not modes):
        folders = fleet.projects([all_below]) if all_below else list(projects or [])
        raise typer.Exit(update_summary.fleet(folders, request, not no_test, commit, as_json))
    behind, worst = 0, 0
    folders = projects or [Path()]
    for folder in folders:
        name = f"{plain(folder)}: " if len(folders) > 1 else ""
        try:
            if check:
                standing = updates.standing(folder)
                update_summary.checked(folder, standing, as_json, name)
                behind += standing.behind
            elif abort:
                update_summary.aborted(folder, updates.abort(folder), name)
            elif plan:
                update_summary.show_plan(folder, request, diff, as_json)
            else:
                worst = _update(folder, request, not no_test, commit, as_json)
        except (FewshotError, OSError) as error:
            if not name or isinstance(error, (Stopped, BrokenPipeError)):
                raise
            tell_error(f"{plain(folder)}: {said(error)}")
            worst = max(worst, getattr(error, "exit_code", 1))
    raise typer.Exit(worst or (BEHIND if behind else 0))


def tell_error(text: str) -> None:
    """Prints an error as one line on stderr."""
    line = plain(" ".join(text.split()))
    typer.secho(f"error: {line}", fg=typer.colors.RED, err=True)


def _update(folder: Path, request: "Request", test: bool, commit: bool, as_json: bool) -> int:
    from dataclasses import replace

    from scaffolder import update as updates
    from scaffolder import update_summary

    can_ask = not request.defaults and sys.stdin.isatty() and sys.stdout.isatty()
    request = replace(request, can_ask=can_ask)
    return update_summary.updated(
        updates.update(folder, request, test=test, commit=commit), as_json
    )


def status(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Folders with projects; else this one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the projects below folders, and how each stands."""
    from scaffolder import fleet, update_summary

    rows = fleet.status(folders or [Path()])
    if as_json:
        print(json.dumps([_plain(asdict(row)) for row in rows], indent=1, ensure_ascii=False))
    else:
        update_summary.table(rows)


def link(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project; this folder by default.")
    ] = Path(),
    answers: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An answer that you know: shots=50."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="REF", help="The template version, if you know it."),
    ] = None,
    template: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Another template source.")
    ] = None,
) -> None:
    """Find and record what a project was made from.

    For a project whose answers file was lost, or that was copied by hand.
    """
    from scaffolder import link as links
    from scaffolder import update_summary

    found = links.link(project, _answers(answers or []), template=template, version=version)
    update_summary.linked(found)


def configure(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="Which setting.")] = None,
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="Its value.")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Remove the setting.")] = False,
) -> None:
    """Show or change what holds for all your projects."""
    if key is not None and key not in config.KEYS:
        raise UsageError(f"there is no setting {key!r}: choose from {', '.join(config.KEYS)}")
    if unset and not key:
        raise UsageError(f"--unset what? There are {', '.join(config.KEYS)}")
    if value == "":
        raise UsageError(f"{key} cannot be empty: --unset removes it")
    if key and (value or unset):
        if value and unset:
            raise UsageError("give a value or --unset, not both")
        if value:
            from scaffolder import source

            value = source.locate(value)  # it must mean the same in every folder
        config.change(key, value)
        print(f"Written: {config.path()}")
    else:
        known = config.load()
        for name in [key] if key else config.KEYS:
            print(f"{name}: {plain(known.get(name, 'not set'))}   # {config.KEYS[name]}")


def _answers(given: list[str]) -> dict[str, Any]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {text!r}: write NAME=VALUE, as in shots=50")
        found[name.strip()] = value
    return found


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in record.items()}
