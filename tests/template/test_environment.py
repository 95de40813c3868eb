"""The rendered project's environment: locks, make targets, image, doctor."""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scaffolder import create

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates/project"
REQUIREMENTS = TEMPLATE / "requirements"
STEPS = """
setup doctor check train evaluate export prune compress benchmark lite predict report all test
""".split()

# Where the name to import is not the name to install.
PACKAGES = {
    "ppdet": "paddledet",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "paddle": "paddlepaddle",
}
PACKAGES |= {"sklearn": "scikit-learn", "yaml": "pyyaml"}

needs_fitting_python = pytest.mark.skipif(
    sys.version_info[:2] not in [(3, 10), (3, 11)], reason="setup wants Python 3.10 or 3.11"
)


def make(project: Path, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    inherited = {key: value for key, value in os.environ.items() if key != "VENV"}
    return subprocess.run(
        ["make", "--no-print-directory", *args],
        cwd=project,
        env={**inherited, **env},
        capture_output=True,
        encoding="utf-8",
    )


def faults(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """What was said on stderr, without make's own line."""
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


@pytest.fixture(params=["en", "zh"])
def language(request) -> str:
    return request.param


@pytest.fixture(params=["classification", "detection"])
def task(request) -> str:
    return request.param


@pytest.fixture
def project(bundle, tmp_path) -> Path:
    """A project in a folder with a space in its name."""
    folder = tmp_path / "line 4"
    create.new(folder, {}, source=str(bundle), defaults=True)
    return folder


def pins(lock: str) -> dict[str, str]:
    """Maps each line of a lock that names a package to its hashes; fails on anything else."""
    found: dict[str, str] = {}
    name = ""
    for line in (REQUIREMENTS / lock).read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash=sha256:"):
            found[name] += line.strip(" \\") + "\n"
        else:
            name = line.removesuffix(" \\")
            assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [^@]+)?", name), line
            found[name] = ""
    return found


@pytest.mark.parametrize("lock", ["cpu.txt", "gpu.txt", "image.txt", "lite.txt"])
def test_the_lock_pins_every_package_with_hashes_and_no_address(lock):
    assert all(pins(lock).values())


def test_the_gpu_lock_is_the_cpu_lock_without_paddle():
    cpu, gpu = pins("cpu.txt"), pins("gpu.txt")
    assert set(cpu) - set(gpu) == {"paddlepaddle==3.0.0"}
    assert gpu.items() <= cpu.items()
    assert "paddlepaddle-gpu 3.0.0" in (REQUIREMENTS / "gpu.in").read_text(encoding="utf-8")


def test_what_the_images_add_changes_no_version_of_the_lock():
    cpu = {line.split()[0] for line in pins("cpu.txt")}
    shared = {pin.split("==")[0] for pin in cpu}
    added = {line.split()[0] for line in pins("image.txt")}
    assert {pin for pin in added if pin.split("==")[0] in shared} <= cpu
    assert {"jupyterlab", "modelscope"} <= {pin.split("==")[0] for pin in added - cpu}


def test_what_the_template_imports_is_asked_for():
    asked = (REQUIREMENTS / "cpu.in").read_text(encoding="utf-8")
    names = {
        re.split("[=<>]", line)[0]
        for line in asked.splitlines()
        if line and not line.startswith(("#", "-"))
    }
    own = {path.stem for path in TEMPLATE.rglob("*.py")} | {"pipeline"}
    for path in TEMPLATE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module]
            for module in {module.split(".")[0] for module in modules}:
                if module not in own | set(sys.stdlib_module_names):
                    assert PACKAGES.get(module, module) in names, f"{path.name}: {module}"


def test_help_lists_the_steps_in_their_order(bundle, tmp_path, task, language):
    given = {"task": task, "language": language}
    create.new(tmp_path / "line", given, source=str(bundle), defaults=True)
    done = make(tmp_path / "line")
    listed = re.findall(r"^  make ([a-z-]+)", done.stdout, re.MULTILINE)
    steps = [step for step in listed[1:] if (step, task) != ("add-class", "classification")]
    assert steps[: len(STEPS)] == STEPS
    assert ("add-class" in listed) == (task == "classification")
    assert bool(re.search("[一-鿿]", done.stdout)) == (language == "zh")


def test_texts_name_only_targets_that_exist(bundle, tmp_path, task, language):
    given = {"task": task, "language": language}
    create.new(tmp_path / "line", given, source=str(bundle), defaults=True)
    targets = set(
        re.findall(r"^([a-z-]+):", (tmp_path / "line/Makefile").read_text("utf-8"), re.MULTILINE)
    )
    named = re.findall(r"make ([a-z-]+)", (tmp_path / "line/README.md").read_text("utf-8"))
    assert set(STEPS) - {"all"} - {"test"} <= set(named) <= targets


def test_class_names_are_inert_in_every_text(bundle, tmp_path, task):
    names = ["`x", "``y`", "<b>z", "# w", "$(touch pwned)", "- [l](u)", "| a |"]
    given = {"task": task, "classes": ", ".join(names), "num_classes": len(names)}
    create.new(tmp_path / "hostile", given, source=str(bundle), defaults=True)
    create.new(tmp_path / "plain", {"task": task}, source=str(bundle), defaults=True)
    for file in ("Makefile", "Dockerfile"):
        assert (tmp_path / "hostile" / file).read_text("utf-8") == (
            tmp_path / "plain" / file
        ).read_text("utf-8")
    # An indented block: nothing in it is Markdown.
    block = "\n\n" + "".join(f"    {name}\n" for name in names) + "\n"
    assert block in (tmp_path / "hostile/README.md").read_text("utf-8")


@pytest.mark.parametrize("step", ["doctor", "check", "train", "predict", "report", "test", "all"])
def test_a_step_without_environment_says_so_in_one_line(project, step):
    done = make(project, step)
    assert done.returncode
    assert faults(done) == ["error: there is no environment in .venv: run make setup"]


def wheel(folder: Path) -> Path:
    """Writes a package with one empty module."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return path


@pytest.fixture
def tiny(project) -> Path:
    """The project with a lock of one package, which lies in the folder `my wheels`."""
    digest = hashlib.sha256(wheel(project / "my wheels").read_bytes()).hexdigest()
    lock = project / "requirements/cpu.txt"
    lock.write_text(f"tiny==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    return project


def setup(project: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    return make(project, "setup", "WHEELS=my wheels", f"BASE_PYTHON={sys.executable}", *args)


def has_tiny(project: Path) -> bool:
    return not subprocess.run([project / ".venv/bin/python", "-c", "import tiny"]).returncode


@pytest.fixture(params=["pip", "uv"])
def installer(request, tmp_path, monkeypatch) -> str:
    """Leaves one installer to be found."""
    if request.param == "uv" and not shutil.which("uv"):
        pytest.skip("uv is not here")
    if request.param == "pip":
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/uv").write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / "bin/uv").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return request.param


@needs_fitting_python
def test_setup_makes_the_environment_once(tiny, installer):
    done = setup(tiny)
    assert done.returncode == 0, done.stderr
    assert has_tiny(tiny)
    assert setup(tiny).stdout == "the environment in .venv is up to date\n"


@needs_fitting_python
def test_setup_with_a_wrong_hash_leaves_the_environment_as_it_was(tiny, installer):
    assert setup(tiny).returncode == 0
    lock = tiny / "requirements/cpu.txt"
    good = lock.read_text()
    lock.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    done = setup(tiny)
    assert done.returncode
    assert faults(done)[-1].startswith("error: the environment was not made")
    assert has_tiny(tiny)
    assert not (tiny / ".venv.old").exists()
    lock.write_text(good)
    assert setup(tiny).stdout == "the environment in .venv is up to date\n"


@needs_fitting_python
def test_setup_that_fails_at_first_leaves_nothing(tiny):
    (tiny / "requirements/cpu.txt").write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    assert setup(tiny).returncode
    assert not (tiny / ".venv").exists()


@needs_fitting_python
def test_setup_after_a_kill_starts_again_from_what_was_whole(tiny):
    assert setup(tiny).returncode == 0
    # As a kill leaves it: the whole one aside, and a half-made one.
    (tiny / ".venv").rename(tiny / ".venv.old")
    (tiny / ".venv").mkdir()
    (tiny / ".venv/unfinished").touch()
    assert setup(tiny).returncode == 0
    assert has_tiny(tiny)
    assert not (tiny / ".venv.old").exists()


def test_setup_never_replaces_a_folder_that_it_did_not_make(tiny):
    (tiny / ".venv").mkdir()
    (tiny / ".venv/mine").touch()
    done = setup(tiny)
    assert done.returncode
    assert len(faults(done)) == 1 and "was not made by make setup" in faults(done)[0]
    assert (tiny / ".venv/mine").exists()


@pytest.mark.parametrize(
    ("arg", "said"),
    [("BASE_PYTHON=/nowhere/python", "no Python 3.10 or 3.11"), ("WHEELS=none", "no folder none")],
)
def test_setup_says_in_one_line_what_is_missing(tiny, arg, said):
    done = setup(tiny, arg)
    assert done.returncode
    assert len(faults(done)) == 1 and said in faults(done)[0]
    assert not (tiny / ".venv").exists()


def test_clean_keeps_what_cannot_be_made_again(project):
    for folder in ("data/a", "runs/1", "export/1", "cache", "pipeline/__pycache__"):
        (project / folder).mkdir(parents=True, exist_ok=True)
        (project / folder / "file").touch()
    assert make(project, "clean").returncode == 0
    left = {folder for folder in ("data/a", "runs/1", "export/1") if (project / folder).exists()}
    assert left == {"data/a", "runs/1", "export/1"}
    assert not (project / "cache").exists() and not (project / "pipeline/__pycache__").exists()


@pytest.fixture
def docker(tmp_path, monkeypatch) -> None:
    """A `docker` that prints its arguments, since no engine runs where tests run."""
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "docker").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


DIGEST = "paddlepaddle/paddle@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("args", "base", "floats"),
    [
        (["image"], "paddlepaddle/paddle:3.0.0-gpu-cuda11.8-cudnn8.9-trt8.6", False),
        (["image-cpu"], "paddlepaddle/paddle:3.0.0", False),
        (["image", f"PADDLE_IMAGE={DIGEST}"], DIGEST, False),
        (["image", "PADDLE_TAG=latest-gpu"], "paddlepaddle/paddle:latest-gpu", True),
        (["image", "PADDLE_IMAGE=paddlepaddle/paddle"], "paddlepaddle/paddle", True),
    ],
)
def test_the_image_is_built_on_the_chosen_base(project, docker, args, base, floats):
    done = make(project, *args, "USER_ID=1234", "GROUP_ID=1234")
    assert f"PADDLE_IMAGE={base}" in done.stdout.splitlines()
    assert "USER_ID=1234" in done.stdout.splitlines()
    assert ("can change" in done.stderr) == floats


def test_the_image_does_not_run_as_root(project, docker):
    done = make(project, "image", "USER_ID=0")
    assert done.returncode and len(faults(done)) == 1 and "root" in faults(done)[0]


@pytest.mark.parametrize(("step", "port"), [("jupyter", 8888), ("visualdl", 8040)])
def test_pages_are_for_this_machine_alone(project, docker, step, port):
    said = make(project, step, "DEVICE=gpu").stdout.splitlines()
    assert f"127.0.0.1:{port}:{port}" in said
    assert f"{project}:/workspace" in said
    assert step == "jupyter" or "--disable-telemetry" in said  # it would tell its maker of a start
    assert not [arg for arg in said if "token" in arg.lower() and arg != "JUPYTER_TOKEN"]


@pytest.mark.parametrize(
    ("package", "version", "lock", "said"),
    [
        ("paddlepaddle-gpu", "3.0.0", "gpu.txt", ""),
        ("paddlepaddle-gpu", "3.0.0.post118", "gpu.txt", ""),
        ("paddlepaddle", "3.0.0", "cpu.txt", ""),
        ("paddlepaddle-gpu", "2.6.2", "", "error: the image has paddlepaddle-gpu 2.6.2"),
        ("paddlepaddle", "3.0.1", "", "error: the image has paddlepaddle 3.0.1"),
        ("torch", "3.0.0", "", "error: the image has no Paddle"),
    ],
)
@needs_fitting_python
def test_the_image_takes_the_lock_of_its_paddle(tmp_path, package, version, lock, said):
    info = tmp_path / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {package}\nVersion: {version}\n")
    done = subprocess.run(
        [sys.executable, REQUIREMENTS / "lock_for_image.py"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.stdout.strip(), bool(done.returncode)) == (lock, bool(said))
    assert done.stderr.startswith(said) and done.stderr.count("\n") == bool(said)


def test_doctor_without_paddle_names_the_remedy(project):
    done = subprocess.run(
        [sys.executable, "doctor.py"], cwd=project, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 1 and not done.stderr
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(rows) == ["Python", "packages", "Paddle", "disk", "git"]
    assert rows["Paddle"].startswith("FAULT") and "make setup" in rows["Paddle"]
    assert rows["git"].startswith("ok")
