"""`fewshot models`: what comes into the library, and that nothing broken ever does."""

import hashlib
import importlib.util
import json
import os
import pickle
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from scaffolder.errors import UsageError
from scaffolder.models import entry
from scaffolder.models import pull as pulling

ROOT = Path(__file__).parents[2]
has_modelscope = importlib.util.find_spec("modelscope") is not None
PATH = "/dygraph/legendary_models/PPLCNet_x1_0_pretrained.pdparams"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def everything(library: Path) -> list[str]:
    """What lies in the library, apart from the lock."""
    return sorted(str(p.relative_to(library)) for p in library.rglob("*") if p.name != ".lock")


def assert_refused(done, library: Path, text: str, code: int = 1, left: list | None = None) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert text in done.stderr
    assert everything(library) == (left or [])


def test_a_pull_from_a_mirror_says_what_to_write_in_the_settings(models, library, server, pdparams):
    server.files["/paddle" + PATH] = content = pdparams()
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address + "/paddle/")
    assert done.returncode == 0, done.stderr
    file = library / "PPLCNet_x1_0" / "model.pdparams"
    assert file.read_bytes() == content
    assert stat.S_IMODE(file.stat().st_mode) & 0o444
    said = done.stdout
    assert f"SHA-256 {sha256(content)}" in said and "Nobody has told fewshot" in said
    assert f"  backbone: PPLCNet_x1_0\n  weights: {file}\n" in said
    record = json.loads((file.parent / "source.json").read_text(encoding="utf-8"))
    assert record["sha256"] == sha256(content) and record["size"] == len(content)
    assert record["source"] == f"https://paddle-imagenet-models-name.bj.bcebos.com{PATH}"
    assert record["via"] == f"{server.address}/paddle{PATH}"
    assert record["licence"] == "Apache-2.0" and record["parameters"] == 2952520


def test_a_model_that_is_here_is_not_fetched_again(models, server, pdparams):
    server.files[PATH] = pdparams()
    models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert "PPLCNet_x1_0: here already" in done.stdout and "weights: " in done.stdout
    assert len(server.asked) == 1


def test_once_recorded_the_hash_is_enforced(models, library, server, pdparams):
    """Also when the file itself has gone."""
    server.files[PATH] = first = pdparams(seed=1)
    assert models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address).returncode == 0
    (library / "PPLCNet_x1_0/model.pdparams").unlink()
    server.files[PATH] = other = pdparams(seed=2)
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    left = ["PPLCNet_x1_0", "PPLCNet_x1_0/source.json"]
    assert_refused(done, library, f"is {sha256(other)}, but {sha256(first)} is recorded", left=left)
    server.files[PATH] = first
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert done.returncode == 0 and "Nobody has told" not in done.stdout


def test_a_local_file_and_a_hash_from_elsewhere(models, library, tmp_path, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    digest = sha256(pdparams())
    pull = ("pull", "PPLCNet_x1_0", "--from", "a.pdparams", "--sha256")
    assert_refused(models(*pull, "0" * 64), library, f"is {digest}, but {'0' * 64} is recorded")
    said = "--sha256: '00' is not 64 hexadecimal digits"
    assert_refused(models(*pull, "00"), library, said, code=2)
    done = models(*pull, digest.upper())
    assert done.returncode == 0 and "Nobody has told" not in done.stdout, done.stderr
    other = models(*pull, "1" * 64)
    assert other.returncode == 1 and "recorded since" in other.stderr


def test_a_local_path_is_no_address(library, tmp_path, pdparams):
    file = tmp_path / "line #1?@home" / "w@2.pdparams"
    file.parent.mkdir()
    file.write_bytes(pdparams())
    assert pulling.pull("mine", source=str(file)).model.via == str(file)
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        pulling.pull("other", source=str(file), sha256="zz")


def test_a_model_of_ones_own(models, library, tmp_path, safetensors):
    (tmp_path / "骨干.safetensors").write_bytes(safetensors((7, 5)))
    about = ("--architecture", "ResNet50_vd", "--licence", "MIT")
    done = models("pull", "骨干-1", "--from", "骨干.safetensors", *about)
    assert done.returncode == 0, done.stderr
    # No second `model:` to paste: of two the project would have to refuse one.
    assert done.stdout.endswith(
        "Change these lines of `model:` in settings.yaml:\n"
        f"  backbone: ResNet50_vd\n  weights: {library}/骨干-1/model.safetensors\n"
    )
    record = json.loads((library / "骨干-1/source.json").read_text(encoding="utf-8"))
    assert record["parameters"] == 35 and record["source"] == "骨干.safetensors"
    listed = models("list").stdout
    assert "骨干-1" in listed and "MIT" in listed and "here" in listed
    again = models("pull", "骨干-1")
    assert "here already" in again.stdout
    other = models("pull", "骨干-1", "--licence", "GPL", "--architecture", "ResNet50_vd")
    assert other.returncode == 2 and "another licence: take another name" in other.stderr


def test_what_nobody_said_at_the_first_pull_can_be_said_later(models, library, tmp_path, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    models("pull", "mine", "--from", "a.pdparams")
    done = models("pull", "mine", "--architecture", "PPLCNet_x1_0", "--licence", "MIT")
    assert "here already" in done.stdout and "  backbone: PPLCNet_x1_0\n" in done.stdout
    record = json.loads((library / "mine/source.json").read_text(encoding="utf-8"))
    assert (record["architecture"], record["licence"]) == ("PPLCNet_x1_0", "MIT")
    done = models("pull", "mine", "--architecture", "ResNet50_vd")
    assert done.returncode == 2 and "another architecture: take another name" in done.stderr


def test_weights_of_a_detector(models, library, tmp_path, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    done = models("pull", "picodet_s_320_coco_lcnet", "--from", "a.pdparams")
    assert "  detector: picodet\n  weights: " in done.stdout


def test_what_is_no_weight_file_is_not_taken(models, library, tmp_path):
    (tmp_path / "a.pdparams").write_bytes(pickle.dumps({"w": Payload()}, protocol=4))
    done = models("pull", "PPLCNet_x1_0", "--from", "a.pdparams")
    assert_refused(done, library, "PPLCNet_x1_0.pdparams asks for posix.system, which is not data")
    assert not (tmp_path / "ran").exists()
    (tmp_path / "a.pdparams").write_bytes(b"<html>Not found</html>")
    done = models("pull", "PPLCNet_x1_0", "--from", "a.pdparams")
    assert_refused(done, library, "PPLCNet_x1_0.pdparams is not a whole pdparams file")


class Payload:
    def __reduce__(self):
        return os.system, ("touch ran",)


def test_a_download_that_breaks_off_goes_on(models, library, server, pdparams):
    server.files[PATH] = content = pdparams(100_000)
    server.cuts = [30_000, 40_000]
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert done.returncode == 0, done.stderr
    assert (library / "PPLCNet_x1_0/model.pdparams").read_bytes() == content
    assert [part for _, part in server.asked] == [None, "bytes=30000-", "bytes=70000-"]


def test_it_does_not_go_on_with_another_version_of_the_file(models, library, server, pdparams):
    """The server has a new version by then, so it sends all of that."""
    server.files[PATH] = content = pdparams(100_000)
    server.cuts = [30_000]
    send = server.RequestHandlerClass.do_GET

    class Changing(server.RequestHandlerClass):  # type: ignore[name-defined,misc]
        def do_GET(self):
            send(self)
            server.tag = '"two"'

    server.RequestHandlerClass = Changing
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert done.returncode == 0, done.stderr
    assert [part for _, part in server.asked] == [None, "bytes=30000-"]
    assert (library / "PPLCNet_x1_0/model.pdparams").read_bytes() == content


@pytest.mark.parametrize("gives_parts", [True, False])
def test_a_truncated_download_leaves_nothing(models, library, server, pdparams, gives_parts):
    server.files[PATH] = content = pdparams(100_000)
    server.gives_parts = gives_parts
    server.cuts = [30_000, 0] if gives_parts else [30_000]
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert_refused(done, library, f"broke off after 30000 of {len(content)} bytes")


def test_a_file_of_another_size_is_refused_at_once(models, library, server, pdparams):
    server.files[PATH] = pdparams()
    models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    (library / "PPLCNet_x1_0/model.pdparams").unlink()
    server.files[PATH] = pdparams(2000)
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert_refused(done, library, "are recorded", left=everything(library))


def test_redirects_are_followed_to_safe_places_only(models, library, server, pdparams):
    server.files["/there"] = pdparams()
    mirror = {"FEWSHOT_MIRROR": server.address}
    server.moved[PATH] = "http://mirror.example/a"
    done = models("pull", "PPLCNet_x1_0", **mirror)
    assert_refused(done, library, "mirror.example would send the file over http", code=2)
    server.moved[PATH] = "file:///etc/hostname"
    assert_refused(models("pull", "PPLCNet_x1_0", **mirror), library, "answers 302")
    server.moved[PATH] = "/there"
    assert models("pull", "PPLCNet_x1_0", **mirror).returncode == 0


def test_http_will_do_where_the_hash_is_known(models, library, server, pdparams):
    server.files["/a.pdparams"] = pdparams()
    address = server.address.replace("127.0.0.1", socket.gethostname()) + "/a.pdparams"
    done = models("pull", "a", "--from", address)
    assert_refused(done, library, "say what it is with --sha256", code=2)
    done = models("pull", "a", "--from", address, "--sha256", sha256(pdparams()))
    assert "over http" not in done.stderr  # whether the name leads here is not ours to say


def test_no_network(models, library):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=address)
    assert_refused(done, library, "Connection refused. Nothing was kept. Without a way there: a")


def test_a_file_that_is_not_there(models, library, server, tmp_path):
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert_refused(done, library, f"127.0.0.1 answers 404 for {server.address}{PATH}")
    done = models("pull", "PPLCNet_x1_0", "--from", "no.pdparams")
    assert_refused(done, library, "no.pdparams: No such file or directory")


def test_a_full_disk(fewshot, library, server, tmp_path, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams(100_000))
    server.files[PATH] = pdparams(100_000)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
        "from scaffolder.cli import main; main()"
    )
    for more in ([], ["--from", str(tmp_path / "a.pdparams")]):
        done = subprocess.run(
            [sys.executable, "-c", program, "models", "pull", "PPLCNet_x1_0", *more],
            env={**os.environ, "PYTHONPATH": str(ROOT), "FEWSHOT_MIRROR": server.address},
            capture_output=True,
            encoding="utf-8",
        )
        assert_refused(done, library, "File too large")


def test_what_a_killed_pull_left_is_removed_by_the_next(models, library, tmp_path, pdparams):
    left = library / ".fewshot-unfinished-x"
    left.mkdir(parents=True)
    (left / "half.pdparams").write_bytes(b"x")
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    assert models("pull", "a", "--from", "a.pdparams").returncode == 0
    assert everything(library) == ["a", "a/model.pdparams", "a/source.json"]


def test_two_pulls_at_once(library, server, pdparams):
    server.files[PATH] = content = pdparams(1_000_000)
    command = [sys.executable, "-m", "scaffolder", "models", "pull", "PPLCNet_x1_0"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "FEWSHOT_MIRROR": server.address}
    pulls = [subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [pull.wait() for pull in pulls] == [0, 0, 0]
    assert (library / "PPLCNet_x1_0/model.pdparams").read_bytes() == content
    whole = ["PPLCNet_x1_0", "PPLCNet_x1_0/model.pdparams", "PPLCNet_x1_0/source.json"]
    assert everything(library) == whole


def test_of_two_different_files_at_once_one_is_taken_with_its_own_record(
    library, tmp_path, pdparams
):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pulls = []
    for seed in range(4):
        file = tmp_path / f"{seed}.pdparams"
        file.write_bytes(pdparams(100_000, seed))
        command = [sys.executable, "-m", "scaffolder", "models", "pull", "a", "--from", file]
        pulls.append(subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL))
    assert sorted(pull.wait() for pull in pulls) == [0, 1, 1, 1]
    record = json.loads((library / "a/source.json").read_text(encoding="utf-8"))
    assert record["sha256"] == sha256((library / "a/model.pdparams").read_bytes())


def test_verify_moves_a_damaged_model_aside(models, library, server, pdparams):
    server.files[PATH] = content = pdparams()
    models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert models("verify").stdout == "PPLCNet_x1_0: whole\n"
    file = library / "PPLCNet_x1_0/model.pdparams"
    file.write_bytes(content[:-1] + b"x")
    done = models("verify", "PPLCNet_x1_0")
    assert done.returncode == 1 and "PPLCNet_x1_0: damaged, moved aside: its SHA" in done.stdout
    assert not file.exists() and file.with_name("model.pdparams.damaged").exists()
    done = models("verify")
    assert (done.returncode, "not here: pull it again" in done.stdout) == (0, True)
    assert models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address).returncode == 0
    assert file.read_bytes() == content


def test_a_pull_replaces_a_damaged_model(models, library, server, pdparams):
    server.files[PATH] = content = pdparams()
    models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    (library / "PPLCNet_x1_0/model.pdparams").write_bytes(b"x")
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert done.returncode == 0 and "here already" not in done.stdout
    assert (library / "PPLCNet_x1_0/model.pdparams").read_bytes() == content


def test_verify_goes_on_where_something_cannot_be_read_or_moved(
    models, library, pdparams, tmp_path
):
    """A record that the system does not give out is no damaged one."""
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    for name in ("hidden", "stuck", "unreadable", "whole"):
        models("pull", name, "--from", "a.pdparams")
    os.remove(library / "hidden/source.json")
    with socket.socket(socket.AF_UNIX) as unreadable:  # root may read every file
        unreadable.bind(str(library / "hidden/source.json"))
    (library / "stuck/model.pdparams").write_bytes(b"x")
    (library / "stuck/model.pdparams.damaged/x").mkdir(parents=True)
    os.remove(library / "unreadable/model.pdparams")
    (library / "unreadable/model.pdparams").mkdir()
    done = models("verify")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and len(lines) == 4, done.stderr
    assert lines[0].startswith("hidden: not verified: cannot read ")
    assert lines[1].startswith(
        "stuck: damaged, but cannot be moved aside (Is a directory): its SHA"
    )
    assert lines[2].startswith("unreadable: not verified: ")
    assert lines[3] == "whole: whole"
    assert (library / "hidden/model.pdparams").read_bytes() == pdparams()
    said = models("show", "hidden").stderr
    assert "cannot read" in said and "verify" not in said


def test_the_lock_is_for_every_user_and_asked_for_before_a_download(
    models, library, server, pdparams
):
    server.files[PATH] = pdparams()
    library.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as lock:  # stands for one that this user may not take
        lock.bind(str(library / ".lock"))
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    assert_refused(done, library, ".lock: No such device or address; nothing was kept")
    assert server.asked == []
    shutil.rmtree(library)
    mask = os.umask(0o077)
    try:
        models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR=server.address)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((library / ".lock").stat().st_mode) == 0o666


@pytest.mark.parametrize(
    "record",
    ["{", "[]", "{}", '{"name": "a"}', "[" * 100_000, '{"name": "b", "task": "backbone"}'],
)
def test_a_damaged_record_is_named_and_moved_aside(models, library, tmp_path, pdparams, record):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    models("pull", "a", "--from", "a.pdparams")
    (library / "a/source.json").write_text(record, encoding="utf-8")
    assert "unusable: fewshot models verify" in models("list").stdout
    assert models("show", "PPLCNet_x1_0").returncode == 0
    done = models("verify")
    assert done.returncode == 1 and "a: damaged, moved aside" in done.stdout
    assert models("list").stdout.count("unusable") == 0
    assert models("pull", "a", "--from", "a.pdparams").returncode == 0


@pytest.mark.parametrize(
    "args",
    [
        ("pull", "--from", "a.pdparams", "--", "../a"),
        ("verify", "../a"),
        ("show", "../a"),
        ("export", "../a", "a.zip"),
        ("show", "a\x1b[2J"),
    ],
)
def test_a_name_that_is_none(models, library, tmp_path, pdparams, args):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    done = models(*args)
    assert_refused(done, library, "cannot be the name of a model", code=2)
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "-a", ".a", "a b", "x" * 101, "型" * 70, "e\u0301"]
)
def test_names_that_no_folder_should_have(name):
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        entry.check_name(name)


@pytest.mark.parametrize(
    "name", ["a", "1", "PPLCNet_x1_0", "焊点线-20260101-120000", "é", "_a.b+c"]
)
def test_names_that_a_folder_may_have(name):
    assert entry.check_name(name) == name


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["PPLCNet_x10"], "there is no model 'PPLCNet_x10': did you mean PPLCNet_x1_0?"),
        (["mine"], "there is no model 'mine': say where it is with --from"),
        (["mine", "--from", "a.pth"], "a weight file must end in .pdparams or .safetensors"),
        (["mine", "--from", "ftp://host/a.pdparams"], "ftp:// is not a kind of address"),
        (["mine", "--from", "https://u:p@host/a.pdparams"], "an address with a password"),
        (["mine", "--from", "https:///a.pdparams"], "is not a web address"),
        (["mine", "--from", "https://host/模型.pdparams"], "write what is unusual in it as %XX"),
        (["mine", "--from", "modelscope:a.pdparams"], "must be like modelscope:OWNER/MODEL/FILE"),
        (["mine", "--from", "a.pdparams", "--task", "classification"], "is not one of b"),
    ],
)
def test_wrong_input_gets_one_line(models, library, args, text):
    assert_refused(models("pull", *args), library, text, code=2)


def test_a_mirror_that_is_none(models, library):
    done = models("pull", "PPLCNet_x1_0", FEWSHOT_MIRROR="/mnt/models")
    assert done.returncode == 2
    assert "FEWSHOT_MIRROR must be like https://" in done.stderr


def test_the_embedded_backbone_needs_no_pull(models, library):
    done = models("pull", "EfficientNetLite0")
    assert done.returncode == 1
    assert "comes with each project's environment" in done.stderr


def test_the_list_says_how_each_model_stands(models, library, tmp_path, pdparams):
    (tmp_path / "a.pdparams").write_bytes(pdparams())
    for name in ("one", "two"):
        models("pull", name, "--from", "a.pdparams")
    (library / "two/model.pdparams").unlink()
    heading, *rows = models("list").stdout.splitlines()
    assert heading.endswith("  state")
    states = {row.split()[0]: row.rpartition("  ")[2] for row in rows}
    wanted = {"one": "here", "two": "file missing", "PPLCNet_x1_0": "pull it"}
    assert states.items() >= (wanted | {"EfficientNetLite0": "in each project"}).items()


@pytest.mark.skipif(has_modelscope, reason="ModelScope's client is installed")
def test_modelscope_without_its_client(models, library):
    done = models("pull", "mine", "--from", "modelscope:owner/model/dir/a.pdparams@v1")
    assert_refused(done, library, "needs ModelScope's client: pip install modelscope")


@pytest.mark.skipif(not has_modelscope, reason="ModelScope's client is not installed")
def test_modelscope_through_its_client(models, library, server, pdparams):
    revisions = {"Code": 200, "Data": {"RevisionMap": {"Branches": [{"Revision": "master"}]}}}
    server.files["/api/v1/models/owner/model/revisions"] = json.dumps(revisions).encode()
    query = "Revision=master&FilePath=dir%2Fa.pdparams"
    server.files[f"/api/v1/models/owner/model/repo?{query}"] = pdparams()
    source = "modelscope:owner/model/dir/a.pdparams"
    done = models("pull", "mine", "--from", source, MODELSCOPE_ENDPOINT=server.address)
    assert done.returncode == 0, done.stderr
    whole = ["mine", "mine/model.pdparams", "mine/source.json"]
    assert everything(library) == whole


def test_a_terminal_sees_how_long_it_will_take(library, server, pdparams):
    server.files[PATH] = pdparams(100_000)
    server.cuts = [30_000]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "FEWSHOT_MIRROR": server.address}
    command = ["-m", "scaffolder", "models", "pull", "PPLCNet_x1_0"]
    terminal = pexpect.spawn(sys.executable, command, env=env, encoding="utf-8", timeout=30)
    terminal.expect(r"PPLCNet_x1_0: 0\.\d of 0\.1 MB, 0:0\d left")
    terminal.expect("in the library")
    terminal.expect(pexpect.EOF)


def test_every_listed_model_is_well_described():
    for model in entry.known_models().values():
        assert model.address is None or model.address.endswith(".pdparams")
        assert model.settings(Path("/x")).keys() & {"model.backbone", "model.detector"}
        assert (model.size is None) == (model.sha256 is None)
