"""The dense detector learns from wherever its weights are."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")


@pytest.mark.parametrize("far", [-9.0, 9.0])
def test_boxes_that_are_far_too_small_or_large_are_mended(far):
    """Large first steps drive all distances beyond their limits; from there AP50 stayed 0."""
    import paddle

    from pipeline.backbone import EMBEDDED, new_backbone
    from pipeline.network import new_detector

    paddle.seed(0)
    state = {name: value.numpy() for name, value in new_backbone(EMBEDDED).state_dict().items()}
    network = new_detector(EMBEDDED, 1, (8,), state)
    network.sides.bias.set_value(paddle.full([4], far))
    maps = [m.detach() for m in network.maps(paddle.rand([1, 3, 128, 128]) * 255)]
    box = np.float32([32, 40, 72, 64])
    targets = paddle.to_tensor(np.float32([[[0, *box, 1]]]))
    optimizer = paddle.optimizer.Adam(0.3, parameters=[network.sides.bias])
    for _ in range(120):
        network.losses_of(maps, targets).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    sides = network.cells(maps)[1].numpy().reshape(16, 16, 4)  # px
    wanted = np.float32([52 - 32, 52 - 40, 72 - 52, 64 - 52])  # from the centre's cell
    assert sides[6, 6] == pytest.approx(wanted, rel=0.2)


def test_an_untrained_head_begins_with_the_usual_size():
    import paddle

    from pipeline.backbone import EMBEDDED, new_backbone
    from pipeline.network import new_detector

    state = {name: value.numpy() for name, value in new_backbone(EMBEDDED).state_dict().items()}
    network = new_detector(EMBEDDED, 1, (8, 16), state)
    x = np.random.default_rng(0).uniform(0, 255, (2, 3, 128, 128)).astype(np.float32)
    small, cut, none = [0, 10, 10, 50, 50, 1], [0, 0, 0, 4, 4, 0], [-1, 0, 0, 0, 0, 0]
    network.standardise(x, np.float32([[small, cut], [[0, 0, 0, 80, 80, 1], none]]))
    sides = network.cells(network.maps(paddle.to_tensor(x)))[1].numpy()
    fine, coarse = np.median(sides[:, :256]), np.median(sides[:, 256:])
    assert fine == pytest.approx(20, rel=0.2) and coarse == pytest.approx(40, rel=0.2)
