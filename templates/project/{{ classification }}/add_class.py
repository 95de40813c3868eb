"""Adds a class to an exported model from 1 to 20 pictures, in seconds and without training.

Reads:  export/<id>/ (the newest fp32 one, or --export), settings.yaml (limits, data), and
        the pictures
Writes: export/<id>/added.json

    python add_class.py scratch pictures/of/scratches
    python add_class.py scratch better/pictures      # these instead of the earlier ones
    python add_class.py --list
    python add_class.py --undo                       # the latest addition
    python add_class.py --undo scratch               # the latest addition of this class
    python add_class.py --episodes                   # how well one picture of a class tells it

The class is a prototype beside the trained head: the mean of what the network sees in the pictures
(Snell et al., 2017). predict.py and evaluate.py know it at once, and answer `unknown` where a
picture is far from every class. A class that costs the trained ones more accuracy than
limits.max_metric_loss is refused. Training with the pictures finds a class more often; this is
for the time until then.
"""

import argparse
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import (
    added,
    additions,
    console,
    episodes,
    exports,
    files,
    margins,
    provenance,
    reference,
    settings,
    tables,
)
from pipeline.added import AddedClasses
from pipeline.additions import Added
from pipeline.console import UserError
from pipeline.exports import Export
from pipeline.inference import WEIGHTS
from pipeline.preprocess import Preprocess
from pipeline.probabilities import Answers, answers
from pipeline.project import ROOT, shown
from pipeline.reference import Reference
from pipeline.shots import MOST, unfit, usable_pictures

PICTURES = {"test": "test pictures", "val": "held-out pictures", "train": "training pictures"}


def main() -> None:
    arguments = read_arguments()
    export = exports.load(exports.chosen(arguments.export), Preprocess)
    if arguments.list:
        return show(additions.read(export.folder))
    if arguments.episodes:
        return measure_episodes(export)
    with additions.locked(export.folder):
        if arguments.undo is not None:
            undo(export, arguments.undo)
        else:
            add(export, arguments.name.strip(), arguments.folder)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", help="of the class")
    parser.add_argument("folder", nargs="?", type=Path, help=f"1 to {MOST} pictures of it")
    parser.add_argument("--list", action="store_true", help="show the added classes")
    parser.add_argument(
        "--undo", nargs="?", const="", metavar="NAME", help="take back the latest addition"
    )
    parser.add_argument(
        "--episodes", action="store_true", help="accuracy with one picture of each trained class"
    )
    parser.add_argument("--export", type=Path, help="id or folder; the newest fp32 one by default")
    arguments = parser.parse_args()
    given = [arguments.folder is not None, arguments.list, arguments.undo is not None]
    given.append(arguments.episodes)
    if sum(given) != 1 or (arguments.name is not None) != given[0]:
        parser.error("give NAME and FOLDER, or --list, --undo or --episodes")
    return arguments


def add(export: Export, name: str, folder: Path) -> None:
    """Adds a class from the pictures in a folder, unless the trained classes lose too much."""
    started = time.monotonic()
    if added.UNKNOWN in export.classes:
        raise UserError(
            f"{shown(export.folder)} was trained on a class {added.UNKNOWN!r}, which is the answer "
            "for pictures far from every class. Rename it and train again."
        )
    options = settings.load()
    paths = usable_pictures(name, folder, export, options.data)

    seen = reference.read(export.folder)
    shots = answers(export.predictor(), export.preprocess, export.preprocess.read(paths))
    trained = added.trained_prototypes(seen)
    make = partial(
        margins.add,
        name,
        trained=trained,
        judged=margins.trials(seen),
        loss=options.limits.max_metric_loss,
        fine_tuned=export.about["run"]["stage"] == 2,
    )
    entries = additions.read(export.folder)
    others = [one for one in additions.active(entries) if one.name != name]
    new = make(shots.embeddings)
    measured = effect(seen, AddedClasses(trained, [*others, new]))
    measured |= leave_one_out(shots, make, trained, others)
    stop_at_loss(measured, options.limits.max_metric_loss)

    entry = {"class": asdict(new), "measured": measured}
    entry["pictures"] = [{"path": shown(p), "sha256": files.sha256(p)} for p in paths]
    entry["export"] = {"id": export.about["id"], WEIGHTS: export.about["files"][WEIGHTS]}
    entry |= {"time": time.strftime("%Y-%m-%d %H:%M:%S"), "made_with": provenance.environment()}
    additions.write(export.folder, [*entries, entry])
    show([*entries, entry])
    report(measured)
    print(f"Written: {shown(export.folder / additions.FILE)} ({time.monotonic() - started:.1f} s)")
    print("Next:    python predict.py PICTURE; to take it back: python add_class.py --undo")


def effect(seen: Reference, classes: AddedClasses) -> dict:
    """Accuracy of the trained classes as trained and with the added ones."""
    split, part = judged(seen)
    now = classes.probabilities(Answers(part.probabilities, part.embeddings))
    before, after = (float((p.argmax(1) == part.labels).mean()) for p in (part.probabilities, now))
    return {"split": split, "pictures": len(part.labels), "before": before, "after": after}


def judged(seen: Reference) -> tuple[str, Reference]:
    """The first split that there is of test, val and train, and its pictures."""
    split = next(split for split in ("test", "val", "train") if split in seen.splits)
    return split, seen.part(split)


def leave_one_out(shots: Answers, make, trained, others: list[Added]) -> dict:
    """How many of the pictures are found by a class that was made of the rest of them."""
    count = len(shots.embeddings)
    if count == 1:
        return {}
    rows = np.arange(count)
    found = 0
    for row in rows:
        classes = AddedClasses(trained, [*others, make(shots.embeddings[rows != row])])
        one = Answers(*(values[[row]] for values in shots))
        found += int(
            classes.probabilities(one).argmax() == one.probabilities.shape[1] + len(others)
        )
    return {"found": found, "left_out": count}


def stop_at_loss(measured: dict, limit: float) -> None:
    """Raises UserError where the trained classes lose more accuracy than the settings allow."""
    # One picture more or less is never a fault, as in `pipeline.parity`.
    allowed = max(limit, 1 / measured["pictures"]) + 1e-9
    loss = measured["before"] - measured["after"]
    if loss > allowed:
        raise UserError(
            f"refused: the accuracy of the trained classes would fall by {loss:.3f} to "
            f"{measured['after']:.3f} (limits.max_metric_loss is {limit:g}). Give more pictures, "
            "or ones that show the class more clearly, or train with the class."
        )


def undo(export: Export, name: str) -> None:
    """Takes back the latest addition, or the latest one of the class `name`."""
    data = ROOT / settings.load().data.folder
    entries = additions.read(export.folder)
    names = [entry["class"]["name"] for entry in entries]
    if not entries or (name and name not in names):
        there = f"There are: {', '.join(dict.fromkeys(names))}." if entries else ""
        what = f"no class {name!r} was added" if name else "no class was added"
        raise UserError(f"{shown(export.folder)}: {what}. {there}".strip())
    last = max(i for i, other in enumerate(names) if name in ("", other))
    additions.write(export.folder, entries[:last] + entries[last + 1 :])
    print(f"Taken back: {names[last]} of {entries[last]['time']}")
    folder = data / names[last]
    if folder.is_dir() and names[last] not in names[:last] + names[last + 1 :]:
        print(f"{shown(folder)}: check_data.py knows no such class any more; move its pictures.")
    show(entries[:last] + entries[last + 1 :])


def measure_episodes(export: Export) -> None:
    """Prints the accuracy of episodes (Snell et al., 2017) on the trained classes' pictures."""
    if faults := unfit(export):
        raise UserError("\n".join(faults))
    seen = reference.read(export.folder)
    split, part = judged(seen)
    several = np.bincount(part.labels)[part.labels] > 1
    labels = part.labels[several]
    if len(set(labels)) < 2:
        raise UserError(
            f"{shown(export.folder)}: fewer than two classes have two {PICTURES[split]}."
        )
    ways = episodes.ways(labels)
    directions = added.trained_prototypes(seen).directions(part.embeddings[several])
    right, _ = episodes.one_shot(directions, labels, ways)
    found = "{value:.3f} [{low:.3f}, {high:.3f}]".format(**episodes.interval(right.mean((1, 2))))
    title = f"{ways}-way-1-shot, {len(right)} episodes of {len(labels)} {PICTURES[split]}"
    tables.show((title, "value and 95% interval over episodes"), [("accuracy", found)])
    print("Classes that the model was not trained on are told apart less well.")


def show(entries: list[dict]) -> None:
    """Prints the added classes."""
    rows = [
        (
            entry["class"]["name"],
            str(len(entry["pictures"])),
            "{found} of {left_out}".format(**{"found": "-", "left_out": "-"} | entry["measured"]),
            entry["time"],
        )
        for entry in additions.latest(entries)
    ]
    if rows:
        tables.show(("added class", "pictures", "found when left out", "added"), rows)
    else:
        print("No classes were added.")


def report(measured: dict) -> None:
    """Prints what the trained classes lost."""
    accuracies = tuple(f"{measured[when]:.3f}" for when in ("before", "after"))
    title = f"trained classes, {measured['pictures']} {PICTURES[measured['split']]}"
    tables.show((title, "before", "after"), [("accuracy", *accuracies)])


if __name__ == "__main__":
    console.run(main)
