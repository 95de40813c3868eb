"""Recognises pictures with an exported model.

Reads:  export/<id>/ alone (no training code, no settings), and the pictures
Writes: a table on standard output, or a line of JSON for every picture

    python predict.py picture.png
    python predict.py some/folder --json > answers.jsonl
    python predict.py some/folder --export export/20260131-120000-int8
    python predict.py some/folder --format onnx
    python predict.py some/folder --format int8-paddle
    python predict.py some/folder --drift-log runs/drift.log    # over time, for make visualdl

Where the pictures of a call (12 or more) look unlike the training pictures, a line on standard
error says so; in JSON each picture has a score `drift`, and beyond 1 it is far from them. Once
add_class.py has added a class, pictures that are far from every class are `unknown`. A picture
that can't be read is named on standard error, the others are answered, and the exit code is 1.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import added, additions, console, drift, drift_log, exports, formats, picking, tables
from pipeline.finding import find_pictures, is_utf8
from pipeline.images import PictureError, read_picture
from pipeline.preprocess import Preprocess
from pipeline.probabilities import answers

BATCH = 16


def main() -> None:
    arguments = read_arguments()
    if arguments.json:
        console.print_utf8()
    paths = find_pictures(arguments.pictures)
    given = exports.load(exports.chosen(arguments.export), Preprocess)
    export, kind = form_of(given, arguments)
    predictor = export.predictor(kind)
    more = added.of(export)
    if not more and additions.read(given.folder):
        print("Note: this form does not know the added classes.", file=sys.stderr)
    names = export.classes + (more.names if more else [])
    familiar = drift.read(export.folder, kind)
    table, scores, broken = [], [], 0
    seen = answered(paths, export, predictor, more, familiar)
    hidden = True if arguments.json else None  # None: only where someone can watch
    try:
        for path, row, score in tqdm(seen, "pictures", len(paths), leave=False, disable=hidden):
            if isinstance(row, PictureError):
                broken += 1
                print(f"error: {row}", file=sys.stderr)
                continue
            best = int(row.argmax())
            answer = {"picture": str(path), "class": names[best]}
            answer |= {"probability": round(float(row[best]), 6)}
            if familiar:
                answer["drift"] = round(score, 3)
                scores.append(score)
            if arguments.json:
                every = zip(names, row, strict=True)
                answer["probabilities"] = {name: round(float(value), 6) for name, value in every}
                print(json.dumps(answer, ensure_ascii=not is_utf8(path)), flush=True)
            else:
                shown = answer["class"], f"{answer['probability']:.3f}", drift.mark(score)
                table.append((answer["picture"], *shown))
    finally:  # also where it was interrupted
        if table:
            tables.show(("picture", "class", "probability", ""), table)
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
    parser.add_argument(
        "--format", help="paddle, onnx, int8-onnx, tensorrt, ...; by default what was picked"
    )
    parser.add_argument("--drift-log", type=Path, metavar="FOLDER", help="for a line a call")
    return parser.parse_args()


def form_of(given: exports.Export, arguments) -> tuple[exports.Export, str]:
    """The export and the runtime that answer: those that the user named, or those that compress.py
    picked. Added classes are known to the export that they were added to, and to no other."""
    if arguments.format:
        return formats.chosen(given, arguments.format)
    if arguments.export:
        return formats.first(given)
    if additions.read(given.folder):
        if picking.read(given.folder):
            print("Form: the export, which alone knows the added classes.", file=sys.stderr)
        return formats.first(given)
    return formats.picked(given)


def answered(
    paths: list[Path],
    export: exports.Export,
    predictor,
    more: added.AddedClasses | None,
    familiar: drift.Familiar | None,
) -> Iterator[tuple[Path, np.ndarray | PictureError, float]]:
    """Yields every picture with its probabilities [classes] or with what is wrong with it, and
    with how far it is from the training pictures."""
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        squares, faults = {}, {}
        for path in batch:
            try:
                squares[path] = export.preprocess.square(read_picture(path))
            except PictureError as error:
                faults[path] = error
        rows, far = [], {}
        if squares:
            head = answers(predictor, export.preprocess, list(squares.values()))
            rows = more.probabilities(head) if more else head.probabilities
            if familiar:
                far = dict(zip(squares, familiar.scores(head.embeddings).tolist(), strict=True))
        results = faults | dict(zip(squares, rows, strict=True))
        yield from ((path, results[path], far.get(path, 0.0)) for path in batch)


if __name__ == "__main__":
    console.run(main)
