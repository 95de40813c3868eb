"""The wheel in a clean environment: `fewshot` works far from the checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    done = subprocess.run(build, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr + done.stdout
    return next(folder.glob("*.whl"))


def test_it_carries_the_templates_and_nothing_of_the_repository(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"scaffolder/data/templates.bundle", "scaffolder/data/models.yaml"} <= set(names)
    for preset in ("pcb-defects", "pcb-solder", "screw-loosening"):
        assert f"scaffolder/presets/{preset}.yaml" in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"scaffolder", "fewshot-0.1.0.dist-info"}


def test_it_makes_a_project(wheel, home, tmp_path):
    """Only the dependencies are borrowed: no network is needed."""
    env = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", env], check=True)
    install = (env / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    subprocess.run([*install, wheel], check=True)
    site = next((env / "lib").glob("python*/site-packages"))
    # A path in a .pth file does not run that folder's own .pth files: no editable install here.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "FEWSHOT_TEMPLATE")}
    where = subprocess.run(
        [env / "bin/python", "-c", "import scaffolder; print(scaffolder.__file__)"],
        **{"cwd": tmp_path, "env": clean, "capture_output": True, "encoding": "utf-8"},
    )
    assert where.stdout.startswith(str(env)), where.stdout + where.stderr
    done = subprocess.run(
        [env / "bin/fewshot", "new", "line", "--preset", "pcb-defects", "--defaults"],
        **{"cwd": tmp_path, "env": clean, "capture_output": True, "encoding": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "line/settings.yaml").is_file()
    assert "site-packages" not in (tmp_path / "line/.copier-answers.yml").read_text()
