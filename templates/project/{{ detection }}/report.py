"""Puts all that is known of a run into one HTML page that opens from disk and prints.

Reads:  runs/<id>/ (run.json, curves/, evaluation/), export/<id>/, export/<id>-int8/ and pictures
Writes: runs/<id>/report.html

    python report.py
    python report.py --run 20260131-120000

What is not there yet is named in the page, with the command that makes it.
"""

import argparse
import time
from pathlib import Path

from pipeline import console, files, report_page
from pipeline.project import ROOT, answers, chosen_run, shown
from pipeline.report_base import benchmark_of, compared_of, curves_of, read, results_of

OBJECTS = 180  # on the contact sheet, for all classes together
OBJECTS_A_CLASS = 8
MISTAKES = 42  # of a kind


def main() -> None:
    arguments = read_arguments()
    run = chosen_run(arguments.run)
    about = files.read_json(run / "run.json")
    evaluation = read(run / "evaluation" / "metrics.json")
    mistakes = read(run / "evaluation" / "mistakes.json") or {}
    page = report_page.render(
        language=answers().get("language", "en"),
        project=ROOT.name,
        made=time.strftime("%Y-%m-%d %H:%M"),
        run=about,
        classes=about["settings"]["classes"],
        counts=counts(about, evaluation),
        pictures=pictures(about, evaluation),
        contact_sheet=contact_sheet(about),
        curves=curves_of(run),
        evaluation=evaluation,
        thresholds=read(run / "evaluation" / "thresholds.json"),
        mistakes={kind: with_crops(rows[:MISTAKES]) for kind, rows in mistakes.items()},
        mistakes_in_all={kind: len(rows) for kind, rows in mistakes.items()},
        exports=results_of(run.name),
        int8=results_of(f"{run.name}-int8"),
        compared=compared_of(run.name),
        benchmark=benchmark_of(run.name),
    )
    files.write_text(run / "report.html", page)
    print(f"Written: {shown(run / 'report.html')} (open it in a browser)")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="id or folder of a run; the newest by default")
    return parser.parse_args()


def counts(about: dict, evaluation: dict | None) -> list[dict]:
    """Labelled boxes of every class in every split."""
    rows = [{"train": 0, "val": 0, "test": 0} for _ in about["settings"]["classes"]]
    for picture in about["data"]:
        for label, *_ in picture["boxes"]:
            rows[label][picture["split"]] += 1
    if evaluation:
        for row, measured in zip(rows, evaluation["classes"], strict=True):
            row["test"] = measured["boxes"]
    return rows


def pictures(about: dict, evaluation: dict | None) -> dict[str, int]:
    """Pictures of every split; `empty` are the training pictures without a box."""
    splits = [picture["split"] for picture in about["data"]]
    empty = sum(picture["split"] == "train" and not picture["boxes"] for picture in about["data"])
    known = {"train": splits.count("train"), "val": splits.count("val"), "empty": empty}
    return known | {"test": evaluation["pictures"] if evaluation else 0}


def contact_sheet(about: dict) -> list[list[str | None]]:
    """A few labelled training objects of every class, as data URIs."""
    classes = about["settings"]["classes"]
    each = max(1, min(OBJECTS_A_CLASS, OBJECTS // len(classes)))
    objects: list[list[tuple[str, list[float]]]] = [[] for _ in classes]
    for picture in about["data"]:
        if picture["split"] == "train":
            for label, *box in picture["boxes"]:
                objects[label].append((picture["path"], box))
    return [
        [
            report_page.crop(ROOT / path, [box], [])
            for path, box in rows[:: max(1, len(rows) // each)][:each]
        ]
        for rows in objects
    ]


def with_crops(rows: list[dict]) -> list[dict]:
    return [
        row | {"picture": report_page.crop(ROOT / row["path"], row["labelled"], row["found"])}
        for row in rows
    ]


if __name__ == "__main__":
    console.run(main)
