"""Classes that are added to an export without training."""

import csv
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import numpy as np
import pytest
from PIL import Image

from .conftest import edit

NEW = "{{ 7*7 }} 划痕 'x'"


def tinted(picture, seed: int, colour: str | None) -> Image.Image:
    values = np.array(picture(seed))
    values[..., {"red": [1, 2], "green": [0, 2], "blue": [0, 1], None: []}[colour]] //= 4
    return Image.fromarray(values)


@pytest.fixture(scope="session")
def exported(project_template, tmp_path_factory, run, picture):
    """A project that tells red, green and blue apart, exported; copy it before you change it."""
    folder = tmp_path_factory.mktemp("exported") / "project"
    shutil.copytree(project_template, folder)
    settings = "classes: [red, green, blue]\nmodel: {input_size: 32}\n"
    (folder / "settings.yaml").write_text(settings)
    (folder / ".copier-answers.yml").write_text("language: en\n")
    seed = 0
    for split, count in (("train", 8), ("test", 4)):
        for colour in ("red", "green", "blue"):
            (folder / "data" / split / colour).mkdir(parents=True)
            for _ in range(count):
                seed += 1
                tinted(picture, seed, colour).save(folder / f"data/{split}/{colour}/{seed}.png")
    for part, seeds in (("grey", range(100, 105)), ("more", range(200, 206))):
        (folder / part).mkdir()
        for seed in seeds:
            tinted(picture, seed, None).save(folder / part / f"{seed}.png")
    for script, *arguments in (["check_data.py"], ["train.py", "--frozen"], ["export.py"]):
        done = run(folder, script, *arguments)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copy(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "copy")
    return tmp_path / "copy"


def export_of(project):
    (path,) = (project / "export").iterdir()
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def succeeds(done):
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def predicted(project, run, folder, *arguments):
    done = run(project, "predict.py", folder, "--json", *arguments)
    return [json.loads(line)["class"] for line in succeeds(done).splitlines()]


def test_whitening_makes_scatter_alike_in_all_directions(in_project):
    from pipeline.whitening import Whitening

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 300)
    stretch = np.diag([10.0, 3.0, 1.0, 1.0]) @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    embeddings = rng.normal(size=(900, 4)) @ stretch + rng.normal(size=(3, 4))[labels] * 50
    white = Whitening.fit(embeddings, labels)(embeddings)
    rest = white - np.stack([white[labels == c].mean(0) for c in range(3)])[labels]
    raw = embeddings - np.stack([embeddings[labels == c].mean(0) for c in range(3)])[labels]
    lengths = np.linalg.svd(rest, compute_uv=False)
    before = np.linalg.svd(raw, compute_uv=False)
    # Shrunk: not quite alike, for what hardly scatters is not blown up to what does.
    assert before[0] / before[-1] > 9 and lengths[0] / lengths[-1] < 6


def test_distances_with_few_pictures_are_the_plain_ones(in_project):
    from pipeline.prototypes import Prototypes, enough

    labels = np.array([0, 0, 1, 1])
    assert not enough(labels)
    embeddings = np.float32([[0, 0], [2, 0], [10, 0], [10, 4]])
    far = Prototypes(embeddings, labels, False).distances(
        np.float32([[1, 2]]), np.float32([[1, 5]])
    )
    np.testing.assert_allclose(far, [[4, 81, 9]], rtol=1e-5)


def gaussian(rng, centres, count):
    labels = np.repeat(np.arange(len(centres)), count)
    return np.float32(centres[labels] + rng.normal(size=(len(labels), centres.shape[1]))), labels


@pytest.mark.parametrize("shots", [1, 5, 20])
def test_an_added_class_is_found_and_takes_little_from_the_others(in_project, shots):
    from pipeline import margins
    from pipeline.added import AddedClasses
    from pipeline.probabilities import Answers
    from pipeline.prototypes import Prototypes

    rng = np.random.default_rng(shots)
    centres = rng.normal(size=(4, 40))
    seen, labels = gaussian(rng, centres[:3], 30)
    trained = Prototypes(seen, labels, True)
    judged = margins.in_folds(seen, labels)
    few = gaussian(rng, centres[3:], shots)[0]
    added = margins.add("new", few, trained, judged, loss=0.01, fine_tuned=False)
    classes = AddedClasses(trained, [added])
    assert classes.names == ["new", "unknown"]

    def answers(centres):
        embeddings, labels = gaussian(rng, centres, 1000)
        head = np.eye(3)[np.minimum(labels, 2)] * 0.9 + 0.1 / 3
        given = classes.probabilities(Answers(head, embeddings))
        np.testing.assert_allclose(given.sum(1), 1)
        return given.argmax(1)

    old, new = answers(centres[:3]), answers(centres[3:])
    assert (old == 3).mean() < 0.04 and (old == 4).mean() < 0.02
    assert (new == 3).mean() > {1: 0.5, 5: 0.9, 20: 0.9}[shots]
    assert (new == 4).mean() < 0.02  # one picture of a class is far from its others
    assert (answers(centres[:1] + 20) == 4).all()


def test_a_class_is_added_listed_predicted_and_taken_back(copy, run):
    before = contents(export_of(copy))
    assert set(predicted(copy, run, "data")) == {"red", "green", "blue"}
    said = succeeds(run(copy, "add_class.py", f" {NEW} ", "grey"))
    assert "trained classes, 12 test pictures" in said and "of 5" in said
    known = json.loads((export_of(copy) / "added.json").read_text(encoding="utf-8"))
    (entry,) = known["additions"]
    assert entry["class"]["name"] == NEW and entry["made_with"]["python"]
    assert [picture["path"] for picture in entry["pictures"]] == [
        f"grey/{seed}.png" for seed in range(100, 105)
    ]
    assert all(len(picture["sha256"]) == 64 for picture in entry["pictures"])

    for kind in ("paddle", "onnx"):
        found = predicted(copy, run, "more", "--format", kind)
        assert found.count(NEW) >= 5
        assert predicted(copy, run, "data/test/red", "--format", kind) == ["red"] * 4
    assert NEW in succeeds(run(copy, "add_class.py", "--list"))

    shown = report(copy, run)
    assert NEW in shown and "Classes added without training" in shown

    # The same name again: other pictures instead; taken back, the earlier ones count again.
    succeeds(run(copy, "add_class.py", NEW, "more"))
    succeeds(run(copy, "add_class.py", "--undo", NEW))
    assert json.loads((export_of(copy) / "added.json").read_text(encoding="utf-8")) == known
    (copy / "data" / NEW).mkdir()
    assert f"data/{NEW}: " in succeeds(run(copy, "add_class.py", "--undo"))
    assert contents(export_of(copy)) == before
    assert "No classes were added" in succeeds(run(copy, "add_class.py", "--list"))
    done = run(copy, "add_class.py", "--undo")
    assert done.returncode == 1 and "no class was added" in done.stderr


def test_episodes_are_measured_on_the_export_s_pictures(copy, run):
    before = contents(export_of(copy))
    said = succeeds(run(copy, "add_class.py", "--episodes"))
    assert "3-way-1-shot, 600 episodes of 12 test pictures" in said
    assert "95% interval over episodes" in said
    (row,) = [line for line in said.splitlines() if line.startswith("accuracy")]
    value, low, high = (float(part.strip("[],")) for part in row.split()[1:])
    assert 0.8 < low <= value <= high <= 1.01
    assert contents(export_of(copy)) == before


def test_pictures_of_something_else_are_unknown(copy, run):
    folder = copy / "else"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        noise = rng.integers(0, 2, (48, 48, 3), np.uint8) * 255
        Image.fromarray(noise).save(folder / f"{number}.png")
    assert "unknown" not in predicted(copy, run, "else")
    succeeds(run(copy, "add_class.py", NEW, "grey"))
    assert predicted(copy, run, "else") == ["unknown"] * 4
    assert "unknown" not in predicted(copy, run, "data/test")


def test_later_steps_know_an_added_class(copy, run):
    succeeds(run(copy, "add_class.py", NEW, "grey"))
    shutil.copytree(copy / "more", copy / "data" / "test" / NEW)
    shutil.copyfile(copy / "grey" / "100.png", copy / "data" / "test" / NEW / "shot.png")
    said = succeeds(run(copy, "check_data.py"))
    assert f"data/test/{NEW}: class {NEW} was added by add_class.py" in said
    succeeds(run(copy, "evaluate.py"))
    (the_run,) = (copy / "runs").iterdir()
    alone, both = (
        json.loads((the_run / name / "metrics.json").read_text(encoding="utf-8"))
        for name in ("evaluation", "evaluation-added")
    )
    assert alone["names"] == ["red", "green", "blue"] and alone["pictures"] == 12
    assert both["names"] == ["red", "green", "blue", NEW, "unknown"]
    # The picture that the class was made of does not count.
    assert [row["pictures"] for row in both["classes"]] == [4, 4, 4, 6, 0]
    assert both["classes"][3]["recall"]["value"] > 0.8

    # What is made of the export does not know them, and says so.
    small = export_of(copy).with_name(f"{export_of(copy).name}-int8")
    shutil.copytree(export_of(copy), small)
    (small / "added.json").unlink()
    done = run(copy, "predict.py", "grey", "--format", "int8-onnx")
    assert done.returncode == 0 and "does not know the added classes" in done.stderr
    shutil.rmtree(small)

    # Of a run that has other weights by now they tell nothing.
    as_trained = (the_run / "run.json").read_text(encoding="utf-8")
    about = json.loads(as_trained) | {"model_sha256": "0" * 64}
    (the_run / "run.json").write_text(json.dumps(about), encoding="utf-8")
    said = succeeds(run(copy, "evaluate.py"))
    assert "of the run's earlier weights" in said and "With the classes that" not in said
    (the_run / "run.json").write_text(as_trained, encoding="utf-8")

    # Exported again the run keeps its added classes; another run's export says that it lacks them.
    succeeds_loudly = run(copy, "export.py")
    assert succeeds_loudly.returncode == 0 and "Note" not in succeeds_loudly.stdout
    assert predicted(copy, run, "more").count(NEW) >= 5
    (copy / "runs" / "20990101-000000").mkdir()
    shutil.copytree(the_run, copy / "runs" / "20990101-000000", dirs_exist_ok=True)
    done = run(copy, "export.py")
    assert f"Note:    {NEW}: added to an earlier export" in done.stdout


def test_pictures_that_look_unlike_the_training_pictures_are_noticed(copy, run, picture):
    about = json.loads((export_of(copy) / "export.json").read_text(encoding="utf-8"))
    assert about["drift"]["pictures"] == 24 and "drift.safetensors" in about["files"]
    arguments = ["--json", "--drift-log", "runs/drift.log"]

    def scores(folder, kind):
        done = run(copy, "predict.py", folder, *arguments, "--format", kind)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["drift"] for line in done.stdout.splitlines()], done.stderr

    known = {kind: scores("data", kind) for kind in ("paddle", "onnx")}
    np.testing.assert_allclose(known["paddle"][0], known["onnx"][0], atol=0.01)
    assert not known["paddle"][1] and np.mean(known["paddle"][0]) < 1
    (copy / "dark").mkdir()
    for number, path in enumerate(sorted((copy / "data" / "test").rglob("*.png"))):
        Image.fromarray(np.array(Image.open(path)) // 5).save(copy / "dark" / f"{number}.png")
    found, said = scores("dark", "paddle")
    assert np.median(found) > about["drift"]["usual"]
    assert said.count("\n") == 1 and "Drift: these pictures differ" in said and "of 12" in said
    table = run(copy, "predict.py", "dark").stdout
    assert table.count("unlike the training pictures") == sum(score > 1 for score in found)
    with (copy / "runs" / "drift.log" / "drift.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["changed"] for row in rows] == ["0", "0", "1"]
    assert list((copy / "runs" / "drift.log" / "vdl").iterdir())

    # A few pictures say nothing about a line, and no picture is lost for that.
    few, said = scores("grey", "paddle")
    assert len(few) == 5 and said == (
        "Nothing was logged: drift is judged where a call has 12 pictures or more.\n"
    )
    assert "exceeds" in report(copy, run)


def report(project, run):
    succeeds(run(project, "report.py"))
    (page,) = project.glob("runs/*/report.html")
    return unescape(page.read_text(encoding="utf-8"))


def test_a_class_that_costs_the_trained_ones_too_much_is_refused(copy, run):
    edit(copy / "pipeline" / "margins.py", "max(margin, scale if fine_tuned else 0.0)", "-1e9")
    before = contents(export_of(copy))
    done = run(copy, "add_class.py", NEW, "grey")
    assert done.returncode == 1 and done.stderr.startswith("error: refused: the accuracy")
    assert done.stderr.count("\n") == 1
    assert contents(export_of(copy)) == before


def test_of_two_calls_at_once_both_count(copy, run):
    calls = [("a", "grey"), ("b", "more")]
    with ThreadPoolExecutor() as pool:
        for done in pool.map(lambda call: run(copy, "add_class.py", *call), calls):
            succeeds(done)
    known = json.loads((export_of(copy) / "added.json").read_text(encoding="utf-8"))
    assert {entry["class"]["name"] for entry in known["additions"]} == {"a", "b"}


def test_an_interrupted_addition_leaves_the_export_as_it_was(copy, run):
    before = contents(export_of(copy))
    write = 'beside.write_text(text, encoding="utf-8")'
    cut = 'beside.write_text(text[:99], encoding="utf-8"); raise KeyboardInterrupt'
    edit(copy / "pipeline" / "files.py", write, cut)
    done = run(copy, "add_class.py", NEW, "grey")
    assert done.returncode == 130 and "Traceback" not in done.stderr
    assert contents(export_of(copy)) == before


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (" ", "is empty"),
        ("a/b", "has a / or"),
        ("a\\b", "has a / or"),
        (".hidden", "begins with a dot"),
        ("a\nb", "has a line break"),
        ("a\x1b[31mb", "control character"),
        ("x" * 101, "is too long"),
        ("划" * 90, "is too long"),
        ("Test", "is a reserved name"),
        ("unknown", "is a reserved name"),
        ("RED", "trained on"),
    ],
)
def test_names_that_fewshot_new_refuses_are_refused(in_project, name, fault):
    from pipeline import class_names

    (found,) = class_names.faults(name, ["red"])
    assert fault in found and found.isprintable()
    assert not class_names.faults("👩‍🔧 -rf $HOME", ["red"])


def test_all_that_is_wrong_is_said_at_once(copy, run, picture):
    folder = copy / "bad"
    folder.mkdir()
    picture(1, side=8).save(folder / "tiny.png")
    (folder / "cut.png").write_bytes((copy / "grey" / "100.png").read_bytes()[:200])
    (folder / "empty.png").touch()
    (folder / "note.txt").write_text("not a picture")
    trained_on = next((copy / "data" / "train" / "red").iterdir())
    shutil.copyfile(trained_on, folder / "red.png")
    done = run(copy, "add_class.py", "red", "bad")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    lines = done.stderr.removeprefix("error: ").splitlines()
    parts = ["trained on. Choose", "cut.png", "empty.png", "8 x 8 px", "on this picture as 'red'"]
    assert len(lines) == len(parts)
    assert all(sum(part in line for line in lines) == 1 for part in parts), lines
    assert not (export_of(copy) / "added.json").exists()


def test_what_is_wrong_with_pictures_is_said_in_the_projects_language(copy, run):
    edit(copy / ".copier-answers.yml", "language: en", "language: zh")
    (copy / "bad").mkdir()
    (copy / "bad" / "empty.png").touch()
    done = run(copy, "add_class.py", NEW, "bad")
    assert done.returncode == 1
    assert done.stderr == "error: bad/empty.png：空文件（0 字节）。请重新复制或删除。\n"


def test_each_other_fault_is_one_line(copy, run, picture):
    (copy / "none").mkdir()
    (copy / "many").mkdir()
    for number in range(21):
        picture(number).save(copy / "many" / f"{number}.png")

    def says(part, *arguments):
        done = run(copy, "add_class.py", *arguments)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert part in done.stderr

    says("nowhere: no such folder", NEW, "nowhere")
    says("none: 0 pictures there; 1 to 20 are needed", NEW, "none")
    says("many: 21 pictures there", NEW, "many")
    about = json.loads((export_of(copy) / "export.json").read_text(encoding="utf-8"))
    for change, part in (
        ({"precision": "int8"}, "is int8"),
        ({"files": {n: h for n, h in about["files"].items() if "reference" not in n}}, "Run train"),
    ):
        (export_of(copy) / "export.json").write_text(json.dumps(about | change))
        says(part, NEW, "grey")
    shutil.rmtree(copy / "export")
    says("Run export.py first", NEW, "grey")
    assert run(copy, "add_class.py", NEW).returncode == 2


def test_a_file_of_additions_that_was_changed_is_not_used(copy, run):
    succeeds(run(copy, "add_class.py", NEW, "grey"))
    path = export_of(copy) / "added.json"
    text = path.read_text(encoding="utf-8")
    for broken in (text[:100], text.replace('"margin"', '"edge"')):
        path.write_text(broken, encoding="utf-8")
        done = run(copy, "predict.py", "grey")
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert "not as add_class.py wrote it" in done.stderr


def test_a_detector_says_that_it_must_be_trained_again(folded, run):
    done = run(folded("detection"), "add_class.py", "scratch", "pictures")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "background" in done.stderr and "train.py" in done.stderr
