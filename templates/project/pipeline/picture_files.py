"""Pictures and tables in the data folder: finding them, and reading what stands in them."""

import csv
import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline import files
from pipeline.console import UserError
from pipeline.duplicates import Fingerprint
from pipeline.project import ROOT, answers, shown
from pipeline.text import composed

# What can be wrong with a table: (English, Chinese).
TABLE_FAULTS = {
    "no_column": (
        "no column {missing}. The first line must name the columns: {columns}.",
        "缺少列 {missing}。第一行必须写明列名：{columns}。",
    ),
    "no_table": (
        "no such file. Make it, or mend settings.yaml.",
        "没有这个文件。请创建，或修改 settings.yaml。",
    ),
    "not_utf8": (
        'not UTF-8 text. Save it as "CSV UTF-8".',
        "不是 UTF-8 文本。请另存为“CSV UTF-8”。",
    ),
    "bad_csv": (
        "not a readable CSV file ({reason}). Save it again.",
        "无法读取的 CSV 文件（{reason}）。请重新保存。",
    ),
}


@dataclass(eq=False)
class PictureFile:
    """A picture of the data set; check_data.py fills in what it finds out.

    Attributes:
        path: absolute.
        name: relative to the data folder, with `/`.
        split: train, val or test; None until one was given or drawn.
        fingerprint: None until it was decoded.
        size: width and height of the upright picture, px.
        orientation: EXIF tag, 1 to 8: how the stored picture is turned to be upright.
        group: the same for pictures that are almost the same.
        given_by: the folder or file that gave the split, as the user knows it.
    """

    path: Path
    name: str
    split: str | None = None
    fingerprint: Fingerprint | None = None
    size: tuple[int, int] = (0, 0)
    orientation: int = 1
    group: str = ""
    given_by: str = ""


def data_folder(name: str) -> Path:
    """The folder `data.folder` of the settings. Raises UserError where there is no such folder."""
    folder = ROOT / name
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Make it, or mend data.folder in settings.yaml.")
    return folder


def is_inside(folder: Path, path: Path) -> bool:
    """Whether a path is still in the folder when `..` and links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def read_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Reads a CSV file as pairs (line number, row); absent fields are empty.

    Raises:
        UserError: no such file, not UTF-8, not CSV, or a column is missing.
    """
    name = shown(path)
    try:
        with files.reading_csv(path) as table:
            header = table.fieldnames or []
            missing = [column for column in columns if column not in header]
            if missing:
                details = {"missing": ", ".join(missing), "columns": ",".join(columns)}
                raise _table_fault("no_column", f"{name}:1", **details)
            return [(table.line_num, row) for row in table]
    except FileNotFoundError:
        raise _table_fault("no_table", name) from None
    except UnicodeDecodeError:
        raise _table_fault("not_utf8", name) from None
    except csv.Error as error:
        raise _table_fault("bad_csv", name, reason=error) from None


def known_class(name: str, classes: list[str]) -> str:
    """The class of this name, however its accents are composed; else the name itself."""
    return {composed(label): label for label in classes}.get(composed(name), name)


def nearest_class(name: str, classes: list[str]) -> str | None:
    """The class that was probably meant by a misspelt name."""
    folded = {label.casefold(): label for label in classes}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def _table_fault(kind: str, where: str, **details: object) -> UserError:
    english, chinese = TABLE_FAULTS[kind]
    if answers().get("language") == "zh":
        return UserError(f"{where}：{chinese.format(**details)}")
    return UserError(f"{where}: {english.format(**details)}")
