"""The commands of `fewshot models`: arguments -> one call -> text and exit code."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaffolder.messages import plain

if TYPE_CHECKING:
    from scaffolder.models.pull import Pulled

app = typer.Typer(
    rich_markup_mode=None,
    help="The base-model library: weights in one cache that all projects of a user share. To share "
    "it with others, set XDG_DATA_HOME to a folder of your group, and umask 002.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model.")]


@app.command("list", epilog="Example: fewshot models list")
def show_all() -> None:
    """List the models that are here, and those that could be pulled."""
    from scaffolder.errors import FewshotError
    from scaffolder.models import entry, library

    rows = [["name", "task", "architecture", "parameters", "size", "licence", "state"]]
    for name in dict.fromkeys([*entry.known_models(), *library.names()]):
        try:
            recorded = library.read(name)
        except FewshotError:
            rows.append([name, *[""] * 5, "unusable: fewshot models verify"])
            continue
        model = recorded or entry.known_models()[name]
        if library.is_here(model):
            state = "here"
        elif model.address:
            state = "pull it"
        else:
            state = "file missing" if recorded else "in each project"
        count = f"{model.parameters / 1e6:.1f} M" if model.parameters else "?"
        about = (model.architecture or "?", count, _size(model.size), model.licence)
        rows.append([name, model.task, *about, state])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(map(str.ljust, row, widths)).rstrip())


@app.command(epilog="Example: fewshot models pull PPLCNet_x1_0")
def pull(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of the list, or a new name with --from.")
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="Take it from a file, an https address or modelscope:OWNER/MODEL/FILE.",
        ),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(metavar="HASH", help="What the file's SHA-256 must be.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="Of a new model: backbone or detection.")
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a new model: its model.backbone or model.detector."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Of a new model: what its source says.")
    ] = None,
) -> None:
    """Bring a model into the library, and say what to write in settings.yaml.

    The environment variable FEWSHOT_MIRROR replaces scheme and host of the listed addresses. The
    first pull records the SHA-256; from then on nothing else is taken under this name.
    """
    from scaffolder.models import pull as pulling

    with _progress(name) as tell:
        pulled = pulling.pull(
            name,
            source=source,
            sha256=sha256,
            task=task,
            architecture=architecture,
            licence=licence,
            tell=tell,
        )
    _tell(pulled)


@app.command(epilog="Example: fewshot models verify")
def verify(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The model; all of them by default.")
    ] = None,
) -> None:
    """Hash models again: a damaged one is moved aside and named, and the exit code is 1."""
    from scaffolder.errors import FewshotError, UsageError, said
    from scaffolder.models import entry, library

    names = library.names() if name is None else [entry.check_name(name)]
    if name is not None and name not in library.names():
        raise UsageError(f"{name} is not in the library")
    faults = 0
    for each in names:
        try:
            fault = library.verify(each)
            model = None if fault else library.read(each)
        except (FewshotError, OSError) as error:
            fault, model = f"not verified: {said(error)}", None
        faults += fault is not None
        is_here = model and library.is_here(model)
        found = "whole" if is_here else "recorded, but not here: pull it again"
        _say(f"{each}: {fault or found}")
    if faults:
        raise typer.Exit(1)


@app.command(epilog="Example: fewshot models export PPLCNet_x1_0 PPLCNet_x1_0.zip")
def export(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The archive: a new file, or a folder for NAME.zip."),
    ],
) -> None:
    """Write a model and its record into one file, to carry it where there is no network."""
    from scaffolder.models import archive

    file = archive.export(name, file)
    _say(f"Wrote {file}. On the other machine: fewshot models import {shlex.quote(file.name)}")


@app.command("import", epilog="Example: fewshot models import PPLCNet_x1_0.zip")
def bring_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What export wrote.")],
) -> None:
    """Take the model of an archive into the library, and say what to write in settings.yaml."""
    from scaffolder.models import archive

    _tell(archive.bring_in(file))


@app.command(epilog="Example: fewshot models publish pcb-line --name pcb-line-1")
def publish(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="A project; only read.")],
    run: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The run; the newest finished one by default."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to call the model; by default project and run."),
    ] = None,
) -> None:
    """Put a project's trained model into the library, so that the next line starts from it."""
    from scaffolder.models import lineage

    model = lineage.publish(project, run, name)
    _say(f"{model.name}: {model.source}, in the library")
    _say(f"  {_size(model.size)}, SHA-256 {model.sha256}")
    _say(f"The next line: fewshot new DEST --model {model.name}")
    if not any(lineage.figures(model)):
        _say(
            f"Run {model.trained['run']} was not evaluated, so the model has no metric: "
            f"make evaluate in {project}, then publish it again."
        )


@app.command(epilog="Example: fewshot models show PPLCNet_x1_0 --projects .")
def show(
    name: Name,
    projects: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Search the projects in this folder as well."),
    ] = None,
) -> None:
    """Show where a model comes from, and what was trained from it."""
    from scaffolder import provenance
    from scaffolder.models import library, lineage
    from scaffolder.models import pull as pulling

    found = lineage.descent(name, projects)
    model = pulling.known(name)
    assert model is not None
    for key, value in model.as_dict().items():
        if value not in (None, "", {}) and key not in ("metrics", "base", "format"):
            _say(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
    if figures := ", ".join(lineage.figures(model)):
        _say(f"metrics: {figures}")
    for base in provenance.bases(model.trained.get("base")):
        parent = lineage.model_with(base.get("sha256"))
        named = f"{parent.name}, " if parent else ""
        _say(f"base: {named}{base.get('source')}, SHA-256 {base.get('sha256') or 'not recorded'}")
    if library.is_here(model):
        _say(f"file: {library.file_of(model)}")
    for run in found.own:
        _say(f"its pictures: {run.model.with_name('run.json')}")
    for other in found.models:
        _say(f"trained from it: {other.name} ({other.source})")
    for run in found.runs:
        _say(f"started from it: run {run.id} of {run.model.parents[2]}")
    if not model.sha256:
        _say("trained from it: not known, since its SHA-256 is not recorded here")
    elif not (found.models or found.runs):
        _say("trained from it: nothing that is known here")
    for why in found.unreadable:
        _say(f"not read: {why}")


def _tell(pulled: "Pulled") -> None:
    """Says what is in the library now, and how a project uses it."""
    import yaml

    model = pulled.model
    _say(f"{model.name}: {'here already' if pulled.was_here else 'in the library'}")
    _say(f"  {_size(model.size)}, SHA-256 {model.sha256}")
    if pulled.is_first:
        _say(
            "  Nobody has told fewshot this SHA-256 before, so it cannot know whether these are "
            "the right",
            "  bytes: compare it with your source. It is recorded and enforced from now on.",
        )
    wanted = model.settings(pulled.folder).items()
    section = {"model": {key.removeprefix("model."): value for key, value in wanted}}
    text = yaml.safe_dump(section, allow_unicode=True, sort_keys=False, width=10**9).rstrip()
    _say("Change these lines of `model:` in settings.yaml:")
    _say(*text.split("\n")[1:])  # pasted whole it would be a second section


def _size(count: int | None) -> str:
    return f"{count / 1e6:.1f} MB" if count else "?"


def _say(*lines: str) -> None:
    for line in lines:
        print(plain(line))


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yields what shows, on a terminal only, how far a download is and how long it will take."""
    started = shown = time.monotonic()

    def tell(done: int, total: int | None) -> None:
        nonlocal shown
        now = time.monotonic()
        if not sys.stderr.isatty() or now - shown < 0.1:
            return
        shown = now
        line = f"{plain(name)}: {done / 1e6:.1f}"
        if total:
            left = (total - done) * (now - started) / done
            line += f" of {total / 1e6:.1f} MB, {int(left // 60)}:{int(left % 60):02d} left"
        else:
            line += " MB"
        print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
