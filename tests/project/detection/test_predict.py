"""predict.py, with an exported network that finds the same boxes in every input."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

CLASSES = ["plain", "开路 <b> \x1b[31m"]
MAKE_EXPORT = f"""
from pathlib import Path
from pipeline import exports
from pipeline.inference import paddle, save_network, write_onnx
from pipeline.preprocess import Preprocess

# label, score, x0, y0, x1, y1 in px of the input of 64 px; the last lies in the padding.
ROWS = [[1, 0.9, 8, 4, 24, 20], [0, 0.6, 32, 32, 48, 40], [0, 0.2, 0, 0, 8, 8]]
ROWS += [[1, 0.8, 50, 50, 60, 60]]

class Fixed(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.rows = self.create_parameter([1, 4, 6])
        self.rows.set_value(paddle.to_tensor([ROWS]))

    def forward(self, x):
        nothing = 0 * paddle.mean(x, axis=[1, 2, 3])
        rows = (self.rows + nothing.reshape([-1, 1, 1])).reshape([-1, 6])
        return rows, (nothing + 4).astype("int32")

folder = Path("export/20260131-120000")
save_network(Fixed(), folder, 64)
write_onnx(folder, Path("cache/export.log"))
about = {{"id": folder.name, "precision": "fp32", "classes": {CLASSES!r}}}
about["run"] = {{"id": folder.name, "settings": {{"predict": {{"min_score": 0.3}}}}}}
exports.describe(folder, about, Preprocess(64))
"""


@pytest.fixture(scope="session")
def finished(project_template, tmp_path_factory, run):
    """A project with an export of its own classes, as export.py writes it."""
    folder = tmp_path_factory.mktemp("exported") / "project"
    shutil.copytree(project_template, folder)
    (folder / "make_export.py").write_text(MAKE_EXPORT, encoding="utf-8")
    done = run(folder, "make_export.py")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def exported(finished, tmp_path):
    folder = tmp_path / "exported"
    shutil.copytree(finished, folder)
    return folder


@pytest.fixture
def pictures(exported, picture):
    """Three pictures of 160 x 120 px and one of 120 x 160, in folders."""
    folder = exported / "new pictures"
    for number, name in enumerate(("a.png", "b.jpg", "deeper/a.png", "deeper/tall.tif")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = picture(number)
        (drawn.rotate(90, expand=True) if "tall" in name else drawn).save(path)
    return folder


def answers(done) -> dict[str, list[dict]]:
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["picture"]: row["boxes"] for row in rows}


@pytest.mark.parametrize("kind", ["paddle", "onnx"])
def test_boxes_are_in_pixels_of_the_picture(exported, pictures, run, kind):
    done = run(exported, "predict.py", pictures, "--json", "--format", kind)
    assert done.returncode == 0 and not done.stderr
    found = answers(done)
    assert len(found) == 4
    for boxes in found.values():  # 160 px of the picture are 64 px of the input
        assert boxes == [
            {"class": CLASSES[1], "score": 0.9, "box": [20.0, 10.0, 60.0, 50.0]},
            {"class": CLASSES[0], "score": 0.6, "box": [80.0, 80.0, 120.0, 100.0]},
        ]


def test_a_format_that_is_not_there_is_one_line(exported, pictures, run):
    for name, text in (("int8-paddle", "compress.py makes it"), ("tensorrt", "NVIDIA card")):
        done = run(exported, "predict.py", pictures, "--format", name)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert text in done.stderr


def test_the_table_has_a_row_for_each_box_and_one_for_none(exported, pictures, run):
    done = run(exported, "predict.py", pictures / "a.png", "--min-score", "0.7")
    header, row = done.stdout.splitlines()
    assert header.split() == ["picture", "class", "score", "x0", "y0", "x1", "y1"]
    assert row.split()[-5:] == ["0.900", "20.0", "10.0", "60.0", "50.0"]
    assert "\x1b" not in done.stdout
    done = run(exported, "predict.py", pictures / "a.png", "--min-score", "0.95")
    assert done.stdout.splitlines()[1].split() == [*str(pictures / "a.png").split(), "-"]


def test_each_class_may_have_the_threshold_that_evaluation_set(exported, pictures, run):
    done = run(exported, "predict.py", pictures, "--thresholds")
    assert done.returncode == 1
    assert done.stderr == (
        "error: export/20260131-120000 has no thresholds. Run evaluate.py --run 20260131-120000, "
        "then export.py --run 20260131-120000.\n"
    )
    file = exported / "export" / "20260131-120000" / "export.json"
    about = json.loads(file.read_text(encoding="utf-8"))
    about["thresholds"] = {"classes": [{"threshold": 0.1}, {"threshold": 0.95}]}
    file.write_text(json.dumps(about), encoding="utf-8")
    done = run(exported, "predict.py", pictures / "a.png", "--json", "--thresholds")
    ((boxes),) = answers(done).values()
    assert [(box["class"], box["score"]) for box in boxes] == [("plain", 0.6), ("plain", 0.2)]
    done = run(exported, "predict.py", pictures, "--thresholds", "--min-score", "0.5")
    assert done.returncode == 2 and "not allowed with" in done.stderr


def test_the_lowest_score_is_that_of_the_export(exported, pictures, run):
    file = exported / "export" / "20260131-120000" / "export.json"
    about = json.loads(file.read_text(encoding="utf-8")) | {"min_score": 0.7}
    file.write_text(json.dumps(about), encoding="utf-8")
    done = run(exported, "predict.py", pictures / "a.png", "--json")
    (boxes,) = answers(done).values()
    assert [box["score"] for box in boxes] == [0.9]


def test_a_pruned_form_has_the_thresholds_of_its_own_run(exported, pictures, run):
    original = exported / "export" / "20260131-120000"
    pruned = shutil.copytree(original, f"{original}-pruned")
    about = json.loads((original / "export.json").read_text(encoding="utf-8"))
    thresholds = {"thresholds": {"classes": [{"threshold": 0.1}, {"threshold": 0.95}]}}
    (original / "export.json").write_text(json.dumps(about | thresholds), encoding="utf-8")
    about["id"] = about["run"]["id"] = "20260131-120000-pruned"
    file = exported / pruned / "export.json"
    file.write_text(json.dumps(about), encoding="utf-8")
    form = "--thresholds", "--json", "--format", "pruned-onnx"
    done = run(exported, "predict.py", pictures / "a.png", *form)
    assert done.returncode == 1
    assert "Run evaluate.py --run 20260131-120000-pruned, then export.py --run" in done.stderr
    thresholds["thresholds"]["classes"][0]["threshold"] = 0.5
    file.write_text(json.dumps(about | thresholds), encoding="utf-8")
    (boxes,) = answers(run(exported, "predict.py", pictures / "a.png", *form)).values()
    assert [box["score"] for box in boxes] == [0.6]


@pytest.mark.parametrize("score", ["1.5", "-0.1", "nan", "high"])
def test_a_score_is_between_0_and_1(exported, run, score):
    done = run(exported, "predict.py", "data", f"--min-score={score}")
    assert done.returncode == 2
    assert "argument --min-score" in done.stderr and "Traceback" not in done.stderr


def test_drawn_pictures_keep_their_names_and_show_the_boxes(exported, pictures, run):
    done = run(exported, "predict.py", "new pictures", "--draw", "drawn")
    assert done.returncode == 0 and not done.stderr
    drawn = exported / "drawn"
    files = sorted(str(path.relative_to(drawn)) for path in drawn.rglob("*.*"))
    assert files == ["a.png", "b.jpg", "deeper/a.png", "deeper/tall.tif"]
    with Image.open(drawn / "a.png") as after, Image.open(pictures / "a.png") as before:
        assert after.size == (640, 480)  # enlarged, so that the text can be read
        changed = np.abs(np.int16(after.convert("RGB")) - before.convert("RGB").resize((640, 480)))
    inside, line = changed[60:190, 100:230], changed[42:198, 239:242]
    assert inside.mean() < 15 and line.max(2).min() > 25
    # One picture alone is drawn under its own name.
    assert run(exported, "predict.py", pictures / "b.jpg", "--draw", "one").returncode == 0
    assert [path.name for path in (exported / "one").iterdir()] == ["b.jpg"]


def test_drawn_pictures_never_replace_others(exported, pictures, run):
    before = {path: path.read_bytes() for path in pictures.rglob("*.*")}
    for target, reason in (
        ("new pictures", "not an empty folder"),
        ("new pictures/a.png", "not an empty folder"),
        ("new pictures/drawn", "is inside of"),
    ):
        done = run(exported, "predict.py", "new pictures", "--draw", target)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert reason in done.stderr
    assert {path: path.read_bytes() for path in pictures.rglob("*.*")} == before


def test_a_broken_picture_does_not_stop_the_others(exported, pictures, run):
    (pictures / "b.jpg").write_bytes((pictures / "b.jpg").read_bytes()[:200])
    done = run(exported, "predict.py", "new pictures", "--json", "--draw", "drawn")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: new pictures/b.jpg")
    assert len(answers(done)) == 3
    assert not (exported / "drawn" / "b.jpg").exists()
    done = run(exported, "predict.py", "nowhere")
    assert done.returncode == 1 and "no such picture or folder" in done.stderr


def test_what_is_not_looked_at_is_named(exported, pictures, picture, run):
    (exported / "elsewhere").mkdir()
    picture(9).save(exported / "elsewhere" / "c.png")
    (pictures / "day 2").symlink_to(exported / "elsewhere")
    (pictures / "deeper" / "phone.HEIC").write_bytes(b"ftypheic")
    (pictures / "notes.txt").write_text("of the shift")
    done = run(exported, "predict.py", pictures, "--json")
    assert done.returncode == 0 and len(answers(done)) == 4
    assert done.stderr.startswith("Note: 2 left out") and done.stderr.count("\n") == 1
    assert "day 2, deeper/phone.HEIC" in done.stderr
    done = run(exported, "predict.py", pictures / "day 2", "--json")
    assert len(answers(done)) == 1 and not done.stderr


def test_json_is_utf8_whatever_the_terminal_has(exported, pictures, run):
    (pictures / "开路.png").write_bytes((pictures / "a.png").read_bytes())
    done = run(exported, "predict.py", pictures, "--json", PYTHONIOENCODING="gbk")
    assert done.returncode == 0, done.stderr
    assert str(pictures / "开路.png") in answers(done)
    assert answers(done)[str(pictures / "a.png")][0]["class"] == CLASSES[1]


def test_prediction_needs_the_export_alone(exported, pictures, run):
    for path in exported.iterdir():
        if path.suffix == ".py" and path.name != "predict.py":
            path.unlink()
    needed = (
        "boxes console detections drawing exports files finding fonts images inference preprocess"
    )
    needed += " balance drift drift_log input_check onnx_runtime whitening"
    needed += " formats forms picking tensorrt"
    for path in (exported / "pipeline").glob("*.py"):
        if path.stem not in {*needed.split(), "project", "quiet", "tables", "text", "__init__"}:
            path.unlink()
    done = run(exported, "predict.py", pictures, "--json", "--draw", "drawn")
    assert done.returncode == 0, done.stderr
    assert len(answers(done)) == 4
