"""Measures a trained model on pictures that it has never seen.

Reads:  runs/<id>/ (model.safetensors, run.json), settings.yaml, data/splits.csv and its pictures
Writes: runs/<id>/evaluation/: metrics.json, predictions.csv, confusion.png, calibration.png;
        the headline figures also go into run.json

    python evaluate.py                          # the newest run on the test pictures
    python evaluate.py --run 20260131-120000
    python evaluate.py --split val              # writes to evaluation-val/

Every figure has a 95% interval from bootstrapping the pictures: with few of them it is wide.
"""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline import console, evaluation_plots, files, metrics, plots, settings, splits, tables
from pipeline.dataset import Sample, read_splits
from pipeline.inference import Predictor, save_network
from pipeline.probabilities import probabilities
from pipeline.project import ROOT, chosen_run, shown
from pipeline.trained import Trained, load_run

HEADLINE = ("accuracy", "macro_f1", "calibration_error", "cross_entropy")


def main() -> None:
    arguments = read_arguments()
    trained = load_run(chosen_run(arguments.run))
    options = settings.load()
    samples = splits.unseen(read_splits(options), arguments.split, options.classes, trained.about)
    unfinished = "" if trained.about["finished"] else ", interrupted: train.py --resume goes on"
    print(f"Run: {shown(trained.run)} (stage {trained.about['stage']}{unfinished})")

    squares = trained.preprocess.read([sample.path for sample in samples])
    answers = predict(trained, squares)
    labels = np.array([sample.label for sample in samples])
    measured = metrics.evaluate(answers, labels, [sample.group for sample in samples])

    name = "evaluation" if arguments.split == "test" else f"evaluation-{arguments.split}"
    with files.replacing(trained.run / name) as folder:
        folder.mkdir()
        about = {"split": arguments.split, "names": trained.classes} | measured
        files.write_json(folder / "metrics.json", about)
        files.write_csv(folder / "predictions.csv", rows(samples, answers, trained.classes))
        matrix = evaluation_plots.confusion(measured["confusion"], trained.classes)
        plots.save(matrix, folder / "confusion.png")
        diagram = evaluation_plots.calibration(measured["calibration"])
        plots.save(diagram, folder / "calibration.png")
    record(trained, arguments.split, measured)
    show(measured, trained.classes)
    print(f"Written: {shown(trained.run / name)}/")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    parser.add_argument("--split", choices=("test", "val", "train"), default="test")
    return parser.parse_args()


def predict(trained: Trained, squares: list[np.ndarray]) -> np.ndarray:
    """Probabilities [N, classes], by Paddle Inference: several times faster than the layers."""
    with TemporaryDirectory() as folder:
        network = Path(folder) / "network"
        save_network(trained.network, network, trained.preprocess.input_size)
        return probabilities(Predictor(network), trained.preprocess, squares)


def rows(samples: list[Sample], answers: np.ndarray, classes: list[str]) -> list[dict]:
    return [
        {
            "path": os.path.relpath(sample.path, ROOT),
            "label": classes[sample.label],
            "predicted": classes[row.argmax()],
            "probability": f"{row.max():.6f}",
        }
        | {f"p({name})": f"{value:.6f}" for name, value in zip(classes, row, strict=True)}
        for sample, row in zip(samples, answers, strict=True)
    ]


def record(trained: Trained, split: str, measured: dict) -> None:
    headline = {"pictures": measured["pictures"]} | {name: measured[name] for name in HEADLINE}
    about = files.read_json(trained.run / "run.json")
    about["metrics"] = about.get("metrics", {}) | {split: headline}
    files.write_json(trained.run / "run.json", about)


def show(measured: dict, classes: list[str]) -> None:
    def with_interval(metric: dict | None) -> str:
        return "{value:.3f} [{low:.3f}, {high:.3f}]".format(**metric) if metric else "-"

    scores = ("precision", "recall", "f1")
    table = [
        (f"{number} {name}", str(row["pictures"]), *(with_interval(row[score]) for score in scores))
        for number, (name, row) in enumerate(zip(classes, measured["classes"], strict=True), 1)
    ]
    tables.show(("class", "pictures", *scores), table)
    print()
    headline = [(name.replace("_", " "), with_interval(measured[name])) for name in HEADLINE]
    tables.show((f"on {measured['pictures']} pictures", "value and 95% interval"), headline)


if __name__ == "__main__":
    console.run(main)
