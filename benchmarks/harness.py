"""What the benchmarks share: projects made from this checkout, and results that outlive a stop.

A result is a line of JSON in benchmarks/results/, written as it comes, with the commit and the
template that it was measured at; a second call of a benchmark goes on where the first one stopped.
To measure anew after a change of the templates, remove the lines that it concerns, and
build/benchmarks/, where the projects lie.
"""

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import yaml

from scaffolder import settings_text

REPOSITORY = Path(__file__).resolve().parent.parent
BUILD = REPOSITORY / "build" / "benchmarks"
RESULTS = REPOSITORY / "benchmarks" / "results"
ENVIRONMENT = REPOSITORY / "build" / "project-env" / "bin" / "python"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every benchmark that runs projects."""
    parser.add_argument("--minutes", type=float, default=1e6, help="start nothing after this long")
    parser.add_argument(
        "--python", type=Path, default=ENVIRONMENT, help="of an environment with a project's lock"
    )


def read_few_shot_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Reads the command line of a benchmark that may leave a class out of training; adds the
    arguments that all such benchmarks have, and `names`, the classes of the data."""
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and test/")
    parser.add_argument("--new", default="", help="the class that is left out of training")
    parser.add_argument("--train-shots", type=int, default=20, help="of each other class")
    parser.add_argument("--train-minutes", type=float, default=15, help="of fine-tuning at most")
    add_arguments(parser)
    arguments = parser.parse_args()
    need(arguments.data / "train", arguments.data / "test", arguments.python)
    arguments.data = arguments.data.resolve()
    arguments.names = sorted(path.name for path in (arguments.data / "train").iterdir())
    return arguments


def training_key(arguments: argparse.Namespace) -> dict:
    """What tells one `trained_project` from another, apart from the seed."""
    names = ("new", "train_shots", "train_minutes")
    return {"data": arguments.data.name} | {name: getattr(arguments, name) for name in names}


def need(*paths: Path) -> None:
    """Ends the program with a line that names what is missing."""
    for path in paths:
        if not path.exists():
            sys.exit(f"error: {path}: not there. See --help.")


@cache
def template() -> Path:
    """The templates of this checkout as a bundle, so that what is measured is what is here."""
    bundle = BUILD / "templates.bundle"
    BUILD.mkdir(parents=True, exist_ok=True)
    fewshot("scaffolder.releases", "build", "--bundle", bundle)
    return bundle


def new_project(folder: Path, *options: str | Path) -> None:
    """`fewshot new` without questions."""
    fewshot("scaffolder", "new", folder, "--defaults", "--template", template(), *options)


def set_values(project: Path, values: dict[str, settings_text.Scalar]) -> None:
    """Writes values, by dotted name, into settings.yaml, None meaning what stands there."""
    changes = {name: value for name, value in values.items() if value is not None}
    settings = project / "settings.yaml"
    known = settings_text.dotted(yaml.safe_load(settings.read_text(encoding="utf-8")))
    assert changes.keys() <= known.keys(), changes
    settings_text.change_file(settings, changes)


def fewshot(module: str, *options: str | Path) -> None:
    command = [sys.executable, "-m", module, *map(str, options)]
    subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)


def run(python: Path, project: Path, *script: Path | str, may_refuse: bool = False) -> str:
    """Runs a script with its options inside of a project and gives what it printed.

    Ends the program if it fails, unless all that it did was to refuse its result (exit code 1).
    """
    command = [python.absolute(), *script]
    environment = os.environ | {"PYTHONPATH": str(project), "FLAGS_enable_pir_api": "0"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    if done.returncode and not (may_refuse and done.returncode == 1):
        sys.exit(f"error: {script[0]} failed in {project}:\n{done.stdout}\n{done.stderr[-3000:]}")
    return done.stdout


def copy_draw(pictures: Path, folder: Path, count: int, seed: int) -> None:
    """Makes a folder with some of a class's pictures, drawn at random; all where they are few."""
    folder.mkdir(parents=True)
    found = sorted(pictures.iterdir())
    for path in random.Random(f"{seed} {pictures.name}").sample(found, min(count, len(found))):
        shutil.copyfile(path, folder / path.name)


def trained_project(arguments: argparse.Namespace, seed: int = 0, **train: float) -> Path:
    """A project of all classes but `new`, trained on a few pictures of each and exported, once.

    Args:
        arguments: from `read_few_shot_arguments`.
        seed: of the draw of the pictures, from train/, and of the training.
        train: other values of that section of the settings.
    """
    data, new, shots = arguments.data, arguments.new, arguments.train_shots
    classes = [name for name in arguments.names if name != new]
    train = {"minutes": arguments.train_minutes, "seed": seed} | train
    values = "-".join(f"{name}-{value:g}" for name, value in train.items())
    project = BUILD / f"{data.name}-not-{new or 'none'}-{shots}-{values}"
    if list((project / "export").glob("*/export.json")):
        return project
    shutil.rmtree(project, ignore_errors=True)
    options = [part for name in classes for part in ("--class", name)]
    new_project(project, "--shots", str(shots), *options)
    set_values(project, {f"train.{name}": value for name, value in train.items()})
    for name in classes:
        copy_draw(data / "train" / name, project / "data" / "train" / name, shots, seed)
        shutil.copytree(data / "test" / name, project / "data" / "test" / name)
    for step in ("check_data.py", "train.py", "evaluate.py", "export.py"):
        run(arguments.python, project, step)
    if new:
        shutil.copytree(data / "test" / new, project / "data" / "test" / new)
    return project


def timed(
    python: Path, project: Path, steps: Iterable[str], launcher: Sequence[Path | str] = ()
) -> dict[str, float]:
    """Runs scripts with their options, one after the other; seconds of each. With a `launcher`, a
    script and its options, that one is run and told which."""
    seconds = {}
    for step in steps:
        started = time.monotonic()
        command = [*launcher, *step.split()]
        run(python, project, *command, may_refuse=step == "compress.py")
        seconds[step] = round(time.monotonic() - started, 1)
    return seconds


def newest_run(project: Path) -> tuple[Path, dict]:
    """The newest run's folder and its run.json."""
    folder = max((project / "runs").iterdir())
    return folder, read_json(folder / "run.json")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def answers(evaluation: Path) -> list[dict]:
    """What an evaluation says of each picture."""
    with (evaluation / "predictions.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read_rows(results: Path) -> list[dict]:
    if not results.is_file():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def commit() -> str:
    """The checkout's commit, marked where files other than the results differ from it."""
    differ = git("diff", "HEAD", "--name-only", "--", ".", ":!benchmarks/results")
    return git("rev-parse", "--short", "HEAD") + ("-dirty" if differ else "")


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def measure_all(
    name: str, keys: list[dict], measure: Callable[[dict], dict], minutes: float
) -> list[dict]:
    """Measures what the results of this name do not hold yet, and gives all that they hold.

    Args:
        name: of the file in RESULTS.
        keys: what tells one result from another.
        measure: key -> figures.
        minutes: nothing is started after so many.
    """
    deadline = time.monotonic() + minutes * 60
    results = RESULTS / f"{name}.jsonl"
    RESULTS.mkdir(exist_ok=True)
    for key in keys:
        if any(key.items() <= row.items() for row in read_rows(results)):
            continue
        if time.monotonic() > deadline:
            print("Time is up; the same command goes on from here.")
            break
        version = (REPOSITORY / "templates" / "VERSION").read_text().strip()
        row = key | {"commit": commit(), "template": version} | measure(key)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        shown = {name: row[name] for name in ("accuracy", "AP50", "seconds") if name in row}
        print(*key.values(), shown, flush=True)
    return read_rows(results)


def chosen(rows: list[dict], **key) -> list[dict]:
    """The rows with these values."""
    return [row for row in rows if key.items() <= row.items()]


def interval(rows: list[dict]) -> tuple[float, float, float]:
    """Lower end of the 95% interval of the accuracy, mean, upper end."""
    means = sorted(resampled(rows))
    return means[49], statistics.mean(row["accuracy"] for row in rows), means[1949]


def resampled(rows: list[dict]) -> list[float]:
    """2000 bootstrap means; draws and test pictures are drawn again together."""
    chance = random.Random(0)
    answers = [[int(answer) for answer in row["right"]] for row in rows]
    count = len(answers[0])
    means = []
    for _ in range(2000):
        drawn = [chance.choice(answers) for _ in rows]
        pictures = chance.choices(range(count), k=count)
        means.append(sum(right[i] for right in drawn for i in pictures) / count / len(drawn))
    return means
