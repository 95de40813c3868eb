"""Episodes: how they are drawn, measured and learned from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def episodes(in_project):
    from pipeline import episodes

    return episodes


def test_an_episode_has_a_class_a_row_and_no_picture_twice(episodes):
    @settings(deadline=None)
    @given(st.lists(st.integers(0, 7), min_size=1, max_size=60), st.integers(2, 6), st.integers(0))
    def check(labels, pictures, seed):
        labels = np.array(labels)
        ways = episodes.ways(labels)
        assert ways == min(5, len(set(labels.tolist())))
        rows = episodes.draw(labels, ways, pictures, np.random.default_rng(seed))
        assert rows.shape == (ways, pictures)
        assert len(set(labels[rows[:, 0]].tolist())) == ways
        assert (labels[rows] == labels[rows[:, :1]]).all()
        for row in rows:
            there = (labels == labels[row[0]]).sum()
            assert len(set(row.tolist())) == pictures or there < pictures

    check()


def test_accuracy_is_1_for_classes_far_apart_and_chance_for_noise(episodes):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 20)
    noise = rng.normal(size=(120, 8))
    right, classes = episodes.one_shot(noise + 100 * np.eye(8)[labels], labels, 5)
    assert right.shape == (600, 5, 15) and right.all()
    assert classes.shape == (600, 5) and set(classes.ravel()) == set(range(6))
    right, _ = episodes.one_shot(noise, labels, 5)
    found = episodes.interval(right.mean((1, 2)))
    assert found["low"] < found["value"] < found["high"] and abs(found["value"] - 0.2) < 0.03


def test_the_loss_is_that_of_the_head_and_of_squared_distances(in_project):
    import paddle

    from pipeline.episodic import SHARPNESS, episodic_losses

    class Identity(paddle.nn.Layer):
        """Pictures of two numbers; the head takes every class for equally probable."""

        def __init__(self):
            super().__init__()
            self.fc = paddle.nn.Linear(2, 3, paddle.nn.initializer.Constant(0.0))

        def embeddings(self, x):
            return x.flatten(1)

    # Shots at 0 and 2; the queries at 0.5 and 2, both dimensions alike.
    x = np.float32([[[0, 0.5], [2, 2]]])[..., None, None, None].repeat(2, -1)
    x = paddle.to_tensor(x, stop_gradient=False)
    targets = paddle.full([1, 2, 2, 3], 1 / 3)
    found = [episodic_losses(weight, Identity(), x, targets) for weight in (0.0, 2.0)]
    own = [np.log1p(np.exp(-SHARPNESS * nearer)) for nearer in (1.5**2 - 0.5**2, 2**2)]
    np.testing.assert_allclose(found[0].numpy(), [np.log(3)], rtol=1e-5)
    np.testing.assert_allclose(found[1].numpy(), [np.log(3) + 2 * np.mean(own)], rtol=1e-5)
    found[1].sum().backward()
    assert (x.grad.numpy() != 0).all()


def test_a_batch_has_as_many_pictures_with_two_classes_as_with_many(in_project):
    from pipeline.batches import Pictures, steps_an_epoch
    from pipeline.episodic import episodic_batches
    from pipeline.preprocess import Preprocess
    from pipeline.settings import Settings

    for count, shots, shape in ((2, 8, (2, 2, 6)), (7, 8, (2, 5, 2)), (3, 1, (2, 3, 4))):
        options = Settings(classes=[str(i) for i in range(count)])
        labels = np.repeat(np.arange(count), shots)
        squares = [np.full((32, 32, 3), 20 * label, np.uint8) for label in labels]
        given = Pictures(squares, labels, np.zeros((len(labels), 1)))
        rng = np.random.default_rng(0)
        found = list(episodic_batches(given, options, Preprocess(32), lambda p, _: p, rng))
        assert len(found) == steps_an_epoch(len(labels), options.train.batch_size)
        for x, targets in found:
            assert x.shape == (*shape, 3, 32, 32) and targets.shape == (*shape, count)
            assert (targets.argmax(-1) == targets.argmax(-1)[..., :1]).all()
