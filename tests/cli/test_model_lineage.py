"""`fewshot models publish` and `show`: a factory's own models, and what was made from what."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

RUN = "20260101-120000"


@pytest.fixture
def project(tmp_path, safetensors):
    """Makes a project with a finished run by hand."""

    def make(name: str, fill: int = 0, run: str = RUN, **about: object) -> Path:
        folder = tmp_path / name
        (folder / "runs" / run).mkdir(parents=True)
        answers = "_commit: v0.1.0\ntask: classification\n"
        (folder / ".copier-answers.yml").write_text(answers, encoding="utf-8")
        (folder / "runs" / run / "model.safetensors").write_bytes(safetensors(fill=fill))
        known = {
            "finished": True,
            "template_version": "v0.1.0",
            "git_commit": "a" * 40,
            "git_dirty": True,
            "settings": {"classes": ["断路", "short"]},
            "weights": {"backbone": "PPLCNet_x1_0", "source": "w.pdparams", "file_sha256": None},
            "data": [{"path": "a.png", "sha256": "1" * 64}],
            "metrics": {"test": {"accuracy": {"value": 0.9125, "low": 0.8, "high": 0.95}}},
        }
        (folder / "runs" / run / "run.json").write_text(json.dumps(known | about), encoding="utf-8")
        return folder

    return make


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def weights(file_sha256: str) -> dict:
    return {"backbone": "PPLCNet_x1_0", "source": "w.pdparams", "file_sha256": file_sha256}


def record(library: Path, name: str) -> dict:
    return json.loads((library / name / "source.json").read_text(encoding="utf-8"))


def test_a_run_becomes_a_model_that_tells_all_about_itself(models, library, project):
    folder = project("焊点 线")
    model = folder / "runs" / RUN / "model.safetensors"
    done = models("publish", "焊点 线")
    assert done.returncode == 0, done.stderr
    name = f"焊点-线-{RUN}"
    known = record(library, name)
    data = json.dumps([{"path": "a.png", "sha256": "1" * 64}], sort_keys=True)
    about = {
        "name": name,
        "task": "classification",
        "architecture": "PPLCNet_x1_0",
        "parameters": 6,
        "source": f"run {RUN} of project 焊点 线",
        "licence": "not stated",
        "size": model.stat().st_size,
        "sha256": sha256(model),
        "project": "焊点 线",
        "run": RUN,
        "classes": ["断路", "short"],
        "template_version": "v0.1.0",
        "git_commit": "a" * 40,
        "git_dirty": True,
        "base": {"source": "w.pdparams", "sha256": None},
        "data_sha256": hashlib.sha256(data.encode()).hexdigest(),
    }
    assert known.items() >= about.items() and "trained" not in known
    assert sha256(library / name / "model.safetensors") == sha256(model)
    assert f"{name}: run {RUN} of project 焊点 线, in the library\n" in done.stdout
    assert done.stdout.endswith(f"The next line: fewshot new DEST --model {name}\n")
    shown = models("show", name).stdout
    assert "classes: 断路, short\n" in shown and "metrics: test accuracy 0.912\n" in shown
    assert "base: w.pdparams, SHA-256 not recorded\n" in shown
    assert models("publish", "焊点 线").returncode == 0  # the same again
    assert models("verify").stdout == f"{name}: whole\n"


def test_a_run_that_was_not_evaluated_is_published_with_a_word(models, library, project):
    known = project("line") / "runs" / RUN / "run.json"
    about = json.loads(known.read_text(encoding="utf-8"))
    known.write_text(json.dumps({k: v for k, v in about.items() if k != "metrics"}))
    done = models("publish", "line", "--name", "ours")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(
        f"Run {RUN} was not evaluated, so the model has no metric: make evaluate in line, then "
        "publish it again.\n"
    )
    assert "metrics" not in models("show", "ours").stdout
    known.write_text(json.dumps(about))  # evaluated since
    assert "not evaluated" not in models("publish", "line", "--name", "ours").stdout
    assert "metrics: test accuracy 0.912" in models("show", "ours").stdout


def test_a_published_model_goes_on_a_stick_like_any_other(models, library, project):
    project("line")
    assert models("publish", "line", "--name", "ours").returncode == 0
    before = record(library, "ours")
    assert models("export", "ours", "ours.zip").returncode == 0
    (library / "ours/model.safetensors").unlink()
    (library / "ours/source.json").unlink()
    assert models("import", "ours.zip").returncode == 0
    assert record(library, "ours") == before | {"via": "archive ours.zip"}
    done = models("pull", "ours")
    assert "here already" in done.stdout and f"start: {library / 'ours'}" in done.stdout


def test_an_archive_brings_figures_that_are_measured_since(models, library, project):
    known = project("line", metrics=None) / "runs" / RUN / "run.json"
    assert models("publish", "line", "--name", "ours").returncode == 0
    (old := library.with_name("old")).mkdir()
    os.rename(library, old / "models")
    known.write_text(json.dumps(json.loads(known.read_text()) | {"metrics": {"test": {"AP": 0.5}}}))
    models("publish", "line", "--name", "ours")
    models("export", "ours", "ours.zip")
    shutil.rmtree(library)
    os.rename(old / "models", library)
    before = record(library, "ours")
    assert models("import", "ours.zip").returncode == 0
    assert record(library, "ours") == before | {"metrics": {"test": {"AP": 0.5}}}


def test_a_detector_of_paddledetection_is_started_from_like_any_other(models, library, project):
    folder = project("line", weights={"backbone": "native", "detector": "picodet"})
    answers = folder / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("classification", "detection"))
    models("publish", "line", "--name", "ours")
    done = models("pull", "ours")
    start = library / "ours"
    assert f"of `model:` in settings.yaml:\n  detector: picodet\n  start: {start}\n" in done.stdout


def test_from_a_base_model_to_all_that_came_from_it(models, library, tmp_path, project, pdparams):
    """Base model -> first line, published -> second line, not published -> third line."""
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    models("pull", "PPLCNet_x1_0", "--from", "a.pdparams")
    first = project("first", 1, weights=weights(sha256(tmp_path / "a.pdparams")))
    trained = sha256(first / "runs" / RUN / "model.safetensors")
    source = {"project": "first", "run": RUN, "sha256": trained}
    second = project("second", 2, weights={"backbone": "PPLCNet_x1_0", "source": source})
    trained = sha256(second / "runs" / RUN / "model.safetensors")
    third = project("third", 3, weights=weights(trained))
    project("other", 4, weights=weights("0" * 64))
    models("publish", "first", "--name", "one")

    done = models("show", "PPLCNet_x1_0", "--projects", ".")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if "from it" in line] == [
        f"trained from it: one (run {RUN} of project first)",
        f"started from it: run {RUN} of {first}",
        f"started from it: run {RUN} of {second}",
        f"started from it: run {RUN} of {third}",
    ]
    digest = sha256(tmp_path / "a.pdparams")
    shown = models("show", "one", "--projects", ".").stdout
    assert f"base: PPLCNet_x1_0, w.pdparams, SHA-256 {digest}\n" in shown
    assert str(second) in shown and str(third) in shown
    assert f"started from it: run {RUN} of {first}\n" not in shown
    shown = models("show", "EfficientNetLite0").stdout
    assert "trained from it: nothing that is known here" in shown
    assert "trained from it: not known, since its SHA-256" in models("show", "ResNet50_vd").stdout


def test_a_project_in_between_need_not_be_there(models, library, tmp_path, project):
    """Base model -> A -> B -> C; B is elsewhere. The pictures of A are where it was trained."""
    first = project("a", 1, weights=weights("5" * 64))
    models("publish", "a", "--name", "one")
    trained = sha256(first / "runs" / RUN / "model.safetensors")
    source = {"project": "a", "run": RUN, "sha256": trained}
    source["base"] = {"source": "w.pdparams", "sha256": "5" * 64}
    source = {"project": "b", "run": RUN, "sha256": "6" * 64} | {"base": dict(source, project=None)}
    third = project("c/d/e/f/g/h/i/j/c", 3, weights={"source": source})
    assert models("publish", third, "--name", "three").returncode == 0
    lines = models("show", "one", "--projects", ".").stdout.splitlines()
    assert f"its pictures: {first}/runs/{RUN}/run.json" in lines
    assert [line for line in lines if "from it" in line] == [
        f"trained from it: three (run {RUN} of project c)",
        f"started from it: run {RUN} of {third}",
    ]
    shown = models("show", "three").stdout
    assert f"base: run {RUN} of b, SHA-256 {'6' * 64}\nbase: one, " in shown
    assert f"base: w.pdparams, SHA-256 {'5' * 64}\n" in shown


def test_runs_that_cannot_be_read_are_named(models, project):
    folder = project("line")
    (folder / "runs" / RUN / "run.json").write_text("{", encoding="utf-8")
    project("deep/a/b/line")
    os.symlink("/", folder.parent / "loop")
    done = models("show", "PPLCNet_x1_0", "--projects", ".")
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("not read")] == [
        f"not read: {folder}/runs/{RUN}/run.json is not valid JSON"
    ]


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ({"finished": False}, f"run {RUN} of line is not finished: train.py --resume there"),
        ({"pruned_from": {}}, f"run {RUN} of line is pruned, and no training can start from it"),
        ({"settings": {"classes": ["a" * 3000]}}, "does not say which classes were trained"),
        ({"weights": {"backbone": "x" * 3000}}, "not a record of a model: architecture"),
        ({"metrics": [1]}, "not a record of a model: metrics"),
        ({"weights": {"source": {"base": {"base": {"sha256": [1]}}}}}, "of a model: base"),
    ],
)
def test_a_run_that_cannot_be_published(models, library, project, about, text):
    project("line", **about)
    done = models("publish", "line")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert text in done.stderr
    assert [p for p in library.rglob("*") if p.name != ".lock"] == []


def test_odd_facts_of_a_run_do_not_reach_the_terminal_as_they_are(models, library, project):
    odd = {"settings": {"classes": ["\x1b[2J", "\ud800"]}, "metrics": {"test": 3}}
    project("line", **odd, weights={"source": {"project": "\x1b[2J", "sha256": 3}})
    done = models("publish", "line", "--name", "odd")
    assert done.returncode == 0, done.stderr
    shown = models("show", "odd", "--projects", ".")
    assert shown.returncode == 0, shown.stderr
    assert "\x1b" not in done.stdout + shown.stdout + models("list").stdout


def test_a_record_cannot_make_lines_of_its_own(models, library, project):
    project("line")
    models("publish", "line", "--name", "ours")
    path = library / "ours/source.json"
    path.write_text(json.dumps(record(library, "ours") | {"project": "x\ntrained from it: y"}))
    assert "project: x\\ntrained from it: y\n" in models("show", "ours").stdout


def test_a_model_that_is_damaged_is_not_published(models, library, project):
    folder = project("line")
    (folder / "runs" / RUN / "model.safetensors").write_bytes(b"x" * 100)
    done = models("publish", "line", "--name", "ours")
    assert done.returncode == 1
    assert "ours.safetensors is not a whole safetensors file" in done.stderr


@pytest.mark.parametrize(
    ("args", "text", "code"),
    [
        (["nowhere"], "there is no project 'nowhere'", 2),
        (["line", "--run", "../x"], "line has no run '../x'", 2),
        (["line", "--name", "../x"], "cannot be the name of a model", 2),
        (["line", "--name", "ResNet50_vd"], "comes with fewshot: take another --name", 2),
    ],
)
def test_wrong_input_gets_one_line(models, project, args, text, code):
    project("line")
    done = models("publish", *args)
    assert done.returncode == code
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert text in done.stderr


def test_a_run_that_was_evaluated_since_is_published_again(models, library, project):
    folder = project("line", metrics=None)
    assert models("publish", "line", "--name", "ours").returncode == 0
    path = folder / "runs" / RUN / "run.json"
    about = json.loads(path.read_text()) | {"metrics": {"test": {"AP50": {"value": 0.5}}}}
    path.write_text(json.dumps(about))
    assert models("publish", "line", "--name", "ours").returncode == 0
    assert "metrics: test AP50 0.500\n" in models("show", "ours").stdout


def test_the_same_bytes_from_elsewhere_change_no_record(models, library, project):
    project("line", metrics=None)
    project("copy")
    assert models("publish", "line", "--name", "ours").returncode == 0
    before = record(library, "ours")
    assert models("publish", "copy", "--name", "ours").returncode == 0
    after = record(library, "ours")
    assert after.pop("metrics") and after == {k: v for k, v in before.items() if k != "metrics"}


def test_a_name_means_one_model(models, library, project):
    project("line", 1)
    project("line", 2, run="20260102-120000")
    assert models("publish", "line", "--run", RUN, "--name", "ours").returncode == 0
    done = models("publish", "line", "--name", "ours")
    assert done.returncode == 1
    said = f"ours is run {RUN} of project line already: publish this one under another --name"
    assert said in done.stderr
    assert record(library, "ours")["run"] == RUN
