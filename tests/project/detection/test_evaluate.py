"""evaluate.py, on a run whose network was never trained but finds something everywhere."""

import csv
import json
import shutil

import pytest
from PIL import Image

from ..conftest import edit

MAKE_RUN = """
import time
import paddle
from pipeline import runs, settings
from pipeline.dataset import manifest, read_splits
from pipeline.detectors import Architecture, new_network
from pipeline.preprocess import Preprocess

options = settings.load()
architecture = Architecture("dense", "EfficientNetLite0", (8, 16))
about = architecture.as_dict() | {"source": "none", "sha256": ""}
paddle.seed(0)
network = new_network(architecture, len(options.classes))
network.centres.bias.set_value(network.centres.bias + 4)
samples = [sample for sample in read_splits(options) if sample.split != "test"]
run = runs.begin(options, about, manifest(samples))
runs.save(run, network, Preprocess(128), stage=1)
runs.finish(run, time.monotonic())
"""
SPLITS = ["train"] * 4 + ["val"] * 3 + ["test"] * 5


@pytest.fixture(scope="session")
def finished(project_template, tmp_path_factory, run, picture):
    """A project with a run; copy it before you change it."""
    folder = tmp_path_factory.mktemp("finished") / "project"
    shutil.copytree(project_template, folder)
    (folder / "settings.yaml").write_text("classes: [dark, light]\n")
    splits, boxes = [], []
    for number, split in enumerate(SPLITS):
        name = f"{number}.png"
        row = {"path": name, "split": split, "group": name, "width": 160, "height": 120}
        splits.append(row)
        objects = [("dark", 10, 10, 40, 40), ("light", 80, 20, 120, 60)][: 2 - (number == 11)]
        picture(number, objects).save(folder / "data" / name)
        for label, *corners in objects:
            box = dict(zip(("x0", "y0", "x1", "y1"), corners, strict=True))
            boxes.append({"path": name, "label": label} | box)
    write_csv(folder / "data" / "splits.csv", splits)
    write_csv(folder / "data" / "boxes.csv", boxes)
    (folder / "make_run.py").write_text(MAKE_RUN)
    done = run(folder, "make_run.py")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def the_run(project):
    return next((project / "runs").iterdir())


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_an_evaluation_is_whole(copy, run):
    done = run(copy, "evaluate.py")
    assert done.returncode == 0 and not done.stderr, done.stderr
    folder = the_run(copy) / "evaluation"
    names = {"metrics.json", "thresholds.json", "predictions.json", "labels.json", "mistakes.json"}
    assert {path.name for path in folder.iterdir()} == names | {"pr_curves.png"}
    measured = read(folder / "metrics.json")
    assert measured["split"] == "test" and measured["names"] == ["dark", "light"]
    assert [row["boxes"] for row in measured["classes"]] == [5, 4]
    known = read(the_run(copy) / "run.json")["metrics"]["test"]
    assert known == {name: measured[name] for name in ("pictures", "boxes", "AP50", "AP")}
    assert known["pictures"] == 5 and known["boxes"] == 9
    chosen = read(folder / "thresholds.json")
    assert chosen["split"] == "val" and chosen["pictures"] == 3
    assert chosen["wanted"] == {"recall": 0.95}
    assert [row["class"] for row in chosen["classes"]] == ["dark", "light"]
    assert "on 3 val pictures" in done.stdout and "set their own" not in done.stdout
    for row in read(folder / "predictions.json"):
        assert row["file_name"] in {f"data/{number}.png" for number in range(7, 12)}
        assert row["category"] == ["dark", "light"][row["category_id"] - 1]
        assert len(row["bbox"]) == 4 and 0 <= row["score"] <= 1
    with Image.open(folder / "pr_curves.png") as picture:
        assert picture.width > 300


def test_an_export_with_other_thresholds_is_named(copy, run):
    export = copy / "export" / the_run(copy).name
    export.mkdir(parents=True)
    said = f"export/{export.name}/ has others or none. Run export.py --run {export.name} again."
    (export / "export.json").write_text('{"thresholds": {"classes": []}}')
    done = run(copy, "evaluate.py")
    assert "predict.py uses predict.min_score (0.3)" in done.stdout and said in done.stdout
    chosen = read(the_run(copy) / "evaluation" / "thresholds.json")
    (export / "export.json").write_text(json.dumps({"thresholds": chosen, "min_score": 0.4}))
    assert said in run(copy, "evaluate.py").stdout
    (export / "export.json").write_text(json.dumps({"thresholds": chosen, "min_score": 0.3}))
    assert said not in run(copy, "evaluate.py").stdout


def test_pycocotools_finds_the_same_figures_in_what_is_written(copy, run):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    done = run(copy, "evaluate.py")
    assert done.returncode == 0, done.stderr
    folder = the_run(copy) / "evaluation"
    labelled = COCO(folder / "labels.json")
    assert [row["name"] for row in labelled.loadCats([1, 2])] == ["dark", "light"]
    (light,) = labelled.loadAnns(labelled.getAnnIds(imgIds=[4], catIds=[2]))
    assert labelled.imgs[4]["file_name"] == "data/10.png" and light["bbox"] == [80, 20, 40, 40]
    judge = COCOeval(labelled, labelled.loadRes(str(folder / "predictions.json")), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    measured = read(folder / "metrics.json")
    assert measured["AP50"]["value"] > 0
    assert judge.stats[1] == pytest.approx(measured["AP50"]["value"])
    assert judge.stats[0] == pytest.approx(measured["AP"]["value"])


def test_without_a_val_split_the_measured_pictures_set_the_thresholds_and_it_is_said(copy, run):
    edit(copy / "data" / "splits.csv", ",val,", ",train,", count=-1)
    done = run(copy, "evaluate.py", "--false-alarms", "0.2")
    assert done.returncode == 0, done.stderr
    assert "at most 0.2 false alarms of each class a picture on 5 test pictures" in done.stdout
    assert "set their own thresholds, so recall and false alarms are a bit too good" in done.stdout
    chosen = read(the_run(copy) / "evaluation" / "thresholds.json")
    assert chosen["split"] == "test" and chosen["wanted"] == {"false_alarms": 0.2}
    assert all(row["reached"] and row["false_alarms"] <= 0.2 for row in chosen["classes"])


def test_another_split_is_measured_beside_the_test_pictures(copy, run):
    done = run(copy, "evaluate.py", "--split", "val")
    assert done.returncode == 0, done.stderr
    assert "These pictures set their own thresholds, so recall is a bit too good" in done.stdout
    assert read(the_run(copy) / "evaluation-val" / "metrics.json")["pictures"] == 3
    assert list(read(the_run(copy) / "run.json")["metrics"]) == ["val"]


def test_what_an_earlier_evaluation_wrote_stays_when_a_picture_is_broken(copy, run):
    assert run(copy, "evaluate.py").returncode == 0
    before = read(the_run(copy) / "evaluation" / "metrics.json")
    (copy / "data" / "9.png").write_bytes((copy / "data" / "9.png").read_bytes()[:100])
    done = run(copy, "evaluate.py")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "data/9.png: not a readable picture" in done.stderr
    assert read(the_run(copy) / "evaluation" / "metrics.json") == before


def test_test_pictures_that_were_trained_on_are_refused(copy, run):
    edit(copy / "data" / "splits.csv", "0.png,train", "0.png,test")
    for script in ("evaluate.py", "prune.py"):
        done = run(copy, script)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert "1 test pictures were training pictures" in done.stderr


@pytest.mark.parametrize("rate", ["-1", "nan", "inf", "few"])
def test_a_rate_of_false_alarms_is_a_number(copy, run, rate):
    done = run(copy, "evaluate.py", f"--false-alarms={rate}")
    assert done.returncode == 2
    assert "argument --false-alarms" in done.stderr and "Traceback" not in done.stderr
