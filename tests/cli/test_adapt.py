"""`fewshot adapt`: what a new project takes from an existing one, which stays as it is."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from .conftest import answers, files, git

ANSWERS = ".copier-answers.yml"
WEIGHTS = bytes(range(256)) * 5000
RUN = {
    "finished": True,
    "template_version": "v0.0.9",
    "settings": {"classes": ["short", "open"], "model": {"backbone": "EfficientNetLite0"}},
    "weights": {
        "backbone": "EfficientNetLite0",
        "detector": "dense",
        "source": "base.pth",
        "file_sha256": "2" * 64,
        "sha256": "0" * 64,
    },
    "data": [{"path": "a.png", "sha256": "1" * 64}],
    "metrics": {"test": {"AP50": {"value": 0.9, "low": 0.8, "high": 0.95}}},
}


@pytest.fixture(scope="module")
def made_once(bundle, tmp_path_factory) -> Path:
    from scaffolder import create

    folder = tmp_path_factory.mktemp("source") / "pcb"
    given = {"task": "detection", "num_classes": 2, "classes": "open, short", "shots": 7}
    create.new(folder, given, source=str(bundle), defaults=True)
    return folder


@pytest.fixture
def source(made_once, tmp_path) -> Path:
    """A detection project without a run."""
    return shutil.copytree(made_once, tmp_path / "pcb")


def add_run(source: Path, name: str = "20260101-120000", **about: object) -> Path:
    folder = source / "runs" / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(WEIGHTS + name.encode())
    (folder / "run.json").write_text(json.dumps(RUN | about), encoding="utf-8")
    return folder


def set_line(source: Path, before: str, after: str, file: str = "settings.yaml") -> None:
    path = source / file
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


def settings(folder: Path) -> dict:
    return yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))


def contents(folder: Path) -> dict[str, object]:
    return {
        str(path): (path.read_bytes() if path.is_file() else None, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def assert_refused(done: "subprocess.CompletedProcess[str]", tmp_path: Path, text: str) -> None:
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert text in done.stderr
    assert "\x1b" not in done.stderr.removeprefix("\x1b")
    assert sorted(os.listdir(tmp_path)) == ["pcb"]


def test_weights_settings_and_answers_are_taken_along(fewshot, source, tmp_path):
    run = add_run(source)
    set_line(source, "minutes: 35 ", "minutes: 7.5")
    before = contents(source)
    done = fewshot("adapt", "pcb", "screws", "--class", "open", "--class", "短路", "--defaults")
    assert done.returncode == 0, done.stderr
    assert contents(source) == before
    made = tmp_path / "screws"
    recorded = answers(made)
    assert (recorded["classes"], recorded["num_classes"]) == ("open, 短路", 2)
    assert (recorded["task"], recorded["shots"], recorded["target"]) == ("detection", 7, "x86-cpu")
    assert recorded["_src_path"].endswith("templates.bundle")
    assert settings(made)["classes"] == ["open", "短路"]
    assert settings(made)["train"]["minutes"] == 7.5
    assert settings(made)["model"]["start"] == "start"
    weights = (run / "model.safetensors").read_bytes()
    assert (made / "start/model.safetensors").read_bytes() == weights
    assert "Class rows kept: open; new: 短路." in done.stdout
    assert "Settings carried over: train.minutes.\n" in done.stdout


def test_it_says_where_the_weights_come_from(fewshot, source, tmp_path):
    run = add_run(source)
    assert fewshot("adapt", "pcb", "screws", "--defaults").returncode == 0
    text = (tmp_path / "screws/start/source.json").read_text(encoding="utf-8")
    data = json.dumps(RUN["data"], sort_keys=True)
    assert json.loads(text) == {
        "project": "pcb",
        "task": "detection",
        "run": run.name,
        "stage": None,
        "classes": ["short", "open"],
        "sha256": hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest(),
        "template_version": "v0.0.9",
        "git_commit": None,
        "git_dirty": None,
        "backbone": "EfficientNetLite0",
        "detector": "dense",
        "base": {"source": "base.pth", "sha256": "2" * 64},
        "metrics": RUN["metrics"],
        "data_sha256": hashlib.sha256(data.encode()).hexdigest(),
    }


def test_the_provenance_is_committed_and_the_weights_are_not(fewshot, source, tmp_path):
    add_run(source)
    done = fewshot("adapt", "pcb", "screws", "--defaults")
    made = tmp_path / "screws"
    assert git(made, "ls-files", "start") == "start/source.json"
    assert git(made, "status", "--porcelain") == ""
    assert git(made, "rev-list", "--count", "HEAD") == "1"
    assert "start/model.safetensors does not: copy it along" in done.stdout


def test_a_preset_goes_on_top_and_an_option_over_it(fewshot, source, tmp_path):
    add_run(source)
    set_line(source, "light: 0.1 ", "light: 0.7 ")
    args = ("--preset", "screw-loosening", "--shots", "5", "--target", "jetson", "--defaults")
    assert fewshot("adapt", "pcb", "screws", *args).returncode == 0
    recorded = answers(tmp_path / "screws")
    assert recorded["classes"] == "tight, loose, missing"
    assert (recorded["shots"], recorded["target"]) == (5, "jetson")
    assert settings(tmp_path / "screws")["augment"]["light"] == 0.3


def test_the_classes_are_those_of_the_settings(fewshot, source, tmp_path):
    """settings.yaml has the last word on them, so an edit of it counts."""
    set_line(source, 'classes: ["open", "short"]', 'classes: ["open", "spur", "hole"]')
    assert fewshot("adapt", "pcb", "two", "--defaults").returncode == 0
    assert settings(tmp_path / "two")["classes"] == ["open", "spur", "hole"]


def test_without_a_run_it_starts_from_the_base_model(fewshot, source, tmp_path):
    done = fewshot("adapt", "pcb", "screws", "--preset", "screw-loosening", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "pcb has no run to start from: training starts from the base model." in done.stdout
    assert settings(tmp_path / "screws")["model"]["start"] is None
    assert not (tmp_path / "screws/start").exists()


def test_what_a_project_started_from_is_handed_down_while_it_has_no_run(fewshot, source, tmp_path):
    run = add_run(source)
    for before, made, said in (
        ("pcb", "screws", "run 20260101-120000 of pcb"),
        (
            "screws",
            "nuts",
            "screws has no run to start from: the model that it itself starts from is taken.",
        ),
    ):
        done = fewshot("adapt", before, made, "--target", "nvidia-gpu", "--defaults")
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
        assert "run 20260101-120000 of pcb. Class rows kept: open, short; new: none." in done.stdout
        start = tmp_path / made / "start"
        weights = (run / "model.safetensors").read_bytes()
        assert (start / "model.safetensors").read_bytes() == weights
        assert json.loads((start / "source.json").read_text(encoding="utf-8"))["project"] == "pcb"
        assert settings(tmp_path / made)["model"]["detector"] == "dense"


def edit_record(start: Path, **changes: object) -> None:
    path = start / "source.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda start: (start / "model.safetensors").unlink(), "cannot read {model}: No such file"),
        (lambda start: (start / "model.safetensors").write_bytes(b"x"), "{model} is not the file"),
        (lambda start: (start / "source.json").write_text("{}"), "tells of no model for detection"),
        (lambda start: edit_record(start, classes="open"), "tells of no model for detection"),
        (lambda start: edit_record(start, project="x" * 3000), "tells of no model for detection"),
        (lambda start: edit_record(start, stage=[1]), "tells of no model for detection"),
        (
            lambda start: edit_record(start, task="classification"),
            "tells of no model for detection",
        ),
        (lambda start: shutil.rmtree(start), "cannot read {model.parent}/source.json: No such"),
        (lambda start: start.rename(start.with_name("s")), "cannot read"),
    ],
)
def test_a_start_that_is_not_there_is_named(fewshot, source, tmp_path, spoil, text):
    add_run(source)
    assert fewshot("adapt", "pcb", "screws", "--defaults").returncode == 0
    model = (tmp_path / "screws/start/model.safetensors").resolve()
    spoil(model.parent)
    done = fewshot("adapt", "screws", "nuts", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "Not used: the model that screws itself starts from (" in done.stdout
    assert text.format(model=model) in done.stdout
    assert "screws has no run to start from: training starts from the base model." in done.stdout
    assert settings(tmp_path / "nuts")["model"]["start"] is None


@pytest.mark.parametrize(
    "name", ["3", "[start]", '"a\\0b"', '"\\e[2J"', "/dev", "..", "a" * 5000, "", '""']
)
def test_an_odd_start_is_no_start(fewshot, source, tmp_path, name):
    set_line(source, "start: null ", f"start: {name} ")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout and "from the base model" in done.stdout


def test_the_newest_run_that_is_finished_and_readable_is_taken(fewshot, source, tmp_path):
    add_run(source, "20260101-120000")
    good = add_run(source, "20260102-120000")
    add_run(source, "20260103-120000", finished=False)
    add_run(source, "20260104-120000", settings=None)
    (add_run(source, "20260105-120000") / "model.safetensors").unlink()
    (add_run(source, "20260106-120000") / "run.json").write_text("{", encoding="utf-8")
    (add_run(source, "20260107-120000", finished=False) / "model.safetensors").unlink()
    add_run(source, "20260108-120000.part")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    weights = (tmp_path / "two/start/model.safetensors").read_bytes()
    assert weights == (good / "model.safetensors").read_bytes()
    said = [line for line in done.stdout.splitlines() if line.startswith("Not used")]
    runs = source.resolve() / "runs"
    assert said == [
        "Not used: run 20260107-120000, which is not finished.",
        f"Not used: run 20260106-120000 ({runs}/20260106-120000/run.json is not valid JSON).",
        f"Not used: run 20260105-120000 ({runs}/20260105-120000/model.safetensors is missing: "
        "copy it from where the run was trained).",
        f"Not used: run 20260104-120000 ({runs}/20260104-120000/run.json does not say which "
        "classes were trained).",
        "Not used: run 20260103-120000, which is not finished.",
    ]


def test_a_run_can_be_chosen(fewshot, source, tmp_path):
    old = add_run(source, "20260101-120000")
    add_run(source, "20260102-120000")
    done = fewshot("adapt", "pcb", "two", "--run", old.name, "--defaults")
    assert done.returncode == 0, done.stderr
    weights = (tmp_path / "two/start/model.safetensors").read_bytes()
    assert weights == (old / "model.safetensors").read_bytes()


def test_a_pruned_run_is_no_start(fewshot, source, tmp_path):
    whole = add_run(source, "20260101-120000")
    add_run(source, "20260101-120000-pruned", pruned_from={"run": whole.name})
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "Not used: run 20260101-120000-pruned, which is pruned.\n" in done.stdout
    weights = (tmp_path / "two/start/model.safetensors").read_bytes()
    assert weights == (whole / "model.safetensors").read_bytes()
    shutil.rmtree(tmp_path / "two")
    done = fewshot("adapt", "pcb", "x", "--run", "20260101-120000-pruned", "--defaults")
    assert_refused(done, tmp_path, "is pruned, and no training can start from it")
    shutil.rmtree(whole)
    done = fewshot("adapt", "pcb", "two", "--language", "zh", "--defaults")
    assert "20260101-120000-pruned，它已被剪枝。\npcb 没有可作为起点的训练" in done.stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("20260102-120000", "run 20260102-120000 of pcb is not finished"),
        ("nope", "pcb has no run 'nope'; the newest are: 20260102-120000, 20260101-120000"),
        ("../..", "pcb has no run '../..'"),
        ("", "pcb has no run ''"),
    ],
)
def test_a_wrong_run_is_refused(fewshot, source, tmp_path, name, text):
    add_run(source, "20260101-120000")
    add_run(source, "20260102-120000", finished=False)
    assert_refused(fewshot("adapt", "pcb", "x", "--run", name, "--defaults"), tmp_path, text)


def test_settings_that_lead_to_the_old_pictures_stay_behind(fewshot, source, tmp_path):
    set_line(source, "folder: data ", "folder: ../all ")
    set_line(source, "labels: null ", "labels: a.json ")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert "Settings not carried over: data.folder, data.labels.\n" in done.stdout
    assert settings(tmp_path / "two")["data"]["folder"] == "data"
    assert settings(tmp_path / "two")["data"]["labels"] is None


def test_a_local_weight_file_is_still_found(fewshot, source, tmp_path):
    (source / "base.safetensors").write_bytes(b"x")
    set_line(source, "weights: null ", "weights: base.safetensors ")
    assert fewshot("adapt", "pcb", "two", "--defaults").returncode == 0
    weights = tmp_path / "two" / settings(tmp_path / "two")["model"]["weights"]
    assert weights.resolve() == source / "base.safetensors"


def test_a_template_that_knows_no_start_is_refused(fewshot, source, template):
    add_run(source)
    template.release("v1.0.0")
    done = fewshot("adapt", "pcb", "two", "--template", template.folder, "--defaults")
    text = "error: template v1.0.0 cannot start from a model: take a newer one\n"
    assert (done.returncode, done.stderr) == (1, text)


def test_an_absolute_weight_file_stays_so(fewshot, source, tmp_path):
    file = tmp_path / "base.safetensors"
    file.write_bytes(b"x")
    set_line(source, "weights: null ", f"weights: {file} ")
    assert fewshot("adapt", "pcb", "two", "--defaults").returncode == 0
    assert settings(tmp_path / "two")["model"]["weights"] == str(file)


@pytest.mark.parametrize("updated", [False, True])
def test_what_an_older_template_gave_and_nobody_chose_stays_behind(
    fewshot, project, tmp_path, updated
):
    old = project("v0.1.0", "old")
    if updated:
        done = fewshot("update", "old", "--commit", "--no-test", "--set", "language=zh")
        assert done.returncode == 0, done.stderr
        assert answers(old)["_commit"] != "v0.1.0"
    set_line(old, "light: 0.1 ", "light: 0.7 ")
    done = fewshot("adapt", "old", "new", "--defaults")
    assert done.returncode == 0, done.stderr
    said = "沿用的设置：augment.light。\n" if updated else "Settings carried over: augment.light.\n"
    assert said in done.stdout
    assert updated or "custom.py" not in done.stdout
    assert "not carried over" not in done.stdout and "没有沿用的设置" not in done.stdout
    assert settings(tmp_path / "new")["augment"]["light"] == 0.7
    assert settings(tmp_path / "new")["train"]["minutes"] != settings(old)["train"]["minutes"]
    assert updated or files(tmp_path / "new")["custom.py"] != files(old)["custom.py"]


def test_the_machine_that_a_project_names_is_not_asked(fewshot, source):
    """It may never answer, or ask for a password; the project may be someone else's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"git+http://127.0.0.1:{server.getsockname()[1]}/t.git"
        path = source / ANSWERS
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub("_src_path: .*", f"_src_path: {address}", text), encoding="utf-8")
        set_line(source, "light: 0.1 ", "light: 0.7 ")
        done = fewshot("adapt", "pcb", "two", "--defaults")
        assert done.returncode == 0, done.stderr
        assert (
            f"was not read (it is another one; to stay with it add --template '{address}')"
            in done.stdout
        )
        assert "Settings carried over: augment.light.\n" in done.stdout
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_template_of_files_that_include_others_is_read(fewshot, template, tmp_path):
    """Most files of a template are left aside while its settings are rendered."""
    files = {
        "settings.yaml": None,
        "settings.yaml.jinja": "{% include 'project/parts/first.txt' %}",
    }
    named = "{% if task %}custom.py{% endif %}"
    template.write(**files, **{named: "old = 1\n", "parts/first.txt": "classes: [a]\nminutes: 5\n"})
    template.release("v1.0.0")
    line = template.new(tmp_path / "line")
    template.write(**{"parts/first.txt": "classes: [a]\nminutes: 9\n", named: "new = 1\n"})
    template.release("v1.1.0")
    done = fewshot("adapt", line, "two", "--template", template.folder, "--defaults")
    assert done.returncode == 0, done.stderr
    assert "carried over" not in done.stdout and "not read" not in done.stdout
    assert (tmp_path / "two/custom.py").read_text() == "new = 1\n"
    assert "minutes: 9" in (tmp_path / "two/settings.yaml").read_text()


def test_a_value_that_an_older_template_had_can_be_chosen(fewshot, project, tmp_path):
    line = project("v0.12.0")
    set_line(line, "patience: 0.6 ", "patience: 0.4 ")  # as v0.1.0 had it
    done = fewshot("adapt", "line", "new", "--defaults")
    assert "Settings carried over: train.patience.\n" in done.stdout
    assert settings(tmp_path / "new")["train"]["patience"] == 0.4


@pytest.mark.parametrize("where", ["~nobody-of-that-name/t", "x" * 5000, "/dev/full", "-x"])
def test_an_odd_template_of_the_source_is_a_note(fewshot, source, where):
    path = source / ANSWERS
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub("_src_path: .*", f"_src_path: {where}", text), encoding="utf-8")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "was not read (" in done.stdout


ODD = ["0x" + 6000 * "f", "1" + 3000 * ":59", "1" + 300 * ":59" + ".5", "!!bool foo", '!!int ""']


@pytest.mark.parametrize("value", [*ODD, "!!timestamp foo"])
def test_odd_values_are_one_line(fewshot, source, tmp_path, value):
    set_line(source, "seed: 0", f"seed: {value}")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert_refused(done, tmp_path, "settings.yaml is not valid YAML")


def test_a_network_of_no_name_and_numbers_without_end_are_not_passed_on(fewshot, source, tmp_path):
    model = {"backbone": "B" * 100_000}
    add_run(source, settings={"classes": ["open"], "model": model}, weights=model)
    folder = add_run(source, "20260102-120000")
    path = folder / "run.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.9,", "1e999,"), encoding="utf-8")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    assert f"run {folder.name} ({path.resolve()} is not valid JSON)" in done.stdout
    assert "BBB" not in done.stdout
    assert (tmp_path / "two/settings.yaml").stat().st_size < 10_000


def test_a_head_alone_brings_no_trained_backbone(fewshot, project):
    line = project("v0.12.0")
    weights = {"backbone": "EfficientNetLite0", "source": "base.pth"}
    add_run(line, stage=1, weights=weights)
    done = fewshot("adapt", "line", "new", "--defaults")
    assert "which has stage 1 alone: its backbone is the one that it began with" in done.stdout


def test_a_project_of_a_newer_template_is_named(fewshot, source):
    path = source / ANSWERS
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub("_commit: .*", "_commit: v99.0.0", text), encoding="utf-8")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "own template v99.0.0 was not read (there is no version v99.0.0" in done.stdout


def test_the_networks_are_those_of_the_run(fewshot, source, tmp_path):
    """The settings were changed after the run, or the target is another one now."""
    add_run(source)
    set_line(source, "backbone: EfficientNetLite0 ", "backbone: PPLCNet_x1_0 ")
    done = fewshot("adapt", "pcb", "two", "--target", "nvidia-gpu", "--defaults")
    model = settings(tmp_path / "two")["model"]
    assert (model["backbone"], model["detector"]) == ("EfficientNetLite0", "dense")
    assert "model.backbone: EfficientNetLite0, model.detector: dense." in done.stdout


def test_a_project_of_another_template_version(fewshot, source, tmp_path):
    """Questions and settings have other names, a setting another kind of value."""
    path = source / ANSWERS
    text = path.read_text(encoding="utf-8").replace("shots:", "pictures:") + "mood: good\n"
    path.write_text(text.replace("_commit: ", "_commit: x"), encoding="utf-8")
    set_line(source, "batch_size: 8", "batch: 9")
    set_line(source, "seed: 0", "seed: random")
    set_line(source, "clip_norm: 5.0", "clip_norm: .inf")
    set_line(source, "symmetry: dihedral", "symmetry: [mirror]")
    set_line(source, "scale: 1.25 ", "scale: 2 ")
    set_line(source, "head_rate: 0.003 ", "head_rate: 2e-3 ")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    assert answers(tmp_path / "two")["shots"] == 20
    left = "Answers not carried over, since nothing asks for them now: pictures, mood.\n"
    assert left in done.stdout
    assert "Settings carried over: augment.scale, train.head_rate.\n" in done.stdout
    assert settings(tmp_path / "two")["train"]["head_rate"] == 0.002
    dropped = "augment.symmetry, train.seed, train.batch, train.clip_norm"
    assert f"Settings not carried over: {dropped}.\n" in done.stdout
    assert "batch" not in settings(tmp_path / "two")["train"]


def test_a_project_without_settings(fewshot, source, tmp_path):
    (source / "settings.yaml").unlink()
    assert fewshot("adapt", "pcb", "two", "--defaults").returncode == 0
    assert settings(tmp_path / "two")["classes"] == ["open", "short"]


def test_custom_code_is_taken_along_and_not_run(fewshot, source, tmp_path):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    for file in ("custom.py", "pipeline/__init__.py", "train.py"):
        (source / file).write_text(code, encoding="utf-8")
    add_run(source)
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert (tmp_path / "two/custom.py").read_text(encoding="utf-8") == code
    assert (tmp_path / "two/train.py").read_text(encoding="utf-8") != code
    assert "custom.py was carried over as it is; other code of your own was not." in done.stdout
    assert not (tmp_path / "ran").exists()


def test_custom_code_that_is_no_file_stays_behind(fewshot, source, tmp_path):
    (source / "custom.py").unlink()
    (source / "custom.py").symlink_to("/etc/hostname")
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert "custom.py was not carried over" in done.stdout
    assert "def augment" in (tmp_path / "two/custom.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_both_tasks_know_the_start(fewshot, tmp_path, task):
    assert fewshot("new", "one", "--task", task, "--defaults").returncode == 0
    assert settings(tmp_path / "one")["model"]["start"] is None
    add_run(tmp_path / "one")
    done = fewshot("adapt", "one", "two", "--defaults")
    assert done.returncode == 0, done.stderr
    before = (tmp_path / "one/settings.yaml").read_text(encoding="utf-8").splitlines()
    after = (tmp_path / "two/settings.yaml").read_text(encoding="utf-8").splitlines()
    changed = [line.split("#")[0].strip() for line in after if line not in before]
    assert changed[-1:] == ["start: start"]
    assert len(before) == len(after)
    kept = {"classification": "the head is fitted anew.", "detection": "Class rows kept: "}[task]
    assert kept in done.stdout


def test_it_speaks_chinese(fewshot, source):
    add_run(source)
    done = fewshot("adapt", "pcb", "two", "--language", "zh", "--defaults")
    assert (
        "将从 pcb 的训练 20260101-120000 开始训练。保留的类别：open, short；新的类别：无。\n"
        in done.stdout
    )
    assert "Training" not in done.stdout and "Next" not in done.stdout


def test_a_chinese_project_is_adapted_in_chinese(fewshot, source):
    set_line(source, "language: en", "language: zh", ANSWERS)
    done = fewshot("adapt", "pcb", "two", "--class", "x ", "--class", "y", "--defaults")
    assert "classes: 'x '含有逗号，或首尾有空格：请写成 --class x\n" in done.stderr
    done = fewshot("adapt", "pcb", "two", "--preset", "pcb-defects", "--defaults")
    assert "pcb 是用于 detection 的项目，不能用于 classification" in done.stderr
    set_line(source, "shots: 7", "shots: 0", ANSWERS)
    done = fewshot("adapt", "pcb", "two", "--defaults")
    assert "之间的整数（来自另一个项目的回答；命令行选项优先）" in done.stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["pcb", "x", "--preset", "pcb-defects"], "pcb is a project for detection, not for class"),
        (["pcb", "x", "--preset", "nope"], "there is no preset 'nope'"),
        (["pcb", "x", "--class", "a", "--class", "a"], "is there twice"),
        (["pcb", "x", "--target", "toaster"], "'toaster' is not one of"),
        (["pcb", "x", "--task", "detection"], "No such option"),
        (["nowhere", "x"], "there is no project 'nowhere'"),
        (["pcb/train.py", "x"], "there is no project 'pcb/train.py'"),
        (["pcb/data", "x"], "data has no .copier-answers.yml: it is no project of fewshot"),
        (["pcb", "pcb/x"], "pcb/x lies inside pcb, which is only read"),
        (["pcb", "pcb/data/../x"], "lies inside pcb"),
        (["pcb", "pcb"], "pcb lies inside pcb"),
    ],
)
def test_wrong_input_gets_one_line(fewshot, source, tmp_path, args, text):
    before = contents(source)
    assert_refused(fewshot("adapt", *args, "--defaults"), tmp_path, text)
    assert contents(source) == before


BOMB = "a: &a {k: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}]}}\n"
    for a, b in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
)


@pytest.mark.parametrize("file", [ANSWERS, "settings.yaml"])
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (BOMB, "is not valid YAML (line 2): aliases (*name) are not read"),
        ("[" * 100_000, "is not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not valid YAML (line 1)"),
        ("a: '\x1b[2J\n", "is not valid YAML"),
        ("- a\n", "must hold lines like"),
        ("", "must hold lines like"),
        ("x" * (1 << 20) + "x", "is larger than 1 MB"),
        (b"\xff", "is not UTF-8 text"),
    ],
)
def test_hostile_files(fewshot, source, tmp_path, file, content, text):
    (source / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    done = fewshot("adapt", "pcb", "x", "--defaults")
    assert_refused(done, tmp_path, text)
    assert file in done.stderr


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ("[yes, a]", "class name yes/true is not text"),
        ("['a\\u202eb']", "control character or unusual space"),
        ('["a\\e[2J"]', "control character or unusual space"),
        ("['a, b']", "has a comma"),
        ("[]", "from 1 to 1000"),
    ],
)
def test_classes_that_are_none(fewshot, source, tmp_path, classes, text):
    set_line(source, '["open", "short"]', classes.replace("'", '"'))
    assert_refused(fewshot("adapt", "pcb", "x", "--defaults"), tmp_path, text)
    assert fewshot("adapt", "pcb", "x", "--class", "a", "--defaults").returncode == 0


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
@pytest.mark.parametrize("file", [ANSWERS, "settings.yaml"])
def test_files_that_are_none(fewshot, source, tmp_path, file, kind):
    path = source / file
    path.rename(source / "aside")
    if kind == "link":
        path.symlink_to("aside")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert_refused(fewshot("adapt", "pcb", "x", "--defaults"), tmp_path, f"{file} is ")


@pytest.mark.parametrize(
    "about",
    [
        "[]",
        '{"finished": true}',
        '{"finished": true, "settings": {"classes": "open"}}',
        '{"finished": true, "settings": {"classes": [1]}}',
        '{"finished": 1, "settings": {"classes": ["a"]}}',
        '{"finished": true, "settings": {"classes": ["a"]}, "metrics": NaN}',
        "[" * 100_000,
        "9" * 10_000,
    ],
)
def test_a_run_that_is_described_wrongly_is_not_used(fewshot, source, tmp_path, about):
    (add_run(source) / "run.json").write_text(about, encoding="utf-8")
    done = fewshot("adapt", "pcb", "x", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "Not used: run 20260101-120000" in done.stdout
    assert "from the base model" in done.stdout


@pytest.mark.parametrize(
    "about",
    [
        {"settings": {"classes": ["\ud800", "\x1b[2J"], "model": 3}},
        {"weights": [1], "metrics": "x" * 1000, "data": {"a": [1e300]}},
        {"weights": {"backbone": {}, "detector": 1}, "template_version": None},
    ],
)
def test_odd_facts_of_a_run_are_only_text(fewshot, source, tmp_path, about):
    add_run(source, **about)
    done = fewshot("adapt", "pcb", "x", "--class", "a", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    json.loads((tmp_path / "x/start/source.json").read_text(encoding="utf-8"))


def test_names_of_settings_do_not_reach_the_terminal_as_they_are(fewshot, source):
    with (source / "settings.yaml").open("a", encoding="utf-8") as file:
        file.write('"\\e[2Jx": 1\n')
    done = fewshot("adapt", "pcb", "x", "--defaults")
    assert r"Settings not carried over: \x1b[2Jx." in done.stdout


def test_a_model_that_is_no_file_is_refused(fewshot, source, tmp_path):
    run = add_run(source)
    (run / "model.safetensors").unlink()
    (run / "model.safetensors").symlink_to("/dev/zero")
    done = fewshot("adapt", "pcb", "x", "--run", run.name, "--defaults")
    assert_refused(done, tmp_path, "model.safetensors is not an ordinary file")


def test_a_model_that_is_another_one_or_gone_is_no_start(fewshot, source, tmp_path):
    digest = hashlib.sha256(WEIGHTS + b"20260101-120000").hexdigest()
    good = add_run(source, model_sha256=digest)
    add_run(source, "20260102-120000", model_sha256=digest)
    gone = add_run(source, "20260103-120000")
    (gone / "model.safetensors").unlink()
    done = fewshot("adapt", "pcb", "x", "--run", "20260102-120000", "--defaults")
    assert_refused(done, tmp_path, "model.safetensors is not the file that run.json tells of: copy")
    done = fewshot("adapt", "pcb", "x", "--run", gone.name, "--defaults")
    assert_refused(done, tmp_path, "model.safetensors is missing: copy it")
    done = fewshot("adapt", "pcb", "x", "--defaults")
    assert done.returncode == 0, done.stderr
    assert "Not used: run 20260102-120000" in done.stdout and good.name in done.stdout
    assert (tmp_path / "x/start/model.safetensors").read_bytes().endswith(good.name.encode())


def test_runs_that_cannot_be_listed_are_not_taken_for_none(fewshot, source, tmp_path):
    (source / "runs").symlink_to(tmp_path / "unmounted")
    done = fewshot("adapt", "pcb", "x", "--defaults")
    assert_refused(done, tmp_path, "runs cannot be read (No such file or directory): mount")


def test_a_class_keeps_its_row_however_its_accents_are_composed(fewshot, source):
    add_run(source, settings={"classes": ["cafe\u0301", "open"], "model": {}})
    done = fewshot("adapt", "pcb", "x", "--class", "caf\u00e9", "--class", "scratch", "--defaults")
    assert "Class rows kept: caf\u00e9; new: scratch." in done.stdout


@pytest.mark.parametrize("depth", [975, 985, 20_000])
def test_deep_nesting_is_no_traceback(fewshot, source, tmp_path, depth):
    run = add_run(source)
    deep = f'{{"finished": true, "settings": {{"classes": ["a"]}}, "metrics": {"[" * depth}'
    (run / "run.json").write_text(deep + "]" * depth + "}", encoding="utf-8")
    done = fewshot("adapt", "pcb", "x", "--run", run.name, "--defaults")
    if done.returncode:
        assert_refused(done, tmp_path, "run")


def test_without_a_terminal_it_wants_defaults(fewshot, source, tmp_path):
    assert_refused(fewshot("adapt", "pcb", "x"), tmp_path, "add --defaults")


def test_an_answer_that_no_longer_exists_is_replaced_by_an_option(fewshot, source, tmp_path):
    path = source / ANSWERS
    text = path.read_text(encoding="utf-8").replace("target: x86-cpu", "target: pdp-11")
    path.write_text(text, encoding="utf-8")
    text = "target: 'pdp-11' is not one of x86-cpu"
    done = fewshot("adapt", "pcb", "x", "--defaults")
    assert_refused(done, tmp_path, text)
    assert "from the other project's answers; an option wins" in done.stderr
    assert fewshot("adapt", "pcb", "x", "--target", "jetson", "--defaults").returncode == 0
