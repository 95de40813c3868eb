"""A class added to a trained model from a few pictures: seconds, its recall, what others lose.

    python benchmarks/add_class.py --data build/data/pcb_cls
    python benchmarks/add_class.py --data ... --new short --shots 1 5 20 --seeds 3 --minutes 10

One project is trained on all classes but one (the last, or --new; --train-shots of each, drawn
from train/) and exported. Then, for each draw, add_class.py gets pictures of the class that was
left out, and evaluate.py measures all classes on the test split. An addition that add_class.py
refuses counts as a class that is never found. The baseline is the nearest class mean on the frozen
backbone's features, with the same pictures. Results are kept in benchmarks/results/add_class.jsonl.
"""

import argparse
import json
import resource
import shutil
import statistics
import time

import harness
from harness import REPOSITORY, chosen, run


def main() -> None:
    arguments = read_arguments()
    keys = [
        {
            **harness.training_key(arguments),
            "shots": shots,
            "seed": seed,
            "method": method,
        }
        for shots in arguments.shots
        for seed in range(arguments.seeds)
        for method in ("add_class.py", "nearest class mean, frozen features")
    ]
    rows = harness.measure_all(
        "add_class", keys, lambda key: measure(arguments, key), arguments.minutes
    )
    report([row for row in rows if any(key.items() <= row.items() for key in keys)])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shots", type=int, nargs="+", default=[5], help="of the added class")
    parser.add_argument("--seeds", type=int, default=10, help="draws of them")
    arguments = harness.read_few_shot_arguments(parser)
    arguments.new = arguments.new or arguments.names[-1]
    return arguments


def measure(arguments, key: dict) -> dict:
    """Share of the added class's test pictures that are found (`accuracy`), one by one ("1" is
    found), the trained classes' accuracy before and after, and seconds."""
    data, python, new = arguments.data, arguments.python, arguments.new
    project = harness.trained_project(arguments)
    shots = project / "new" / str(key["seed"])
    shutil.rmtree(shots, ignore_errors=True)
    harness.copy_draw(data / "train" / new, shots, key["shots"], key["seed"])
    if key["method"] != "add_class.py":
        script = REPOSITORY / "benchmarks" / "few_shot.py"
        options = ("added_mean", "--new", new, "--shots", str(shots))
        return json.loads(run(python, project, script, *options).splitlines()[-1])

    (file,) = [path.parent / "added.json" for path in project.glob("export/*/export.json")]
    file.unlink(missing_ok=True)
    started, before = time.monotonic(), cpu_seconds()
    run(python, project, "add_class.py", new, str(shots), may_refuse=True)
    seconds = {
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(cpu_seconds() - before, 2),
    }
    if not file.is_file():
        tests = len(list((data / "test" / new).iterdir()))
        return {"refused": True, "accuracy": 0.0, "right": "0" * tests, **seconds}
    run(python, project, "evaluate.py")
    before, after = (
        harness.answers(harness.newest_run(project)[0] / folder)
        for folder in ("evaluation", "evaluation-added")
    )
    old, found = ([row for row in after if (row["label"] == new) == is_new] for is_new in (0, 1))
    right = "".join(str(int(row["predicted"] == new)) for row in found)
    return {
        "accuracy": right.count("1") / len(right),
        "right": right,
        "before": accuracy(before),
        "after": accuracy(old),
        "unknown": sum(row["predicted"] == "unknown" for row in old) / len(old),
        "new_unknown": sum(row["predicted"] == "unknown" for row in found) / len(found),
        "left_out": harness.read_json(file)["additions"][-1]["measured"].get("found"),
        **seconds,
    }


def cpu_seconds() -> float:
    """Of all finished child processes: what a busy machine does not change."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def accuracy(rows: list[dict]) -> float:
    return sum(row["label"] == row["predicted"] for row in rows) / len(rows)


def report(rows: list[dict]) -> None:
    """Prints a table: recall of the added class with its interval over draws and pictures, change
    of the trained classes' accuracy, seconds."""
    print("\n| added class | shots | method | draws | refused | its recall | 95% interval ", end="")
    print("| trained classes before | change, mean | worst | seconds | of a CPU |")
    print("|---|---:|---|---:|---:|---:|---|---:|---:|---:|---:|---:|")
    for kind in dict.fromkeys((row["new"], row["shots"], row["method"]) for row in rows):
        mine = chosen(rows, **dict(zip(("new", "shots", "method"), kind, strict=True)))
        low, mean, high = harness.interval(mine)
        kept = [row for row in mine if not row.get("refused")]
        changes = [row["after"] - row["before"] for row in kept] or [0.0]
        used = [row["cpu_seconds"] for row in mine if "cpu_seconds" in row]
        cpu = f"{statistics.median(used):.1f}" if used else "-"
        before = f"{kept[0]['before']:.3f}" if kept else "-"
        print(
            f"| {kind[0]} | {kind[1]} | {kind[2]} | {len(mine)} | {len(mine) - len(kept)} "
            f"| {mean:.3f} | {low:.3f} to {high:.3f} | {before} "
            f"| {100 * statistics.mean(changes):+.1f} points | {100 * min(changes):+.1f} "
            f"| {statistics.median(row['seconds'] for row in mine):.1f} | {cpu} |"
        )


if __name__ == "__main__":
    main()
