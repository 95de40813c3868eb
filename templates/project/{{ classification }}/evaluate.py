"""Measures a trained model on pictures that it has never seen.

Reads:  runs/<id>/ (model.safetensors, run.json), settings.yaml, data/splits.csv and its pictures;
        where add_class.py has added classes, also export/<id>/ and their test pictures in data/
Writes: runs/<id>/evaluation/: metrics.json, predictions.csv, confusion.png, calibration.png;
        the headline figures also go into run.json. With the added classes:
        runs/<id>/evaluation-added/

    python evaluate.py                          # the newest run on the test pictures
    python evaluate.py --run 20260131-120000
    python evaluate.py --split val              # writes to evaluation-val/

Every figure has a 95% interval from bootstrapping the pictures, that of a share as wide as the
exact binomial one or wider: with few pictures it is wide.
Test pictures of an added class lie in data/ as those of the others do, in data/test/<class>/ or
data/<class>/; those that it was made of don't count.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from pipeline import (
    added,
    additions,
    console,
    evaluation_plots,
    exports,
    files,
    input_check,
    layout,
    metrics,
    plots,
    runs,
    settings,
    splits,
    tables,
)
from pipeline.dataset import Sample, read_splits
from pipeline.inference import exported
from pipeline.preprocess import Preprocess
from pipeline.probabilities import Answers, answers
from pipeline.project import EXPORTS, ROOT, chosen_run, shown
from pipeline.trained import Trained, load_run

HEADLINE = ("accuracy", "macro_f1", "calibration_error", "cross_entropy")


def main() -> None:
    arguments = read_arguments()
    trained = load_run(chosen_run(arguments.run))
    input_check.check(trained.run, trained.preprocess, trained.about)
    options = settings.load()
    samples = splits.unseen(read_splits(options), arguments.split, options.classes, trained.about)
    runs.show(trained.run)

    more, new = None, []
    folder = EXPORTS / trained.run.name
    if arguments.split == "test" and (entries := additions.read(folder)):
        export = exports.load(folder, Preprocess)
        if export.about["run"].get("model_sha256") == trained.about.get("model_sha256"):
            more = added.of(export)
            new = pictures_of_added(options, entries, len(trained.classes))
        else:
            print("Note: classes were added to an export of the run's earlier weights; left out.")
    head = predict(trained, [*samples, *new])

    name = "evaluation" if arguments.split == "test" else f"evaluation-{arguments.split}"
    known = head.probabilities[: len(samples)]
    measured = evaluate(trained.run / name, arguments.split, samples, known, trained.classes)
    record(trained, arguments.split, measured)
    if more:
        print(f"\nWith the classes that were added to {shown(folder)}:")
        classes = trained.classes + more.names
        name = "evaluation-added"
        evaluate(trained.run / name, "test", [*samples, *new], more.probabilities(head), classes)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    parser.add_argument("--split", choices=("test", "val", "train"), default="test")
    return parser.parse_args()


def pictures_of_added(options, entries: list[dict], trained: int) -> list[Sample]:
    """The test pictures that the data folder has of added classes; so many were `trained`."""
    found = []
    for label, one in enumerate(additions.active(entries), trained):
        mine = [entry for entry in entries if entry["class"]["name"] == one.name]
        shots = {picture["sha256"] for entry in mine for picture in entry["pictures"]}
        classes = [*options.classes, one.name]
        pictures, _ = layout.find(options.model_copy(update={"classes": classes}))
        found += [
            Sample(picture.path, label, "test", picture.name)
            for picture in pictures
            if picture.label == one.name
            and picture.split in (None, "test")
            and files.sha256(picture.path) not in shots
        ]
    return found


def predict(trained: Trained, samples: list[Sample]) -> Answers:
    """What the head says, by Paddle Inference: several times faster than the layers."""
    squares = trained.preprocess.read([sample.path for sample in samples])
    predictor = exported(trained.network, trained.preprocess.input_size)
    return answers(predictor, trained.preprocess, squares)


def evaluate(
    target: Path, split: str, samples: list[Sample], given: np.ndarray, classes: list[str]
) -> dict:
    """Measures probabilities [N, classes], writes the folder `target`, and prints the figures."""
    labels = np.array([sample.label for sample in samples])
    measured = metrics.evaluate(given, labels, [sample.group for sample in samples])
    with files.replacing(target) as folder:
        folder.mkdir()
        files.write_json(folder / "metrics.json", {"split": split, "names": classes} | measured)
        files.write_csv(folder / "predictions.csv", rows(samples, given, classes))
        matrix = evaluation_plots.confusion(measured["confusion"], classes)
        plots.save(matrix, folder / "confusion.png")
        diagram = evaluation_plots.calibration(measured["calibration"])
        plots.save(diagram, folder / "calibration.png")
    show(measured, classes)
    print(f"Written: {shown(target)}/")
    return measured


def rows(samples: list[Sample], given: np.ndarray, classes: list[str]) -> list[dict]:
    return [
        {
            "path": os.path.relpath(sample.path, ROOT),
            "label": classes[sample.label],
            "predicted": classes[row.argmax()],
            "probability": f"{row.max():.6f}",
        }
        | {f"p({name})": f"{value:.6f}" for name, value in zip(classes, row, strict=True)}
        for sample, row in zip(samples, given, strict=True)
    ]


def record(trained: Trained, split: str, measured: dict) -> None:
    headline = {"pictures": measured["pictures"]} | {name: measured[name] for name in HEADLINE}
    runs.note(trained.run, metrics=trained.about.get("metrics", {}) | {split: headline})


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
