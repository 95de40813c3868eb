"""Converts an export for Paddle Lite, which runs it on ARM boards.

Reads:  export/<id>/, and export/<id>-int8/ where compress.py wrote it; settings.yaml (limits),
        data/splits.csv and its pictures
Writes: model.nb and lite.json in each of them, or model.nb.refused when a check failed;
        .venv-lite/ with the converter, once

    python lite.py
    python lite.py --export export/20260131-120000
    LITE_PYTHON=/opt/python3.10/bin/python3.10 python lite.py

The same pictures go through the fp32 export and, on this machine's processor, through Paddle Lite
with the program that the file was made of. A conversion that answers in another way is refused
(exit code 1). The file itself can't be run here, only on ARM: compare its answers with those of
predict.py on the board before you rely on it. The converter needs Python 3.10 or 3.8.
"""

import argparse
import time
from pathlib import Path

from pipeline import (
    console,
    exports,
    files,
    forms,
    lite_converter,
    parity,
    provenance,
    settings,
    tables,
)
from pipeline.console import UserError
from pipeline.inference import MODEL, WEIGHTS
from pipeline.lite_runner import LitePredictor
from pipeline.preprocess import Preprocess
from pipeline.project import shown

MODEL_FILE = "model.nb"
RECORD = "lite.json"


def main() -> None:
    arguments = read_arguments()
    found = to_convert(exports.load(exports.chosen(arguments.export), Preprocess))
    options = settings.load()
    samples = parity.pictures(options, found[0].about["run"])
    files.remove(lite_converter.LOG)
    python = lite_converter.prepare()
    rows, faults = [], []
    for export in found:
        print(
            f"Converting {shown(export.folder)}, comparing {len(samples)} pictures ...", flush=True
        )
        try:
            result = convert(export, found[0], samples, python, options.limits)
        except UserError as error:
            faults.append(str(error))
            continue
        target = export.folder / MODEL_FILE
        sizes = ([export.folder / name for name in (MODEL, WEIGHTS)], [target])
        differences = (result["largest_difference"], result["mean_difference"])
        rows.append(
            (
                shown(target),
                *(f"{files.size_mb(paths):.1f}" for paths in sizes),
                *(f"{value:.1e}" for value in differences),
                f"{result[parity.METRIC]:.3f}",
                f"{result[f'{parity.METRIC}_change']:+.3f}",
            )
        )
    if rows:
        header = ("MB before", "MB", "largest difference", "mean", parity.METRIC, "change")
        tables.show(("written", *header), rows)
        print(
            "Compared with the fp32 export, in Paddle Lite on this machine. The .nb itself was not "
            "run: that takes an ARM board. Compare its answers with predict.py's there."
        )
    if faults:
        raise UserError("\n".join(faults))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, help="id or folder; the newest fp32 one by default")
    return parser.parse_args()


def to_convert(export: exports.Export) -> list[exports.Export]:
    """The fp32 export, and its int8 one if that was accepted; those in the old program format."""
    if export.about["precision"] != "fp32":
        raise UserError(
            f"{shown(export.folder)} is int8. Name the fp32 export; both are converted."
        )
    int8 = forms.int8_of(export, Preprocess)
    found = [export, *(one for one in int8 if (one.folder / MODEL).is_file())]
    for each in found:
        if not {MODEL, WEIGHTS} <= set(each.about["files"]):
            raise UserError(
                f"{shown(each.folder)}: no {MODEL} there, the only format that Paddle Lite reads. "
                "Run export.py again."
            )
    return found


def convert(
    export: exports.Export, fp32: exports.Export, samples: list, python: Path, limits
) -> dict:
    """Writes `model.nb` and what is known of it, once it answers as the fp32 export does.

    Returns:
        The comparison.

    Raises:
        UserError: it can't be converted or run, or it was refused.
    """
    target = export.folder / MODEL_FILE
    refused = target.with_name(f"{MODEL_FILE}.refused")
    with files.replacing(target) as beside:
        lite_converter.convert(python, export.folder, beside)
        with LitePredictor(python, export.folder, lite_converter.LOG) as lite:
            result = parity.between(fp32.predictor(), lite, export, samples)
        exact = export.about["precision"] == "fp32"
        if found := parity.faults("Paddle Lite", result, limits, exact):
            beside.replace(refused)
            advice = "Deploy another form, or look for edits in pipeline/lite_program.py."
            raise UserError(f"refused: {' '.join(found)} {advice} It lies in {shown(refused)}.")
        about = described(export, beside, lite_converter.version(python)) | {"parity": result}
    files.write_json(target.with_name(RECORD), about)
    files.remove(refused)
    return result


def described(export: exports.Export, network: Path, version: str) -> dict:
    """What the file was made of, and where it was checked."""
    return {
        "export": export.about["id"],
        "precision": export.about["precision"],
        "classes": export.classes,
        "preprocess": export.preprocess.as_dict(),
        "target": lite_converter.TARGET,
        "converter": f"paddlelite {version}",
        "made": time.strftime("%Y-%m-%d %H:%M"),
        "converted_with": provenance.environment(),
        "made_from": {name: export.about["files"][name] for name in (MODEL, WEIGHTS)},
        "files": {MODEL_FILE: files.sha256(network)},
        "checked": "the same program in Paddle Lite on x86",
        "run_on_arm": False,
    }


if __name__ == "__main__":
    console.run(main)
