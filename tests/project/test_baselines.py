"""benchmarks/baselines.py works on a project as it is now."""

import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "baselines.py"


@pytest.mark.parametrize("method", ["nearest_mean", "logistic_regression"])
def test_a_baseline_answers_for_every_test_picture(run, project, method):
    assert run(project, "check_data.py").returncode == 0
    env = {"PYTHONPATH": str(project), "FLAGS_enable_pir_api": "0"}
    done = run(project, SCRIPT, method, **env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["right"]) == 4 and set(found["right"]) <= {"0", "1"}
    assert found["accuracy"] == found["right"].count("1") / 4
