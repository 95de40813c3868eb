"""What is usual, of the pictures that a network was trained on."""

import importlib
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest


def kept(drift, folder, counts, scatter):
    """The statistic of classes with so many pictures, which scatter so much."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(len(counts)), counts)
    features = rng.normal(0, np.array(scatter)[kinds, None], (len(kinds), 16))
    none = drift.Seen(np.empty(0), np.empty(0, int))
    about = drift.keep(folder, drift.Seen(features.astype(np.float32), kinds), none)
    return drift.read(folder, "paddle"), about


def test_a_day_of_a_rare_defect_is_no_drift(in_project, tmp_path):
    """Its pictures look more different from each other than good parts do."""
    drift = importlib.import_module("pipeline.drift")
    familiar, about = kept(drift, tmp_path, counts=[100, 10], scatter=[1, 2])
    assert about["pictures"] == about["judged_by"] == 110
    assert about["usual"] == pytest.approx(familiar.usual)
    rng = np.random.default_rng(1)

    def alarms(scatter, shift):
        days = [familiar.scores(rng.normal(shift, scatter, (20, 16))) for _ in range(100)]
        return sum(drift.judged(day, familiar.usual)["changed"] for day in days)

    assert alarms(scatter=1, shift=0) == 0
    assert alarms(scatter=2, shift=0) <= 20
    assert alarms(scatter=1, shift=4) == 100


def test_too_few_pictures_say_nothing(in_project, tmp_path):
    drift = importlib.import_module("pipeline.drift")
    assert kept(drift, tmp_path, counts=[19], scatter=[1]) == (None, None)


def test_what_is_usual_is_drawn_kind_by_kind(in_project, tmp_path):
    drift = importlib.import_module("pipeline.drift")
    kinds = [0] * 300 + [1] * 4 + [2] * 5
    samples = [SimpleNamespace(split="train", path=(kind, i)) for i, kind in enumerate(kinds)]
    asked = []

    def features_of(paths):
        asked.extend(paths)
        return np.random.default_rng(0).normal(size=(len(paths), 8)).astype(np.float32)

    assert drift.keep_some(tmp_path, samples, kinds, 30, features_of)["pictures"] == 30
    assert Counter(kind for kind, _ in asked) == {0: 21, 1: 4, 2: 5}
    assert len(set(asked)) == 30
