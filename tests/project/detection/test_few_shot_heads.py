"""benchmarks/few_shot_heads.py fits the dense detector as it is now."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def heads(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import few_shot_heads

    yield few_shot_heads
    del sys.modules["few_shot_heads"]  # its classes are those of this test's project


def detector(head):
    import paddle

    from pipeline.backbone import EMBEDDED, pretrained_state

    paddle.seed(0)
    network = head(EMBEDDED, 2, (8, 16))
    network.backbone.set_state_dict(pretrained_state(EMBEDDED, None))
    network.eval()
    return network


def crops():
    """Two pictures [N, 3, S, S] with two objects of class 0, and one of class 1."""
    rng = np.random.default_rng(0)
    x = np.float32(rng.uniform(0, 255, (2, 3, 64, 64)))
    targets = np.full((2, 2, 6), -1, np.float32)
    targets[0] = [[0, 5, 5, 20, 20, 1], [0, 30, 30, 42, 44, 1]]
    targets[1, 0] = [1, 10, 10, 30, 25, 1]
    return x, targets


def test_a_class_is_told_by_a_cosine(heads):
    import paddle

    network = detector(heads.CosineDetector)
    x, targets = (paddle.to_tensor(array) for array in crops())
    with paddle.no_grad():
        before = network(x)[0].numpy()
        network.centres.weight.set_value(7 * network.centres.weight)
        np.testing.assert_allclose(network(x)[0].numpy(), before, atol=1e-4)
        bias = network.centres.bias.numpy()
        assert 0 < np.abs(before - bias).max() <= heads.COSINE_SCALE
    network.losses(x, targets).sum().backward()
    assert network.centres.weight.grad.abs().sum() > 0


def test_embeddings_of_a_class_are_drawn_together(heads):
    import paddle

    network = detector(heads.ContrastDetector)
    x, targets = crops()
    optimizer = paddle.optimizer.Adam(1e-2, parameters=network.embedding.parameters())
    found = []
    for _ in range(8):
        network(paddle.to_tensor(x))
        loss = network._contrast(x.shape[2], targets)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        found.append(float(loss))
    assert found[-1] < 0.9 * found[0]
    assert any(p is network.embedding.weight for p in network.depth_groups()[-1])
