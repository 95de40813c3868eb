"""Finds objects in pictures with an exported detector.

Reads:  export/<id>/ alone (no training code, no settings), and the pictures
Writes: a table on standard output, or a line of JSON for every picture; with --draw, the pictures
        with boxes in a new folder

    python predict.py picture.png
    python predict.py some/folder --json > answers.jsonl
    python predict.py some/folder --draw drawn
    python predict.py some/folder --min-score 0.5
    python predict.py some/folder --thresholds      # those that evaluate.py set for each class
    python predict.py some/folder --export export/20260131-120000-int8
    python predict.py some/folder --format onnx
    python predict.py some/folder --format int8-paddle
    python predict.py some/folder --drift-log runs/drift.log    # over time, for make visualdl

Boxes are x0, y0, x1, y1 in pixels of the upright picture, x to the right and y down. Where the
pictures of a call (12 or more) look unlike the training pictures, a line on standard error says
so; in JSON each picture has a score `drift`, and beyond 1 it is far from them. A picture that
can't be read is named on standard error, the others are answered, and the exit code is 1.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import console, drawing, drift, drift_log, exports, formats, tables
from pipeline.console import UserError
from pipeline.detections import Detections, detect
from pipeline.finding import find_pictures, is_utf8
from pipeline.images import PictureError, read_picture
from pipeline.preprocess import Preprocess
from pipeline.project import shown


def main() -> None:
    arguments = read_arguments()
    if arguments.json:
        console.print_utf8()
    paths = find_pictures(arguments.pictures)
    check_target(arguments.draw, arguments.pictures)
    given = exports.load(exports.chosen(arguments.export), Preprocess)
    export, kind = form_of(given, arguments)
    least = least_scores(arguments, export)
    predictor = export.predictor(kind)
    familiar = drift.read(export.folder, kind)
    answers, scores, broken = [], [], 0
    hidden = True if arguments.json else None  # None: only where someone can watch
    try:
        for path in tqdm(paths, "pictures", leave=False, disable=hidden):
            try:
                (everything,) = detect(predictor, export.preprocess, [path])
                found = above(everything, least)
                if arguments.draw:
                    root = arguments.pictures if arguments.pictures.is_dir() else path.parent
                    drawn = drawing.draw(read_picture(path), found, export.classes)
                    drawing.save(drawn, arguments.draw / path.relative_to(root))
            except PictureError as error:
                broken += 1
                print(f"error: {error}", file=sys.stderr)
                continue
            boxes = described(found, export.classes)
            if familiar:
                scores += familiar.scores(everything.features[None]).tolist()
            if arguments.json:
                answer = {"picture": str(path), "boxes": boxes}
                if familiar:
                    answer["drift"] = round(scores[-1], 3)
                print(json.dumps(answer, ensure_ascii=not is_utf8(path)), flush=True)
            else:
                answers += table_rows(str(path), boxes)
    finally:  # also where it was interrupted
        if answers:
            tables.show(("picture", "class", "score", "x0", "y0", "x1", "y1"), answers)
    drift_log.report(scores, familiar, export, arguments.drift_log)
    if broken:
        sys.exit(1)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="a picture, or a folder of them")
    parser.add_argument("--export", type=Path, help="folder; the newest by default")
    parser.add_argument("--json", action="store_true", help="a line of JSON for every picture")
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="new folder for the pictures")
    parser.add_argument(
        "--format", help="paddle, onnx, int8-onnx, tensorrt, ...; by default what was picked"
    )
    parser.add_argument("--drift-log", type=Path, metavar="FOLDER", help="for a line a call")
    score = parser.add_mutually_exclusive_group()
    score.add_argument("--min-score", type=share, help="by default predict.min_score")
    score.add_argument("--thresholds", action="store_true", help="each class's own, by evaluate.py")
    return parser.parse_args()


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def form_of(given: exports.Export, arguments) -> tuple[exports.Export, str]:
    """The export and the runtime that answer: those that the user named, or those that compress.py
    picked."""
    if arguments.format:
        return formats.chosen(given, arguments.format)
    return formats.first(given) if arguments.export else formats.picked(given)


def check_target(folder: Path | None, pictures: Path) -> None:
    """Drawn pictures have the names of the originals: they must never take their place."""
    if folder is None:
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: not an empty folder. Name a new one after --draw.")
    if pictures.is_dir() and folder.resolve().is_relative_to(pictures.resolve()):
        raise UserError(f"{folder} is inside of {pictures}. Name a folder elsewhere after --draw.")


def least_scores(arguments: argparse.Namespace, export: exports.Export) -> np.ndarray:
    """The score of each class from which on a box is shown: [classes]."""
    if arguments.thresholds:
        if "thresholds" not in export.about:
            run = export.about["run"]["id"]
            raise UserError(
                f"{shown(export.folder)} has no thresholds. Run evaluate.py --run {run}, then "
                f"export.py --run {run}."
            )
        return np.array([row["threshold"] for row in export.about["thresholds"]["classes"]])
    least = arguments.min_score
    if least is None:
        # Exports of templates before 0.12 know only what was set when the run was trained.
        trained = export.about["run"]["settings"]["predict"]
        least = export.about.get("min_score", trained["min_score"])
    return np.full(len(export.classes), least)


def above(found: Detections, least: np.ndarray) -> Detections:
    kept = found.scores >= least[found.labels]
    return Detections(found.boxes[kept], found.labels[kept], found.scores[kept])


def described(found: Detections, classes: list[str]) -> list[dict]:
    return [
        {
            "class": classes[label],
            "score": round(float(score), 6),
            "box": [round(value, 1) for value in box],
        }
        for box, label, score in zip(found.boxes.tolist(), found.labels, found.scores, strict=True)
    ]


def table_rows(picture: str, boxes: list[dict]) -> list[tuple[str, ...]]:
    if not boxes:
        return [(picture, "-", "", "", "", "", "")]
    return [
        (picture, box["class"], f"{box['score']:.3f}", *(f"{value:.1f}" for value in box["box"]))
        for box in boxes
    ]


if __name__ == "__main__":
    console.run(main)
