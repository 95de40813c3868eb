"""Exports a trained model for deployment, and makes sure that it is still the same model.

Reads:  runs/<id>/ (model.safetensors, run.json), settings.yaml (limits), data/splits.csv and its
        pictures
Writes: export/<id>/: model.pdmodel and model.pdiparams (Paddle Inference), model.onnx,
        preprocess.json, reference.safetensors (for add_class.py), drift.safetensors (for
        predict.py), export.json; or
        export/<id>.refused/ when a check failed

    python export.py
    python export.py --run 20260131-120000

The same pictures go through the trained network, Paddle Inference and ONNX Runtime. An export
whose outputs, accuracy or recall of a class differ by more than settings.yaml allows is refused
(exit code 1).
Classes that were added to an earlier export of the run are kept; while the weights are the same,
so is what compress.py, benchmark.py and lite.py wrote there.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import (
    added,
    additions,
    console,
    drift,
    exports,
    parity,
    provenance,
    reference,
    runs,
    settings,
    tables,
)
from pipeline.dataset import Sample, read_splits
from pipeline.inference import save_network, write_onnx
from pipeline.preprocess import Preprocess
from pipeline.probabilities import BATCH, Answers, answers
from pipeline.project import CACHE, EXPORTS, chosen_run
from pipeline.trained import load_run

HASHED = 64  # pictures whose inputs are hashed
KEPT = 600  # pictures of a split whose embeddings are kept for add_class.py ...
KEPT_OF_A_CLASS = 20  # ... and of a class at least
LOG = CACHE / "export.log"


def main() -> None:
    arguments = read_arguments()
    trained = load_run(chosen_run(arguments.run))
    runs.show(trained.run)
    options = settings.load()
    samples = parity.pictures(options, trained.about)
    paths = [sample.path for sample in samples]
    labels = np.array([sample.label for sample in samples])
    squares = trained.preprocess.read(paths)
    wanted = trained.answers(squares)

    target = EXPORTS / trained.run.name
    with exports.writing(target) as folder:
        save_network(trained.network, folder, trained.preprocess.input_size)
        write_onnx(folder, LOG)
        about = {"id": target.name, "precision": "fp32", "classes": trained.classes}
        about |= {"run": trained.about, "exported_with": provenance.environment()}
        export = exports.Export(folder, about, trained.preprocess)

        compared = {
            name: answers(export.predictor(kind), export.preprocess, squares)
            for name, kind in (("Paddle Inference", "paddle"), ("ONNX Runtime", "onnx"))
        }
        results = {
            name: parity.compare(wanted.probabilities, given.probabilities, labels, trained.classes)
            | {"embedding_difference": parity.apart(wanted.embeddings, given.embeddings)}
            for name, given in compared.items()
        }
        input_hash = exports.input_hash(trained.preprocess.batches(squares, HASHED))
        about["parity"] = {"pictures": len(samples), "input_sha256": input_hash} | results
        about["drift"] = keep_reference(folder, export, pictures_to_keep(options))
        exports.describe(folder, about, trained.preprocess)
        show(len(samples), results)
        exports.say_what_is_compared()

        found = [
            fault
            for name, result in results.items()
            for fault in parity.faults(name, result, options.limits)
        ]
        reread = exports.reread(folder, Preprocess).preprocess
        if exports.input_hash(reread.batches(reread.read(paths), HASHED)) != input_hash:
            found.append("preprocess.json prepares pictures in another way than training did.")
        if found:
            advice = "Look for edits in pipeline/, export again; if it stays, use the run itself."
            raise exports.Refused(" ".join([*found, advice]))
        added.carry_over(target, folder)
        exports.carry_over(target, folder)
    exports.say_what_is_next(target)
    if names := additions.left_behind(target):
        print(
            f"Note:    {', '.join(names)}: added to an earlier export, not in this one. Run "
            "add_class.py again, or train on the pictures: settings.yaml, classes."
        )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    return parser.parse_args()


def pictures_to_keep(options) -> list[Sample]:
    """Pictures of every split and class, drawn at random where they are many."""
    samples = read_splits(options)
    order = np.random.default_rng(0).permutation(len(samples))
    most = max(KEPT_OF_A_CLASS, KEPT // len(options.classes))
    count: Counter[tuple[str, int]] = Counter()
    kept = []
    for sample in (samples[i] for i in order):
        count[sample.split, sample.label] += 1
        if count[sample.split, sample.label] <= most:
            kept.append(sample)
    return kept


def keep_reference(folder: Path, export: exports.Export, samples: list[Sample]) -> dict | None:
    """Writes how the exported network sees pictures; what is known of the statistic of drift."""
    predictor = export.predictor()
    parts = [samples[start : start + BATCH] for start in range(0, len(samples), BATCH)]
    seen = []
    # disable=None: shown only where someone can watch
    for part in tqdm(parts, "reference pictures", leave=False, disable=None):
        squares = export.preprocess.read([sample.path for sample in part])
        seen.append(answers(predictor, export.preprocess, squares))
    known, given = Answers.joined(seen), np.array([sample.split for sample in samples])
    labels = np.array([sample.label for sample in samples])
    reference.write(folder, known, labels.tolist(), given.tolist())
    train, val = (
        drift.Seen(known.embeddings[given == split], labels[given == split])
        for split in ("train", "val")
    )
    return drift.keep(folder, train, val)


def show(pictures: int, results: dict) -> None:
    rows = [
        (
            name,
            f"{result['largest_difference']:.1e}",
            f"{result['mean_difference']:.1e}",
            f"{result['accuracy']:.3f}",
            f"{result['accuracy_change']:+.3f}",
        )
        for name, result in results.items()
    ]
    header = (f"{pictures} pictures", "largest difference", "mean", "accuracy", "change")
    tables.show(header, rows)


if __name__ == "__main__":
    console.run(main)
