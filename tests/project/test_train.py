"""train.py as a user meets it: whole runs on tiny pictures, each in a process of its own."""

import hashlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

from .conftest import about, edit, model_to_start_from, newest_run, weights

QUICK = {"train": {"steps": 20}, "model": {"input_size": 32}}


@pytest.fixture
def change_settings():
    def change(project, **sections):
        path = project / "settings.yaml"
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, values in {**QUICK, **sections}.items():
            known[name] = {**QUICK.get(name, {}), **values}
        path.write_text(yaml.safe_dump(known), encoding="utf-8")

    return change


def test_a_run_trains_both_stages_and_describes_itself(run, project, change_settings):
    change_settings(project)
    run(project, "check_data.py")
    done = run(project, "train.py")
    assert done.returncode == 0, done.stderr
    assert "Stage 1" in done.stdout and "Stage 2" in done.stdout
    known = about(project)
    assert known["finished"] and known["stage"] in (1, 2)
    assert known["weights"]["backbone"] == "EfficientNetLite0"
    assert len(known["weights"]["sha256"]) == len(known["weights"]["file_sha256"]) == 64
    assert all(len(row["sha256"]) == 64 for row in known["data"])
    assert not any(row["split"] == "test" for row in known["data"])
    assert known["packages"]["paddlepaddle"] == "3.0.0"
    assert set(known["held_out"]) == {"pictures", "stage_1", "stage_2"}
    folder = newest_run(project)
    assert (folder / "settings.yaml").read_bytes() == (project / "settings.yaml").read_bytes()
    curves = (folder / "curves" / "trial-1.csv").read_text(encoding="utf-8-sig").splitlines()
    for name in ("loss", "learning_rate", "held_out_accuracy", "feature_drift"):
        assert name in curves[0]
    assert any((folder / "vdl" / "trial-1").iterdir())
    assert not (folder / "checkpoints").exists()


def test_epochs_are_judged_by_pictures_of_every_class(run, project, picture, change_settings):
    change_settings(project, train={"steps": 1})
    for split, light in {"train": 4, "val": 1, "test": 1}.items():
        for label, count in {"dark": 12, "light": light}.items():
            folder = project / "data" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                seed = len(list((project / "data").rglob("*.png")))
                picture(seed, dark=label == "dark").save(folder / f"{number}.png")
    for label in ("dark", "light"):
        shutil.rmtree(project / "data" / label)
    edit(project / "train.py", "JUDGED = 200", "JUDGED = 3")
    given = "    return partial(_judge, held_out, replicas, preprocess)"
    said = "    print('judged:', sorted(held_out.labels.tolist()))\n"
    edit(project / "pipeline" / "batches.py", given, said + given)
    assert run(project, "check_data.py").returncode == 0
    done = run(project, "train.py")
    assert "judged: [0, 0, 1]" in done.stdout, done.stderr


def test_frozen_stops_after_stage_1_and_the_cache_serves_the_next_run(
    run, project, change_settings
):
    change_settings(project)
    run(project, "check_data.py")
    done = run(project, "train.py", "--frozen")
    assert done.returncode == 0 and "Stage 2" not in done.stdout
    assert about(project)["stage"] == 1 and len(about(project)["views"]) == 8
    first = weights(project)
    stored = next((project / "cache").glob("*/features.npz"))
    before = stored.stat().st_mtime_ns
    time.sleep(1)
    run(project, "train.py", "--frozen")
    assert stored.stat().st_mtime_ns == before
    for name, value in weights(project).items():
        np.testing.assert_array_equal(value, first[name])


@pytest.mark.parametrize(("how", "episodic"), [(signal.SIGINT, 0.0), (signal.SIGKILL, 1.0)])
def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been_stopped(
    run, project, change_settings, how, episodic
):
    change_settings(project, train={"steps": 60, "episodic": episodic})
    run(project, "check_data.py")
    done = run(project, "train.py")
    assert done.returncode == 0, done.stderr
    expected, expected_result = weights(project), about(project)
    process = subprocess.Popen(
        [sys.executable, "train.py"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    finished = set((project / "runs").iterdir())
    while process.poll() is None:
        curves = [path for path in project.glob("runs/*/curves/trial-1.csv")]
        going_on = [path for path in curves if path.parents[1] not in finished]
        if going_on and going_on[0].read_text().count("\n") >= 3:
            break
        time.sleep(0.01)
    process.send_signal(how)
    _, errors = process.communicate()
    assert b"Traceback" not in errors
    assert not about(project)["finished"]
    table = project / "data" / "splits.csv"
    splits = table.read_text(encoding="utf-8")
    trained = next(line for line in splits.splitlines() if ",train" in line)
    table.write_text(splits.replace(f"{trained}\n", ""), encoding="utf-8")
    changed = run(project, "train.py", "--resume")
    assert changed.returncode == 1 and changed.stderr.count("\n") == 1
    assert "pictures or labels have changed since it began" in changed.stderr
    table.write_text(splits, encoding="utf-8")
    with (project / "custom.py").open("a", encoding="utf-8") as custom:
        custom.write("# mended\n")
    done = run(project, "train.py", "--resume")
    assert done.returncode == 0, done.stderr
    assert "custom.py has changed since runs/" in done.stdout
    for stage in ("stage_1", "stage_2"):
        expected_stage = expected_result["held_out"][stage]
        assert about(project)["held_out"][stage] == pytest.approx(expected_stage, abs=1e-3)
    for name, value in weights(project).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4)
    assert run(project, "train.py", "--resume").stderr.startswith("error: runs/")


def test_a_paddleclas_backbone_starts_from_a_local_weight_file(run, project, change_settings):
    import paddle
    from paddleclas.ppcls.arch.backbone import PPLCNet_x0_25

    network = PPLCNet_x0_25(pretrained=False)
    paddle.save(network.state_dict(), str(project / "pplcnet.pdparams"))
    change_settings(
        project,
        model={"backbone": "PPLCNet_x0_25", "weights": "pplcnet.pdparams", "input_size": 32},
    )
    run(project, "check_data.py")
    done = run(project, "train.py")
    assert done.returncode == 0, done.stderr
    assert "Stage 2" in done.stdout
    known = about(project)["weights"]
    assert known["source"] == "pplcnet.pdparams"
    file = (project / "pplcnet.pdparams").read_bytes()
    assert known["file_sha256"] == hashlib.sha256(file).hexdigest()


def test_training_starts_from_a_model_of_the_library(run, project, change_settings, tmp_path):
    change_settings(project)
    run(project, "check_data.py")
    run(project, "train.py", "--frozen")
    theirs = {name: value + np.float32(0.001) for name, value in weights(project).items()}
    folder = tmp_path / "models" / "焊点-1"
    record = model_to_start_from(folder, theirs, ["light", "other"])
    change_settings(project, model={"start": str(folder)})
    done = run(project, "train.py", "--frozen")
    assert done.returncode == 0, done.stderr
    assert about(project)["weights"]["source"] == record
    ours = weights(project)
    backbone = [name for name in theirs if name.startswith("backbone.")]
    assert backbone and all((ours[name] == theirs[name]).all() for name in backbone)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"backbone": "ResNet50_vd"},
            "model.weights: ResNet50_vd needs a weight file (.pdparams or .safetensors). Get "
            "ResNet50_vd_pretrained.pdparams of PaddleClas (`fewshot models list` shows what it ",
        ),
        ({"backbone": "os"}, "PaddleClas has no 'os'"),
        ({"backbone": "ResNet50_vd", "weights": "no.pdparams"}, "no such weight file"),
    ],
)
def test_missing_weights_get_one_line(run, project, change_settings, settings, message):
    change_settings(project, model=settings)
    run(project, "check_data.py")
    done = run(project, "train.py")
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (project / "runs").exists()


def test_weights_of_another_architecture_are_refused(run, project, change_settings):
    import paddle
    from paddleclas.ppcls.arch.backbone import PPLCNet_x0_25

    paddle.save(PPLCNet_x0_25(pretrained=False).state_dict(), str(project / "w.pdparams"))
    change_settings(project, model={"backbone": "ResNet50_vd", "weights": "w.pdparams"})
    run(project, "check_data.py")
    done = run(project, "train.py")
    assert done.returncode == 1
    assert "of ResNet50_vd are missing" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def augment(picture, rng):\n    return picture[:4]\n", "must return a uint8 array"),
        ("def augment(picture, rng):\n    return 1 / 0\n", "custom.py:2: augment failed"),
    ],
)
def test_a_fault_in_custom_py_is_named(run, project, change_settings, text, message):
    change_settings(project)
    (project / "custom.py").write_text(text)
    run(project, "check_data.py")
    done = run(project, "train.py")
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    (project / "custom.py").unlink()
    assert run(project, "train.py", "--resume").returncode == 0


def test_a_custom_py_that_does_not_load_leaves_no_run_to_go_on_with(run, project, change_settings):
    change_settings(project)
    (project / "custom.py").write_text("def augment(picture, rng)\n")
    run(project, "check_data.py")
    done = run(project, "train.py")
    assert done.returncode == 1 and "custom.py:1:" in done.stderr
    assert "Traceback" not in done.stderr and not list((project / "runs").glob("*"))


def test_training_before_the_data_check_says_what_to_do(run, project):
    done = run(project, "train.py")
    assert done.returncode == 1 and "Run check_data.py first" in done.stderr
