"""What `fewshot update` and `fewshot status` say."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffolder.errors import Stopped
from scaffolder.messages import plain, texts
from scaffolder.threeway import Change

if TYPE_CHECKING:
    from scaffolder.fleet import Outcome, Row
    from scaffolder.link import Linked
    from scaffolder.update import Plan, Request, Standing, Updated


_WIDEST = 300  # characters in a cell of a table


def show_plan(folder: Path, request: "Request", with_diff: bool, as_json: bool) -> None:
    """Prints what an update would do."""
    from scaffolder import update as updates
    from scaffolder.git import prepare

    prepare()
    with updates.planned(folder, request, {}) as (plan, store):
        if as_json:
            print(json.dumps(_record(plan), indent=1, ensure_ascii=False))
            return
        say = _texts(plan)
        _print_changes(plan)
        if plan.log and plan.changes:
            print(f"\n{say['change_log']}\n\n{_lines(plan.log)}")
        if with_diff:
            print()
            print(_lines(updates.diff(plan, store)))
        elif plan.changes:
            print(f"\n{say['planned']}")


def updated(done: "Updated", as_json: bool) -> int:
    """Prints what an update did, and returns the exit code."""
    plan = done.plan
    if as_json:
        about = {"commit": done.commit, "untested": done.untested}
        print(json.dumps(_record(plan) | about, indent=1, ensure_ascii=False))
        return 1 if plan.conflicts else 0
    say = _texts(plan)
    _print_changes(plan)
    if plan.conflicts:
        print(f"\n{say['resolve']}")
        return 1
    if not plan.changes:
        return 0
    if done.untested:
        print(f"\n{say['untested'].format(why=say[done.untested])}")
    print(
        f"\n{say['committed_as'].format(commit=done.commit[:10]) if done.commit else say['review']}"
    )
    return 0


def aborted(folder: Path, kept: Path | None, name: str = "") -> None:
    """Says that an update was taken back; `name` goes before it."""
    from scaffolder import existing

    say = texts(existing.read(folder).answers.get("language"))
    print(name + say["aborted"])
    if kept:
        print(say["kept_aside"].format(folder=kept))


def checked(folder: Path, standing: "Standing", as_json: bool, name: str = "") -> None:
    """Says how far a project is behind; `name` goes before it."""
    if as_json:
        about = {"project": str(folder.resolve()), "version": standing.version}
        print(json.dumps(about | {"newest": standing.newest, "behind": standing.behind}))
    else:
        known = {"version": standing.version, "newest": standing.newest, "count": standing.behind}
        key = "behind" if standing.behind else "up_to_date"
        print(name + plain(texts(standing.language)[key].format(**known)))


def fleet(folders: list[Path], request: "Request", test: bool, commit: bool, as_json: bool) -> int:
    """Updates many projects, tells each as it ends, and returns the exit code."""
    from scaffolder import fleet as fleets

    count = 0
    folders = list(dict.fromkeys(folder.resolve() for folder in folders))

    def told(outcome: "Outcome") -> None:
        nonlocal count
        count += 1
        print(f"[{count}/{len(folders)}] {_outcome(outcome)}", file=sys.stderr, flush=True)

    try:
        done = fleets.update_all(folders, request, test=test, commit=commit, told=told)
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped after {count} of {len(folders)} projects: the others are as before"
        ) from None
    if as_json:
        rows = [{**vars(outcome), "folder": str(outcome.folder)} for outcome in done]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    bad = [outcome for outcome in done if not outcome.good]
    changed = sum(outcome.good and outcome.files > 0 for outcome in done)
    conflicts = sum(bool(outcome.conflicts) for outcome in done)
    print(
        f"{changed} updated, {len(done) - changed - len(bad)} up to date, "
        f"{conflicts} with conflicts, {len(bad) - conflicts} not updated",
        file=sys.stderr,
    )
    return 1 if bad else 0


def linked(found: "Linked") -> None:
    """Says what a project was made from, and how it differs from that."""
    say = texts(found.answers.get("language"))
    print(say["linked"].format(version=found.version, share=f"{found.likeness:.0%}"))
    for name, value in found.answers.items():
        print(f"  {say.get(name, name)}: {plain(value)}")
    for kind, paths in (("edited", found.edited), ("missing", found.missing)):
        for path in paths:
            print(f"  {kind.ljust(7)}  {plain(path)}")
    print(f"\n{say['linked_next']}")


def table(rows: Iterable["Row"]) -> None:
    """Prints how projects stand, one a line."""
    head: tuple[str, ...] = ("project", "task", "target", "version", "behind", "last run", "state")
    lines = [head]
    for row in rows:
        metric = f"{row.metric[0]} {row.metric[1]:.3f}" if row.metric else "-"
        behind = "?" if row.behind is None else str(row.behind)
        state = row.waiting or ("edits not committed" if row.dirty else "")
        state = ", ".join(part for part in (state, row.fault) if part) or "clean"
        known = (row.folder, row.task, row.target, row.version, behind, metric, state)
        lines.append(tuple(plain(cell)[:_WIDEST] for cell in known))
    if len(lines) == 1:
        print("no projects there")
        return
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def _texts(plan: "Plan") -> dict[str, str]:
    return texts(plan.project.answers.get("language"))


def _print_changes(plan: "Plan") -> None:
    say = _texts(plan)
    if not plan.changes:
        print(say["up_to_date"].format(version=plan.new))
        return
    print(f"{plain(plan.project.name)}: {plan.old} -> {plan.new}")
    for name, value in plan.answers.items():
        print(f"  {say.get(name, name)}: {plain(value)}")
    width = max(len(change.kind.value) for change in plan.changes)
    for change in plan.changes:
        moved = f"{change.source} -> {change.path}" if change.source else change.path
        why = f"   # {say['why_' + change.why.value]}" if change.why else ""
        print(f"  {change.kind.value.ljust(width)}  {plain(moved)}{why}")


def _outcome(outcome: "Outcome") -> str:
    if outcome.fault:
        return f"{plain(outcome.folder)}: not updated: {plain(outcome.fault)}"
    if outcome.conflicts:
        shown = ", ".join(outcome.conflicts)
        return f"{plain(outcome.folder)}: {outcome.new}, conflicts in {plain(shown)}"
    if not outcome.files:
        return f"{plain(outcome.folder)}: {outcome.new} is up to date"
    why = texts("en").get(outcome.untested)
    untested = f" (smoke test not run: {why})" if why else ""
    return (
        f"{plain(outcome.folder)}: {outcome.old} -> {outcome.new}, {outcome.files} files{untested}"
    )


def _record(plan: "Plan") -> dict[str, Any]:
    return {
        "project": str(plan.project.folder),
        "old": plan.old,
        "new": plan.new,
        "answers": plan.answers,
        "files": [_change(change) for change in plan.changes],
        "log": plan.log,
    }


def _change(change: Change) -> dict[str, Any]:
    about: dict[str, Any] = {"path": change.path, "kind": change.kind.value}
    if change.source:
        about["source"] = change.source
    if change.why:
        about["why"] = change.why.value
    return about


def _lines(text: str) -> str:
    return "\n".join(plain(line.replace("\t", "    ")) for line in text.splitlines())
