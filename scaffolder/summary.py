"""What is shown before a project is made, and after."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffolder.errors import Stopped
from scaffolder.messages import Note, plain, texts

if TYPE_CHECKING:
    from scaffolder.create import Decision, Project


def decided(
    dest: Path, recorded: dict[str, Any], shown: dict[str, str], start: Note | None = None
) -> "Decision":
    """Shows the answers, and asks whether the project shall be written.

    Raises:
        Stopped: Ctrl-C.
    """
    say = texts(recorded.get("language"))
    print(f"\n{say['summary']}\n  {say['folder']}: {dest}")
    for name, value in shown.items():
        print(f"  {say.get(name, name)}: {plain(value)}")
    if start:
        print(f"  {say['start']}: {_told(say, start)}")
    decision = _decision(say)
    if decision is decision.STOP:
        print(say["declined"])
    return decision


def _decision(say: dict[str, str]) -> "Decision":
    """Asks until the answer is one of three; typer's own question is English in part."""
    from scaffolder.create import Decision

    words = {
        Decision.WRITE: ("", "y", "yes", "是"),
        Decision.STOP: ("n", "no", "否"),
        Decision.ASK_AGAIN: ("c", "change", "改", "修改"),
    }
    try:
        while True:
            given = input(f"{say['confirm']} [Y/n/c]: ").strip().lower()
            for decision, known in words.items():
                if given in known:
                    return decision
            print(say["yes_or_no"])
    except (KeyboardInterrupt, EOFError):
        raise Stopped(say["stopped"]) from None


def made(
    dest: Path, project: "Project", notes: list[Note] | None = None, pictures: int = 0
) -> None:
    """Says what was made, and what to do next."""
    say = texts(project.answers.get("language"))
    print(say["created"].format(folder=dest, version=project.version))
    outer = project.repository
    print(say["outer"].format(repository=outer) if outer else say["committed"])
    for note in notes or []:
        print(_told(say, note))
    if pictures:
        print(say["pictures"].format(count=pictures))
    print(f"\n{say['next']}")
    if dest.resolve() != Path.cwd():
        print(f"  cd {shlex.quote(str(dest))}")
    print(f"  make setup   # {say['setup']}")
    if not pictures:
        data = f"data_{project.answers.get('task')}"
        print(f"  {say.get(data, say['data_classification'])}")
        print(f"  make check   # {say['check']}")
    for step in ("all", "help"):
        print(f"  make {step:<8}# {say[step]}")


def _told(say: dict[str, str], note: Note) -> str:
    key, details = note
    shown = {name: plain(text or say["none"]) for name, text in details.items()}
    return say[key].format(**shown)
