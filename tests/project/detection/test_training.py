"""train.py of a detection project as a user meets it, each call in a process of its own."""

import csv
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from PIL import Image

from ..conftest import (
    about,
    edit,
    model_to_start_from,
    newest_run,
    shorten_compression,
    weights,
)

SETTINGS = {
    "classes": ["dark", "light"],
    "model": {"input_size": 128},
    "train": {"minutes": 0.05, "batch_size": 4},
    "prune": {"keep": 0.45, "minutes": 0.02},
}


@pytest.fixture
def quick(project, run):
    """A project whose training takes seconds, its data checked."""

    def quick(classes=SETTINGS["classes"], **sections):
        known = {name: dict(values) for name, values in SETTINGS.items() if name != "classes"}
        for name, values in sections.items():
            known[name] = known.get(name, {}) | values
        text = yaml.safe_dump({"classes": classes} | known)
        (project / "settings.yaml").write_text(text, encoding="utf-8")
        done = run(project, "check_data.py")
        assert done.returncode == 0, done.stdout
        return project

    return quick


def succeeded(run, project, *command):
    done = run(project, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def easily_content(quick, **model):
    """A project for which, after seconds of training, whatever is likelier than nothing is a box,
    and of which exports and int8 may cost any AP50."""
    anything = {"max_metric_loss": 1, "max_output_difference": 1}
    project = quick(model=model, limits=anything)
    edit(project / "pipeline" / "network.py", "SMALLEST_SCORE = 0.02", "SMALLEST_SCORE = 1e-4")
    edit(project / "pipeline" / "parity.py", "COUNTED = 0.1", "COUNTED = 1e-4")
    edge = 'if exact and result["without_counterpart"]:'  # of non-maximum suppression
    edit(project / "pipeline" / "parity.py", edge, "if False:")
    shorten_compression(project)
    return project


def exported_and_predicted(run, project):
    succeeded(run, project, "export.py")
    done = succeeded(run, project, "predict.py", "data/images", "--json", "--min-score", "0")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 8 and all(answer["boxes"] for answer in answers)


def test_tiles_go_from_pictures_to_boxes(quick, run):
    project = easily_content(quick, tiles=True)
    succeeded(run, project, "train.py")
    assert about(project)["preprocess"]["tile_scale"]
    exported_and_predicted(run, project)


@pytest.mark.parametrize("detector", ["dense", "picodet", "ppyoloe_s"])
def test_every_detector_goes_from_pictures_to_boxes(quick, run, detector):
    project = easily_content(quick, detector=detector)
    succeeded(run, project, "train.py")
    known = about(project)
    assert known["finished"] and known["stage"] in (1, 2)
    assert known["weights"]["detector"] == detector
    assert len(known["weights"]["file_sha256"]) == 64
    assert set(known["held_out"]) == {"pictures", "stage_1", "stage_2"}
    for stage in ("head", "fine-tuning"):
        curves = newest_run(project) / "curves" / f"{stage}.csv"
        columns = curves.read_text(encoding="utf-8-sig").splitlines()[0]
        assert columns == "epoch,learning_rate,loss,held_out_AP50,held_out_AP,seconds"
        assert any((newest_run(project) / "vdl" / stage).iterdir())
    assert not list((project / "cache").glob("sheets-*"))
    succeeded(run, project, "evaluate.py")
    assert about(project)["metrics"]["test"]["pictures"] == 2
    exported_and_predicted(run, project)
    done = run(project, "compress.py")
    assert done.returncode == 0 or "refused: " in done.stderr, done.stderr
    assert "int8 ONNX Runtime" in done.stdout and "Traceback" not in done.stderr
    pruned_or_refused(run, project)


def pruned_or_refused(run, project):
    parent = newest_run(project)
    done = run(project, "prune.py")
    if about(project)["weights"]["detector"] != "dense":
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert "Only the dense detector can be pruned" in done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    known = about(project)
    assert known["id"] == f"{parent.name}-pruned" and known["pruned_from"]["run"] == parent.name
    assert set(known["held_out"]) == {"pictures", "unpruned", "cut", "pruned"}
    size = [(run / "model.safetensors").stat().st_size for run in (newest_run(project), parent)]
    assert size[0] < 0.8 * size[1]
    succeeded(run, project, "evaluate.py")
    succeeded(run, project, "export.py")


def begun(project, stage, epochs, *options):
    """Training as a process of its own, once so many epochs of a stage are through, and the file
    with that stage's curves."""
    script = project / "train.py"  # three epochs a stage, however slow the machine
    edit(script, "EPOCHS, FEWEST_STEPS = 10, 20", "EPOCHS, FEWEST_STEPS = 3, 2")
    edit(script, "return plan[stage]", "return 6")
    process = subprocess.Popen(
        [sys.executable, script.name, *options],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None:
        curves = list(project.glob(f"runs/*/curves/{stage}.csv"))
        if curves and curves[0].read_text().count("\n") > epochs:
            return process, curves[0]
        time.sleep(0.05)
    raise AssertionError(process.communicate())


@pytest.mark.parametrize(
    ("detector", "stage"),
    [
        ("dense", "head"),
        ("dense", "fine-tuning"),
        ("picodet", "fine-tuning"),
        ("ppyoloe_s", "head"),
    ],
)
def test_a_killed_run_goes_on_where_it_was(quick, run, detector, stage):
    project = quick(model={"detector": detector})
    process, curves = begun(project, stage, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not about(project)["finished"]
    first = curves.read_text().splitlines()[1]
    edit(
        project / "pipeline" / "sizes.py", "return Preprocess(size)", "return Preprocess(2 * size)"
    )
    boxes = project / "data" / "boxes.csv"
    labelled = boxes.read_text(encoding="utf-8")
    splits = (project / "data" / "splits.csv").read_text(encoding="utf-8-sig").splitlines()
    trained = {line.split(",")[0] for line in splits if ",train," in line}
    rows = labelled.splitlines()
    rows.remove(next(row for row in rows if row.split(",")[0] in trained))
    boxes.write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = run(project, "train.py", "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pictures or labels have changed since it began" in done.stderr
    boxes.write_text(labelled, encoding="utf-8")
    with (project / "settings.yaml").open("a", encoding="utf-8") as file:
        file.write("# seen\n")
    done = succeeded(run, project, "train.py", "--resume")
    assert "Note: settings.yaml has changed since runs/" in done.stdout
    assert about(project)["finished"] and len(list((project / "runs").iterdir())) == 1
    assert about(project)["preprocess"]["input_size"] == 128  # as it began
    assert curves.read_text().count("\n") == 4
    assert curves.read_text().splitlines()[1] == first
    assert all(np.isfinite(value).all() for value in weights(project).values())


def test_frozen_stops_after_stage_1(quick, run):
    project = quick()
    process, _ = begun(project, "head", 1, "--frozen")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = succeeded(run, project, "train.py", "--resume")
    assert "fine-tuning" not in done.stdout and about(project)["stage"] == 1
    assert about(project)["finished"]


def test_good_pictures_and_a_class_with_a_single_box_train(quick, coco, run):
    coco.tree["categories"].append({"id": 3, "name": "crack"})
    coco.box(1, "crack", 130, 80, 150, 110)
    for number in range(4):
        coco.add(f"good{number}.png", [], seed=100 + number)
    coco.save()
    project = quick(classes=["dark", "light", "crack"])
    succeeded(run, project, "train.py")
    known = about(project)
    assert known["finished"] and len(known["data"]) > 6
    assert weights(project)["centres.bias"].shape == (3,)


@pytest.mark.parametrize("head", ["now", "before 0.10"])
def test_training_starts_from_another_line(quick, run, tmp_path, head):
    """The backbone and the head's shared layers are kept, also where the older head gave a single
    number a side."""
    project = quick()
    succeeded(run, project, "train.py", "--frozen")
    theirs = weights(project)
    if head != "now":
        theirs |= {name: theirs[name][:4] for name in ("sides.weight", "sides.bias")}
    folder = tmp_path / "start"
    record = model_to_start_from(folder, theirs, ["light", "scratch"])
    quick(model={"start": str(folder)})
    edit(project / "train.py", "return plan[stage]", "return 1")
    succeeded(run, project, "train.py", "--frozen")
    assert about(project)["weights"]["source"] == record
    ours = weights(project)
    kept = [name for name in theirs if name.startswith("backbone.")]
    assert kept and all((ours[name] == theirs[name]).all() for name in kept)
    moved = np.abs(ours["tower.1.weight"] - theirs["tower.1.weight"]).max()
    assert moved < 0.01  # one step away


def test_a_held_out_picture_that_breaks_while_training_is_named(quick):
    project = quick()
    process, _ = begun(project, "head", 1)
    for path in (project / "data" / "images").iterdir():
        path.write_bytes(path.read_bytes()[:300])
    told = process.communicate()[1].splitlines()[-1]
    assert process.returncode == 1
    assert told.startswith("error: ") and "/data/images/" in told
    assert told.endswith(".png: not a readable picture (image file is truncated). Replace it.")


def test_a_picture_that_was_replaced_by_a_smaller_one_is_named(quick, run):
    """Its boxes would lie elsewhere."""
    project = quick()
    with (project / "data" / "splits.csv").open(encoding="utf-8-sig", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["split"] == "train")
    path, size = project / "data" / row["path"], (int(row["width"]), int(row["height"]))
    with Image.open(path) as picture:
        picture.resize((60, 50)).save(path)
    done = run(project, "train.py")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    told = f"60×50 px, but {size[0]}×{size[1]} when it was checked. Run check_data.py again."
    assert told in done.stderr and "data/splits.csv:" in done.stderr


def test_a_picture_that_broke_since_the_check_is_named(quick, run):
    project = quick()
    with (project / "data" / "splits.csv").open(encoding="utf-8-sig", newline="") as file:
        name = next(row["path"] for row in csv.DictReader(file) if row["split"] == "train")
    path = project / "data" / name
    path.write_bytes(path.read_bytes()[:300])
    done = run(project, "train.py")
    assert done.returncode == 1
    assert name in done.stderr and "Traceback" not in done.stderr
