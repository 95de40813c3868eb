"""Training curves: a CSV file for people and reports, and VisualDL's logs."""

from pathlib import Path

from visualdl import LogWriter

from pipeline import files


class Phase:
    """A phase of training: `<run>/curves/<name>.csv`, VisualDL's `<run>/vdl/<name>/` and a
    checkpoint. An interrupted phase goes on after its last whole epoch.

    Attributes:
        name: of the phase, such as "final".
        checkpoint: the file that holds where it stands.
    """

    def __init__(self, run: Path, name: str):
        self.name = name
        self.checkpoint = run / "checkpoints" / f"{name}.safetensors"
        self.path = run / "curves" / f"{name}.csv"
        self.rows = read_curves(self.path)
        self.writer = LogWriter(str(run / "vdl" / name))

    def add(self, row: dict) -> None:
        """Adds an epoch: {"epoch": number, name: value, ...}."""
        self.rows = [earlier for earlier in self.rows if earlier["epoch"] < row["epoch"]] + [row]
        files.write_csv(self.path, self.rows)
        for name, value in row.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, int(row["epoch"]))


def read_curves(path: Path) -> list[dict]:
    """The rows of a curve file as numbers; none when it is not there."""
    if not path.is_file():
        return []
    with files.reading_csv(path) as table:
        rows = [{name: float(value) for name, value in row.items()} for row in table]
    return [row | {"epoch": int(row["epoch"])} for row in rows]
