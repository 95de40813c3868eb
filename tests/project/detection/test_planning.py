"""What training makes of a data set before it begins: scale, levels, crops, held-out pictures."""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")
SPOTS, SCRATCH = 0, 1


@pytest.fixture
def sample():
    from pipeline.dataset import Sample

    def sample(number, objects, size=(1600, 1200), split="train", group=None):
        """A picture with objects (label, width, height) side by side."""
        boxes, x = [], 10
        for _, width, height in objects:
            boxes.append([x, 20, x + width, 20 + height])
            x += 5
        labels = np.int64([label for label, _, _ in objects])
        corners = np.float32(boxes).reshape(-1, 4)
        path = Path(f"{number}.png")
        return Sample(path, size, corners, labels, split, group or path.name)

    return sample


@pytest.fixture
def options():
    from pipeline.settings import Settings

    return Settings(classes=["spot", "scratch"])


def planned(samples, options):
    from pipeline import sizes

    preprocess = sizes.choose_preprocess(samples, options.model)
    side = sizes.choose_crop(samples, preprocess)
    return preprocess, sizes.choose_levels(samples, preprocess), side


@pytest.mark.parametrize("rare", [1, 40])
def test_a_long_object_of_a_rare_class_is_whole_in_crops(sample, options, rare):
    spots = [(SPOTS, 70, 70)] * 3
    samples = [sample(i, [*spots, (SCRATCH, 1400, 12)] if i < rare else spots) for i in range(40)]
    preprocess, _, side = planned(samples, options)
    assert side >= 1400 * preprocess.scale_of(1600, 1200)


def test_a_rare_class_of_large_objects_has_its_level(sample, options):
    samples = [sample(i, [(SPOTS, 60, 60)] * 10) for i in range(120)]
    samples += [sample(200 + i, [(SCRATCH, 1000, 800)]) for i in range(12)]
    assert planned(samples, options)[1] == (8, 32)


def test_few_outliers_of_a_class_need_no_level(sample, options):
    samples = [sample(i, [(SPOTS, 60, 60)] * 10) for i in range(10)]
    samples += [sample(20, [(SPOTS, 1000, 800)] * 6)]
    assert planned(samples, options)[1] == (8,)


def test_large_objects_need_no_large_input(sample, options):
    samples = [sample(i, [(SPOTS, 46, 46), (SPOTS, 90, 180)], size=(200, 200)) for i in range(10)]
    preprocess, _, side = planned(samples, options)
    assert preprocess.input_size == side == 224


def test_a_long_object_is_whole_in_a_tile(sample, options):
    samples = [sample(i, [(SPOTS, 10, 10)] * 3 + [(SCRATCH, 150, 8)]) for i in range(10)]
    preprocess = planned(samples, options)[0]
    assert preprocess.overlap >= 150 * preprocess.tile_scale


def test_tiles_suit_small_objects_unless_long_ones_would_not_be_whole(sample, options):
    holes = [(SPOTS, 14, 14)]
    samples = [sample(i, [*holes, (SCRATCH, 300, 12)], (5472, 3648)) for i in range(10)]
    preprocess = planned(samples, options)[0]
    assert preprocess.tile_scale == pytest.approx(640 / (1.25 * 300), abs=1e-3)
    samples = [sample(i, [*holes, (SCRATCH, 2000, 12)], (5472, 3648)) for i in range(10)]
    preprocess = planned(samples, options)[0]
    assert preprocess.tile_scale * 14 == pytest.approx(16, abs=0.1) and preprocess.overlap < 64


def test_the_class_with_the_smallest_objects_decides_when_tiles_are_asked_for(sample, options):
    samples = [
        sample(i, [(SPOTS, 300, 300)] * 4 + [(SCRATCH, 12, 12)], (5472, 3648)) for i in range(10)
    ]
    asked = options.model_copy(update={"model": options.model.model_copy(update={"tiles": True})})
    preprocess = planned(samples, asked)[0]
    assert preprocess.tile_scale * 12 >= 16


@pytest.mark.parametrize("size", [(1600, 1200), (300, 5000), (640, 640), (100, 80)])
@pytest.mark.parametrize("tile_scale", [None, 0.3, 2.0])
def test_the_number_of_inputs_is_known_beforehand(size, tile_scale):
    from pipeline.preprocess import Preprocess

    preprocess = Preprocess(640, tile_scale, 100 if tile_scale else 0)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    assert preprocess.count(*size) == len(preprocess.pieces(picture))


def test_groups_larger_than_the_share_can_be_held_out(sample, options):
    from pipeline.held_out import split_off

    samples = [sample(i, [(SPOTS, 60, 60), (SCRATCH, 90, 9)], group=str(i // 5)) for i in range(20)]
    fitted, held_out = split_off(samples, options)
    assert (len(fitted), len(held_out)) == (15, 5)
    assert not {s.group for s in fitted} & {s.group for s in held_out}


def test_many_pictures_of_good_parts_do_not_hold_out_more_defects(sample, options):
    from pipeline.held_out import split_off

    labelled = [sample(i, [(SPOTS, 60, 60), (SCRATCH, 90, 9)]) for i in range(20)]
    fitted, held_out = split_off(labelled + [sample(100 + i, []) for i in range(300)], options)
    assert (len(fitted), len(held_out)) == (317, 3)
    assert all(len(one.boxes) for one in held_out)


def test_pictures_of_good_parts_do_not_fill_the_disk(sample):
    from pipeline.held_out import some_good
    from pipeline.preprocess import Preprocess

    labelled = [sample(i, [(SPOTS, 12, 12)], (5472, 3648)) for i in range(3)]
    good = [sample(100 + i, [], (5472, 3648)) for i in range(300)]
    mixed = [*good[:50], *labelled, *good[50:]]
    tiles = Preprocess(640, 2.0, 64)  # 240 MB a picture
    assert some_good(mixed, tiles, 2e9) == good[:5] + labelled
    assert some_good(mixed, tiles, 0) == good[:3] + labelled
    assert some_good(mixed, Preprocess(640), 2e9) == mixed


def test_the_first_val_pictures_are_not_all_of_one_class(sample, options):
    from pipeline.held_out import split_off

    train = [sample(100 + i, [(SPOTS, 60, 60), (SCRATCH, 90, 9)]) for i in range(4)]
    val = [sample(i, [(i // 32, 60, 60)], split="val") for i in range(64)]
    judged = split_off(train + val, options)[1][:32]
    counts = np.bincount(np.concatenate([one.labels for one in judged]))
    assert counts.min() > 4


def test_training_pictures_that_are_not_judged_are_trained_on(sample):
    from pipeline.held_out import not_too_many
    from pipeline.preprocess import Preprocess

    fitted = [sample(i, [(SPOTS, 60, 60)], (4000, 3000)) for i in range(10)]
    held_out = [sample(20 + i, [(SPOTS, 60, 60)], (4000, 3000)) for i in range(6)]
    tiles = Preprocess(640, 2.0, 64)
    now_fitted, judged = not_too_many(fitted, held_out, tiles, 480)
    assert judged == held_out[:3] and now_fitted == fitted + held_out[3:]
    val = [sample(40 + i, [(SPOTS, 60, 60)], (4000, 3000), split="val") for i in range(6)]
    assert not_too_many(fitted, val, tiles, 480) == (fitted, val[:3])


def test_tiles_bound_how_many_pictures_are_judged(sample):
    from pipeline.held_out import some_of
    from pipeline.preprocess import Preprocess

    samples = [sample(i, [(SPOTS, 60, 60)], (4000, 3000)) for i in range(32)]
    assert len(some_of(samples, Preprocess(640), 96)) == 32
    tiles = Preprocess(640, 1.0, 64)
    few = some_of(samples, tiles, 96)
    assert sum(tiles.count(*one.size) for one in few) <= 96
    assert len(some_of(samples, Preprocess(640, 2.0, 64), 96)) == 2


@pytest.fixture
def crops():
    from pipeline.crops import Crops
    from pipeline.settings import Augment

    def crops(scenes, side=128, **options):
        return Crops(scenes, side, Augment(**options), lambda picture, rng: picture)

    return crops


def test_pictures_on_disk_give_the_same_crops(crops, sample, monkeypatch, tmp_path):
    from PIL import Image

    from pipeline import crops as module
    from pipeline.preprocess import Preprocess

    rng = np.random.default_rng(0)
    samples = []
    for number, size in enumerate([(300, 200), (90, 70), (128, 301)]):
        one = sample(tmp_path / str(number), [(SPOTS, 40, 30)], size)
        Image.fromarray(rng.integers(0, 255, (*size[::-1], 3), np.uint8)).save(one.path)
        samples.append(one)
    monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    preprocess = Preprocess(128, 0.7, 32)
    in_memory = module.read_scenes(samples, preprocess)
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 0)
    on_disk = module.read_scenes(samples, preprocess)
    assert all(isinstance(scene.picture, np.memmap) for scene in on_disk)
    for scene, other in zip(in_memory, on_disk, strict=True):
        np.testing.assert_array_equal(scene.picture, other.picture)
    drawn = [
        crops(scenes, mosaic=0.5).batches(8, 4, np.random.default_rng(1))
        for scenes in (in_memory, on_disk)
    ]
    for (x, objects), (y, others) in zip(*drawn, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(objects, others)
    assert not list((tmp_path / "cache").iterdir())


def test_a_very_long_picture_is_cropped_around_its_objects(crops):
    from pipeline.crops import Scene

    picture = np.full((150, 40_000, 3), 90, np.uint8)
    picture[60:90, 39_000:39_040] = 255
    scene = Scene(picture, np.float32([[39_000, 60, 39_040, 90]]), np.int64([0]))
    x, objects = next(crops([scene], light=0, colour=0).batches(1, 16, np.random.default_rng(0)))
    learned = 0
    for square, rows in zip(x, objects, strict=True):
        for _, x0, y0, x1, y1, weight in rows[rows[:, 0] >= 0]:
            if weight == 1:
                column, row = int((x0 + x1) / 2), int((y0 + y1) / 2)
                assert square[:, row, column].min() > 250
                learned += 1
    assert learned >= 8


def test_settings_of_older_templates_that_name_copy_paste_are_read(tmp_path, capsys):
    from pipeline.settings import load

    settings = tmp_path / "settings.yaml"
    settings.write_text("classes: [spots]\naugment:\n  copy_paste: 0.5\n")
    assert load(settings).augment.mosaic == 0
    assert capsys.readouterr().err == (
        "settings.yaml:3: augment.copy_paste: is not used any more: training with pasted objects "
        "found no more. Remove it.\n"
    )


def test_a_thin_object_is_never_taught_as_background(crops):
    from pipeline.crops import Scene

    picture = np.full((400, 400, 3), 90, np.uint8)
    picture[200] = 200
    scene = Scene(picture, np.float32([[20, 200, 380, 200.7]]), np.int64([SCRATCH]))
    x, objects = next(crops([scene], light=0, colour=0).batches(1, 64, np.random.default_rng(0)))
    for square, rows in zip(x, objects, strict=True):
        assert (square.max() > 150) == (rows[:, 0] == SCRATCH).any()


def test_other_light_never_makes_dark_brighter_than_bright(crops):
    from pipeline.crops import Scene

    ramp = np.repeat(np.uint8(np.linspace(0, 255, 128))[None, :, None], 128, 0).repeat(3, 2)
    scene = Scene(np.concatenate([ramp, np.full_like(ramp, 255)]), np.zeros((0, 4)), np.int64([]))
    one = crops([scene], light=0.3, colour=0, scale=1, symmetry="none")
    x, _ = next(one.batches(1, 64, np.random.default_rng(0)))
    upper = x[:, 0, 0]  # a row of each crop
    assert (np.diff(upper, axis=1) >= 0).all()


def test_a_run_is_judged_by_the_pictures_that_it_was_judged_by(sample, options):
    """Another picture, or another seed, would draw others, which the run has learned."""
    from pipeline.console import UserError
    from pipeline.held_out import split_off

    samples = [sample(i, [(SPOTS, 60, 60), (SCRATCH, 80, 9)]) for i in range(20)]
    fitted, held_out = split_off(samples, options)
    names = [one.name for one in held_out]
    again = split_off(samples, options, names)
    assert again == (fitted, held_out)
    train = options.train.model_copy(update={"seed": 7})
    options = options.model_copy(update={"train": train})
    more = [*samples, sample(20, [(SPOTS, 60, 60)])]
    assert [one.name for one in split_off(more, options)[1]] != names
    now_fitted, now_held_out = split_off(more, options, names)
    assert now_held_out == held_out and set(now_fitted) == {*fitted, more[-1]}
    copy = sample(21, [], group=held_out[0].group)
    assert copy not in split_off([*samples, copy], options, names)[0]
    with pytest.raises(UserError, match="was judged by are gone"):
        split_off(fitted, options, names)
