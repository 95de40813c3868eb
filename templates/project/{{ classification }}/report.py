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

from pipeline import additions, console, files, report_page
from pipeline.project import EXPORTS, ROOT, answers, chosen_run, shown
from pipeline.report_base import benchmark_of, compared_of, curves_of, read, results_of, thumbnail

PICTURES = 240  # on the contact sheet, for all classes together
PICTURES_A_CLASS = 8
MISTAKES = 60


def main() -> None:
    arguments = read_arguments()
    run = chosen_run(arguments.run)
    about = files.read_json(run / "run.json")
    predictions = read_predictions(run / "evaluation" / "predictions.csv")
    wrong = [row for row in predictions if row["label"] != row["predicted"]]
    wrong.sort(key=lambda row: -float(row["probability"]))
    page = report_page.render(
        language=answers().get("language", "en"),
        project=ROOT.name,
        made=time.strftime("%Y-%m-%d %H:%M"),
        run=about,
        classes=about["settings"]["classes"],
        counts=counts(about, predictions),
        contact_sheet=contact_sheet(about),
        curves=curves_of(run),
        evaluation=read(run / "evaluation" / "metrics.json"),
        mistakes=[row | {"picture": thumbnail(ROOT / row["path"])} for row in wrong[:MISTAKES]],
        mistakes_in_all=len(wrong),
        exports=results_of(run.name),
        added=additions.latest(additions.read(EXPORTS / run.name)),
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


def read_predictions(path: Path) -> list[dict]:
    if not path.is_file():
        return []
    with files.reading_csv(path) as table:
        return list(table)


def counts(about: dict, predictions: list[dict]) -> list[dict]:
    """Pictures of every class in every split."""
    classes = about["settings"]["classes"]
    rows = [{"train": 0, "val": 0, "test": 0} for _ in classes]
    for picture in about["data"]:
        rows[picture["label"]][picture["split"]] += 1
    for row in predictions:
        rows[classes.index(row["label"])]["test"] += 1
    return rows


def contact_sheet(about: dict) -> list[list[str]]:
    """A few training pictures of every class, as data URIs."""
    classes = about["settings"]["classes"]
    each = max(1, min(PICTURES_A_CLASS, PICTURES // len(classes)))
    sheet = []
    for label in range(len(classes)):
        rows = [row for row in about["data"] if row["label"] == label and row["split"] == "train"]
        chosen = rows[:: max(1, len(rows) // each)][:each]
        sheet.append([thumbnail(ROOT / row["path"]) for row in chosen])
    return sheet


if __name__ == "__main__":
    console.run(main)
