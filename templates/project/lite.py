"""Converts an export for Paddle Lite, which runs it on ARM boards.

Reads:  export/<id>/, and export/<id>-int8/ where compress.py wrote it
Writes: model.nb and lite.json in each of them; .venv-lite/ with the converter, once

    python lite.py
    python lite.py --export export/20260131-120000
    LITE_PYTHON=/opt/python3.10/bin/python3.10 python lite.py

The converter needs Python 3.10 or 3.8. What it writes can't be run here, only on ARM: compare its
answers with those of predict.py on the board before you rely on it.
"""

import argparse
import time
from pathlib import Path

from pipeline import console, exports, files, lite_converter, provenance, tables
from pipeline.console import UserError
from pipeline.inference import MODEL, WEIGHTS
from pipeline.preprocess import Preprocess
from pipeline.project import shown

MODEL_FILE = "model.nb"
RECORD = "lite.json"


def main() -> None:
    arguments = read_arguments()
    found = to_convert(exports.load(exports.chosen(arguments.export), Preprocess))
    files.remove(lite_converter.LOG)
    python = lite_converter.prepare()
    version = lite_converter.version(python)
    rows, faults = [], []
    for export in found:
        print(f"Converting {shown(export.folder)} ...", flush=True)
        target = export.folder / MODEL_FILE
        try:
            lite_converter.convert(python, export.folder, target)
        except UserError as error:
            faults.append(str(error))
            continue
        describe(export, target, version)
        before = files.size_mb([export.folder / name for name in (MODEL, WEIGHTS)])
        rows.append((shown(target), f"{before:.1f}", f"{files.size_mb([target]):.1f}"))
    if rows:
        tables.show(("written", "MB before", "MB"), rows)
        print(
            "It was not run: that takes an ARM board. Compare its answers with predict.py's there."
        )
    if faults:
        raise UserError("\n".join(faults))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, help="id or folder; the newest by default")
    return parser.parse_args()


def to_convert(export: exports.Export) -> list[exports.Export]:
    """The export, and its int8 one if that was accepted; those in the old program format."""
    int8 = export.folder.with_name(f"{export.folder.name}-int8")
    found = [export]
    if (int8 / MODEL).is_file():
        found.append(exports.load(int8, Preprocess))
    for each in found:
        if not {MODEL, WEIGHTS} <= set(each.about["files"]):
            raise UserError(
                f"{shown(each.folder)}: no {MODEL} there, the only format that Paddle Lite reads. "
                "Run export.py again."
            )
    return found


def describe(export: exports.Export, target: Path, version: str) -> None:
    """Writes what the file was made of, beside it."""
    about = {
        "export": export.about["id"],
        "precision": export.about["precision"],
        "classes": export.classes,
        "preprocess": export.preprocess.as_dict(),
        "target": lite_converter.TARGET,
        "converter": f"paddlelite {version}",
        "made": time.strftime("%Y-%m-%d %H:%M"),
        "converted_with": provenance.environment(),
        "made_from": {name: export.about["files"][name] for name in (MODEL, WEIGHTS)},
        "files": {target.name: files.sha256(target)},
        "run_on_arm": False,
    }
    files.write_json(target.with_name(RECORD), about)


if __name__ == "__main__":
    console.run(main)
