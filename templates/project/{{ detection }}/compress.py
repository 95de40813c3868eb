"""Makes an exported detector smaller: int8 by post-training quantization, or a refusal.

Reads:  export/<id>/, settings.yaml (limits), data/splits.csv, data/boxes.csv and the pictures
Writes: export/<id>-int8/: model.pdmodel, model.pdiparams, preprocess.json, export.json; or
        export/<id>-int8.refused/ when it lost too much AP50

    python compress.py
    python compress.py --export export/20260131-120000

Training pictures set the ranges of the 8 bit numbers, and held-out ones choose the way to do
that. The test pictures only say, once, whether the result is good enough.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import (
    console,
    exports,
    files,
    forms,
    parity,
    provenance,
    quantization,
    settings,
    splits,
)
from pipeline.console import UserError
from pipeline.dataset import Sample, read_splits
from pipeline.detections import Detections, detect
from pipeline.images import read_picture
from pipeline.preprocess import Preprocess
from pipeline.project import CACHE, EXPORTS, shown

CALIBRATION = 32  # inputs to calibrate with
JUDGED = 16  # pictures to choose by
LOG = CACHE / "compress.log"


def main() -> None:
    arguments = read_arguments()
    export = exports.load(exports.chosen(arguments.export), Preprocess)
    if export.about["precision"] != "fp32":
        raise UserError(f"{shown(export.folder)} is compressed already. Name the fp32 export.")
    options = settings.load()
    tests = splits.unseen(read_splits(options), "test", options.classes, export.about["run"])
    shots, held_out = training_pictures(options)
    classes = len(export.classes)

    reference = found_by(export, held_out, "fp32, held out")

    def loss(candidate: Path) -> float:
        int8 = exports.Export(candidate, {"precision": "int8"}, export.preprocess)
        found = found_by(int8, held_out, f"int8 {candidate.name}, held out")
        result = parity.compare(reference, found, held_out, classes)
        return result["mean_difference"] - result["AP50_change"]

    files.remove(LOG)
    target = EXPORTS / f"{export.folder.name}-int8"
    with exports.writing(target) as folder:
        x = calibration_inputs(shots, export.preprocess)
        method, losses = quantization.quantize(export.folder, folder, x, loss, LOG, keep_last=True)

        about = {"id": target.name, "precision": "int8", "classes": export.classes}
        about |= {"run": export.about["run"], "exported_with": provenance.environment()}
        if "thresholds" in export.about:
            about["thresholds"] = export.about["thresholds"]
        int8 = exports.Export(folder, about, export.preprocess)
        before, after = (found_by(e, tests, e.about["precision"]) for e in (export, int8))
        result = parity.compare(before, after, tests, classes)
        fp32_metric = result["AP50"] - result["AP50_change"]
        about["compression"] = {
            "method": method,
            "calibration_inputs": len(x),
            "losses": losses,
            "test_pictures": len(tests),
            **result,
            "forms": forms.measure(export, int8, "AP50", fp32_metric, result["AP50"]),
        }
        exports.describe(folder, about, export.preprocess)
        forms.report(about["compression"]["forms"], "AP50")
        faults = parity.faults("int8", result, options.limits, exact=False)
        if faults:
            advice = (
                "Deploy the fp32 export, fine-tune longer, add training pictures, "
                "or allow more loss in settings.yaml."
            )
            raise exports.Refused(" ".join([*faults, advice]))
    print(f"Written: {shown(target)}/ (method: {method}; PaddleSlim's output: {shown(LOG)})")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, help="id or folder; the newest fp32 one by default")
    return parser.parse_args()


def training_pictures(options) -> tuple[list[Sample], list[Sample]]:
    """Pictures to calibrate with and pictures to choose by, both with objects."""
    samples = [sample for sample in read_splits(options) if len(sample.boxes)]
    rng = np.random.default_rng(0)
    train, val = (
        [part[i] for i in rng.permutation(len(part))]
        for split in ("train", "val")
        for part in [[sample for sample in samples if sample.split == split]]
    )
    if val:
        return train[:CALIBRATION], val[:JUDGED]
    half = -(-len(train) // 2)
    return train[:half][:CALIBRATION], (train[half:] or train)[:JUDGED]


def calibration_inputs(samples: list[Sample], preprocess: Preprocess) -> np.ndarray:
    """Inputs [N, 3, S, S] that show the pictures: all tiles of the first ones, or one of each."""
    squares: list[np.ndarray] = []
    for sample in samples:
        squares += [piece.square for piece in preprocess.pieces(read_picture(sample.path))]
        if len(squares) >= CALIBRATION:
            break
    return preprocess.batch(squares[:CALIBRATION])


def found_by(export: exports.Export, samples: list[Sample], name: str) -> list[Detections]:
    """What an export finds, with a bar: a picture takes a while."""
    paths = [sample.path for sample in samples]
    found = detect(export.predictor(), export.preprocess, paths)
    return list(tqdm(found, name, len(paths), unit="picture", leave=False, disable=None))


if __name__ == "__main__":
    console.run(main)
