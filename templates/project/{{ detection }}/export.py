"""Exports a trained detector for deployment, and makes sure that it is still the same one.

Reads:  runs/<id>/ (model.safetensors, run.json, evaluation/thresholds.json), settings.yaml
        (limits, predict.min_score), data/splits.csv, data/boxes.csv and the pictures
Writes: export/<id>/: model.pdmodel and model.pdiparams (Paddle Inference), model.onnx, all with
        non-maximum suppression inside; preprocess.json, drift.safetensors (for predict.py),
        export.json; or export/<id>.refused/ when a check failed. The thresholds also go into
        export/<id>-int8/ where that is of the same weights

    python export.py
    python export.py --run 20260131-120000

The same pictures go through the trained network, Paddle Inference and ONNX Runtime. An export
that finds other boxes, or whose AP50 differs by more than settings.yaml allows, is refused (exit
code 1). While the weights are the same, what compress.py, benchmark.py and lite.py wrote into an
earlier export of the run is kept.
"""

import argparse
from pathlib import Path

from pipeline import console, exports, familiar, files, parity, provenance, runs, settings, tables
from pipeline.compression import KEPT
from pipeline.detections import Detections, detect
from pipeline.images import read_picture
from pipeline.inference import WEIGHTS, save_network, write_onnx
from pipeline.preprocess import Preprocess
from pipeline.project import CACHE, EXPORTS, INT8, chosen_run
from pipeline.trained import load_run

HASHED = 4  # pictures whose inputs are hashed
LOG = CACHE / "export.log"


def main() -> None:
    arguments = read_arguments()
    trained = load_run(chosen_run(arguments.run))
    runs.show(trained.run)
    options = settings.load()
    samples = parity.pictures(options, trained.about)
    paths = [sample.path for sample in samples]
    print(f"Comparing on {len(samples)} pictures ...", flush=True)
    reference = list(trained.detections(paths))

    target = EXPORTS / trained.run.name
    with exports.writing(target) as folder:
        save_network(trained.network, folder, trained.preprocess.input_size)
        write_onnx(folder, LOG)
        about = {"id": target.name, "precision": "fp32", "classes": trained.classes}
        about |= {"run": trained.about, "exported_with": provenance.environment()}
        about["min_score"] = options.predict.min_score
        thresholds = trained.run / "evaluation" / "thresholds.json"
        if thresholds.is_file():
            about["thresholds"] = files.read_json(thresholds)
        export = exports.Export(folder, about, trained.preprocess)

        compared: dict[str, list[Detections]] = {
            name: list(detect(export.predictor(kind), export.preprocess, paths))
            for name, kind in (("Paddle Inference", "paddle"), ("ONNX Runtime", "onnx"))
        }
        results = {
            name: parity.compare(reference, found, samples, len(trained.classes))
            for name, found in compared.items()
        }
        input_hash = hash_of_inputs(trained.preprocess, paths)
        about["parity"] = {"pictures": len(samples), "input_sha256": input_hash} | results
        about["drift"] = familiar.keep(folder, export.predictor(), export.preprocess, options)
        exports.describe(folder, about, trained.preprocess)
        show(results)
        exports.say_what_is_compared()

        found = [
            fault
            for name, result in results.items()
            for fault in parity.faults(name, result, options.limits)
        ]
        reread = exports.reread(folder, Preprocess).preprocess
        if hash_of_inputs(reread, paths) != input_hash:
            found.append("preprocess.json prepares pictures in another way than training did.")
        if found:
            advice = "Look for edits in pipeline/, export again; if it stays, use the run itself."
            raise exports.Refused(" ".join([*found, advice]))
        exports.carry_over(target, folder)
    share_thresholds(target)
    exports.say_what_is_next(target)


def share_thresholds(folder: Path) -> None:
    """Gives the thresholds of a new export to its int8 one; compress.py makes that one anew where
    the weights are others."""
    file = folder.with_name(folder.name + INT8) / exports.ABOUT
    if file.is_file():
        about, int8 = files.read_json(folder / exports.ABOUT), files.read_json(file)
        weights = about["files"][WEIGHTS]
        if int8.get("made_of_weights", weights) == weights:
            new = {name: about[name] for name in KEPT if name in about}
            files.write_json(file, int8 | new)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    return parser.parse_args()


def hash_of_inputs(preprocess: Preprocess, paths: list[Path]) -> str:
    """SHA-256 of what the network gets for some of the pictures."""
    return exports.input_hash(preprocess.inputs(read_picture(path)) for path in paths[:HASHED])


def show(results: dict) -> None:
    rows = [
        (
            name,
            f"{result['found']} / {result['found_before']}",
            f"{result['largest_difference']:.1e}",
            f"{result['largest_shift']:.1e}",
            f"{result['AP50']:.3f}",
            f"{result['AP50_change']:+.3f}",
        )
        for name, result in results.items()
    ]
    header = ("compared", "boxes", "largest difference: score", "side, px", "AP50", "change")
    tables.show(header, rows)


if __name__ == "__main__":
    console.run(main)
