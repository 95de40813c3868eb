"""How long `fewshot update` takes beside plain `copier update`, and over many projects.

Each starts from an untouched project of the oldest release and goes to the newest. Runs
alternate, so that a busy machine slows all of them; the figures are ratios of medians. Smoke
tests are left out (`--no-test`), since copier has none.

    python benchmarks/update.py --runs 7 --projects 100
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scaffolder.releases import BUNDLE, tags

TOOLS = Path(sys.executable).parent
FEWSHOT, COPIER = str(TOOLS / "fewshot"), str(TOOLS / "copier")
COMMANDS = {
    "fewshot update": [FEWSHOT, "update", "--no-test"],
    "fewshot update --plan": [FEWSHOT, "update", "--plan"],
    "copier update": [COPIER, "update", "--defaults", "--quiet"],
}


def seconds(command: list[str], cwd: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - start


def one_project(original: Path, runs: int) -> None:
    """Prints the time of each command, and its ratio to plain copier's."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(-1, runs):  # the first turn warms the disk cache up
        for name, command in COMMANDS.items():
            project = original.with_name("project")
            shutil.copytree(original, project)
            taken = seconds(command, project)
            shutil.rmtree(project)
            if turn >= 0:
                times[name].append(taken)
    theirs = statistics.median(times["copier update"])
    print(f"{'median of ' + str(runs):24} seconds  this / copier update")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:24} {median:7.3f}  {median / theirs:20.2f}")


def many_projects(original: Path, count: int) -> None:
    """Prints the time of `--all` beside one command after the other, and its memory."""
    folder = original.with_name("lines")
    print(f"\n{'projects':>8}  {'--all, s':>9}  {'one by one, s':>13}  ratio  {'memory, MB':>10}")
    for number in sorted({max(2, count // 10), count}):
        copies(original, folder, number)
        one_by_one = sum(seconds(COMMANDS["fewshot update"], line) for line in folder.iterdir())
        copies(original, folder, number)
        child = (
            "import resource, subprocess, sys;"
            "subprocess.run(sys.argv[1:], check=True, capture_output=True);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        start = time.perf_counter()
        command = [FEWSHOT, "update", "--no-test", "--all", str(folder)]
        done = subprocess.run(
            [sys.executable, "-c", child, *command], check=True, capture_output=True
        )
        taken = time.perf_counter() - start
        megabytes = int(done.stdout) / 1024
        print(
            f"{number:8}  {taken:9.1f}  {one_by_one:13.1f}  {one_by_one / taken:5.2f}  "
            f"{megabytes:10.0f}"
        )


def copies(original: Path, folder: Path, count: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(count):
        shutil.copytree(original, folder / f"line-{number:03}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=7, help="runs of each (default: 7)")
    parser.add_argument("--projects", type=int, default=100, help="0: none (default: 100)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        for role in ("AUTHOR", "COMMITTER"):  # copier commits in its temporary folders
            os.environ |= {f"GIT_{role}_NAME": "x", f"GIT_{role}_EMAIL": "x@x"}
        original = Path(folder) / "original"
        oldest = next(iter(tags(BUNDLE)))
        seconds([FEWSHOT, "new", str(original), "--version", oldest, "--defaults"], Path(folder))
        one_project(original, arguments.runs)
        if arguments.projects:
            many_projects(original, arguments.projects)


if __name__ == "__main__":
    main()
