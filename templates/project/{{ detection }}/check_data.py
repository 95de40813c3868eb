"""Checks the pictures and their boxes, and says which are for training and which for testing.

Reads:  settings.yaml, data/ (COCO JSON, VOC XML, YOLO txt or LabelMe JSON, as they are)
Writes: data/splits.csv, data/boxes.csv and data/.checked, unless there are errors

python check_data.py              every problem at once, with its remedy
python check_data.py --resplit    draw the splits anew; by default pictures keep theirs
"""

import argparse
from collections import Counter
from pathlib import Path

from pipeline import checked, console, files, layout, picture_problems, project, settings
from pipeline.annotations import Picture
from pipeline.balance import MAX_IMBALANCE
from pipeline.box_checks import check_boxes, check_crowds, check_sizes, show_the_same
from pipeline.dataset import boxes_file
from pipeline.examine import copies, examine, families, group_alike
from pipeline.picture_files import data_folder
from pipeline.problems import UNCOUNTABLE, Problem, problem
from pipeline.splits import (
    GIVEN,
    SPLITS,
    forget_train_alone,
    give_splits,
    splits_file,
    without_test,
)
from pipeline.text import printable, some


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resplit", action="store_true", help="draw the splits anew")
    resplit = parser.parse_args().resplit

    wanted = settings.load()
    answers = project.answers()
    folder = data_folder(wanted.data.folder)
    table, data = splits_file(folder), folder.name

    seen = checked.look(folder, layout.THAT_COUNT)
    pictures, problems = layout.find(wanted)
    problems += forget_train_alone(pictures, data)
    problems += examine(pictures, data, wanted.data.min_side)
    pictures = [picture for picture in pictures if picture.fingerprint]
    problems += check_boxes(pictures, wanted.classes, data)
    problems += check_empty(pictures, data)
    group_copies(pictures, wanted.data.alike_are_copies)
    labels = [set(picture.labels) or {""} for picture in pictures]  # "": those without objects
    share, seed = wanted.data.test_share, wanted.train.seed
    origin = give_splits(pictures, labels, table, share, seed, resplit)

    if not any(fault.kind in UNCOUNTABLE for fault in problems):
        problems += check_classes(pictures, wanted.classes, data, answers.get("shots", 1), origin)
        problems += check_sizes(pictures, wanted.classes, wanted.model, data)
        problems += check_crowds(pictures, wanted.classes, data)
    problems += [copies(alike, data) for alike in families(pictures)]
    picture_problems.report(problems, answers.get("language", "en"), data, table)

    write(table, boxes_file(folder), pictures)
    checked.write(folder, seen)
    print_counts(wanted.classes, pictures)
    warnings = f"{len(problems)} warnings, " if problems else ""
    print(f"{warnings}no errors. Splits ({origin}): {project.shown(table)}")


def check_empty(pictures: list[Picture], data: str) -> list[Problem]:
    """Names the pictures whose annotation holds nothing: good ones, or forgotten."""
    names = [
        picture.name
        for picture in pictures
        if picture.annotation and picture.annotation.readable and not picture.annotation.boxes
    ]
    if not names:
        return []
    return [problem("without_boxes", f"{data}/", count=len(names), names=some(names))]


def group_copies(pictures: list[Picture], alike_are_copies: bool) -> None:
    """Names the group of every picture after the first one that is a copy of it."""
    group_alike(pictures, alike_are_copies)
    for alike in families(pictures):
        first: list[Picture] = []
        for picture in alike:
            same = [other for other in first if show_the_same(other, picture)]
            if not same:
                first.append(picture)
            picture.group = (same or [picture])[0].name


def check_classes(
    pictures: list[Picture], classes: list[str], data: str, shots: int, origin: str
) -> list[Problem]:
    """Counts the boxes of each class."""
    problems = []
    counts = count_boxes(pictures)
    has_test = any(picture.split == "test" for picture in pictures)
    train = {label: counts[label, "train"] for label in classes}
    largest = max(train, key=train.__getitem__)
    drawn = origin != GIVEN  # then the shots are those of all splits
    for label, count in train.items():
        mine = sum(counts[label, split] for split in SPLITS) if drawn else count
        used = [split for split in SPLITS if counts[label, split]]
        if not used:
            problems.append(problem("no_boxes", f"{data}/", label=label))
            continue
        if not count:
            where = ", ".join(used)
            problems.append(problem("none_to_train", f"{data}/", label=label, splits=where))
            continue
        if mine < shots:
            kind = "few_boxes" if drawn else "few_shots"
            details = {"label": label, "count": mine, "shots": shots}
            problems.append(problem(kind, f"{data}/", **details))
        if count * MAX_IMBALANCE < train[largest]:
            details = {"label": label, "count": count, "largest": largest, "most": train[largest]}
            problems.append(problem("imbalance", f"{data}/", **details))
        if not counts[label, "test"] and has_test:
            problems.append(problem("no_test", f"{data}/", label=label))
    if pictures and not has_test:
        problems.append(without_test(pictures, data, origin))
    return problems


def count_boxes(pictures: list[Picture]) -> Counter:
    """Boxes by class and split."""
    return Counter((label, picture.split) for picture in pictures for label in picture.labels)


def write(table: Path, boxes_table: Path, pictures: list[Picture]) -> None:
    """Writes both tables or none."""
    rows, boxes = [], []
    for p in pictures:
        size = {"width": p.size[0], "height": p.size[1]}
        rows.append({"path": p.name, "split": p.split, "group": p.group, **size})
        for label, corners in zip(p.labels, p.boxes.round(2).tolist(), strict=True):
            place = dict(zip(("x0", "y0", "x1", "y1"), corners, strict=True))
            boxes.append({"path": p.name, "label": label, **place})
    with files.replacing(table) as splits, files.replacing(boxes_table) as beside:
        files.write_csv(splits, rows)
        files.write_csv(beside, boxes)


def print_counts(classes: list[str], pictures: list[Picture]) -> None:
    counts = count_boxes(pictures)
    of_split = Counter(picture.split for picture in pictures)
    empty = Counter(picture.split for picture in pictures if not picture.labels)
    used = [split for split in SPLITS if of_split[split]]
    print("".join(f"{split:>7}" for split in used))
    for label in classes:
        numbers = "".join(f"{counts[label, split]:>7}" for split in used)
        print(f"{numbers}  boxes of {printable(label)}")
    print("".join(f"{of_split[split]:>7}" for split in used) + "  pictures")
    if empty:
        print("".join(f"{empty[split]:>7}" for split in used) + "  of them without boxes")


if __name__ == "__main__":
    console.run(main)
