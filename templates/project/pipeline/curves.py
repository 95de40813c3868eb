"""Training curves: a CSV file for people and reports, and VisualDL's logs."""

import csv
from pathlib import Path

from visualdl import LogWriter

from pipeline import files


class Curves:
    """Collects one row an epoch in `<run>/<phase>.csv` and `<run>/vdl/<phase>/`.

    An interrupted phase goes on after its last whole epoch.
    """

    def __init__(self, run: Path, phase: str):
        self.path = run / f"{phase}.csv"
        self.rows = read_curves(self.path)
        self.writer = LogWriter(str(run / "vdl" / phase))

    def add(self, row: dict) -> None:
        """Adds an epoch: {"epoch": number, name: value, ...}."""
        self.rows = [earlier for earlier in self.rows if earlier["epoch"] < row["epoch"]] + [row]
        files.write_csv(self.path, self.rows)
        for name, value in row.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, row["epoch"])


def read_curves(path: Path) -> list[dict]:
    """The rows of a curve file as numbers; none when it is not there."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
