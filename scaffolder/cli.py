"""The command line: arguments -> one call -> text and exit code."""

import os
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from scaffolder import __version__, answers, cli_models, cli_projects, summary
from scaffolder.errors import FewshotError, Stopped, UsageError, said
from scaffolder.messages import Note, plain, texts

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Projects that learn to recognise defects from a few labelled pictures.",
    epilog="Example: fewshot new pcb-line",
)

Dest = Annotated[Path, typer.Argument(metavar="DEST", help="A new or empty folder.")]
Classes = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME", help="A class; once for each class."),
]
Shots = Annotated[
    str | None,
    typer.Option(metavar="N", help="Labelled pictures (detection: objects) per class."),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TARGET",
        help="x86-cpu, nvidia-gpu, jetson or arm-linux; once for each. "
        "The first decides the default model.",
    ),
]
Language = Annotated[str | None, typer.Option(metavar="LANGUAGE", help="en or zh")]
Defaults = Annotated[
    bool, typer.Option("--defaults", help="Ask nothing: take defaults for the rest.")
]
PresetName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Take answers and settings from a preset.")
]
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


@app.command(epilog="Example: fewshot new pcb-line --preset pcb-solder --shots 30 --defaults")
def new(
    dest: Dest,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="classification or detection")
    ] = None,
    classes: Classes = None,
    num_classes: Annotated[
        str | None, typer.Option(metavar="N", help="Number of classes whose names are not known.")
    ] = None,
    shots: Shots = None,
    target: Target = None,
    language: Language = None,
    defaults: Defaults = False,
    answers_file: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="YAML file with answers.")
    ] = None,
    preset: PresetName = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Start from a model of the library (fewshot models)."),
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
    known = answers.preset(preset) if preset else answers.Preset()
    flags = {
        "language": language,
        "task": task,
        "num_classes": num_classes,
        "classes": classes,
        "shots": shots,
        "target": target and ", ".join(target),
    }
    file = answers.load(answers_file) if answers_file else {}
    _can_ask(defaults)
    from scaffolder import create, settings_text
    from scaffolder.models import start

    base = start.ready(model) if model else None
    task_of_base = start.answers(base) if base else {}
    given = answers.merge(task_of_base, known.answers, file, _given(flags))
    if base:
        start.require_task(base, given)
    notes: list[Note] = []

    def fill(folder: Path, recorded: dict[str, Any]) -> None:
        if known.settings:
            settings_text.change_file(folder / "settings.yaml", known.settings)
        if base:
            notes.extend(start.start_from(base, folder, recorded))

    project = create.new(
        dest,
        given,
        initial=start.offered(base) if base else None,
        source=template,
        version=version,
        defaults=defaults,
        confirm=partial(
            summary.decided, dest, start=("start_model", {"model": base.name}) if base else None
        ),
        fill=fill,
    )
    if not project:
        raise typer.Exit(1)
    summary.made(dest, project, notes=notes)


@app.command(
    epilog="Example: fewshot adapt pcb-line screw-line --preset screw-loosening --defaults"
)
def adapt(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="The project to start from; only read.")
    ],
    dest: Dest,
    preset: PresetName = None,
    classes: Classes = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The run to start from; the newest finished by default."),
    ] = None,
    shots: Shots = None,
    target: Target = None,
    language: Language = None,
    defaults: Defaults = False,
    template: TemplateSource = None,
) -> None:
    """Make a project from an existing one, with its trained weights as the start.

    Its answers and settings are carried over where they still make sense. The preset goes on
    top of them, and an option over both.
    """
    known = answers.preset(preset) if preset else answers.Preset()
    flags = {"language": language, "classes": classes, "shots": shots}
    flags["target"] = target and ", ".join(target)
    _can_ask(defaults)
    from scaffolder.adapt import adapt as make

    adapted = make(
        source,
        dest,
        answers.merge(known.answers, _given(flags)),
        run_id=run,
        settings=known.settings,
        template=template,
        defaults=defaults,
        confirm=partial(summary.decided, dest),
    )
    if not adapted:
        raise typer.Exit(1)
    summary.made(dest, adapted.project, notes=adapted.notes)


@app.command(epilog="Example: fewshot presets")
def presets() -> None:
    """List the presets: answers and settings for jobs that come up often."""
    for name, preset in answers.presets().items():
        given = preset.answers
        print(f"{name}: {given['task']} of {', '.join(given['classes'])}; {given['shots']} shots")
        for line in preset.about.values():
            print(f"  {line}")


@app.command(epilog="Example: fewshot demo demo-project && make -C demo-project setup all")
def demo(
    dest: Dest,
    task: Annotated[
        str, typer.Option(metavar="TASK", help="classification or detection")
    ] = "classification",
    language: Annotated[str, typer.Option(metavar="LANGUAGE", help="en or zh")] = "en",
    template: TemplateSource = None,
) -> None:
    """Make a project with sample pictures, to see every step work."""
    from scaffolder import create
    from scaffolder.demo import sample

    chosen = sample(task)
    given = answers.merge(chosen.answers, {"language": language})
    project = create.new(dest, given, source=template, defaults=True, fill=chosen.fill)
    assert project is not None
    summary.made(dest, project, pictures=chosen.pictures)


app.command(epilog="Example: fewshot update --plan --diff pcb-line")(cli_projects.update)
app.command(epilog="Example: fewshot status .")(cli_projects.status)
app.command(epilog="Example: fewshot link pcb-line --set shots=30")(cli_projects.link)
app.command("config", epilog="Example: fewshot config")(cli_projects.configure)
app.add_typer(cli_models.app, name="models")


def _given(flags: dict[str, Any]) -> answers.Answers:
    return {name: value for name, value in flags.items() if value not in (None, [])}


def _can_ask(defaults: bool) -> None:
    if not defaults and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("this is not a terminal, so nothing can be asked: add --defaults")


class Terminated(SystemExit):
    """A signal ended the process; the code is 128 and its number."""


def end_on_signals() -> None:
    """Lets SIGTERM and SIGHUP end the process as an exit does, so that it tidies up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _terminated)
    sys.unraisablehook = _unraised


def _terminated(number: int, frame: object) -> None:
    raise Terminated(128 + number)


def _unraised(fault: "sys.UnraisableHookArgs") -> None:
    """Sends a signal again that came while Python deleted an object, where an exit is dropped."""
    if isinstance(fault.exc_value, Terminated):
        number = int(fault.exc_value.args[0]) - 128
        with suppress(RuntimeError):  # it ends already
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    else:
        sys.__unraisablehook__(fault)


def main() -> None:
    """Runs `fewshot`: what the user can mend ends in one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    end_on_signals()
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Stopped as stopped:
        _stop(str(stopped))
    except FewshotError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(said(error), 1)
    except Exception as error:
        # Typer's own usage errors; their class has moved between its versions.
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message(), 2)
    if code == 130:  # Ctrl-C
        _stop(texts("en")["stopped"])
    sys.exit(code or 0)


def _stop(text: str) -> None:
    print(f"\n{plain(text)}", file=sys.stderr)
    sys.exit(130)


def _fail(text: str, code: int) -> None:
    cli_projects.tell_error(text)
    sys.exit(code)
