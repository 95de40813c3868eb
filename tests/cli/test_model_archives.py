"""`fewshot models export` and `import`: a model on a stick, which anyone may have written."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaffolder import cli_models
from scaffolder.errors import FewshotError
from scaffolder.models import archive
from scaffolder.models import pull as pulling

ROOT = Path(__file__).parents[2]
RECORD = {
    "name": "mine",
    "task": "backbone",
    "architecture": "PPLCNet_x1_0",
    "parameters": None,
    "source": "https://models.example/mine.pdparams",
    "licence": "MIT",
    "format": "pdparams",
}


@pytest.fixture
def write(tmp_path, pdparams):
    """Writes an archive by hand."""

    def write(record: object = None, weights: bytes | None = None, **more: bytes) -> Path:
        weights = pdparams() if weights is None else weights
        about = {"size": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
        record = RECORD | about if record is None else record
        text = record if isinstance(record, bytes) else json.dumps(record).encode()
        path = tmp_path / "mine.zip"
        with zipfile.ZipFile(path, "w") as made:
            for name, content in {"source.json": text, "model.pdparams": weights, **more}.items():
                made.writestr(name, content)
        return path

    return write


def assert_refused(done, library: Path, text: str, left: list[str] | None = None) -> None:
    assert done.returncode in (1, 2), done.stdout
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert text in done.stderr and "\x1b" not in done.stderr
    found = [str(p.relative_to(library)) for p in library.rglob("*") if p.name != ".lock"]
    assert sorted(found) == (left or [])


def test_a_model_goes_to_another_machine(models, library, tmp_path, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    models("pull", "PPLCNet_x1_0", "--from", "a.pdparams")
    before = json.loads((library / "PPLCNet_x1_0/source.json").read_text(encoding="utf-8"))
    done = models("export", "PPLCNet_x1_0", "stick.zip")
    assert done.returncode == 0, done.stderr
    assert "fewshot models import stick.zip" in done.stdout
    assert sorted(os.listdir(tmp_path)) == ["a.pdparams", "stick.zip"]
    shutil.rmtree(library)

    done = models("import", "stick.zip")
    assert done.returncode == 0, done.stderr
    assert (library / "PPLCNet_x1_0/model.pdparams").read_bytes() == pdparams()
    after = json.loads((library / "PPLCNet_x1_0/source.json").read_text(encoding="utf-8"))
    assert after == before | {"via": "archive stick.zip"}
    assert "  weights: " in done.stdout
    assert "Nobody has told fewshot" in done.stdout  # the archive cannot vouch for itself
    assert "Nobody has told" not in models("import", "stick.zip").stdout


def test_an_export_overwrites_nothing_and_needs_a_whole_model(models, library, tmp_path, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    models("pull", "mine", "--from", "a.pdparams")
    done = models("export", "mine", "a.pdparams")
    assert done.returncode == 1 and "a.pdparams is there already" in done.stderr
    done = models("export", "mine", "no/mine.zip")
    assert done.returncode == 2 and "there is no folder" in done.stderr
    (library / "mine/model.pdparams").write_bytes(b"x")
    done = models("export", "mine", "mine.zip")
    assert done.returncode == 1 and "mine is damaged: run fewshot models verify" in done.stderr
    done = models("export", "ResNet50_vd", "mine.zip")
    assert done.returncode == 1 and "ResNet50_vd is not in the library" in done.stderr
    done = models("export", "min", "mine.zip")
    assert done.returncode == 2 and "did you mean mine?" in done.stderr
    (library / "mine/model.pdparams").unlink()
    done = models("export", "mine", "mine.zip")
    assert done.returncode == 1 and "fewshot models pull mine --from FILE" in done.stderr
    assert os.listdir(tmp_path) == ["a.pdparams"]


def test_an_export_to_a_stick(models, library, tmp_path, pdparams):
    """A folder will do; what a killed export left there goes; a full stick is named."""
    (tmp_path / "a.pdparams").write_bytes(pdparams(100_000))
    models("pull", "mine", "--from", "a.pdparams")
    left = tmp_path / "stick/.fewshot-unfinished-x"
    left.mkdir(parents=True)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
        "from scaffolder.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "models", "export", "mine", "stick"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    full = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, encoding="utf-8")
    assert full.stderr == f"error: {tmp_path}/stick: File too large; nothing was kept\n"
    assert os.listdir(tmp_path / "stick") == []
    done = models("export", "mine", "stick")
    assert done.returncode == 0 and "Wrote stick/mine.zip. On" in done.stdout, done.stderr
    assert os.listdir(tmp_path / "stick") == ["mine.zip"]


def test_an_archive_does_not_replace_what_is_recorded(models, library, tmp_path, write, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams(seed=1))
    models("pull", "mine", "--from", "a.pdparams")
    left = ["mine", "mine/model.pdparams", "mine/source.json"]
    assert_refused(models("import", write()), library, "is recorded since", left)
    assert (library / "mine/model.pdparams").read_bytes() == pdparams(seed=1)


def test_of_a_listed_model_an_archive_has_nothing_to_tell(models, library, write, pdparams):
    weights = pdparams()
    about = {"size": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    claims = {"name": "ResNet50_vd", "licence": "mine alone", "architecture": "PPLCNet_x1_0"}
    assert models("import", write(RECORD | about | claims)).returncode == 0
    record = json.loads((library / "ResNet50_vd/source.json").read_text(encoding="utf-8"))
    assert (record["licence"], record["architecture"]) == ("Apache-2.0", "ResNet50_vd")


WRONG = {
    "hash": ({"sha256": "0" * 64}, "not its own 000"),
    "no hash": ({"sha256": None}, "does not describe its weights"),
    "size": ({"size": 1}, "does not describe its weights"),
    "name": ({"name": "../../x"}, "not a record of a model: name"),
    "escape": ({"name": "\x1b[2J"}, "not a record of a model: name"),
    "task": ({"task": "sorting"}, "not a record of a model: task"),
    "format": ({"format": "pth"}, "not a record of a model: format"),
    "all": (
        {"size": "1", "licence": 3, "classes": "a"},
        "a model: licence, size, classes, project, run, format",
    ),
    "huge": ({"size": 1 << 60}, "not a record of a model: size"),
    "half trained": ({"project": "a"}, "not a record of a model: run, classes, format"),
    "classifier": ({"task": "classification"}, "a model: project, run, classes, format"),
    "base": ({"base": {"sha256": ["a"]}}, "not a record of a model: base, project"),
    "bases": ({"base": json.loads('{"base":' * 101 + "{}" + "}" * 101)}, "a model: base, project"),
}


@pytest.mark.parametrize(("change", "text"), WRONG.values(), ids=WRONG)
def test_a_record_that_lies(models, library, write, pdparams, change, text):
    weights = pdparams()
    about = {"size": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    assert_refused(models("import", write(RECORD | about | change)), library, text)


def test_a_payload_is_refused(models, library, write):
    done = models("import", write(weights=b"\x80\x04\x8c\x02os\x8c\x06system\x93."))
    assert_refused(done, library, "asks for os.system, which is not data")


@pytest.mark.parametrize("record", [b"", b"[]", b"{", b"[" * 100_000, b"\xff", b'{"size": NaN}'])
def test_a_record_that_is_none(models, library, write, record):
    assert_refused(models("import", write(record)), library, "mine.zip: source.json")


def test_members_beside_the_two_are_refused(models, library, write, tmp_path):
    text = "must hold source.json and model.pdparams or model.safetensors"
    assert_refused(models("import", write(**{"../../evil": b"x"})), library, text)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as made:
        made.writestr("source.json", "{}")
        made.writestr("/model.pdparams", "x")
    assert_refused(models("import", "b.zip"), library, text)
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "c.zip", "w") as made:
        made.writestr("source.json", "{}")
        made.writestr("source.json", "{}")
    assert_refused(models("import", "c.zip"), library, text)


def test_a_bomb_is_refused(models, library, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("source.json", json.dumps(RECORD))
        made.writestr("model.pdparams", bytes(1 << 20))
    assert_refused(models("import", "a.zip"), library, "not compressed")


def test_a_link_in_an_archive_is_only_text(models, library, tmp_path):
    """What would be a link when unpacked is two bytes of weights here."""
    target = b"/etc/passwd"
    about = {"size": len(target), "sha256": hashlib.sha256(target).hexdigest()}
    link = zipfile.ZipInfo("model.pdparams")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("source.json", json.dumps(RECORD | about))
        made.writestr(link, target)
    assert_refused(models("import", "a.zip"), library, "not a whole pdparams file")


def test_files_that_are_no_archives(models, library, tmp_path, write):
    assert_refused(models("import", "no.zip"), library, "there is no file no.zip")
    assert_refused(models("import", "."), library, "there is no file .")
    os.mkfifo(tmp_path / "pipe")
    assert_refused(models("import", "pipe"), library, "there is no file pipe")
    whole = write().read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    assert_refused(models("import", "a.zip"), library, "a.zip is not a whole archive")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_archive_ends_in_one_line_or_in_the_same_model(library, write, changes):
    path = write()
    whole = bytearray(path.read_bytes())
    for place, value in changes:
        whole[place % len(whole)] = value
    path.write_bytes(whole)
    shutil.rmtree(library, ignore_errors=True)
    try:
        pulled = archive.bring_in(path)
    except FewshotError as error:
        assert "\n" not in str(error)
        assert not list(library.glob("*/model.*"))
    else:
        file = pulled.folder / "model.pdparams"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == pulled.model.sha256


def test_a_name_with_a_space_can_be_copied_from_the_screen(library, tmp_path, pdparams, capsys):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    pulling.pull("mine", source=str(tmp_path / "a.pdparams"))
    cli_models.export("mine", tmp_path / "my stick.zip")
    assert "fewshot models import 'my stick.zip'\n" in capsys.readouterr().out
