"""Makes an exported model smaller: int8 by post-training quantization, or a refusal.

Reads:  export/<id>/, settings.yaml (limits), data/splits.csv and its pictures
Writes: export/<id>-int8/: model.pdmodel, model.pdiparams, preprocess.json, export.json; or
        export/<id>-int8.refused/ when it lost too much accuracy

    python compress.py
    python compress.py --export export/20260131-120000

Training pictures set the ranges of the 8 bit numbers, and pictures held out from them choose the
way to do that. The test pictures only say, once, whether the result is good enough.
"""

import argparse
from pathlib import Path

import numpy as np

from pipeline import (
    additions,
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
from pipeline.preprocess import Preprocess
from pipeline.probabilities import probabilities
from pipeline.project import CACHE, EXPORTS, shown

CALIBRATION = 128  # passes through the network to calibrate with: pictures times views
JUDGED = 64  # pictures to choose by
LOG = CACHE / "compress.log"


def main() -> None:
    arguments = read_arguments()
    export = exports.load(exports.chosen(arguments.export), Preprocess)
    if export.about["precision"] != "fp32":
        raise UserError(f"{shown(export.folder)} is compressed already. Name the fp32 export.")
    options = settings.load()
    tests = splits.unseen(read_splits(options), "test", options.classes, export.about["run"])
    views = len(export.about["run"]["views"])
    shots, held_out = training_pictures(options, max(CALIBRATION // views, len(export.classes)))

    reference = answers(export, held_out)

    def divergence(candidate: Path) -> float:
        int8 = exports.Export(candidate, {"precision": "int8"}, export.preprocess)
        outputs = answers(int8, held_out)
        return cross_entropy(reference, outputs) - cross_entropy(reference, reference)

    files.remove(LOG)
    target = EXPORTS / f"{export.folder.name}-int8"
    with exports.writing(target) as folder:
        x = export.preprocess.batch(export.preprocess.read([sample.path for sample in shots]))
        method, losses = quantization.quantize(export.folder, folder, x, divergence, LOG)

        about = {"id": target.name, "precision": "int8", "classes": export.classes}
        about |= {"run": export.about["run"], "exported_with": provenance.environment()}
        int8 = exports.Export(folder, about, export.preprocess)
        labels = np.array([sample.label for sample in tests])
        before, after = (answers(e, tests) for e in (export, int8))
        result = parity.compare(before, after, labels)
        accuracy = result["accuracy"] - result["accuracy_change"]
        about["compression"] = {
            "method": method,
            "calibration_pictures": len(shots),
            "losses": losses,
            "test_pictures": len(tests),
            **result,
            "forms": forms.measure(export, int8, "accuracy", accuracy, result["accuracy"]),
        }
        exports.describe(folder, about, export.preprocess)
        forms.report(about["compression"]["forms"], "accuracy")
        found = parity.faults("int8", result, options.limits, exact=False)
        if found:
            advice = (
                "Deploy the fp32 export, fine-tune longer, add training pictures, "
                "or allow more loss in settings.yaml."
            )
            raise exports.Refused(" ".join([*found, advice]))
    if additions.read(export.folder):
        print("Note:    the added classes stay with the fp32 export; int8 sees in another way.")
    print(f"Written: {shown(target)}/ (method: {method}; PaddleSlim's output: {shown(LOG)})")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, help="id or folder; the newest fp32 one by default")
    return parser.parse_args()


def training_pictures(options, calibration: int) -> tuple[list[Sample], list[Sample]]:
    """Pictures to calibrate with and pictures to choose by, balanced over the classes."""
    samples = read_splits(options)
    train = balanced([sample for sample in samples if sample.split == "train"])
    val = balanced([sample for sample in samples if sample.split == "val"])
    if val:
        return train[:calibration], val[:JUDGED]
    half = min(calibration, len(train) // 2)
    return train[:half], train[half:][:JUDGED]


def balanced(samples: list[Sample]) -> list[Sample]:
    """Random order in which every class comes once before any comes again."""
    rng = np.random.default_rng(0)
    turns: dict[int, int] = {}
    order = []
    for index in rng.permutation(len(samples)):
        label = samples[index].label
        turns[label] = turns.get(label, 0) + 1
        order.append((turns[label], rng.random(), index))
    return [samples[index] for _, _, index in sorted(order)]


def answers(export: exports.Export, samples: list[Sample]) -> np.ndarray:
    """Probabilities [N, classes] of an export in Paddle Inference."""
    squares = export.preprocess.read([sample.path for sample in samples])
    return probabilities(export.predictor(), export.preprocess, squares)


def cross_entropy(wanted: np.ndarray, given: np.ndarray) -> float:
    """Mean over pictures; `wanted` are the fp32 model's probabilities."""
    return float(-(wanted * np.log(np.clip(given, 1e-7, 1))).sum(1).mean())


if __name__ == "__main__":
    console.run(main)
