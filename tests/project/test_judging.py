"""What a classifier is judged by in training: held-out pictures, temperature, score."""

from collections import Counter
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("in_project")
OPTIONS = SimpleNamespace(train=SimpleNamespace(held_out_share=0.2, seed=0))


def samples_of(families: list[list[int]]) -> list[SimpleNamespace]:
    """Training pictures; for each class the sizes of its groups of near-duplicates."""
    return [
        SimpleNamespace(label=label, group=f"{label}-{number}", split="train")
        for label, sizes in enumerate(families)
        for number, size in enumerate(sizes)
        for _ in range(size)
    ]


def test_every_class_is_drawn_once_before_any_is_drawn_again():
    from pipeline.balance import class_by_class

    @hypothesis.given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 99))
    @hypothesis.settings(deadline=None)
    def check(labels, seed):
        order = class_by_class(labels, np.random.default_rng(seed)).tolist()
        assert sorted(order) == list(range(len(labels)))
        for end in range(len(labels) + 1):
            drawn = Counter(labels[i] for i in order[:end])
            most = max(drawn.values(), default=0)
            for label, count in Counter(labels).items():
                assert drawn[label] >= min(count, most - 1)

    check()


def test_every_class_is_fitted_in_every_fold_and_no_near_duplicates_are_parted():
    from pipeline.held_out import held_out_folds

    family = st.lists(st.integers(1, 12), min_size=1, max_size=12)
    classes = st.lists(family.filter(lambda sizes: sum(sizes) > 1), min_size=2, max_size=5)

    @hypothesis.given(classes)
    @hypothesis.settings(deadline=None)
    @hypothesis.example([[5], [1] * 5])  # one burst of pictures is all there is of a class
    @hypothesis.example([[3, 2], [3, 2]])
    def check(families):
        samples = samples_of(families)
        folds = held_out_folds(samples, OPTIONS)
        for fitted, judged in folds:
            assert sorted([*fitted, *judged]) == list(range(len(samples)))
            assert len(judged)
            for side in (fitted, folds[0][1]):
                assert {samples[i].label for i in side} == set(range(len(families)))
            parted = {samples[i].group for i in fitted} & {samples[i].group for i in judged}
            assert all(len(families[int(group.split("-")[0])]) == 1 for group in parted)

    check()


def test_a_rare_class_is_judged_by_more_than_one_picture():
    from pipeline.held_out import held_out_folds

    samples = samples_of([[1] * 200, [1] * 4])
    folds = held_out_folds(samples, OPTIONS)
    judged = Counter(samples[i].label for _, rows in folds for i in rows)
    assert judged[1] >= 3


def test_a_tiny_class_costs_the_others_no_pictures_to_fit_on():
    from pipeline.held_out import held_out_folds

    samples = samples_of([[1] * 40, [1] * 2])
    folds = held_out_folds(samples, OPTIONS)
    fitted = [Counter(samples[i].label for i in rows) for rows, _ in folds]
    # With the second fold all of the tiny class was judged: no further one is needed.
    assert fitted == [{0: 32, 1: 1}, {0: 32, 1: 1}]


def test_a_rare_class_counts_like_any_other():
    from pipeline.scores import score

    labels = np.array([0] * 99 + [1])
    blind = np.log(np.tile([[0.97, 0.03]], (100, 1)))
    able = np.where(np.eye(2)[labels] == 1, 0.8, 0.2)
    assert score(np.log(able), labels)["brier"] < score(blind, labels)["brier"]


def test_more_pictures_of_good_parts_leave_the_score_as_it_is():
    """The same answers to 20 times as many good pictures are worth the same score."""
    from scipy.special import log_softmax

    from pipeline.scores import score

    rng = np.random.default_rng(0)
    margins = np.concatenate([rng.normal(6, 2, 20), rng.normal(1, 4, 20)])
    labels = np.repeat([0, 1], 20)
    logs = log_softmax(np.stack([margins, 0 * margins], 1), axis=1)
    logs[20:] = logs[20:, ::-1]
    few = score(logs, labels)["brier"]
    rows = np.concatenate([np.tile(np.arange(20), 20), np.arange(20, 40)])
    assert score(logs[rows], labels[rows])["brier"] == pytest.approx(few, rel=0.01)


def test_a_few_pictures_that_are_all_right_do_not_make_a_network_bold():
    from pipeline.scores import fit_temperature

    logs = np.log([[0.9, 0.1], [0.1, 0.9]] * 6)
    assert fit_temperature(logs, np.array([0, 1] * 6)) > 0.5


def test_the_temperature_of_many_pictures_is_what_calibrates_them():
    from pipeline.scores import fit_temperature

    rng = np.random.default_rng(0)
    share = rng.uniform(0.55, 0.95, 4000)
    labels = (rng.random(4000) > share).astype(int)
    logits = np.stack([np.log(share), np.log(1 - share)], axis=1)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.15)


def test_a_fine_line_across_a_long_picture_is_seen_wherever_it_lies():
    from pipeline.preprocess import Preprocess

    seen = []
    for start in range(100, 130):
        strip = np.full((90, 2000, 3), 100, np.uint8)
        strip[:, start : start + 6] = 180
        seen.append(int(Preprocess(96).square(strip).max()) - 100)
    assert min(seen) > 10
