"""The report of a detector: a run and an evaluation whose classes have hostile names."""

import ast
import base64
import json
import re

import numpy as np
import pytest

from ..conftest import Page, edit

RED, BLUE, GREY = '<script>alert("1")</script>', "{{ 7*7 }} 开路 🔥 $x$", "_plain 'quoted' \x1b[31m"
CLASSES = [RED, BLUE, GREY]
BOXES = [[10, 10, 40, 40], [60, 20, 100, 60], [110, 70, 150, 110]]


@pytest.fixture
def reported(in_project, picture):
    """A project with a run of 4 training, 2 val and 4 test pictures, and its evaluation."""
    from pipeline import dataset, files, matching, metrics, mistakes, runs, thresholds
    from pipeline.detections import Detections

    data, tests = [], []
    for number in range(10):
        path = in_project / "data" / f"{number}.png"
        picture(number, [("dark", *box) for box in BOXES]).save(path)
        if number < 6:
            boxes = [] if number == 3 else [[k, *BOXES[k]] for k in range(3)]
            row = {"path": f"data/{number}.png", "split": "train" if number < 4 else "val"}
            data.append(row | {"sha256": "0" * 64, "boxes": boxes})
        else:
            boxes = np.array(BOXES, np.float32)
            sample = dataset.Sample(path, (160, 120), boxes, np.arange(3), "test", str(number))
            tests.append(sample)
    # Found are the first object, the second one as of class 2, and a false alarm on nothing.
    found = np.array([BOXES[0], BOXES[1], [0, 80, 30, 110]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    detections = [Detections(found, np.array([0, 2, 1]), scores)] * 4

    matches = matching.match(tests, detections, 3)
    chosen = thresholds.choose(matches, {"recall": 0.95}, 0.3)
    levels = [row["threshold"] for row in chosen]
    folder = in_project / "runs" / "20260131-120000"
    measured = metrics.evaluate(matches, [sample.group for sample in tests], levels)
    wrong = mistakes.find(tests, detections, levels, CLASSES)
    named = [{"class": name} | row for name, row in zip(CLASSES, chosen, strict=True)]
    by = {"wanted": {"recall": 0.95}, "split": "val", "pictures": 2, "classes": named}
    files.write_json(folder / "evaluation" / "metrics.json", measured)
    files.write_json(folder / "evaluation" / "thresholds.json", by)
    files.write_json(folder / "evaluation" / "mistakes.json", wrong)
    files.write_csv(folder / "curves" / "head.csv", [{"epoch": 1, "loss": 2, "held_out_AP50": 0.3}])
    weights = {"detector": "dense", "backbone": "EfficientNetLite0", "strides": [8, 16]}
    weights |= {"source": {"project": "<b>old</b>", "run": "1"}, "sha256": "1" * 64}
    held_out = {"pictures": 2, "stage_1": {"AP50": 0.4, "AP": 0.2}}
    about = {"id": folder.name, "finished": True, "stage": 1, "seconds": 60, "seed": 0}
    about |= {"settings": {"classes": CLASSES}, "weights": weights, "held_out": held_out}
    about |= {"git_commit": None, "git_dirty": False, "template_version": "v1", "python": "3.11"}
    about |= {"packages": {"numpy": "1"}, "machine": "Linux", "data": data}
    files.write_json(folder / runs.ABOUT, about)
    files.write_text(folder / runs.MODEL, "")
    return in_project


def report(project, run, language="en") -> Page:
    (project / ".copier-answers.yml").write_text(f"language: {language}\n")
    done = run(project, "report.py")
    assert done.returncode == 0 and not done.stderr, done.stderr
    return Page(project / "runs" / "20260131-120000" / "report.html")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_is_one_page_in_which_names_are_only_text(reported, run, language):
    page = report(reported, run, language)
    assert "script" not in page.tags and "link" not in page.tags
    assert page.tags.count("b") == 2  # of the headline; none is the project's that it began with
    assert page.sources and all(source.startswith("data:image/") for source in page.sources)
    for name in CLASSES:
        assert name in page.text
    assert "<b>old</b>, 1" in page.text
    assert {"en": "False alarms a picture", "zh": "每张图片的误报数"}[language] in page.text
    drawings = [base64.b64decode(s.split(",")[1]) for s in page.sources if "svg" in s[:20]]
    assert len(drawings) == 5  # two training curves, three of the scores
    assert not any(re.search(rb"<script|href=\"http", drawing) for drawing in drawings)


def test_misses_false_alarms_and_wrong_classes_are_there_as_pictures(reported, run):
    page = report(reported, run)
    # 3 training objects of each class, 4 misses, 4 false alarms, 4 confusions.
    assert len([source for source in page.sources if "jpeg" in source[:20]]) == 9 + 3 * 4
    for title in ("Misses 4", "False alarms 4", "Wrong classes 4"):
        assert title in page.text
    assert f"{BLUE} → {GREY} 0.80" in page.text
    assert "train 4, val 2, test 4; training pictures without a box: 1" in page.text
    assert "2 val pictures set the thresholds" in page.text
    # Nothing of class 1 was found where it is, and nothing of class 2.
    assert f"on the pictures that set it: {BLUE} 0.000, {GREY} 0.000. Where nothing" in page.text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_good_parts_taken_out_by_mistake_are_told_or_asked_for(reported, run, language):
    asks = {"en": "Put good parts among the pictures", "zh": "加入良品图片"}[language]
    assert asks in report(reported, run, language).text
    file = reported / "runs" / "20260131-120000" / "evaluation" / "metrics.json"
    measured = json.loads(file.read_text(encoding="utf-8"))
    share = {"value": 0.125, "low": 0.1, "high": 0.2}
    measured["stopped"]["without_objects"] = {"pictures": 80, "share": share}
    file.write_text(json.dumps(measured))
    text = report(reported, run, language).text
    assert asks not in text and "0.125 0.100 – 0.200" in text
    del measured["stopped"]  # as evaluations of templates before 0.11
    file.write_text(json.dumps(measured))
    assert {"en": "A box is shown on", "zh": "显示检出框的比例"}[language] not in report(
        reported, run, language
    ).text


def test_thresholds_that_the_test_pictures_set_are_called_so(reported, run):
    file = reported / "runs" / "20260131-120000" / "evaluation" / "thresholds.json"
    edit(file, '"split": "val"', '"split": "test"')
    edit(file, '"recall": 0.95\n', '"false_alarms": 0.125\n')
    for language in ("en", "zh"):
        text = report(reported, run, language).text
        said = {"en": "the test pictures set the thresholds themselves", "zh": "由测试图片自身确定"}
        assert said[language] in text and "0.125" in text


def test_a_class_without_boxes_and_a_picture_that_is_gone_are_no_fault(reported, run):
    (reported / "data" / "0.png").unlink()
    (reported / "data" / "7.png").unlink()
    folder = reported / "runs" / "20260131-120000"
    measured = json.loads((folder / "evaluation" / "metrics.json").read_text(encoding="utf-8"))
    nothing = {"AP50": None, "AP": None, "recall": None, "precision": None, "boxes": 0}
    measured["classes"][2] |= nothing | {"pictures": 0}
    measured["curves"][2] = {"score": [], "recall": [], "precision": [], "false_alarms": []}
    (folder / "evaluation" / "metrics.json").write_text(json.dumps(measured))
    page = report(reported, run)
    assert len([source for source in page.sources if "jpeg" in source[:20]]) == 6 + 3 * 3


def test_a_report_without_the_later_steps_names_their_commands(reported, run):
    folder = reported / "runs" / "20260131-120000" / "evaluation"
    for file in folder.iterdir():
        file.unlink()
    for language in ("en", "zh"):
        page = report(reported, run, language)
        for script in ("evaluate.py", "export.py", "compress.py", "benchmark.py"):
            assert f"python {script}" in page.text


ID = "20260131-120000"
SAYS_EARLIER = {"en": "of earlier weights", "zh": "较早的权重"}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def add(path, **known):
    """Adds to what stands in a JSON file."""
    write(path, json.loads(path.read_text(encoding="utf-8")) | known)


@pytest.fixture
def exported(reported):
    """Its export, made of model a, the pruned one, made of model b, and what was measured of
    both."""
    figures = {"largest_difference": 2e-6, "mean_difference": 1e-7, "AP50": 0.812}
    figures |= {"AP50_change": -0.001}
    parity = {name: figures for name in ("Paddle Inference", "ONNX Runtime")} | {"pictures": 24}
    row = {"kind": "paddle", "megabytes": 12.3, "median_ms": 12.5, "p99_ms": 15.0}
    row |= {"times_fastest_fp32": 1.0, "change": -0.004, "refused": None}
    row |= {"AP50": {"value": 0.9, "low": 0.85, "high": 0.95}}
    rows, benchmark = [], []
    for name, export, model in (
        ("fp32 form", ID, "a"),
        ("pruned form", f"{ID}-pruned", "b"),
        ("int8 form", f"{ID}-int8", "a"),
    ):
        about = {"id": export, "run": {"model_sha256": model}, "parity": parity}
        about |= {"files": {"model.onnx": "2" * 64}}
        write(reported / "export" / export / "export.json", about)
        known = {"name": name, "export": export, "model_sha256": model}
        rows.append(row | known)
        times = {"threads": 1, "batch": 1, "median_ms": 12.5, "p99_ms": 15.0, "inputs_per_s": 80.0}
        times |= {"peak_mb": 99, "times_own_fp32": 1.0, "times_fastest_fp32": 1.0}
        benchmark.append(known | {"megabytes": 12.3, "metric": row["AP50"], "measured": [times]})
    rows[-1]["refused"] = "int8: AP50 fell."
    table = {"pick": {"name": "fp32 form", "export": ID}, "why": "it is fast", "forms": rows}
    table |= {"threads": 2, "machine": "Linux", "made": "today", "calibration_pictures": 32}
    write(reported / "export" / ID / "pick.json", table | {"failures": ["no route"]})
    measured = {"made": "today", "machine": {"processor": "CPU"}, "skipped": {}}
    write(reported / "export" / ID / "benchmark.json", measured | {"forms": benchmark})
    add(reported / "runs" / ID / "run.json", model_sha256="a")
    write(reported / "runs" / f"{ID}-pruned" / "run.json", {"model_sha256": "b"})
    return reported


def test_exports_and_refusals_are_told_with_their_figures(exported, run):
    for language in ("en", "zh"):
        text = report(exported, run, language).text
        for part in ("0.812", "-0.001", "int8: AP50 fell.", "12.5", "32.", "fp32 form", "no route"):
            assert part in text
        assert SAYS_EARLIER[language] not in text.lower()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_was_made_of_earlier_weights_is_called_so(exported, run, language):
    assert "12.3 MB" in report(exported, run, language).text  # the pick, in the headline
    add(exported / "runs" / ID / "run.json", model_sha256="c")
    text = report(exported, run, language).text
    # The export, the table of forms and the benchmark; two of the forms of each table; two files.
    assert text.lower().count(SAYS_EARLIER[language]) == 3 + 2 * 2 + 2
    assert f"fp32 form{SAYS_EARLIER[language]}" in text
    assert f"pruned form{SAYS_EARLIER[language]}" not in text
    assert f"python export.py --run {ID} && python compress.py" in text
    assert "12.3 MB" not in text


def test_forms_of_a_run_that_was_pruned_again_are_marked(exported, run):
    write(exported / "runs" / f"{ID}-pruned" / "run.json", {"model_sha256": "c"})
    text = report(exported, run).text
    assert text.count("of earlier weights") == 2  # one form of each table
    assert text.count("pruned formof earlier weights") == 2
    assert f"python export.py --run {ID}-pruned && python benchmark.py" in text
    # It was exported again since, but not compressed.
    add(exported / "export" / f"{ID}-pruned" / "export.json", run={"model_sha256": "c"})
    assert report(exported, run).text == text


def test_tables_without_hashes_are_as_old_as_the_export_that_they_are_of(exported, run):
    for name in ("pick.json", "benchmark.json"):
        file = exported / "export" / ID / name
        forms = json.loads(file.read_text(encoding="utf-8"))["forms"]
        for form in forms:
            del form["model_sha256"]
        add(file, forms=forms)
    assert SAYS_EARLIER["en"] not in report(exported, run).text.lower()
    add(exported / "runs" / ID / "run.json", model_sha256="c")
    assert report(exported, run).text.count("fp32 formof earlier weights") == 2
    add(exported / "export" / ID / "export.json", run={})  # nor does it say what it is of
    assert "fp32 formof earlier weights" not in report(exported, run).text


def test_a_refusal_is_told_although_an_earlier_export_is_there(exported, run):
    about = json.loads((exported / "export" / ID / "export.json").read_text(encoding="utf-8"))
    refused = about | {"reason": "Too far off."}
    write(exported / "export" / f"{ID}.refused" / "refused.json", refused)
    text = report(exported, run).text
    assert "Refused: Too far off." in text
    assert f"{ID}.refused/model.onnx" in text and f"{ID}/model.onnx" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_table_of_forms_says_how_many_test_pictures_it_is_of(exported, run, language):
    says = {"en": "all test pictures at that time: 40.", "zh": "当时的全部测试图片: 40."}[language]
    assert says not in report(exported, run, language).text
    add(exported / "export" / ID / "pick.json", test_pictures=40)
    assert says in report(exported, run, language).text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_of_a_pruned_run_has_its_curves_and_says_what_it_is(reported, run, language):
    folder = reported / "runs" / ID
    (folder / "curves" / "head.csv").rename(folder / "curves" / "pruned.csv")
    pruned_from = {"run": "20260130-120000", "sha256": "3" * 64, "keep": 0.6}
    add(folder / "run.json", stage=2, pruned_from=pruned_from)
    page = report(reported, run, language)
    said = {"en": "that of run 20260130-120000, pruned", "zh": "由训练 20260130-120000 的模型剪枝"}
    assert said[language] in page.text
    for wrong in ("fine-tuned detector", "微调后的检测器", "No fine-tuning", "没有进行微调"):
        assert wrong not in page.text
    assert len([source for source in page.sources if "svg" in source[:20]]) == 5


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_every_text_of_a_report_is_there_in_chinese_and_no_other(folded, task):
    folder = folded(task) / "pipeline"
    source = "".join(
        (folder / name).read_text(encoding="utf-8")
        for name in ("report_base.html", "report.html", "report_base.py", "report_page.py")
    )
    used = set(re.findall(r"\b(?:_|text)\(\"([^\"]+)\"\)", source))
    (titles,) = re.findall(r"CURVES = {(.*?)}", source, re.DOTALL)
    used |= set(re.findall(r": \"([^\"]+)\"", titles)) | {"train", "val", "test"}
    known: dict[str, str] = {}
    for name in ("report_base_text", "report_text"):
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        known |= ast.literal_eval("{" + text.split("{\n", 1)[1])
    assert used == set(known)
