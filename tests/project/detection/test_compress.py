"""compress.py, on a network that was never trained but finds something everywhere."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ..conftest import edit, shorten_compression
from .conftest import COLOURS

MAKE_RUN = """
import time

import numpy as np
import paddle

from pipeline import files, runs, settings
from pipeline.backbone import EMBEDDED, pretrained_state
from pipeline.dataset import manifest, read_splits
from pipeline.detectors import Architecture
from pipeline.images import read_picture
from pipeline.network import new_detector
from pipeline.preprocess import Preprocess

options = settings.load()
about = Architecture("dense", EMBEDDED, (8, 16)).as_dict() | {"source": "none", "sha256": ""}
samples = [sample for sample in read_splits(options) if sample.split != "test"]
run = runs.begin(options, about, manifest(samples))
paddle.seed(0)
network = new_detector(EMBEDDED, 2, (8, 16), pretrained_state(EMBEDDED, None))
preprocess = Preprocess(128)
pieces = [piece for s in samples for piece in preprocess.pieces(read_picture(s.path))]
network.standardise(preprocess.batch([piece.square for piece in pieces]))
network.centres.weight.set_value(20 * network.centres.weight)  # it finds something everywhere
runs.save(run, network, preprocess, stage=1)
runs.finish(run, time.monotonic())
thresholds = {"classes": [{"threshold": 0.5}, {"threshold": 1.0}]}
(run / "evaluation").mkdir()
files.write_json(run / "evaluation" / "thresholds.json", thresholds)
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the project of `exported` is kept, so that it is made once."""
    return tmp_path_factory.mktemp("exported") / "project"


@pytest.fixture
def exported(project, kept, run):
    """A project with an export, in which int8 may cost any AP50."""
    if kept.is_dir():
        return shutil.copytree(kept, project, dirs_exist_ok=True)
    settings = "classes: [dark, light]\nlimits: {max_metric_loss: 1, max_output_difference: 1}\n"
    (project / "settings.yaml").write_text(settings)
    (project / "make_run.py").write_text(MAKE_RUN)
    shorten_compression(project, paddle="hist")
    edit(project / "pipeline" / "drift.py", "FEWEST = 20", "FEWEST = 4")
    edit(project / "pipeline" / "drift.py", "JUDGED = 12", "JUDGED = 8")
    for script in ("check_data.py", "make_run.py", "export.py"):
        done = run(project, script)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(project, kept)
    return project


def refused(done, *parts):
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: refused: ")
    assert all(part in done.stderr for part in parts), done.stderr
    return True


def test_int8_is_small_and_does_what_the_fp32_export_does(exported, run):
    done = run(exported, "compress.py")
    assert done.returncode == 0 and not done.stderr, done.stderr
    (folder,) = (exported / "export").glob("*-int8")
    original = folder.with_name(folder.name.removesuffix("-int8"))
    table = json.loads((original / "pick.json").read_text())
    rows = {row["name"]: row for row in table["forms"]}
    assert table["pick"]["name"] in rows
    compression = json.loads((folder / "export.json").read_text())["compression"]
    for name, kind in (("Paddle Inference", "paddle"), ("ONNX Runtime", "onnx")):
        assert rows[f"int8 {name}"]["megabytes"] <= 0.35 * rows[f"fp32 {name}"]["megabytes"]
        assert compression[kind]["found"] > 0
        form = f"--format={kind}", "--export", folder
        done = run(exported, "predict.py", "data/images", "--thresholds", "--json", *form)
        assert done.returncode == 0, done.stderr
        found = [box for line in done.stdout.splitlines() for box in json.loads(line)["boxes"]]
        assert found
        assert all("drift" in json.loads(line) for line in done.stdout.splitlines())
        assert (folder / f"drift-{kind}.safetensors").is_file()
        assert all(box["class"] == "dark" and box["score"] >= 0.5 for box in found)

    # New thresholds reach the picked form with the next export, and so does a new min_score.
    row = rows["int8 ONNX Runtime"]
    pick = {name: row[name] for name in ("name", "export", "kind", "sha256")}
    (original / "pick.json").write_text(json.dumps(table | {"pick": pick}))
    for file in (exported / "runs").glob("*/evaluation/thresholds.json"):
        file.write_text('{"classes": [{"threshold": 1.0}, {"threshold": 0.6}]}')
    with (exported / "settings.yaml").open("a") as file:
        file.write("predict: {min_score: 0.7}\n")
    done = run(exported, "export.py")
    assert done.returncode == 0, done.stderr
    for option, label, least in (("--thresholds", {"light"}, 0.6), ("--json", set(COLOURS), 0.7)):
        done = run(exported, "predict.py", "data/images", "--json", option)
        assert done.returncode == 0 and "Form: int8 ONNX Runtime" in done.stderr, done.stderr
        found = [box for line in done.stdout.splitlines() for box in json.loads(line)["boxes"]]
        assert {box["class"] for box in found} == label
        assert least <= min(box["score"] for box in found) < least + 0.1

    # benchmark.py times it beside the fp32 forms; in ONNX a detector takes one input at a time.
    edit(exported / "pipeline" / "turns.py", "ROUNDS = 3", "ROUNDS = 1")
    edit(exported / "pipeline" / "stopwatch.py", "SECONDS = 1.0", "SECONDS = 0.05")
    done = run(exported, "benchmark.py", "--threads", "1", "--batches", "1", "2")
    assert done.returncode == 0, done.stderr
    about = json.loads((original / "benchmark.json").read_text())
    assert {
        form["name"]: [row["batch"] for row in form["measured"]] for form in about["forms"]
    } == {
        "fp32 Paddle Inference": [1, 2],
        "fp32 ONNX Runtime": [1],
        "int8 Paddle Inference": [1, 2],
        "int8 ONNX Runtime": [1],
    }
    assert len(about["skipped"]) == 2 and all("ONNX" in name for name in about["skipped"])
    for form in about["forms"]:
        known = rows[form["name"]]["AP50"] | {"pictures": table["test_pictures"]}
        assert form["metric"] == known


def test_int8_that_finds_nothing_is_refused(exported, run):
    tidied = 'operator.remove_attr("op_callstack")'
    silent = 'operator._set_attr("score_threshold", 2.0)'
    silent = f'{tidied}\n            if operator.type() == "multiclass_nms3": {silent}'
    edit(exported / "pipeline" / "inference.py", tidied, silent)
    run(exported, "compress.py")  # int8 for ONNX Runtime is another network, and may be kept
    (folder,) = (exported / "export").glob("*-int8.refused")
    assert "finds nothing at all" in json.loads((folder / "refused.json").read_text())["reason"]
    assert not (folder / "export.json").exists()
    assert not list((exported / "export").glob("*-int8/model.pdmodel"))
    done = run(exported, "predict.py", "data/images", "--export", folder)
    assert done.returncode == 1 and "finds nothing at all" in done.stderr


# How an export comes to differ from what was trained: file, what stands there, what is put there.
ROWS = "maps = self.network.maps(x)"
LEAST = '"score_threshold": least,'
SABOTAGED = {
    "channels": (
        "pipeline/trained.py",
        ROWS,
        "maps = self.network.maps(x if paddle.in_dynamic_mode() else x[:, ::-1])",
        "have no counterpart",
    ),
    "empty detections": (
        "pipeline/nms.py",
        LEAST,
        '"score_threshold": least if paddle.in_dynamic_mode() else 2.0,',
        "finds nothing at all",
    ),
    "resize": (
        "pipeline/preprocess.py",
        "interpolation=method",
        "interpolation=cv2.INTER_NEAREST",
        "the inputs differ from those of training by ",
    ),
    "nothing to compare": ("pipeline/nms.py", LEAST, '"score_threshold": 2.0,', "Train longer"),
}


@pytest.mark.parametrize("sabotage", SABOTAGED)
def test_an_export_that_differs_is_refused_and_moved_aside(exported, run, sabotage):
    file, old, new, reason = SABOTAGED[sabotage]
    edit(exported / file, old, new)
    (accepted,) = (exported / "export").iterdir()
    shutil.rmtree(accepted)
    assert refused(run(exported, "export.py"), reason, "Look for edits in pipeline/")
    folder = accepted.with_name(f"{accepted.name}.refused")
    assert list((exported / "export").iterdir()) == [folder]
    assert reason in json.loads((folder / "refused.json").read_text())["reason"]
    done = run(exported, "predict.py", "data/images")
    assert done.returncode == 1 and "Run export.py first" in done.stderr
    done = run(exported, "compress.py", "--export", folder)
    assert done.returncode == 1 and "was refused: " in done.stderr


def test_pictures_that_look_unlike_the_training_pictures_are_noticed(exported, run):
    (folder,) = (exported / "export").iterdir()
    usual = json.loads((folder / "export.json").read_text())["drift"]["usual"]
    (exported / "dark").mkdir()
    for path in (exported / "data" / "images").iterdir():
        Image.fromarray(np.array(Image.open(path)) // 4).save(exported / "dark" / path.name)
    for pictures, changed in (("data/images", False), ("dark", True)):
        done = run(exported, "predict.py", pictures, "--json")
        scores = [json.loads(line)["drift"] for line in done.stdout.splitlines()]
        assert done.returncode == 0 and len(scores) == 8
        assert (np.median(scores) > usual) == changed == ("Drift: these" in done.stderr)


def test_what_compression_may_cost(in_project):
    from pipeline.dataset import Sample
    from pipeline.detections import Detections
    from pipeline.parity import compare, faults
    from pipeline.settings import Limits

    boxes = np.float32([[20 * i, 10, 20 * i + 10, 20] for i in range(4)])
    labels, scores = np.zeros(4, int), np.float32([0.9, 0.8, 0.7, 0.6])
    samples = [Sample(in_project, (80, 40), boxes, labels, "test", "")]
    reference = [Detections(boxes, labels, scores)]

    def said(count, shift=0.0, exact=False):
        found = [Detections(boxes[:count] + shift, labels[:count], scores[:count])]
        return faults("int8", compare(reference, found, samples, 1), Limits(), exact)

    assert said(4) == said(4, exact=True) == []
    assert said(3) == []  # one box more or less is never a fault
    assert said(2) == ["int8: AP50 fell by 0.495 to 0.505 (limits.max_metric_loss is 0.01)."]
    assert said(0)[0] == "int8: finds nothing at all."
    assert said(4, shift=1.0) == []
    assert "have no counterpart" in said(4, shift=1.0, exact=True)[0]


def test_forms_are_compared_where_there_is_something_to_find(in_project, monkeypatch):
    from pipeline import parity, splits
    from pipeline.dataset import Sample
    from pipeline.preprocess import Preprocess
    from pipeline.settings import Limits

    def some(count, split, boxes, size=(640, 480)):
        corners = np.tile(np.float32([[10, 10, 40, 40]]), (boxes, 1))
        labels = np.zeros(boxes, int)
        return [Sample(in_project, size, corners, labels, split, str(i)) for i in range(count)]

    def chosen(samples, **preprocess):
        monkeypatch.setattr(parity, "read_splits", lambda options: samples)
        monkeypatch.setattr(
            splits, "unseen", lambda all, split, *_: [s for s in all if s.split == split]
        )
        options = type("Options", (), {"classes": ["dark"]})
        return parity.pictures(options, {"preprocess": Preprocess(**preprocess).as_dict()})

    samples = some(250, "test", 0) + some(5, "test", 2) + some(20, "train", 1)
    drawn = chosen(samples, input_size=640)
    assert [(s.split, len(s.boxes)) for s in drawn] == [("test", 2)] * 5 + [("train", 1)] * 19
    large = some(24, "test", 1, size=(5472, 3648))
    assert len(chosen(large, input_size=640, tile_scale=1.0, overlap=64)) == 2  # of 60 inputs each

    good = some(8, "test", 0)
    nothing = [parity.Detections(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))] * 8
    (fault,) = parity.faults("int8", parity.compare(nothing, nothing, good, 1), Limits(), False)
    assert fault == "int8: nothing to compare, for no test picture shows an object. Label some."
