"""Measures a trained detector on pictures that it has never seen.

Reads:  runs/<id>/ (model.safetensors, run.json), settings.yaml, data/splits.csv, data/boxes.csv
        and the pictures
Writes: runs/<id>/evaluation/: metrics.json, thresholds.json, predictions.json (COCO's results
        format) and labels.json (COCO's format, with the same ids) for pycocotools, mistakes.json,
        pr_curves.png; the headline figures also go into run.json

    python evaluate.py                          # the newest run on the test pictures
    python evaluate.py --run 20260131-120000
    python evaluate.py --false-alarms 0.1       # thresholds for at most 0.1 a picture and class
    python evaluate.py --split val              # writes to evaluation-val/

The network runs in Paddle Inference, which is faster; export.py makes sure that it finds the
same there. AP and AP50 are COCO's, with a 95% interval from bootstrapping the pictures: with few
of them it is wide. A class's threshold is the highest one with the recall that settings.yaml wants
(predict.wanted_recall) on the val pictures. Without a val split the measured pictures set it
themselves, and the recall that is measured at it is a little too good.
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from pipeline import (
    coco_results,
    console,
    evaluation_plots,
    exports,
    files,
    input_check,
    metrics,
    mistakes,
    plots,
    runs,
    settings,
    splits,
    tables,
    thresholds,
)
from pipeline.dataset import Sample, read_splits
from pipeline.detections import Detections, detect
from pipeline.inference import Predictor
from pipeline.matching import Matches, match
from pipeline.project import EXPORTS, chosen_run, shown
from pipeline.text import printable
from pipeline.trained import Trained, load_run


def main() -> None:
    arguments = read_arguments()
    trained = load_run(chosen_run(arguments.run))
    input_check.check(trained.run, trained.preprocess, trained.about)
    options = settings.load()
    samples = splits.unseen(read_splits(options), arguments.split, options.classes, trained.about)
    runs.show(trained.run)

    classes = trained.classes
    network = trained.exported()
    found = find(network, trained, samples)
    matches = match(samples, found, len(classes))
    chosen = choose_thresholds(network, trained, options, arguments, matches)
    scores = [row["threshold"] for row in chosen["classes"]]
    measured = metrics.evaluate(matches, [sample.group for sample in samples], scores)

    name = "evaluation" if arguments.split == "test" else f"evaluation-{arguments.split}"
    about = {"split": arguments.split, "names": classes}
    with files.replacing(trained.run / name) as folder:
        folder.mkdir()
        files.write_json(folder / "metrics.json", about | measured)
        files.write_json(folder / "thresholds.json", chosen)
        wrong = mistakes.find(samples, found, scores, classes)
        files.write_json(folder / "mistakes.json", wrong)
        files.write_json(folder / "labels.json", coco_results.labels(samples, classes))
        results = coco_results.results(samples, found, classes)
        lines = (json.dumps(row, ensure_ascii=False) for row in results)
        files.write_text(folder / "predictions.json", "[\n" + ",\n".join(lines) + "\n]\n")
        names = plots.drawable(classes)
        curves = evaluation_plots.precision_recall(measured["curves"], names=names)
        plots.save(curves, folder / "pr_curves.png")
    record(trained, arguments.split, measured)
    show(about | measured, chosen)
    print(f"Written: {shown(trained.run / name)}/")
    if arguments.split == "test":
        say_what_uses_them(trained.run.name, scores, options.predict.min_score)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    parser.add_argument("--split", choices=("test", "val", "train"), default="test")
    parser.add_argument(
        "--false-alarms",
        type=rate,
        metavar="RATE",
        help="thresholds for at most so many of each class a picture, instead of "
        "predict.wanted_recall",
    )
    return parser.parse_args()


def rate(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


def find(network: Predictor, trained: Trained, samples: list[Sample]) -> list[Detections]:
    found = detect(network, trained.preprocess, [sample.path for sample in samples])
    bar = {"desc": samples[0].split, "unit": "picture", "leave": False, "disable": None}
    return list(tqdm(found, total=len(samples), **bar))


def choose_thresholds(
    network: Predictor,
    trained: Trained,
    options,
    arguments: argparse.Namespace,
    measured: list[Matches],
) -> dict:
    """Thresholds by the val pictures; by the measured ones where there is no val split."""
    wanted = {"recall": options.predict.wanted_recall}
    if arguments.false_alarms is not None:
        wanted = {"false_alarms": arguments.false_alarms}
    split, matches = arguments.split, measured
    samples = read_splits(options)
    if split != "val" and any(sample.split == "val" for sample in samples):
        val = splits.unseen(samples, "val", options.classes, trained.about)
        split, matches = "val", match(val, find(network, trained, val), len(trained.classes))
    chosen = thresholds.choose(matches, wanted, options.predict.min_score)
    named = zip(trained.classes, chosen, strict=True)
    return {
        "wanted": wanted,
        "split": split,
        "pictures": len(matches[0].objects),
        "classes": [{"class": name} | row for name, row in named],
    }


def record(trained: Trained, split: str, measured: dict) -> None:
    headline = {name: measured[name] for name in ("pictures", "boxes", "AP50", "AP")}
    runs.note(trained.run, metrics=trained.about.get("metrics", {}) | {split: headline})


def show(measured: dict, chosen: dict) -> None:
    table = [
        (
            f"{number} {name}",
            str(row["boxes"]),
            with_interval(row["AP50"]),
            with_interval(row["AP"]),
            f"{row['threshold']:.3f}" + " *"[: 2 * (not by_val["reached"])],
            with_interval(row["recall"], 2),
            with_interval(row["false_alarms"], 2),
        )
        for number, (name, row, by_val) in enumerate(
            zip(measured["names"], measured["classes"], chosen["classes"], strict=True), 1
        )
    ]
    tables.show(("class", "boxes", "AP50", "AP", "threshold", "recall", "false alarms"), table)
    ((what, value),) = chosen["wanted"].items()
    goal = (
        f"a recall of {value:g}"
        if what == "recall"
        else f"at most {value:g} false alarms of each class a picture"
    )
    print(f"Thresholds: for {goal} on {chosen['pictures']} {chosen['split']} pictures.")
    print("False alarms: a picture.")
    if missed := [row for row in chosen["classes"] if not row["reached"]]:
        highest = ", ".join(
            f"{printable(row['class'])} "
            + ("-" if row["highest_recall"] is None else f"{row['highest_recall']:.3f}")
            for row in missed
        )
        print(f"* Out of reach. The highest recall that any threshold has there: {highest}.")
        print("  Where nothing of a class is labelled or found, predict.min_score holds.")
    if chosen["split"] == measured["split"]:
        figures = "recall is" if what == "recall" else "recall and false alarms are"
        print(f"These pictures set their own thresholds, so {figures} a bit too good.")
    print()
    kinds = [
        (name.replace("_", " "), str(kind["pictures"]), with_interval(kind["share"]))
        for name, kind in measured["stopped"].items()
    ]
    tables.show(("pictures", "", "a box is shown on"), kinds)
    print()
    headline = [(name, with_interval(measured[name])) for name in ("AP50", "AP")]
    what = f"on {measured['pictures']} pictures, {measured['boxes']} boxes"
    tables.show((what, "value and 95% interval"), headline)


def say_what_uses_them(run: str, scores: list[float], least: float) -> None:
    """The last lines: what predict.py does with the thresholds, and whether it has them."""
    print(f"Note:    predict.py uses predict.min_score ({least:g}), predict.py --thresholds these.")
    export = EXPORTS / run
    if (export / exports.ABOUT).is_file():
        known = files.read_json(export / exports.ABOUT)
        theirs = known.get("thresholds", {"classes": []})["classes"]
        if [row["threshold"] for row in theirs] != scores or known.get("min_score") != least:
            print(f"Note:    {shown(export)}/ has others or none. Run export.py --run {run} again.")


def with_interval(metric: dict | None, digits: int = 3) -> str:
    if metric is None:
        return "-"
    value, low, high = (f"{metric[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    console.run(main)
