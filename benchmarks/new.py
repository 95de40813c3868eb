"""How long `fewshot new --defaults` takes beside plain `copier copy --defaults`.

Both make the same project from the same bundle. `fewshot` also checks the answers, copies the
bundle to the user's data folder and commits the project. Runs alternate, so that a busy machine
slows both; the figure is the ratio of the medians.

    python benchmarks/new.py --runs 15
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scaffolder.releases import BUNDLE, tags


def seconds(command: list[str], cwd: Path, env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15, help="runs of each (default: 15)")
    runs = parser.parse_args().runs
    tools = Path(sys.executable).parent
    newest = list(tags(BUNDLE))[-1]
    commands = {
        "fewshot new": [str(tools / "fewshot"), "new", "DEST", "--defaults"],
        "copier copy": [str(tools / "copier"), "copy", "--defaults", str(BUNDLE), "DEST"],
        "copier copy, quiet, version given": [
            *(str(tools / "copier"), "copy", "--defaults", "--quiet"),
            *("--vcs-ref", newest, str(BUNDLE), "DEST"),
        ],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "HOME": folder}
        for turn in range(-1, runs):  # the first turn warms the disk cache up
            for number, (name, command) in enumerate(commands.items()):
                dest = f"{turn}-{number}".replace("-1", "warm", 1)
                command = [dest if word == "DEST" else word for word in command]
                taken = seconds(command, Path(folder), env)
                if turn >= 0:
                    times[name].append(taken)
    ours = statistics.median(times["fewshot new"])
    print(f"{'median of ' + str(runs):36} seconds  fewshot / this")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:36} {median:7.3f}  {ours / median:14.2f}")


if __name__ == "__main__":
    main()
