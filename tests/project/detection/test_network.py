"""The dense detector learns from wherever its weights are."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")


@pytest.mark.parametrize("bins", [1, 16])
@pytest.mark.parametrize("far", [-9.0, 9.0])
def test_boxes_that_are_far_too_small_or_large_are_mended(far, bins):
    """Large first steps drive all distances beyond their limits; from there AP50 stayed 0."""
    import paddle

    from pipeline.backbone import EMBEDDED, new_backbone
    from pipeline.network import new_detector

    paddle.seed(0)
    state = {name: value.numpy() for name, value in new_backbone(EMBEDDED).state_dict().items()}
    network = new_detector(EMBEDDED, 1, (8,), state, bins)
    biases = [far] if bins == 1 else far * np.linspace(0, 1, bins)
    network.sides.bias.set_value(np.float32(np.tile(biases, 4)))
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
    x = paddle.rand([1, 3, 128, 128]) * 255
    small, cut, none = [0, 10, 10, 50, 50, 1], [0, 0, 0, 4, 4, 0], [-1, 0, 0, 0, 0, 0]
    network.begin_sides(np.float32([[small, cut], [[0, 0, 0, 80, 80, 1], none]]))
    sides = network(x)[1].numpy()
    fine, coarse = np.median(sides[:, :256]), np.median(sides[:, 256:])
    assert fine == pytest.approx(20, rel=0.1) and coarse == pytest.approx(40, rel=0.1)


def test_a_distance_between_two_choices_is_learned_exactly():
    import paddle

    from pipeline.distances import BINS, expected, sharpness_loss, untrained

    wanted = paddle.to_tensor(np.float32([[0.05, 1.7, 4.0, 300.0]]))  # strides
    sides = paddle.to_tensor(untrained(2.5, BINS).reshape(1, 4, BINS))
    sides.stop_gradient = False
    optimizer = paddle.optimizer.Adam(0.3, parameters=[sides])
    for _ in range(200):
        sharpness_loss(sides, wanted).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    given = expected(sides, paddle.to_tensor(np.float32([[8]]))).numpy()[0] / 8
    assert given == pytest.approx([0.05, 1.7, 4.0, 54.0], rel=0.02, abs=0.01)


def test_a_run_of_before_is_still_read_trained_exported_and_started_from():
    """Up to template 0.9 the head gave one number a side, and run.json names no bins."""
    import paddle

    from pipeline.backbone import EMBEDDED
    from pipeline.detectors import Architecture, carry_over, new_network
    from pipeline.inference import exported

    about = {"detector": "dense", "backbone": EMBEDDED, "strides": [8]}
    old = new_network(Architecture.from_dict(about), 2)
    assert old.sides.weight.shape == [4, 64, 3, 3]
    x, targets = paddle.rand([1, 3, 64, 64]) * 255, np.float32([[[0, 8, 8, 40, 40, 1]]])
    assert np.isfinite(old.losses(x, paddle.to_tensor(targets)).numpy()).all()
    assert np.isfinite(old.rows(x)[0].numpy()).all()

    new = new_network(Architecture("dense", EMBEDDED, (8,)), 2)
    boxes = new.sides.bias.numpy()
    tensors = {name: value.numpy() for name, value in old.state_dict().items()}
    carry_over(new, tensors, ["a", "cafe\u0301"], ["caf\u00e9", "c"])
    assert (new.sides.bias.numpy() == boxes).all()
    assert (new.tower[1].weight.numpy() == tensors["tower.1.weight"]).all()
    assert (new.centres.weight.numpy()[0] == tensors["centres.weight"][1]).all()

    wanted = old(x)[1].numpy()
    assert exported(old, 64).run(x.numpy())[1] == pytest.approx(wanted, rel=1e-4)
