"""What is shown before a project is made, and after."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffolder.errors import Stopped
from scaffolder.messages import Note, plain, texts

if TYPE_CHECKING:
    from scaffolder.create import Project


def confirmed(
    dest: Path, recorded: dict[str, Any], shown: dict[str, str], start: Note | None = None
) -> bool:
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
    if _yes(say):
        return True
    print(say["declined"])
    return False


def _yes(say: dict[str, str]) -> bool:
    """Asks until the answer is yes or no; typer's own question is English in part."""
    try:
        while True:
            answer = input(f"{say['confirm']} [Y/n]: ").strip().lower()
            if answer in ("", "y", "yes", "是"):
                return True
            if answer in ("n", "no", "否"):
                return False
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
