"""Frozen maps on disk: the same as the backbone's own, and windows that show their objects."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")
SIDE, WINDOW = 128, 64


class Shrunk:
    """Stands in for a backbone: its maps are the picture in small, to be looked at."""

    def maps(self, x):
        def shrink(stride):
            count, channels, side, _ = x.shape
            cells = x.reshape(count, channels, side // stride, stride, side // stride, stride)
            return cells.mean((3, 5))

        return [shrink(4), shrink(32)]


@pytest.fixture
def crops(picture):
    """Draws whole pictures of 128 px with a dark (0) and a light (1) patch of 24 px each."""
    from pipeline.crops import Crops, Scene
    from pipeline.settings import Augment

    scenes = []
    for number in range(6):
        x, y = 8 + 8 * number, 96 - 8 * number
        boxes = [("dark", x, 20, x + 23, 43), ("light", 70, y, 93, y + 23)]
        pixels = np.asarray(picture(number, boxes, (SIDE, SIDE)))
        corners = np.float32([[x, 20, x + 24, 44], [70, y, 94, y + 24]])
        scenes.append(Scene(pixels, corners, np.array([0, 1])))
    options = Augment(light=0, colour=0, scale=1)
    return Crops(scenes, SIDE, options, lambda picture, rng: picture)


def make(crops, frozen, folder, seconds=0.0):
    from pipeline.sheets import Sheets, make_sheets

    make_sheets(folder, frozen, crops, seconds, np.random.default_rng(0))
    return Sheets(folder, SIDE, WINDOW)


def test_the_object_lies_in_the_window_where_its_box_says(crops, tmp_path):
    sheets = make(crops, Shrunk(), tmp_path / "sheets")
    rng = np.random.default_rng(0)
    shown = set()
    for _ in range(50):
        (fine, coarse), objects = sheets.draw(rng)
        assert fine.shape == (3, 16, 16) and coarse.shape == (3, 2, 2)
        for label, x0, y0, x1, y1, weight in objects:
            if weight:
                row, column = int((y0 + y1) / 2 / 4), int((x0 + x1) / 2 / 4)
                value = fine[:, row, column].mean()
                assert value < 60 if label == 0 else value > 200
                shown.add(int(label))
    assert shown == {0, 1}


def test_batches_stack_windows(crops, tmp_path):
    sheets = make(crops, Shrunk(), tmp_path / "sheets")
    ((maps, targets),) = sheets.batches(1, 5, np.random.default_rng(0))
    assert [m.shape for m in maps] == [(5, 3, 16, 16), (5, 3, 2, 2)]
    assert all(m.dtype == np.float32 for m in maps)
    assert targets.shape[0] == 5 and targets.shape[2] == 6


def test_older_sheets_go_and_a_failure_leaves_none(crops, tmp_path):
    from pipeline.project import CACHE

    (CACHE / "sheets-1").mkdir(parents=True)
    make(crops, Shrunk(), CACHE / "sheets-2")
    assert [path.name for path in CACHE.glob("sheets-*")] == ["sheets-2"]

    class Failing(Shrunk):
        def maps(self, x):
            if len(list(CACHE.glob(".sheets-3*"))):
                raise KeyboardInterrupt
            return super().maps(x)

    with pytest.raises(KeyboardInterrupt):
        make(crops, Failing(), CACHE / "sheets-3")
    assert not list(CACHE.glob("*sheets-3*"))


@pytest.mark.parametrize("detector", ["dense", "picodet"])
def test_frozen_maps_and_what_is_found_by_them_are_the_networks_own(detector):
    import paddle

    from pipeline.detectors import Beginning
    from pipeline.settings import Model
    from pipeline.sheets import FrozenBackbone

    paddle.seed(0)
    beginning = Beginning(detector, (8, 16), 16, ["dark", "light"], Model())
    network = beginning.network()
    x = np.random.default_rng(0).uniform(0, 255, (1, 3, SIDE, SIDE)).astype(np.float32)
    network.standardise(x)
    frozen = FrozenBackbone(network, beginning.network(), SIDE)
    with paddle.no_grad():
        expected = [m.numpy() for m in network.maps(paddle.to_tensor(x))]
        rows, counts = (output.numpy() for output in network.rows(paddle.to_tensor(x)))
    for mine, theirs in zip(frozen.maps(x), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-2)
    found, number = frozen.run(x)
    assert (number == counts).all()
    np.testing.assert_allclose(found[:, 1], rows[:, 1], atol=1e-3)


def test_the_maps_have_their_room_on_the_disk_before_they_are_written(tmp_path):
    from pipeline.sheets import _on_disk

    _on_disk(tmp_path / "map.npy", (4, 256, 256))
    stored = (tmp_path / "map.npy").stat()
    assert stored.st_blocks * 512 >= stored.st_size > 4 * 256 * 256 * 2
