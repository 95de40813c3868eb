"""Drift over time: a line in a CSV file for every call of predict.py, and the same for VisualDL."""

import sys
import time
from pathlib import Path

import numpy as np

from pipeline import drift, files
from pipeline.console import UserError
from pipeline.drift import Familiar
from pipeline.project import shown

FILE = "drift.csv"
COLUMNS = ("time", "export", "pictures", "far", "median", "usual", "changed")


def report(scores: list[float], familiar: Familiar | None, export, folder: Path | None) -> None:
    """Says on standard error when the pictures of a call have changed, and logs the call.

    Args:
        scores: of the pictures, as `familiar` gives them.
        familiar: what the export keeps; None where it keeps nothing.
        export: which answered.
        folder: for the log, if one is wanted.
    """
    found = drift.judged(np.array(scores), familiar.usual) if familiar else None
    if found and found["changed"]:
        print(drift.told(found, familiar.usual), file=sys.stderr)
    if folder and found:
        add(folder, export.about["id"], found, familiar.usual)
    elif folder:
        few = f"a call has {drift.JUDGED} pictures or more"
        kept = f"an export knows {drift.FEWEST} training pictures or more"
        why = few if familiar else kept
        print(f"Nothing was logged: drift is judged where {why}.", file=sys.stderr)


def add(folder: Path, export: str, found: dict, usual: float) -> None:
    """Adds a call to `folder`/drift.csv and draws all of them anew for VisualDL.

    Args:
        folder: for the log; is made if it is not there.
        export: its id.
        found: as from `drift.judged`.
        usual: what the median may be.

    Raises:
        UserError: the file that is there is no such log.
    """
    row = {"time": time.strftime("%Y-%m-%d %H:%M:%S"), "export": export, "usual": round(usual, 4)}
    row |= found | {"median": round(found["median"], 4), "changed": int(found["changed"])}
    path = folder / FILE
    rows = [*_read(path), {name: row[name] for name in COLUMNS}]
    files.write_csv(path, rows)
    try:
        from visualdl import LogWriter
    except ImportError:
        print("VisualDL is not installed: no curves, the CSV file alone.", file=sys.stderr)
        return
    with files.replacing(folder / "vdl") as beside:
        with LogWriter(str(beside)) as writer:
            for step, one in enumerate(rows):
                writer.add_scalar("drift/median score", float(one["median"]), step)
                writer.add_scalar("drift/usual up to", float(one["usual"]), step)
                share = int(one["far"]) / int(one["pictures"])
                writer.add_scalar("drift/share far", share, step)


def _read(path: Path) -> list[dict]:
    if not path.is_file():
        return []
    with files.reading_csv(path) as table:
        if tuple(table.fieldnames or ()) != COLUMNS:
            raise UserError(f"{shown(path)}: not a log of predict.py. Name another folder.")
        return list(table)
