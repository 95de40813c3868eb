"""The command line: arguments -> one call -> text and exit code."""

import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaffolder import __version__, answers
from scaffolder.errors import FewshotError, UsageError
from scaffolder.messages import texts

if TYPE_CHECKING:
    from scaffolder.create import Project

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Projects that learn to recognise defects from a few labelled pictures.",
    epilog="Example: fewshot new pcb-line",
)

TemplateSource = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE",
        envvar="FEWSHOT_TEMPLATE",
        help="Another template: path or URL of a git repository or bundle.",
    ),
]


def _version(asked: bool) -> None:
    if asked:
        print(f"fewshot {__version__}")
        raise typer.Exit


@app.callback()
def _fewshot(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Example: fewshot new pcb-line --class open --class short --shots 20 --defaults"
)
def new(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="A new or empty folder.")],
    task: Annotated[str | None, typer.Option(metavar="TASK", help="classification")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help="A class; once for each class."),
    ] = None,
    num_classes: Annotated[
        str | None, typer.Option(metavar="N", help="Number of classes whose names are not known.")
    ] = None,
    shots: Annotated[
        str | None, typer.Option(metavar="N", help="Labelled pictures per class to train on.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="TARGET", help="x86-cpu, nvidia-gpu, jetson or arm-linux")
    ] = None,
    language: Annotated[str | None, typer.Option(metavar="LANGUAGE", help="en or zh")] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Ask nothing: take defaults for the rest.")
    ] = False,
    answers_file: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="YAML file with answers.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take answers from a preset.")
    ] = None,
    template: TemplateSource = None,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="REF", help="Another version of the template."),
    ] = None,
) -> None:
    """Make a project: a wizard asks what the options leave open.

    An option wins over the answers file, and that over the preset.
    """
    flags = {
        "language": language,
        "task": task,
        "num_classes": num_classes,
        "classes": classes or None,
        "shots": shots,
        "target": target,
    }
    given = answers.merge(
        answers.preset(preset) if preset else {},
        answers.load(answers_file) if answers_file else {},
        {name: value for name, value in flags.items() if value is not None},
    )
    if not defaults and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("this is not a terminal, so nothing can be asked: add --defaults")
    from scaffolder import create

    project = create.new(
        dest,
        given,
        source=template,
        version=version,
        defaults=defaults,
        confirm=(lambda recorded: True) if defaults else lambda recorded: _confirm(dest, recorded),
    )
    if not project:
        raise typer.Exit(1)
    _report(dest, project, ["setup", "data", "check", "all", "help"])


@app.command(epilog="Example: fewshot presets")
def presets() -> None:
    """List the presets: answers for jobs that come up often."""
    for name, given in answers.presets().items():
        print(f"{name}: {given['task']} of {', '.join(given['classes'])}; ", end="")
        print(f"{given['shots']} shots, {given['target']}")


@app.command(epilog="Example: fewshot demo demo-project && make -C demo-project setup all")
def demo(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="A new or empty folder.")],
    language: Annotated[str, typer.Option(metavar="LANGUAGE", help="en or zh")] = "en",
    template: TemplateSource = None,
) -> None:
    """Make a project with sample pictures, to see every step work."""
    from scaffolder import create
    from scaffolder.demo import draw

    given = answers.merge(answers.preset("pcb-defects"), {"language": language})
    names = given["classes"]

    def fill(folder: Path, recorded: dict[str, Any]) -> None:
        draw(folder / "data", names, per_class=40, seed=0)
        settings = folder / "settings.yaml"
        text = settings.read_text(encoding="utf-8")
        # All steps together take less than five minutes on two cores.
        settings.write_text(text.replace("minutes: 10 ", "minutes: 1.5"), encoding="utf-8")

    project = create.new(dest, given, source=template, defaults=True, fill=fill)
    assert project is not None
    _report(dest, project, ["setup", "all", "help"], pictures=40 * len(names))


def _confirm(dest: Path, recorded: dict[str, Any]) -> bool:
    say = texts(recorded.get("language"))
    print(f"\n{say['summary']}\n  {say['folder']}: {dest}")
    for name, value in recorded.items():
        if not name.startswith("_"):
            print(f"  {say.get(name, name)}: {value}")
    if typer.confirm(say["confirm"], default=True):
        return True
    print(say["declined"])
    return False


def _report(dest: Path, project: "Project", steps: list[str], pictures: int = 0) -> None:
    say = texts(project.answers.get("language"))
    print(say["created"].format(folder=dest, version=project.version))
    outer = project.repository
    print(say["outer"].format(repository=outer) if outer else say["committed"])
    if pictures:
        print(say["pictures"].format(count=pictures))
    print(f"\n{say['next']}")
    if dest.resolve() != Path.cwd():
        print(f"  cd {shlex.quote(str(dest))}")
    for step in steps:
        print(f"  make {step:<8}# {say[step]}" if step != "data" else f"  {say[step]}")


def _terminated(number: int, frame: object) -> None:
    sys.exit(128 + number)


def main() -> None:
    """Runs `fewshot`: what the user can mend ends in one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except FewshotError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(f"{error.filename or 'input or output'}: {error.strerror}", 1)
    except Exception as error:
        # Typer's own usage errors; their class has moved between its versions.
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message(), 2)
    if code == 130:  # Ctrl-C
        print("\nstopped: nothing was written", file=sys.stderr)
    sys.exit(code or 0)


def _fail(text: str, code: int) -> None:
    line = " ".join(text.split())
    typer.secho(f"error: {line}", fg=typer.colors.RED, err=True)
    sys.exit(code)
