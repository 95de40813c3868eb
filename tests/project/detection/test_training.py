"""train.py of a detection project as a user meets it, each call in a process of its own."""

import csv
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

from ..conftest import about, edit, newest_run, weights

SETTINGS = {
    "classes": ["dark", "light"],
    "model": {"input_size": 128},
    "train": {"minutes": 0.05, "batch_size": 4},
    "prune": {"keep": 0.4, "minutes": 0.02},
}


@pytest.fixture
def quick(project, run):
    """A project whose training takes seconds, its data checked."""

    def quick(**sections):
        known = {name: dict(values) for name, values in SETTINGS.items() if name != "classes"}
        for name, values in sections.items():
            known[name] = known.get(name, {}) | values
        text = yaml.safe_dump({"classes": SETTINGS["classes"]} | known)
        (project / "settings.yaml").write_text(text, encoding="utf-8")
        done = run(project, "check_data.py")
        assert done.returncode == 0, done.stdout
        return project

    return quick


def succeeded(run, project, *command):
    done = run(project, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("detector", ["dense", "picodet", "ppyoloe_s"])
def test_every_detector_goes_from_pictures_to_boxes(quick, run, detector):
    project = quick(model={"detector": detector})
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
    done = run(project, "export.py")  # seconds of training give boxes that may well be refused
    assert done.returncode == 0 or "refused: " in done.stderr
    if done.returncode == 0:
        done = succeeded(run, project, "predict.py", "data/images", "--json")
        assert len(done.stdout.splitlines()) == 8
        done = run(project, "compress.py")  # the same holds of 8 bits
        assert done.returncode == 0 or "refused: " in done.stderr, done.stderr
        assert "int8 ONNX Runtime" in done.stdout
        assert "Traceback" not in done.stderr
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
    done = run(project, "export.py")
    assert done.returncode == 0 or "refused: " in done.stderr


@pytest.mark.parametrize("stage", ["head", "fine-tuning"])
def test_a_killed_run_goes_on_where_it_was(quick, run, stage):
    project = quick()
    script = (project / "train.py").read_text(encoding="utf-8")
    for line, other in {  # three epochs a stage, however slow the machine
        "EPOCHS, FEWEST_STEPS = 10, 20": "EPOCHS, FEWEST_STEPS = 3, 2",
        "return plan[stage]": "return 6",
    }.items():
        assert line in script
        script = script.replace(line, other)
    (project / "train.py").write_text(script, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "train.py"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while process.poll() is None:
        curves = list(project.glob(f"runs/*/curves/{stage}.csv"))
        if curves and curves[0].read_text().count("\n") >= 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not about(project)["finished"]
    first = curves[0].read_text().splitlines()[1]
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
    succeeded(run, project, "train.py", "--resume")
    assert about(project)["finished"] and len(list((project / "runs").iterdir())) == 1
    assert about(project)["preprocess"]["input_size"] == 128  # as it began
    assert curves[0].read_text().count("\n") == 4
    assert curves[0].read_text().splitlines()[1] == first
    assert all(np.isfinite(value).all() for value in weights(project).values())


def test_frozen_stops_after_stage_1(quick, run):
    project = quick()
    done = succeeded(run, project, "train.py", "--frozen")
    assert "fine-tuning" not in done.stdout and about(project)["stage"] == 1


def test_a_picture_that_broke_since_the_check_is_named(quick, run):
    project = quick()
    with (project / "data" / "splits.csv").open(encoding="utf-8-sig", newline="") as file:
        name = next(row["path"] for row in csv.DictReader(file) if row["split"] == "train")
    path = project / "data" / name
    path.write_bytes(path.read_bytes()[:300])
    done = run(project, "train.py")
    assert done.returncode == 1
    assert name in done.stderr and "Traceback" not in done.stderr
