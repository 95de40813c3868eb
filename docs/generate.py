"""Writes the command reference, docs/cli.md, to standard output: `make docs`."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from scaffolder.cli import app


def reference() -> str:
    """Returns the reference in Markdown."""
    program: Any = get_command(app)
    parts = ["# The `fewshot` command", program.help, "Written by `make docs`; don't edit it."]
    for name, command in _commands(program):
        places = [param for param in command.params if param.param_type_name == "argument"]
        given = [_metavar(place) for place in places]
        usage = " ".join(["fewshot", name, *given])
        parts += [f"## {name}", f"`{usage} [OPTIONS]`", command.help]
        rows = [(place.metavar, place.help) for place in places]
        for option in (param for param in command.params if param not in places):
            flag = option.opts[-1] if option.is_flag else f"{option.opts[-1]} {option.metavar}"
            variable = f" Environment variable: `{option.envvar}`." if option.envvar else ""
            rows.append((flag, option.help + variable))
        if rows:
            table = "\n".join(f"| `{first}` | {second} |" for first, second in rows)
            parts.append(f"| | |\n| --- | --- |\n{table}")
        parts.append(command.epilog.replace("Example: ", "```sh\n") + "\n```")
    return "\n\n".join(parts) + "\n"


def _metavar(argument: Any) -> str:
    """Returns an argument as it stands in a usage line."""
    name = argument.metavar if argument.required else f"[{argument.metavar}]"
    return name + ("..." if argument.nargs == -1 else "")


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the commands of a group and of the groups in it, with their full names."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield before + name, command


if __name__ == "__main__":
    print(reference(), end="")
