"""The contrastive loss of what the dense detector's head sees."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")
SIZE, STRIDES = 128, (8, 16)


def targets_of(objects):
    """Targets of the cells of a picture with these objects: label, x0, y0, x1, y1, weight."""
    from pipeline.targets import dense_targets

    heat, care, _, weight = dense_targets(np.float32([objects]), SIZE, STRIDES, classes=3)
    return heat, care, weight


def some_features(heat):
    import paddle

    paddle.seed(0)
    return paddle.randn([*heat.shape[:2], 8])


def test_a_class_is_drawn_together_and_away_from_all_else():
    import paddle

    from pipeline.contrast import contrastive_loss

    objects = [[0, 8, 8, 40, 40, 1], [0, 80, 8, 112, 40, 1], [1, 8, 80, 40, 112, 1]]
    heat, care, weight = targets_of(objects)
    features = some_features(heat)
    features.stop_gradient = False
    optimizer = paddle.optimizer.Adam(0.1, parameters=[features])
    for _ in range(60):
        loss = contrastive_loss(features, heat, care, weight)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    seen = features.numpy()[0] / np.linalg.norm(features.numpy()[0], axis=1, keepdims=True)
    # Cells of the objects' centres, on the fine level.
    first, second, other = (seen[y // 8 * 16 + x // 8] for x, y in ((24, 24), (96, 24), (24, 96)))
    nothing = seen[15 * 16 + 15]
    assert first @ second > 0.9
    assert max(first @ other, first @ nothing) < 0.5


def test_an_object_alone_of_its_cells_and_class_has_nothing_to_be_like():
    import paddle

    from pipeline.contrast import contrastive_loss

    heat, care, weight = targets_of([[2, 8, 8, 40, 40, 1]])
    only = np.zeros_like(weight)
    only[0, np.argmax(weight[0])] = 1
    assert float(contrastive_loss(some_features(heat), heat, care, only)) == 0
    assert float(contrastive_loss(paddle.zeros([*heat.shape[:2], 8]), heat, care, weight)) > 0


def test_what_is_cut_too_much_to_be_learned_stands_for_nothing():
    from pipeline.contrast import contrastive_loss

    heat, care, weight = targets_of([[0, 8, 8, 40, 40, 1], [1, 88, 88, 128, 128, 0]])
    features = some_features(heat)
    before = float(contrastive_loss(features, heat, care, weight))
    cut = np.flatnonzero(care[0, :, 0] == 0)
    assert len(cut)
    features[0, cut] = 100 * features[0, cut[:1]]
    assert float(contrastive_loss(features, heat, care, weight)) == before


def test_a_crowd_costs_no_more_than_so_many_cells(monkeypatch):
    from pipeline import contrast

    places = [(x, y) for x in range(0, 120, 8) for y in range(0, 120, 8)]
    heat, care, weight = targets_of([[0, x, y, x + 8, y + 8, 1] for x, y in places])
    sizes = []
    normalize = contrast.F.normalize
    monkeypatch.setattr(contrast, "OBJECTS", 100)
    monkeypatch.setattr(contrast.F, "normalize", lambda x: sizes.append(len(x)) or normalize(x))
    assert np.isfinite(float(contrast.contrastive_loss(some_features(heat), heat, care, weight)))
    assert 100 <= sizes[0] <= 100 + contrast.BACKGROUND
