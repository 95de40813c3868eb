"""Every form in which a trained model can be deployed: size, speed, metric, and what is picked.

    python benchmarks/deploy.py --data build/data/pcb_cls build/data/pcb_det
    python benchmarks/deploy.py --data build/data/pcb_det --train-minutes 10 --no-prune

A folder with train/<class>/ and test/<class>/ becomes a classification project, one with images/,
train.json and test.json (COCO) a detection project, made by `fewshot new` with the defaults. Its
scripts train it, prune it, export both, compress and time every form. A finished run in
build/benchmarks/ is used again. Results are kept in benchmarks/results/deploy.jsonl, and a second
call goes on where the first one stopped.
"""

import argparse
import os
import shutil
from pathlib import Path

import coco
import harness
from harness import BUILD, read_json, run

GOALS = {"times": 1.5, "size": 0.30, "lost": 0.01}  # of the pick beside the fastest fp32 form


def main() -> None:
    arguments = read_arguments()
    keys = [
        {
            "data": data.name,
            "seed": seed,
            "train_minutes": arguments.train_minutes,
            "pruned": not arguments.no_prune,
        }
        for seed in range(arguments.seeds)
        for data in arguments.data
    ]
    folders = {data.name: data for data in arguments.data}
    rows = harness.measure_all(
        "deploy",
        keys,
        lambda key: measure(folders[key["data"]], key, arguments.python),
        arguments.minutes,
    )
    for key in keys:
        for row in harness.chosen(rows, **key):
            report(row)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pictures")
    parser.add_argument("--seeds", type=int, default=1, help="of training")
    parser.add_argument("--train-minutes", type=float, help="train.minutes; the template's if not")
    parser.add_argument("--no-prune", action="store_true", help="int8 alone")
    harness.add_arguments(parser)
    arguments = parser.parse_args()
    for data in arguments.data:
        parts = ("images", "train.json", "test.json") if is_coco(data) else ("train", "test")
        harness.need(*(data / part for part in parts))
    harness.need(arguments.python)
    arguments.data = [data.resolve() for data in arguments.data]
    return arguments


def is_coco(data: Path) -> bool:
    return (data / "train.json").is_file()


def measure(data: Path, key: dict, python: Path) -> dict:
    """What compress.py and benchmark.py say of every form, and the trained network's metric."""
    project = BUILD / f"deploy-{data.name}-{key['seed']}-{key['train_minutes'] or 'default'}"
    if not ((project / "runs").is_dir() and run_of(project)["finished"]):
        shutil.rmtree(project, ignore_errors=True)
        new_project(data, project, key)
        run(python, project, "check_data.py")
        run(python, project, "train.py")
    trained = run_of(project)["id"]
    for script in ("evaluate.py", "export.py"):
        run(python, project, script, "--run", trained)
    pruned = f"{trained}-pruned"
    if key["pruned"]:
        if not (project / "export" / pruned / "export.json").is_file():
            run(python, project, "prune.py", "--run", trained)
            run(python, project, "export.py", "--run", pruned, may_refuse=True)
    else:
        shutil.rmtree(project / "export" / pruned, ignore_errors=True)
    run(python, project, "compress.py", "--export", trained, may_refuse=True)
    run(python, project, "benchmark.py", "--export", trained)
    export = project / "export" / trained
    compared, timed = (read_json(export / name) for name in ("pick.json", "benchmark.json"))
    evaluated = read_json(project / "runs" / trained / "evaluation" / "metrics.json")
    metric = timed["metric"]
    return {"metric": metric, "trained": evaluated[metric]["value"]} | {
        "compared": compared,
        "timed": timed["forms"],
        "processor": timed["machine"]["processor"],
        "cores": len(os.sched_getaffinity(0)),
    }


def run_of(project: Path) -> dict:
    """`run.json` of the newest run that was not pruned."""
    runs = [path for path in (project / "runs").iterdir() if not path.name.endswith("-pruned")]
    return read_json(max(runs) / "run.json")


def new_project(data: Path, project: Path, key: dict) -> None:
    """A project with the pictures of a folder."""
    if is_coco(data):
        drawn = {"seed": key["seed"], "images": None, "shots": None, "leave_out": None}
        train, test, classes = coco.draw(data, drawn)
    else:
        classes = sorted(path.name for path in (data / "train").iterdir() if path.is_dir())
    options = [part for name in classes for part in ("--class", name)]
    task = "detection" if is_coco(data) else "classification"
    harness.new_project(project, "--task", task, *options)
    values = {"train.seed": key["seed"], "train.minutes": key["train_minutes"]}
    harness.set_values(project, values)
    if is_coco(data):
        coco.write(data, project / "data", train, test, classes, None)
        return
    for split in ("train", "test"):
        for name in classes:
            shutil.copytree(data / split / name, project / "data" / split / name)


def report(row: dict) -> None:
    """Prints every form of a model, and the pick beside the goals."""
    compared, metric = row["compared"], row["metric"]
    cores = row["cores"]
    print(f"\n{row['data']}, seed {row['seed']}, {row['processor']}, {cores} cores\n")
    print(f"| form | MB | ms, median / p99 | × own fp32 | × fastest fp32 | {metric} | ", end="")
    print("95% interval | change | |\n|---|---:|---:|---:|---:|---:|---|---:|---|")
    for form in compared["forms"]:
        own = form["times_own_fp32"]
        value = form[metric]
        verdict = "refused" if form["refused"] else "kept"
        if compared["pick"] and form["name"] == compared["pick"]["name"]:
            verdict = "**pick**"
        print(
            f"| {form['name']} | {form['megabytes']:.1f} "
            f"| {form['median_ms']:.1f} / {form['p99_ms']:.1f} | {own:.2f} "
            f"| {form['times_fastest_fp32']:.2f} | {value['value']:.3f} "
            f"| {value['low']:.3f} to {value['high']:.3f} | {100 * form['change']:+.1f} points "
            f"| {verdict} |"
        )
    for failure in compared["failures"]:
        print(f"\nnot made: {failure}")
    exported = [form[metric]["value"] for form in compared["forms"][:2]]
    print(f"\nThe trained network's {metric}: {row['trained']:.4f}; exported: ", end="")
    print(", ".join(f"{value:.4f}" for value in exported))
    picked = compared["pick"] and compared["pick"]["name"]
    print(compared["why"])
    for form in (form for form in compared["forms"] if form["name"] == picked):
        size = form["megabytes"] / compared["forms"][0]["megabytes"]
        print(
            f"Pick: {form['name']}: {form['times_fastest_fp32']:.2f} times as fast as the fastest "
            f"fp32 form (goal {GOALS['times']}), {size:.2f} of the size (goal {GOALS['size']}), "
            f"{-100 * form['change']:.1f} points lost (goal {100 * GOALS['lost']:.0f})"
        )
    print(
        "\n| form | threads | inputs at a time | ms, median | inputs/s | peak MB | × fastest fp32 |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for form in row["timed"]:
        for one in form["measured"]:
            print(
                f"| {form['name']} | {one['threads']} | {one['batch']} | {one['median_ms']:.1f} "
                f"| {one['inputs_per_s']:.1f} | {one['peak_mb']:.0f} "
                f"| {one['times_fastest_fp32']:.2f} |"
            )


if __name__ == "__main__":
    main()
