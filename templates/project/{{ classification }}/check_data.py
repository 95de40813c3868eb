"""Checks the pictures and their labels, and says which are for training and which for testing.

Reads:  settings.yaml, data/
Writes: data/splits.csv, unless there are errors

python check_data.py              every problem at once, with its remedy
python check_data.py --resplit    draw the splits anew; by default pictures keep theirs
"""

import argparse
import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from pipeline import console, files, layout, project, settings
from pipeline.console import UserError
from pipeline.dataset import splits_file
from pipeline.duplicates import fingerprint, group
from pipeline.images import MAX_PIXELS, PictureError, read_picture
from pipeline.layout import Picture
from pipeline.problems import Problem, printable, problem
from pipeline.splitting import draw_splits

ENDINGS = {
    "BMP": ".bmp",
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
}
SAME_ENDING = {".jpeg": ".jpg", ".tiff": ".tif"}
MAX_IMBALANCE = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resplit", action="store_true", help="draw the splits anew")
    resplit = parser.parse_args().resplit

    wanted = settings.load()
    answers = project.answers()
    table = splits_file(wanted)
    data = layout.data_folder(wanted).name

    pictures, problems = layout.find(wanted)
    problems += examine(pictures, data, wanted.data.min_side)
    pictures = [picture for picture in pictures if picture.fingerprint]
    first = group([picture.fingerprint for picture in pictures])
    for picture, index in zip(pictures, first, strict=True):
        picture.group = pictures[index].name

    # Whoever gave splits gave them for all pictures; else they are drawn here.
    given = any(picture.split for picture in pictures)
    before = {} if given or resplit else read_before(table)
    if not given:
        labels = [picture.label for picture in pictures]
        groups = [picture.group for picture in pictures]
        kept = [before.get(picture.name) for picture in pictures]
        drawn = draw_splits(labels, groups, kept, wanted.data.test_share, wanted.train.seed)
        for picture, split in zip(pictures, drawn, strict=True):
            picture.split = split

    problems += check_classes(pictures, wanted.classes, data, answers.get("shots", 1))
    problems += check_duplicates(pictures, data)

    # Errors come last: they stand just above the prompt.
    problems.sort(key=lambda fault: (fault.is_error, fault.where))
    for fault in problems:
        print(fault.text(answers.get("language", "en")))
    errors = sum(fault.is_error for fault in problems)
    if errors:
        kept_file = f"{project.shown(table)} is as it was" if table.exists() else "No splits yet"
        raise UserError(f"{errors} to mend in {data}/. {kept_file}. Then run check_data.py again.")

    rows = [
        {"path": p.name, "label": p.label, "split": p.split, "group": p.group} for p in pictures
    ]
    files.write_csv(table, rows)
    print_counts(wanted.classes, rows)
    origin = "given" if given else "drawn" if not before else "kept, new pictures added"
    warnings = f"{len(problems)} warnings, " if problems else ""
    print(f"{warnings}no errors. Splits ({origin}): {project.shown(table)}")


def examine(pictures: list[Picture], data: str, least: int) -> list[Problem]:
    """Decodes every picture once and gives a fingerprint to those that can be used."""

    def look(picture: Picture) -> list[Problem]:
        where = f"{data}/{picture.name}"
        if picture.path.stat().st_size == 0:
            return [problem("empty", where)]
        try:
            pixels = read_picture(picture.path)
        except PictureError as error:
            return [problem(error.fault, where, most=MAX_PIXELS // 1_000_000)]
        height, width = pixels.shape[:2]
        if min(height, width) < least:
            return [problem("tiny", where, width=width, height=height, least=least)]
        faults = []
        if pixels.min() == pixels.max() or (pixels == pixels[0, 0]).all():
            faults.append(problem("uniform", where))
        with Image.open(picture.path) as file:
            kind = str(file.format)
        ending = picture.path.suffix
        right = ENDINGS.get(kind)
        if right is None:
            faults.append(problem("wrong_format", where, format=kind, ending=ending))
        elif SAME_ENDING.get(ending.lower(), ending.lower()) != right:
            faults.append(problem("wrong_ending", where, format=kind, ending=ending, right=right))
        picture.fingerprint = fingerprint(pixels)
        return faults

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        quiet = None if len(pictures) > 200 else True  # None: only where someone can watch
        found = tqdm(pool.map(look, pictures), "pictures", len(pictures), disable=quiet)
        return [fault for faults in found for fault in faults]


def read_before(table: Path) -> dict[str, str]:
    """The split of each picture that had one, by its path in the data folder."""
    if not table.exists():
        return {}
    try:
        rows = layout.read_rows(table, ("path", "split"))
    except UserError as error:
        raise UserError(f"{error} Or run check_data.py --resplit.") from None
    return {row["path"]: row["split"] for _, row in rows if row["split"] in layout.SPLITS}


def check_classes(
    pictures: list[Picture], classes: list[str], data: str, shots: int
) -> list[Problem]:
    """Counts the pictures of each class."""
    problems = []
    counts = Counter((picture.label, picture.split) for picture in pictures)
    has_test = any(picture.split == "test" for picture in pictures)
    train = {label: counts[label, "train"] for label in classes}
    largest = max(train, key=train.__getitem__)
    for label, count in train.items():
        if not any(counts[label, split] for split in layout.SPLITS):
            problems.append(problem("no_pictures", f"{data}/", label=label))
            continue
        if count < 2:
            problems.append(problem("too_few", f"{data}/", label=label, count=count))
        elif count < shots:
            details = {"label": label, "count": count, "shots": shots}
            problems.append(problem("few_shots", f"{data}/", **details))
        if count * MAX_IMBALANCE < train[largest]:
            details = {"label": label, "count": count, "largest": largest, "most": train[largest]}
            problems.append(problem("imbalance", f"{data}/", **details))
        if not counts[label, "test"] and has_test:
            problems.append(problem("no_test", f"{data}/", label=label))
    if pictures and not has_test:
        problems.append(problem("no_test_at_all", f"{data}/"))
    return problems


def check_duplicates(pictures: list[Picture], data: str) -> list[Problem]:
    """Says which pictures are the same, and worse, the same in two classes or two splits."""
    members = defaultdict(list)
    for picture in pictures:
        members[picture.group].append(picture)
    problems = []
    for alike in members.values():
        if len(alike) == 1:
            continue
        names = [f"{data}/{picture.name}" for picture in alike]
        others = ", ".join(names[1:5]) + (f" (+{len(names) - 5})" if len(names) > 5 else "")
        labels = sorted({picture.label for picture in alike})
        parts = sorted({picture.split for picture in alike})
        pixels = {picture.fingerprint.pixels for picture in alike}
        kind = "same" if len(pixels) == 1 else "almost_same"
        if len(labels) > 1:
            kind += "_two_classes"
        elif len(parts) > 1:
            kind += "_two_splits"
        details = {"others": others, "labels": ", ".join(labels), "splits": ", ".join(parts)}
        problems.append(problem(kind, names[0], **details))
    return problems


def print_counts(classes: list[str], rows: list[dict]) -> None:
    counts = Counter((row["label"], row["split"]) for row in rows)
    used = [split for split in layout.SPLITS if any(row["split"] == split for row in rows)]
    print("".join(f"{split:>7}" for split in used) + "  class")
    for label in classes:
        numbers = "".join(f"{counts[label, split]:>7}" for split in used)
        print(f"{numbers}  {printable(label)}")


if __name__ == "__main__":
    console.run(main)
