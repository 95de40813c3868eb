"""Checks the pictures and their labels, and says which are for training and which for testing.

Reads:  settings.yaml, data/
Writes: data/splits.csv and data/.checked, unless there are errors

python check_data.py              every problem at once, with its remedy
python check_data.py --resplit    draw the splits anew; by default pictures keep theirs
"""

import argparse
import math
from collections import Counter

import numpy as np

from pipeline import (
    checked,
    console,
    files,
    layout,
    picture_problems,
    project,
    settings,
)
from pipeline.balance import MAX_IMBALANCE
from pipeline.duplicates import SIDE
from pipeline.examine import copies, examine, families, group_alike, together
from pipeline.layout import Picture
from pipeline.picture_files import data_folder
from pipeline.preprocess import fitting_size
from pipeline.problems import Problem, problem
from pipeline.splits import (
    GIVEN,
    SPLITS,
    forget_train_alone,
    give_splits,
    splits_file,
    without_test,
)
from pipeline.text import printable

MAX_SHRINKING = 4


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

    seen = checked.look(folder, *layout.that_count(wanted))
    pictures, problems = layout.find(wanted)
    problems += forget_train_alone(pictures, data)
    problems += examine(pictures, data, wanted.data.min_side)
    pictures = [picture for picture in pictures if picture.fingerprint]
    problems += group_copies(pictures, data, wanted.data.alike_are_copies)
    labels = [{picture.label} for picture in pictures]
    share, seed = wanted.data.test_share, wanted.train.seed
    origin = give_splits(pictures, labels, table, share, seed, resplit)

    problems += check_classes(pictures, wanted.classes, data, answers.get("shots", 1), origin)
    problems += check_sizes(pictures, wanted.model.input_size, data)
    problems += check_duplicates(pictures, data)
    picture_problems.report(problems, answers.get("language", "en"), data, table)

    rows = [
        {"path": p.name, "label": p.label, "split": p.split, "group": p.group} for p in pictures
    ]
    files.write_csv(table, rows)
    checked.write(folder, seen)
    print_counts(wanted.classes, rows)
    warnings = f"{len(problems)} warnings, " if problems else ""
    print(f"{warnings}no errors. Splits ({origin}): {project.shown(table)}")


def group_copies(pictures: list[Picture], data: str, alike_are_copies: bool) -> list[Problem]:
    """Names the group of every picture after the first one that is a copy of it.

    Parts under a fixed camera look alike without being copies. Where look-alikes are of several
    classes this is said, and only the same pixels are a copy.
    """
    problems = []
    group_alike(pictures, alike_are_copies)
    for alike in families(pictures):
        same = together(alike, lambda picture: picture.fingerprint.pixels)
        if len({picture.label for picture in alike}) == 1 or len(same) == 1:
            continue
        problems.append(two_classes("almost_same_two_classes", alike, data))
        for copied in same:
            for picture in copied:
                picture.group = copied[0].name
    return problems


def check_classes(
    pictures: list[Picture], classes: list[str], data: str, shots: int, origin: str
) -> list[Problem]:
    """Counts the pictures of each class."""
    problems = []
    counts = Counter((picture.label, picture.split) for picture in pictures)
    has_test = any(picture.split == "test" for picture in pictures)
    train = {label: counts[label, "train"] for label in classes}
    largest = max(train, key=train.__getitem__)
    groups = Counter(
        label for label, _ in {(p.label, p.group) for p in pictures if p.split == "train"}
    )
    drawn = origin != GIVEN  # then the shots are those of all splits
    for label, count in train.items():
        mine = sum(counts[label, split] for split in SPLITS) if drawn else count
        if not any(counts[label, split] for split in SPLITS):
            problems.append(problem("no_pictures", f"{data}/", label=label))
            continue
        if count < 2:
            problems.append(problem("too_few", f"{data}/", label=label, count=count))
        elif mine < shots:
            kind = "few_pictures" if drawn else "few_shots"
            details = {"label": label, "count": mine, "shots": shots}
            problems.append(problem(kind, f"{data}/", **details))
        if count > 1 and groups[label] == 1:
            problems.append(problem("one_picture", f"{data}/", label=label, count=count))
        if count * MAX_IMBALANCE < train[largest]:
            details = {"label": label, "count": count, "largest": largest, "most": train[largest]}
            problems.append(problem("imbalance", f"{data}/", **details))
        if not counts[label, "test"] and has_test:
            problems.append(problem("no_test", f"{data}/", label=label))
    if pictures and not has_test:
        problems.append(without_test(pictures, data, origin))
    return problems


def check_sizes(pictures: list[Picture], input_size: int | None, data: str) -> list[Problem]:
    """Says where the network will see much less than the pictures show."""
    sides = [min(picture.size) for picture in pictures if picture.split != "test"]
    if not sides:
        return []
    side, size = int(np.median(sides)), input_size or fitting_size(sides)
    if side <= MAX_SHRINKING * size:
        return []
    least = math.ceil(4 * side / size)
    return [problem("shrunk", f"{data}/", side=side, input_size=size, least=least)]


def check_duplicates(pictures: list[Picture], data: str) -> list[Problem]:
    """Says which pictures are the same, and worse, the same in two classes or two splits."""
    problems = []
    for alike in families(pictures):
        several = len({picture.label for picture in alike}) > 1
        problems.append(
            two_classes("same_two_classes", alike, data) if several else copies(alike, data)
        )
    return problems


def two_classes(kind: str, alike: list[Picture], data: str) -> Problem:
    """Says that pictures show the same under several classes."""
    labels = ", ".join(sorted({picture.label for picture in alike}))
    others = copies(alike, data).details["others"]
    return problem(kind, f"{data}/{alike[0].name}", others=others, labels=labels, side=SIDE)


def print_counts(classes: list[str], rows: list[dict]) -> None:
    counts = Counter((row["label"], row["split"]) for row in rows)
    used = [split for split in SPLITS if any(row["split"] == split for row in rows)]
    print("".join(f"{split:>7}" for split in used) + "  class")
    for label in classes:
        numbers = "".join(f"{counts[label, split]:>7}" for split in used)
        print(f"{numbers}  {printable(label)}")


if __name__ == "__main__":
    console.run(main)
