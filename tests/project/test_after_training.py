"""The steps after training, on one tiny run whose classes have hostile names."""

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from PIL import Image

from .conftest import Page, edit

RED, BLUE, GREY = '<script>alert("1")</script>', "{{ 7*7 }} 开路 🔥 $x$", "plain, 'quoted' \x1b[31m"
CLASSES = [RED, BLUE, GREY]
COUNTS = {"train": 6, "val": 2, "test": 4}


def tinted(picture, label: str, seed: int) -> Image.Image:
    """Classes that differ by their colours alone."""
    values = np.array(picture(seed))
    values[..., {RED: [1, 2], BLUE: [0, 1], GREY: []}[label]] //= 4
    return Image.fromarray(values)


@pytest.fixture(scope="session")
def finished(project_template, tmp_path_factory, run, picture):
    """A project in which every step was run; copy it before you change it."""
    folder = tmp_path_factory.mktemp("finished") / "project"
    shutil.copytree(project_template, folder)
    settings = {"classes": CLASSES, "model": {"input_size": 32}, "data": {"labels": "labels.csv"}}
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    (folder / ".copier-answers.yml").write_text("language: en\n")
    (folder / "data").mkdir(exist_ok=True)
    rows = []
    for label in CLASSES:
        for split, count in COUNTS.items():
            for _ in range(count):
                path = f"{len(rows)}.png"
                tinted(picture, label, len(rows)).save(folder / "data" / path)
                rows.append({"path": path, "label": label, "split": split, "group": path})
    for name in ("labels.csv", "splits.csv"):
        with (folder / "data" / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    for script, *arguments in (["train.py", "--frozen"], ["evaluate.py"], ["export.py"]):
        done = run(folder, script, *arguments)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    edit(folder / "pipeline" / "latency.py", "ROUNDS = 5", "ROUNDS = 1")
    return folder


def the_run(project):
    return next((project / "runs").iterdir())


def the_export(project):
    return project / "export" / the_run(project).name


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def answers(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def fails_with_one_line(done, *parts):
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
    assert all(part in done.stderr for part in parts), done.stderr
    return True


def test_metrics_are_scikit_learns(in_project):
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    from pipeline import metrics

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    probabilities = rng.dirichlet(np.ones(4), 200)
    probabilities[np.arange(200), labels] += 0.5
    probabilities /= 1.5
    predicted = probabilities.argmax(1)
    measured = metrics.evaluate(probabilities, labels, [str(i) for i in range(200)])
    wanted = precision_recall_fscore_support(labels, predicted)
    for index, name in enumerate(("precision", "recall", "f1")):
        given = [row[name]["value"] for row in measured["classes"]]
        np.testing.assert_allclose(given, wanted[index])
    assert measured["confusion"] == confusion_matrix(labels, predicted).tolist()
    accuracy = measured["accuracy"]
    assert accuracy["value"] == pytest.approx((labels == predicted).mean())
    error = np.sqrt(accuracy["value"] * (1 - accuracy["value"]) / 200)
    assert accuracy["high"] - accuracy["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_the_interval_of_the_calibration_error_holds_its_value(in_project):
    from pipeline.metrics import evaluate

    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.3] * 4, 200)
    labels = np.array([rng.choice(4, p=row) for row in probabilities])  # calibrated by making
    found = evaluate(probabilities, labels, [str(i) for i in range(200)])["calibration_error"]
    assert 0 <= found["low"] <= found["value"] <= found["high"] < 0.2


def test_calibration_error_by_hand(in_project):
    from pipeline import metrics

    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    measured = metrics.evaluate(probabilities, np.array([0, 1, 1, 1]), list("abcd"))
    # Half of the pictures at 0.9 are right, all of those at 0.6.
    assert measured["calibration_error"]["value"] == pytest.approx((0.4 + 0.4) / 2)
    assert [row["pictures"] for row in measured["calibration"]] == [2, 2]


def test_near_duplicates_count_as_one_picture(in_project):
    from pipeline import metrics

    rng = np.random.default_rng(0)
    labels = np.zeros(100, int)
    right = rng.random(100) < 0.7
    probabilities = np.where(right[:, None], [0.8, 0.2], [0.2, 0.8])

    def width(groups):
        accuracy = metrics.evaluate(probabilities, labels, groups)["accuracy"]
        return accuracy["high"] - accuracy["low"]

    order = np.argsort(right)
    groups = np.empty(100, object)
    groups[order] = [str(i // 10) for i in range(100)]
    assert width(list(groups)) > 2 * width([str(i) for i in range(100)])


def test_few_pictures_all_right_leave_room_for_doubt(in_project):
    from pipeline import metrics

    measured = metrics.evaluate(
        np.array([[0.9, 0.1]] * 12), np.zeros(12, int), list("abcdefghijkl")
    )
    exact = 0.025 ** (1 / 12)
    assert measured["accuracy"] == {"value": 1, "low": pytest.approx(exact), "high": 1}
    assert measured["classes"][0]["recall"]["low"] == pytest.approx(exact)


def test_a_mistake_more_never_raises_the_bounds_of_a_share(in_project):
    from pipeline.bootstrap import interval, resamples

    for count in range(1, 61):
        mistakes = np.arange(count + 1)
        right = (np.arange(count)[:, None] >= mistakes).astype(float)
        draws = resamples([str(i) for i in range(count)])
        found = interval(lambda w, right=right: w @ right / len(right), draws, count)
        assert [row["value"] for row in found] == pytest.approx(right.mean(0).tolist())
        assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in found)
        for fewer, more in pairwise(found):
            assert more["low"] <= fewer["low"] and more["high"] <= fewer["high"]
        if count == 12:
            lows = [row["low"] for row in found[:2]]
            assert lows == pytest.approx([0.735, 0.615], abs=0.01)


def test_many_boxes_in_a_picture_say_more_than_the_picture(in_project):
    from pipeline.bootstrap import interval, ratio, resamples

    boxes, right = np.full((20, 1), 10.0), np.tile([[8.0], [10.0]], (10, 1))
    draws = resamples([str(i) for i in range(20)])
    (found,) = interval(ratio(right, boxes), draws, [20])
    assert found["low"] == pytest.approx(0.846, abs=0.01)  # 180 trials: pictures vary so much
    assert found["high"] == pytest.approx(0.940, abs=0.01)
    (found,) = interval(ratio(boxes, boxes), draws, [20])
    assert found["low"] == pytest.approx(0.025 ** (1 / 20))
    assert interval(ratio(boxes, 0 * boxes), draws, [0]) == [None]


def test_a_class_without_pictures_has_no_recall(in_project):
    from pipeline import metrics

    measured = metrics.evaluate(
        np.array([[0.8, 0.1, 0.1]] * 4), np.array([0, 0, 0, 1]), list("abcd")
    )
    assert measured["classes"][2] == {"pictures": 0, "precision": None, "recall": None, "f1": None}
    assert measured["classes"][1]["precision"] is None
    assert measured["classes"][1]["recall"]["value"] == 0
    json.dumps(measured, allow_nan=False)


def test_evaluation_is_whole(finished):
    folder = the_run(finished) / "evaluation"
    measured = read(folder / "metrics.json")
    assert measured["pictures"] == 12 and np.sum(measured["confusion"]) == 12
    assert measured["accuracy"]["value"] > 0.8
    known = read(the_run(finished) / "run.json")["metrics"]["test"]
    assert known["accuracy"] == measured["accuracy"]
    for name in ("confusion.png", "calibration.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 200


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("lite", ["no format 'lite'", "runs on ARM boards alone", "Choose from paddle, onnx"]),
        ("int8-paddle", ["no format 'int8-paddle'", "compress.py makes it", "paddle, onnx"]),
        ("pruned-onnx", ["prune.py, then export.py make it"]),
        ("openvino", ["no format 'openvino'. Choose from paddle, onnx, tensorrt"]),
        ("tensorrt", ["TensorRT is not here", "NVIDIA card", "Jetson"]),
        ("tensorrt-fp16", ["TensorRT is not here"]),
    ],
)
def test_a_format_that_cannot_be_run_here_is_one_line(copy, run, name, texts):
    done = run(copy, "predict.py", "data/0.png", "--format", name)
    assert fails_with_one_line(done, *texts)


def test_tensorrt_gets_the_shapes_of_every_tensor_and_the_settings(finished, in_project, tmp_path):
    """As far as a Paddle without TensorRT can show it: it knows the settings, and says so."""
    from paddle import inference

    from pipeline import tensorrt

    export = the_export(finished)
    size = read(export / "preprocess.json")["input_size"]
    tensorrt.collect_shapes(export, size, tmp_path / tensorrt.SHAPES)
    text = (tmp_path / tensorrt.SHAPES).read_text(encoding="utf-8")
    (block,) = (part for part in text.split("shape_range_info") if 'name: "picture"' in part)
    shapes = [
        [int(value) for value in re.findall(rf"{bound}_shape: (\d+)", block)]
        for bound in ("min", "max")
    ]
    assert shapes == [[1, 3, size, size], [16, 3, size, size]]
    for precision in tensorrt.PRECISIONS:
        config = inference.Config(str(export / "model.pdmodel"), str(export / "model.pdiparams"))
        with pytest.raises(RuntimeError, match="compile with TENSORRT"):
            tensorrt.use_tensorrt(config, precision, tmp_path)
        assert config.tuned_tensorrt_dynamic_shape()


def test_test_pictures_that_were_trained_on_are_refused(copy, run):
    table = copy / "data" / "splits.csv"
    edit(table, ",train,", ",test,")
    for script in ("evaluate.py", "prune.py"):
        assert fails_with_one_line(run(copy, script), "1 test pictures were training pictures")
    edit(table, "0.png,", "moved.png,")
    (copy / "data" / "0.png").rename(copy / "data" / "moved.png")
    assert fails_with_one_line(run(copy, "evaluate.py"), "1 test pictures were", "moved.png")


def test_a_reader_who_has_seen_enough_is_no_error(copy):
    seen, written = os.pipe()
    os.close(seen)
    command = [sys.executable, copy / "predict.py", "data", "--json"]
    done = subprocess.run(command, cwd=copy, stdout=written, stderr=subprocess.PIPE)
    os.close(written)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("kind", ["paddle", "onnx"])
def test_the_export_alone_says_what_evaluation_said(copy, run, kind):
    with (the_run(copy) / "evaluation" / "predictions.csv").open(encoding="utf-8-sig") as file:
        wanted = {row["path"]: row for row in csv.DictReader(file)}
    needed = "console files images inference preprocess probabilities exports project quiet"
    needed += " tables text finding added additions drift drift_log input_check onnx_runtime"
    needed += " balance prototypes reference whitening __init__"
    needed += " formats forms picking tensorrt"
    for path in copy.iterdir():
        if path.name not in ("predict.py", "pipeline", "export", "data"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (copy / "pipeline").iterdir():
        if path.stem not in needed.split():
            path.unlink()
    terminal = {"PYTHONIOENCODING": "gbk"}  # JSON is UTF-8 all the same
    done = run(copy, "predict.py", "data", "--json", "--format", kind, **terminal)
    assert done.returncode == 0 and not done.stderr
    given = {row["picture"]: row for row in answers(done)}
    assert len(given) == 36
    for path, row in wanted.items():
        assert given[path]["class"] == row["predicted"]
        for name in CLASSES:
            probability = float(row[f"p({name})"])
            assert given[path]["probabilities"][name] == pytest.approx(probability, abs=1e-4)


def test_a_broken_picture_does_not_stop_the_others(copy, run):
    folder = copy / "mixed"
    folder.mkdir()
    shutil.copyfile(copy / "data" / "0.png", folder / "a.png")
    (folder / "b.png").write_bytes((copy / "data" / "1.png").read_bytes()[:80])
    shutil.copyfile(copy / "data" / "2.png", folder / "c.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / "._a.png").write_text("left by another system")
    done = run(copy, "predict.py", "mixed")
    assert fails_with_one_line(done, "mixed/b.png")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "picture",
        "mixed/a.png",
        "mixed/c.png",
    ]
    assert "\x1b" not in done.stdout
    assert fails_with_one_line(run(copy, "predict.py", "nowhere"), "no such picture or folder")


def test_a_name_that_is_no_text_is_answered(copy, run):
    """As from a zip file that was packed with GBK names."""
    folder = copy / "zip"
    folder.mkdir()
    name = os.fsdecode("板.png".encode("gbk"))
    shutil.copyfile(copy / "data" / "0.png", folder / name)
    done = run(copy, "predict.py", "zip", "--json")
    assert done.returncode == 0, done.stderr
    (answer,) = answers(done)
    assert answer["picture"] == f"zip/{name}"


def test_what_was_answered_is_shown_when_prediction_is_stopped(copy):
    folder = copy / "many"
    folder.mkdir()
    for number in range(15):
        shutil.copyfile(copy / "data" / f"{number}.png", folder / f"{number:02}.png")
    (folder / "15.png").write_text("broken; the last one of the first batch")
    os.mkfifo(folder / "16.png")  # nobody writes into it
    command = [sys.executable, copy / "predict.py", "many"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=copy, text=True, stdout=pipe, stderr=pipe) as process:
        assert process.stderr.readline().startswith("error: many/15.png")
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "\nStopped. Nothing that was finished is lost.\n")
    rows = [line.split()[0] for line in out.splitlines()[1:]]
    assert rows == [f"many/{number:02}.png" for number in range(15)]


def test_an_export_describes_itself_and_agrees_with_the_trained_network(finished):
    about = read(the_export(finished) / "export.json")
    assert about["precision"] == "fp32" and about["classes"] == CLASSES
    assert about["run"]["weights"]["sha256"]
    assert about["parity"]["pictures"] == 36 and len(about["parity"]["input_sha256"]) == 64
    for name in ("Paddle Inference", "ONNX Runtime"):
        assert about["parity"][name]["largest_difference"] < 1e-3
        assert about["parity"][name]["accuracy_change"] == 0
    names = {"model.onnx", "model.pdmodel", "model.pdiparams", "preprocess.json"}
    names.add("reference.safetensors")
    assert set(about["files"]) == names
    assert {path.name for path in the_export(finished).iterdir()} == names | {"export.json"}
    assert str(finished).encode() not in (the_export(finished) / "model.pdmodel").read_bytes()


def test_an_export_that_was_changed_on_disk_is_not_used(copy, run):
    weights, described, onnx = (
        the_export(copy) / name for name in ("model.pdiparams", "preprocess.json", "model.onnx")
    )
    as_written = {path: path.read_bytes() for path in (weights, described, onnx)}
    flipped = as_written[weights][:-1] + bytes([as_written[weights][-1] ^ 1])
    for path, data in {
        weights: flipped,
        described: as_written[described].replace(b'"RGB"', b'"BGR"'),
        onnx: as_written[weights],
    }.items():
        path.write_bytes(data)
        fault = "unknown preprocessing" if path == described else f"{path.name} was changed"
        said = fails_with_one_line(run(copy, "predict.py", "data"), fault, "Run export.py again")
        path.write_bytes(as_written[path])
        assert said
    described.write_bytes(as_written[described].replace(b": 32", b": 64"))
    assert fails_with_one_line(run(copy, "compress.py"), "preprocess.json was changed")


# How an export comes to differ from what was trained: file, what stands there, what is put there.
FORWARD = '"""Pictures [N, 3, S, S], 0..255 -> probabilities [N, classes], embeddings [N, D]."""\n'
SAVED = "save_network(trained.network, folder, trained.preprocess.input_size)\n"
ZERO = """\
        scale = trained.network.classifier.feature_scale.numpy().tobytes()
        weights = folder / "model.pdiparams"
        assert scale in weights.read_bytes()
        weights.write_bytes(weights.read_bytes().replace(scale, bytes(len(scale))))
"""
SABOTAGED_NETWORKS = {
    "channels": (
        "pipeline/network.py",
        FORWARD,
        FORWARD + "        x = x if paddle.in_dynamic_mode() else x[:, ::-1]\n",
    ),
    "scale of zero": ("export.py", SAVED, SAVED + ZERO),
}
LAYOUT = "np.stack(list(squares)).transpose(0, 3, 1, 2)"
SABOTAGED_INPUTS = {
    "channels": ("preprocess.py", LAYOUT, LAYOUT + "[:, ::-1]"),
    "resize": ("preprocess.py", "interpolation=cv2.INTER_AREA", "interpolation=cv2.INTER_NEAREST"),
    "decoder": ("images.py", '(picture.convert("RGB"))', '(picture.convert("RGB"))[..., ::-1]'),
}


@pytest.mark.parametrize("sabotage", SABOTAGED_NETWORKS)
def test_an_export_that_differs_is_refused_and_moved_aside(copy, run, sabotage):
    file, *change = SABOTAGED_NETWORKS[sabotage]
    edit(copy / file, *change)
    before = read(the_export(copy) / "export.json")
    done = run(copy, "export.py")
    assert fails_with_one_line(done, "refused: ", "Paddle Inference: ", "ONNX Runtime: ")
    assert "Look for edits in pipeline/, export again" in done.stderr
    refused = the_export(copy).with_name(the_run(copy).name + ".refused")
    assert not (refused / "export.json").exists()
    assert "max_output_difference" in read(refused / "refused.json")["reason"]
    # The export that passed earlier is still there.
    assert read(the_export(copy) / "export.json") == before
    for script, *arguments in (["predict.py", "data"], ["compress.py"]):
        done = run(copy, script, *arguments, "--export", refused)
        assert fails_with_one_line(done, "was refused: ")


@pytest.mark.parametrize("sabotage", SABOTAGED_INPUTS)
def test_pictures_that_are_prepared_in_another_way_than_in_training_are_noticed(
    copy, run, sabotage
):
    file, *change = SABOTAGED_INPUTS[sabotage]
    edit(copy / "pipeline" / file, *change)
    different = "the inputs differ from those of training by "
    for script, *arguments in (["predict.py", "data"], ["compress.py"]):
        assert fails_with_one_line(run(copy, script, *arguments), different, "bring it back")
    shutil.rmtree(the_export(copy))
    for script in ("evaluate.py", "prune.py"):
        assert fails_with_one_line(run(copy, script), different, "bring it back", "runs/")
    assert fails_with_one_line(run(copy, "export.py"), "refused: ", different, "bring it back")
    refused = the_export(copy).with_name(the_run(copy).name + ".refused")
    assert different in read(refused / "refused.json")["reason"]
    assert fails_with_one_line(run(copy, "predict.py", "data"), "Run export.py first")


def test_an_export_that_describes_another_input_size_is_refused(copy, run):
    as_dict = "preprocess.as_dict())\n    names"
    edit(
        copy / "pipeline" / "exports.py",
        as_dict,
        as_dict.replace(")\n", ' | {"input_size": 64})\n'),
    )
    done = run(copy, "export.py")
    assert fails_with_one_line(done, "refused: ", "became [1, 3, 32, 32] in training")


def test_nothing_takes_a_refused_export_for_one(copy, run):
    refused = the_export(copy).with_name(the_run(copy).name + ".refused")
    the_export(copy).rename(refused)
    about = read(refused / "export.json")
    (refused / "refused.json").write_text(json.dumps({"reason": "Too far off.", **about}))
    done = run(copy, "predict.py", "data", "--export", refused)
    assert fails_with_one_line(done, "was refused: Too far off.")
    (refused / "export.json").unlink()
    assert fails_with_one_line(run(copy, "predict.py", "data"), "Run export.py first")
    assert run(copy, "report.py").returncode == 0
    assert "Too far off." in (the_run(copy) / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def compressible(copy):
    """A project in which each runtime has one calibration method, and int8 may cost any accuracy
    that a picture out of place would not."""
    edit(copy / "pipeline" / "paddle_int8.py", '("avg", "hist")', '("avg",)')
    edit(copy / "pipeline" / "onnx_int8.py", '("MinMax", "Percentile", "Entropy")', '("MinMax",)')
    limit(copy, max_metric_loss=0.4)
    return copy


def limit(project, **values):
    settings = yaml.safe_load((project / "settings.yaml").read_text(encoding="utf-8"))
    settings["limits"] = settings.get("limits", {}) | values
    (project / "settings.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))


def int8_of(project):
    folder = the_export(project).with_name(the_run(project).name + "-int8")
    return folder, folder.with_name(folder.name + ".refused")


def test_int8_is_small_and_usable_and_a_form_is_picked(compressible, run):
    done = run(compressible, "compress.py")
    assert done.returncode == 0 and not done.stderr, done.stderr
    table = read(the_export(compressible) / "pick.json")
    assert [row["name"] for row in table["forms"]] == [
        "fp32 Paddle Inference",
        "fp32 ONNX Runtime",
        "int8 Paddle Inference",
        "int8 ONNX Runtime",
    ]
    for row in table["forms"]:
        accuracy = row["accuracy"]
        assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
        assert 0 < row["median_ms"] <= row["p99_ms"] and row["refused"] is None
        assert row["model_sha256"] == read(the_run(compressible) / "run.json")["model_sha256"]
        assert f"{row['megabytes']:.1f}" in done.stdout and row["name"] in done.stdout
    fp32, _, *int8 = table["forms"]
    assert all(row["megabytes"] <= 0.3 * fp32["megabytes"] for row in int8)
    assert table["calibration_pictures"] == 16
    assert f"Pick:    {table['pick']['name']}" in done.stdout
    paths = [the_export(compressible), int8_of(compressible)[0]]
    for row, path in zip(table["forms"], np.repeat(paths, 2), strict=True):
        name = {"paddle": "model.pdiparams", "onnx": "model.onnx"}[row["kind"]]
        assert row["sha256"] == hashlib.sha256((path / name).read_bytes()).hexdigest()
    weights = table["forms"][0]["sha256"]
    assert read(paths[1] / "export.json")["made_of_weights"] == weights
    folder, refused = int8_of(compressible)
    assert not refused.exists()
    for kind in ("paddle", "onnx"):
        done = run(
            compressible, "predict.py", "data", "--json", "--export", folder, "--format", kind
        )
        assert done.returncode == 0 and len(answers(done)) == 36, done.stderr
        same = run(compressible, "predict.py", "data", "--json", "--format", f"int8-{kind}")
        assert same.stdout == done.stdout
    done = run(compressible, "predict.py", "data/0.png")
    assert done.returncode == 0 and f"Form: {table['pick']['name']}, which" in done.stderr
    assert run(compressible, "report.py").returncode == 0
    page = Page(the_run(compressible) / "report.html")
    assert f"Pick: {table['pick']['name']}" in page.text and "int8 ONNX Runtime" in page.text


def test_a_refused_runtime_leaves_no_file_and_unmet_limits_are_told(compressible, run):
    edit(
        compressible / "pipeline" / "onnx_int8.py",
        "self.name, self.x = name, x",
        "self.name, self.x = name, 1e4 * x",
    )
    limit(compressible, max_size_mb=0.5)
    done = run(compressible, "compress.py")
    assert fails_with_one_line(done, "limits.max_size_mb is 0.5", "prune.py")
    folder, refused = int8_of(compressible)
    assert {path.name for path in folder.iterdir()} == {
        "model.pdmodel",
        "model.pdiparams",
        "preprocess.json",
        "export.json",
    }
    assert {path.name for path in refused.iterdir()} == {
        "model.onnx",
        "preprocess.json",
        "refused.json",
    }
    table = read(the_export(compressible) / "pick.json")
    assert table["pick"] is None
    (row,) = (row for row in table["forms"] if row["refused"])
    assert row["name"] == "int8 ONNX Runtime" and "accuracy fell" in row["refused"]
    done = run(compressible, "predict.py", "data", "--export", folder, "--format", "onnx")
    assert fails_with_one_line(done, "no format 'onnx'. Choose from paddle, tensorrt")
    done = run(compressible, "predict.py", "data", "--format", "int8-onnx")
    assert fails_with_one_line(done, "compress.py makes it", "Choose from paddle, onnx, tensorrt")
    done = run(compressible, "predict.py", "data", "--export", refused, "--format", "onnx")
    assert fails_with_one_line(done, "was refused: int8 ONNX Runtime: accuracy fell")


def test_where_int8_lost_too_much_fp32_is_picked(compressible, run):
    edit(compressible / "pipeline" / "paddle_int8.py", "for row in x]", "for row in 1e4 * x]")
    edit(
        compressible / "pipeline" / "onnx_int8.py",
        "self.name, self.x = name, x",
        "self.name, self.x = name, 1e4 * x",
    )
    # Fine-tuning in 8 bits is tried then; it is spoilt, too.
    edit(compressible / "pipeline" / "quantization_aware.py", "STEPS = 200", "STEPS = 2")
    edit(compressible / "pipeline" / "quantization_aware.py", "RATE = 3e-5", "RATE = 10.0")
    folder, refused = int8_of(compressible)
    folder.mkdir()  # of an earlier call
    done = run(compressible, "compress.py")
    runtimes = "int8 Paddle Inference: accuracy fell", "int8 ONNX Runtime: accuracy fell"
    assert fails_with_one_line(done, "refused: ", *runtimes, "allow more loss")
    assert not folder.exists() and (refused / "refused.json").is_file()
    table = read(the_export(compressible) / "pick.json")
    assert table["pick"]["name"].startswith("fp32 ")
    assert "Fine-tuning in 8 bits" in done.stdout
    assert "Pick:    fp32 " in done.stdout and "nothing compressed is faster" in done.stdout
    assert run(compressible, "report.py").returncode == 0
    page = Page(the_run(compressible) / "report.html")
    assert "Refused: int8 ONNX Runtime: accuracy fell" in page.text
    done = run(compressible, "predict.py", "data/0.png")
    assert done.returncode == 0 and "Form: fp32 " in done.stderr


def test_too_few_calibration_pictures_are_told_at_once(copy, run):
    text = (copy / "data" / "splits.csv").read_text(encoding="utf-8-sig").splitlines()
    rows = [line for line in text if ",test," in line or line == text[0]]
    rows += [line for line in text if ",train," in line][:4]  # two to calibrate, two to choose by
    (copy / "data" / "splits.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert fails_with_one_line(run(copy, "compress.py"), "calibration: 2 pictures", "at least 3")


def test_a_class_without_calibration_pictures_is_named(in_project, capsys):
    from pipeline import calibration

    calibration.check(Counter([0, 0, 2]), 3, ["dark", "open\x1b[31m", "light"])
    said = capsys.readouterr().err
    assert said.count("warning") == 1 and "open" in said and "\x1b" not in said


def test_what_was_made_of_an_export_is_found_unless_it_was_refused(finished, in_project, tmp_path):
    from pipeline import exports, forms
    from pipeline.preprocess import Preprocess

    export = exports.load(the_export(finished), Preprocess)
    original = tmp_path / export.folder.name
    for ending in ("", "-pruned", "-pruned-int8", "-int8.refused"):
        folder = original.with_name(original.name + ending)
        shutil.copytree(export.folder, folder)
        about = read(folder / "export.json") | {"id": folder.name}
        about["precision"] = "int8" if "int8" in ending else "fp32"
        (folder / "export.json").write_text(json.dumps(about))
    found = forms.present(*forms.family(exports.load(original, Preprocess), Preprocess))
    assert [form.name for form in found if form.kind == "onnx"] == [
        "fp32 ONNX Runtime",
        "pruned fp32 ONNX Runtime",
        "pruned int8 ONNX Runtime",
    ]
    assert [form.is_original for form in found] == [True, True, False, False, False, False]


@pytest.fixture
def with_int8(finished, in_project, tmp_path):
    """The export with a form beside it that passes for its int8 one, as compress.py picked it."""
    from pipeline import exports, forms
    from pipeline.inference import WEIGHTS
    from pipeline.preprocess import Preprocess

    original = tmp_path / the_export(finished).name
    small = original.with_name(f"{original.name}-int8")
    for folder in (original, small):
        shutil.copytree(the_export(finished), folder)
    export = exports.load(original, Preprocess)
    known = {"id": small.name, "precision": "int8"}
    about = export.about | known | {"made_of_weights": export.about["files"][WEIGHTS]}
    form = forms.Form(exports.describe(small, about, export.preprocess), "onnx")
    pick = {"name": form.name, "export": small.name, "kind": "onnx", "sha256": form.sha256}
    (original / "pick.json").write_text(json.dumps({"pick": pick}))
    return export, form.export


def test_what_was_made_of_other_weights_is_neither_picked_nor_found(with_int8, capsys):
    from pipeline import exports, formats, forms, picking
    from pipeline.console import UserError
    from pipeline.preprocess import Preprocess

    export, small = with_int8
    assert len(forms.family(export, Preprocess)) == 2
    assert formats.picked(export)[0].folder == small.folder
    assert "Form: int8 ONNX Runtime, which" in capsys.readouterr().err
    # Compressed anew, with another result.
    (small.folder / "model.onnx").write_bytes(b"other")
    other = exports.describe(small.folder, small.about, export.preprocess)
    assert formats.picked(export) == (export, "paddle")
    assert "made anew. Run compress.py again." in capsys.readouterr().err
    assert not picking.is_of(picking.read(export.folder)["pick"], forms.Form(other, "onnx"))
    # Of weights that the export no longer has.
    stale = small.about | {"made_of_weights": "0" * 64}
    exports.describe(small.folder, stale, export.preprocess)
    assert forms.family(export, Preprocess) == [export]
    with pytest.raises(UserError, match=r"compress\.py makes it"):
        formats.chosen(export, "int8-onnx")


def test_a_damaged_form_stops_those_alone_who_want_it(with_int8):
    from pipeline import formats
    from pipeline.console import UserError

    export, small = with_int8
    (small.folder / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"onnx was changed.*Run compress\.py again"):
        formats.picked(export)
    pick = {"name": "fp32", "export": export.about["id"], "kind": "onnx"}
    (export.folder / "pick.json").write_text(json.dumps({"pick": pick}))
    assert formats.picked(export) == (export, "onnx")


def test_a_new_export_keeps_what_lies_beside_it_while_the_network_is_the_same(copy, run):
    export = the_export(copy)
    form = {"export": export.name, "kind": "onnx", "name": "fp32 ONNX Runtime"}
    form |= {"sha256": read(export / "export.json")["files"]["model.onnx"]}
    (export / "pick.json").write_text(json.dumps({"pick": form}))
    (export / "model.nb").write_bytes(b"for a board")
    model = the_run(copy) / "model.safetensors"
    assert run(copy, "export.py").returncode == 0
    done = run(copy, "predict.py", "data/0.png")
    assert "Form: fp32 ONNX Runtime, which" in done.stderr
    assert (export / "model.nb").read_bytes() == b"for a board"

    # Interrupted between its stages, say, and then gone on with.
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    about = read(the_run(copy) / "run.json")
    (the_run(copy) / "run.json").write_text(json.dumps(about | {"finished": False}))
    done = run(copy, "export.py")
    assert done.returncode == 0, done.stderr
    assert "(stage 1, interrupted: train.py --resume goes on)" in done.stdout
    assert "model.nb, pick.json: of the run's earlier weights, removed." in done.stdout
    assert not (export / "pick.json").exists() and not (export / "model.nb").exists()


def test_answers_that_are_no_numbers_are_never_right(in_project):
    from pipeline import parity
    from pipeline.settings import Limits

    labels = np.array([0] * 98 + [1, 2])
    reference = np.eye(3)[labels]
    result = parity.compare(reference, np.full_like(reference, np.nan), labels, CLASSES)
    assert result["accuracy"] == 0 and not parity.is_right(reference * np.nan, labels).any()
    assert "accuracy fell" in parity.faults("int8", result, Limits(), exact=False)[0]


def test_a_form_that_no_longer_finds_a_rare_class_is_refused(in_project):
    from pipeline import parity
    from pipeline.settings import Limits

    classes = ["good", "scratch", "dent"]
    labels = np.array([0] * 500 + [1] * 4 + [2])
    reference = np.eye(3)[labels]

    def said(found, **limits):
        """By a form that finds so many of the scratches, and no dent."""
        other = reference.copy()
        other[500 + found :] = [1, 0, 0]
        result = parity.compare(reference, other, labels, classes)
        return parity.faults("int8", result, Limits(**limits), exact=False)

    # One picture of a class, as the dent, is never too many.
    assert said(3) == []
    assert said(2) == [
        "int8: recall fell: scratch by 0.500 to 0.500 (limits.max_metric_loss is 0.01: 0.03 for "
        "one of 3 classes)."
    ]
    assert said(2, max_metric_loss=0.2) == []


def test_a_class_may_lose_what_another_gains(in_project):
    """As an int8 form of the boards did: 7 pictures of 360 gained, 5 lost, 3 of them in a class."""
    from pipeline import parity
    from pipeline.settings import Limits

    labels = np.repeat(np.arange(6), 60)
    before, after = np.eye(6)[labels], np.eye(6)[labels]
    before[:7], after[60:63], after[[120, 180]] = np.eye(6)[5], np.eye(6)[5], np.eye(6)[5]
    result = parity.compare(before, after, labels, list("abcdef"))
    assert parity.faults("int8", result, Limits(), exact=False) == []


def test_forms_are_compared_on_pictures_of_every_class(in_project, monkeypatch):
    from pipeline import parity

    labels = {"train": [0] * 1500 + [1] * 4 + [2] * 8, "test": [0] * 500 + [1] + [2] * 2}
    samples = [
        SimpleNamespace(label=label, split=split) for split in labels for label in labels[split]
    ]
    tests = [sample for sample in samples if sample.split == "test"]
    monkeypatch.setattr(parity, "read_splits", lambda options: samples)
    monkeypatch.setattr(parity.splits, "unseen", lambda *_: tests)
    options, about = SimpleNamespace(classes=[]), {"views": ["as it is"] * 8}
    counts = Counter((one.split, one.label) for one in parity.pictures(options, about))
    assert counts == {("test", 0): 61, ("test", 1): 1, ("test", 2): 2}
    del tests[:490]
    counts = Counter((one.split, one.label) for one in parity.pictures(options, about))
    assert counts["train", 1] == 4 and counts["train", 2] == 8 and counts.total() == 64


def test_a_model_that_is_saved_anew_has_no_figures_of_the_one_before(
    finished, in_project, tmp_path
):
    from pipeline import runs
    from pipeline.trained import load_run

    run = shutil.copytree(the_run(finished), tmp_path / "run")
    before = read(run / "run.json")
    assert before["metrics"]
    trained = load_run(run)
    trained.network.classifier.fc.bias.set_value(trained.network.classifier.fc.bias + 1)
    runs.save(run, trained.network.classifier, trained.preprocess, stage=2)
    about = read(run / "run.json")
    assert about["metrics"] == {} and not list(run.glob("evaluation*"))
    assert about["model_sha256"] != before["model_sha256"]


def test_a_stop_between_two_renames_leaves_the_old_folder(in_project, tmp_path, monkeypatch):
    from pathlib import Path

    from pipeline import files

    rename = Path.rename

    def stopped(path, target):
        if path.suffix == ".part":
            raise KeyboardInterrupt
        return rename(path, target)

    old = tmp_path / "exports" / "old"
    old.mkdir(parents=True)
    (old / "kept").touch()
    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt), files.replacing(old) as beside:
        beside.mkdir()
    assert list(old.parent.iterdir()) == [old] and (old / "kept").exists()


def test_the_report_of_a_pruned_run_has_what_was_measured_of_its_family(in_project):
    from pipeline import report_base

    folder = in_project / "export" / "20260131-120000"
    folder.mkdir(parents=True)
    for name in ("pick.json", "benchmark.json"):
        (folder / name).write_text('{"made": "today", "forms": []}')
    for look in (report_base.compared_of, report_base.benchmark_of):
        assert look(folder.name) == look(f"{folder.name}-pruned")
        assert look(folder.name)["made"] == "today"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_says_that_a_pruned_run_is_pruned(in_project, run, language):
    from pipeline import files

    (in_project / ".copier-answers.yml").write_text(f"language: {language}\n")
    folder = in_project / "runs" / "20260131-120000-pruned"
    about = {"id": folder.name, "finished": True, "stage": 2, "seconds": 60, "seed": 0}
    about |= {"settings": {"classes": ["dark", "light"]}, "data": [], "packages": {}}
    about |= {"weights": {"backbone": "B", "source": "S", "sha256": "1" * 64}, "machine": "Linux"}
    about |= {"git_commit": None, "git_dirty": False, "template_version": "v1", "python": "3.11"}
    files.write_text(folder / "model.safetensors", "")
    for known in ({"pruned_from": {"run": "20260131-120000"}}, {}):
        files.write_json(folder / "run.json", about | known)
        done = run(in_project, "report.py")
        assert done.returncode == 0 and not done.stderr, done.stderr
        text = Page(folder / "report.html").text
        said = {
            "en": "that of run 20260131-120000, pruned",
            "zh": "由训练 20260131-120000 的模型剪枝",
        }
        assert (said[language] in text) == bool(known)
        better = {"en": "fine-tuned backbone", "zh": "模型为微调后的骨干网络"}[language]
        assert (better in text) != bool(known)


def rows_of(*forms):
    """Rows of the table: MB, ms, and whether it was refused; the first one is fp32."""
    return [
        {
            "name": f"form {number}",
            "kind": "onnx",
            "megabytes": megabytes,
            "median_ms": milliseconds,
            "is_original": not number,
            "refused": "lost" if refused else None,
        }
        for number, (megabytes, milliseconds, refused) in enumerate(forms)
    ]


@pytest.mark.parametrize(
    ("forms", "limits", "picked"),
    [
        ([(10, 10, False), (3, 5, False)], {}, "form 1"),
        ([(10, 10, False), (3, 5, True)], {}, "form 0"),
        ([(10, 10, False), (3, 11, False)], {}, "form 0"),
        ([(10, 10, False), (3, 10.2, False)], {}, "form 1"),  # within noise: the smaller one
        ([(10, 10, False), (3, 20, False)], {"max_size_mb": 5}, "form 1"),
        ([(10, 10, False), (3, 5, False), (2, 8, False)], {"max_size_mb": 2.5}, "form 2"),
        ([(10, 10, False), (3, 5, True)], {"max_size_mb": 5}, None),
        ([(10, 10, False), (3, 5, False)], {"max_latency_ms": 4}, None),
        ([(10, 2, False), (3, 5, False)], {"max_latency_ms": 4, "max_size_mb": 5}, None),
        ([(10, 10, True), (3, 5, True)], {}, None),
    ],
)
def test_what_is_picked(in_project, forms, limits, picked):
    from pipeline import picking
    from pipeline.settings import Limits

    rows = rows_of(*forms)
    picking.add_ratios(rows)
    found, why = picking.pick(rows, Limits(**limits))
    assert (found and found["name"]) == picked
    if picked is None and not limits:
        assert why.startswith("refused: every form")
    elif picked is None:
        assert any(f"limits.{name} is {value}" in why for name, value in limits.items())
    else:
        assert ("nothing compressed is faster" in why) == (picked == "form 0")


def test_the_method_that_loses_least_is_kept_and_no_number_is_the_worst(
    finished, in_project, tmp_path
):
    from pipeline.paddle_int8 import METHODS
    from pipeline.quantization import quantize

    x = np.random.default_rng(0).uniform(0, 255, (4, 3, 32, 32)).astype(np.float32)
    losses = {METHODS[0]: float("nan"), METHODS[1]: 0.5}
    seen = {}

    def loss(folder):
        seen[folder.name] = (folder / "model.pdiparams").read_bytes()
        return losses[folder.name]

    target, log = tmp_path / "int8", tmp_path / "log"
    method, known = quantize("paddle", the_export(finished), target, x, loss, log, 0.01)
    assert (method, known) == (METHODS[1], {METHODS[0]: None, METHODS[1]: 0.5})
    assert (target / "model.pdiparams").read_bytes() == seen[method]
    assert set(seen) == set(METHODS)

    seen.clear()
    losses[METHODS[0]] = 0.01
    again = tmp_path / "again"
    method, known = quantize("paddle", the_export(finished), again, x, loss, log, 0.01)
    assert (method, known, set(seen)) == (METHODS[0], {METHODS[0]: 0.01}, {METHODS[0]})


@pytest.fixture
def quick(copy):
    """A project in which a benchmark is little more than starting its processes."""
    edit(copy / "pipeline" / "turns.py", "ROUNDS = 3", "ROUNDS = 1")
    edit(copy / "pipeline" / "stopwatch.py", "SECONDS = 1.0", "SECONDS = 0.05")
    return copy


def test_a_benchmark_has_every_form_and_is_in_the_report(quick, run):
    done = run(quick, "benchmark.py", "--threads", "1", "--batches", "1", "3")
    assert done.returncode == 0, done.stderr
    about = read(the_export(quick) / "benchmark.json")
    known = read(the_run(quick) / "run.json")
    evaluated = known["metrics"]["test"]
    assert [form["name"] for form in about["forms"]] == [
        "fp32 Paddle Inference",
        "fp32 ONNX Runtime",
    ]
    for form in about["forms"]:
        assert (form["export"], form["model_sha256"]) == (known["id"], known["model_sha256"])
        assert form["metric"] == evaluated["accuracy"] | {"pictures": 12}
        assert [(row["threads"], row["batch"]) for row in form["measured"]] == [(1, 1), (1, 3)]
        for row in form["measured"]:
            assert 0 < row["median_ms"] <= row["p99_ms"] and row["runs"] >= 5
            assert row["times_own_fp32"] == 1 and row["times_fastest_fp32"] <= 1
            assert form["name"] in done.stdout and f"{row['median_ms']:.1f}" in done.stdout
    # A process for ONNX Runtime holds no Paddle.
    paddle, onnx = (form["measured"][0]["peak_mb"] for form in about["forms"])
    assert 30 < onnx < paddle - 50
    for row in zip(*(form["measured"] for form in about["forms"]), strict=True):
        assert max(one["times_fastest_fp32"] for one in row) == 1
    # The figures are beside the model and leave it as it was.
    assert Image.open(the_export(quick) / "benchmark.png").size[0] > 400
    assert run(quick, "predict.py", "data/0.png").returncode == 0
    for language in ("en", "zh"):
        (quick / ".copier-answers.yml").write_text(f"language: {language}\n")
        assert run(quick, "report.py").returncode == 0
        page = Page(the_run(quick) / "report.html")
        assert "python benchmark.py" not in page.text
        assert {"en": "× fastest fp32", "zh": "相对最快 fp32 的倍数"}[language] in page.text
        charts = [base64.b64decode(s.split(",")[1]) for s in page.sources if "svg" in s[:20]]
        assert any(b"fp32 ONNX Runtime" in chart for chart in charts)


def test_a_form_that_does_not_run_here_is_named_and_the_others_are_measured(quick, run):
    (quick / "onnxruntime.py").write_text('raise ImportError("no such library")\n')
    done = run(quick, "benchmark.py", "--threads", "1", "--batches", "1")
    assert done.returncode == 0, done.stderr
    about = read(the_export(quick) / "benchmark.json")
    assert [form["name"] for form in about["forms"]] == ["fp32 Paddle Inference"]
    assert "fp32 ONNX Runtime, 1 at a time: ImportError: no such library" in done.stdout
    assert run(quick, "report.py").returncode == 0
    assert "no such library" in (the_run(quick) / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", ["0", "-2", "two"])
def test_a_benchmark_takes_whole_numbers_from_one_on(project, run, value):
    done = run(project, "benchmark.py", "--threads", value)
    assert done.returncode == 2 and "--threads" in done.stderr


def test_a_stopped_benchmark_leaves_the_figures_of_the_last_one(copy):
    edit(copy / "pipeline" / "stopwatch.py", "SECONDS = 1.0", "SECONDS = 60.0")
    edit(copy / "pipeline" / "stopwatch.py", "RUNS = 5, 200", "RUNS = 5, 10**9")
    kept = the_export(copy) / "benchmark.json"
    kept.write_text("{}")
    process = subprocess.Popen(
        [sys.executable, "-u", copy / "benchmark.py", "--threads", "1"],
        cwd=copy,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout.readline().startswith("Timing")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Stopped." in said and "Traceback" not in said
    assert kept.read_text() == "{}"
    assert not [path for path in the_export(copy).iterdir() if path.name.startswith(".")]


def test_an_export_becomes_a_nb_with_a_record(copy, run, converter):
    (copy / ".venv-lite").symlink_to(converter)
    done = run(copy, "lite.py", LITE_PYTHON="/nowhere")  # not needed any more
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "The .nb itself was not run: that takes an ARM board." in done.stdout
    folder = the_export(copy)
    record, about = read(folder / "lite.json"), read(folder / "export.json")
    network = (folder / "model.nb").read_bytes()
    assert record["files"] == {"model.nb": hashlib.sha256(network).hexdigest()}
    assert len(network) > 0.9 * (folder / "model.pdiparams").stat().st_size
    assert record["converter"] == "paddlelite 2.13rc0" and record["target"] == "arm"
    assert record["made_from"].items() < about["files"].items()
    assert record["parity"]["pictures"] == 36 and record["parity"]["largest_difference"] < 1e-3
    assert record["run_on_arm"] is False and "on x86" in record["checked"]
    assert run(copy, "predict.py", "data/0.png").returncode == 0

    # Converted so that it answers in another way it is refused; what passed earlier stays.
    mended = "    return description.serialize_to_string()"
    wrong = """\
    for operator in map(description.block(0).op, range(description.block(0).op_size())):
        if operator.type() == "relu6":
            operator._set_attr("threshold", 0.5)
"""
    edit(copy / "pipeline" / "lite_program.py", mended, wrong + mended)
    done = run(copy, "lite.py")
    assert fails_with_one_line(done, "refused: Paddle Lite: a probability differs by", "It lies in")
    assert (folder / "model.nb").read_bytes() == network
    assert (folder / "model.nb.refused").is_file() and read(folder / "lite.json") == record


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("converter", "converter.run()", "", "can't convert"),
        ("converter", 'TARGET = "arm"', 'TARGET = "abacus"', "can't convert"),
        ("runner", "predictor.run()", "os.abort()", "can't run"),
    ],
)
def test_a_conversion_that_fails_leaves_nothing(copy, run, converter, file, old, new, fault):
    (copy / ".venv-lite").symlink_to(converter)
    edit(copy / "pipeline" / f"lite_{file}.py", old, new)
    before = sorted(the_export(copy).iterdir())
    done = run(copy, "lite.py")
    assert fails_with_one_line(done, f"Paddle Lite {fault}", "cache/lite.log")
    assert sorted(the_export(copy).iterdir()) == before


def test_without_python_for_paddle_lite_one_line_says_what_to_install(copy, run, tmp_path):
    for tool in ("cat", "grep"):  # Paddle looks for them when it is imported
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = run(copy, "lite.py", PATH=str(tmp_path), LITE_PYTHON="")
    assert fails_with_one_line(done, "Python 3.10 or 3.8", "there is no such", "LITE_PYTHON=path")
    done = run(copy, "lite.py", LITE_PYTHON=str(tmp_path / "python"))
    assert fails_with_one_line(done, f"{tmp_path / 'python'} is no such Python")
    assert not (copy / ".venv-lite").exists() and not (the_export(copy) / "model.nb").exists()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_is_one_page_in_which_names_are_only_text(copy, run, language):
    (copy / ".copier-answers.yml").write_text(f"language: {language}\n")
    (the_run(copy) / "curves").mkdir()
    rows = "epoch,loss,held_out_accuracy\n1,1.0,0.5\n2,0.5,0.75\n"
    (the_run(copy) / "curves" / "trial-1.csv").write_text(rows)
    done = run(copy, "report.py")
    assert done.returncode == 0 and not done.stderr
    page = Page(the_run(copy) / "report.html")
    assert "script" not in page.tags and "link" not in page.tags
    assert page.sources and all(source.startswith("data:image/") for source in page.sources)
    for name in CLASSES:
        assert name in page.text
    assert {"en": "Confusion matrix", "zh": "混淆矩阵"}[language] in page.text
    assert "python compress.py" in page.text and "python export.py" not in page.text
    drawings = [base64.b64decode(s.split(",")[1]) for s in page.sources if "svg" in s[:20]]
    assert len(drawings) == 3
    assert not any(re.search(rb"<script|href=\"http", drawing) for drawing in drawings)


def test_a_report_without_the_later_steps_names_their_commands(copy, run):
    shutil.rmtree(the_run(copy) / "evaluation")
    shutil.rmtree(copy / "export")
    assert run(copy, "report.py").returncode == 0
    page = Page(the_run(copy) / "report.html")
    for script in ("evaluate.py", "export.py", "compress.py", "benchmark.py"):
        assert f"python {script}" in page.text


@pytest.mark.parametrize("script", ["evaluate.py", "compress.py", "benchmark.py"])
def test_before_training_one_line_says_what_to_do(project, run, script):
    assert fails_with_one_line(run(project, script), "Run ", "first")


def test_a_pruned_run_is_smaller_and_goes_all_the_way(copy, run):
    parent = the_run(copy)
    edit(copy / "settings.yaml", "model:", "prune: {keep: 0.4, minutes: 0.01}\nmodel:")
    done = run(copy, "prune.py")
    assert done.returncode == 0, done.stderr
    pruned = parent.with_name(f"{parent.name}-pruned")
    about, before = read(pruned / "run.json"), read(parent / "run.json")
    digest = hashlib.sha256((parent / "model.safetensors").read_bytes()).hexdigest()
    assert about["pruned_from"] == {"run": parent.name, "sha256": digest, "keep": 0.4}
    assert about["finished"] and set(about["held_out"]) == {"pictures", "unpruned", "cut", "pruned"}
    assert about["weights"] == before["weights"] | {"widths": about["weights"]["widths"]}
    curve = pruned / "curves" / "pruned.csv"
    assert "held_out" in curve.read_text(encoding="utf-8")

    # It exports like any other run, with the parity of one, and predicts.
    aside = shutil.move(the_export_of(parent), copy / "aside")
    done = run(copy, "export.py")
    assert done.returncode == 0, done.stderr
    assert f"Next:    python export.py --run {parent.name}: " in done.stdout
    done = run(copy, "predict.py", "data/0.png")
    assert fails_with_one_line(done, f"Run export.py --run {parent.name}, the run that was pruned")
    shutil.move(aside, the_export_of(parent))
    export = copy / "export" / pruned.name
    size = [(folder / "model.onnx").stat().st_size for folder in (export, the_export_of(parent))]
    assert size[0] < 0.6 * size[1]
    done = run(copy, "predict.py", "data/0.png", "--json", "--export", f"export/{pruned.name}")
    assert done.returncode == 0 and answers(done)[0]["class"] in CLASSES

    # Interrupted, it goes on; what can't be done with it says so.
    del about["held_out"]["pruned"]
    (pruned / "run.json").write_text(json.dumps(about | {"finished": False}), encoding="utf-8")
    for script in ("evaluate.py", "export.py"):
        done = run(copy, script)
        assert fails_with_one_line(done, f"Run prune.py --resume --run {parent.name} first.")
    done = run(copy, "prune.py", "--resume")
    assert done.returncode == 0 and read(pruned / "run.json")["finished"], done.stderr
    done = run(copy, "prune.py", "--run", pruned.name)
    assert fails_with_one_line(done, "pruned already", parent.name)
    assert fails_with_one_line(run(copy, "prune.py", "--resume"), "without --resume")
    assert fails_with_one_line(run(copy, "train.py", "--resume"), "is finished", parent.name)

    # Without a val split all shots train it, and none are left to choose the epoch by. The cuts are
    # tried on pictures of every class, and one that is no longer found is named.
    edit(copy / "data" / "splits.csv", ",val,", ",train,", -1)
    last, spoilt = 'known["pruned"] = measure(', "main.fc.bias.set_value(np.float32([0, 0, 99]))"
    edit(copy / "prune.py", last, f"replicas.{spoilt}\n    {last}")
    edit(copy / "prune.py", "JUDGED = 48", "JUDGED = 3")
    edit(copy / "prune.py", "        cuts = ", "        print(others.labels[few])\n        cuts = ")
    done = run(copy, "prune.py", "--run", parent.name)
    assert done.returncode == 0, done.stderr
    assert sorted(re.search(r"\[(\d) (\d) (\d)\]", done.stdout).groups()) == ["0", "1", "2"]
    assert "Note:  held-out pictures: recall fell: " in done.stdout and RED in done.stdout
    assert "held_out" not in curve.read_text(encoding="utf-8")


def the_export_of(run_folder):
    return run_folder.parents[1] / "export" / run_folder.name
