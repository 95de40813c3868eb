"""Metrics, thresholds and mistakes of a detector, from boxes alone."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def parts(in_project):
    """The project's modules, by name."""
    from pipeline import dataset, detections, matching, metrics, mistakes, thresholds

    class Parts:
        def sample(self, boxes, labels, name="0.png"):
            path = in_project / "data" / name
            boxes = np.array(boxes, np.float32).reshape(-1, 4)
            return dataset.Sample(path, (640, 480), boxes, np.array(labels, int), "test", name)

        def found(self, boxes, labels, scores):
            boxes = np.array(boxes, np.float32).reshape(-1, 4)
            order = np.argsort(-np.array(scores), kind="stable")
            labels, scores = np.array(labels, int)[order], np.array(scores, np.float32)[order]
            return detections.Detections(boxes[order], labels, scores)

    Parts.match, Parts.IOUS = staticmethod(matching.match), matching.IOUS
    Parts.metrics, Parts.mistakes, Parts.thresholds = metrics, mistakes, thresholds
    return Parts()


def some_pictures(
    parts, seed: int, pictures: int = 12, classes: int = 3, digits: int | None = None
):
    """Labelled boxes, and found ones: moved, missed, of a wrong class, doubled, made up.

    Scores have so many digits; by default often so few that some are equal.
    """
    rng = np.random.default_rng(seed)
    samples, found = [], []
    for number in range(pictures):
        count = rng.integers(0, 6)
        corner = rng.uniform(0, 400, (count, 2)).round(rng.integers(0, 3))
        boxes = np.concatenate([corner, corner + rng.integers(8, 80, (count, 2))], axis=1)
        labels = rng.integers(0, classes, count)
        kept = np.flatnonzero(rng.random(count) < 0.8)
        kept = np.concatenate([kept, kept[rng.random(len(kept)) < 0.2]])
        near = boxes[kept] + rng.normal(0, rng.choice([0, 2, 6]), (len(kept), 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        said = np.where(rng.random(len(kept)) < 0.9, labels[kept], 0)
        extra = rng.integers(0, 5)
        corner = rng.uniform(0, 400, (extra, 2))
        made_up = np.concatenate([corner, corner + rng.uniform(5, 90, (extra, 2))], axis=1)
        scores = rng.uniform(0.1, 1, len(kept) + extra).round(digits or rng.integers(1, 7))
        samples.append(parts.sample(boxes, labels, f"{number}.png"))
        said = np.concatenate([said, rng.integers(0, classes, extra)])
        found.append(parts.found(np.concatenate([near, made_up]), said, scores))
    return samples, found


def pycocotools(samples, found, classes: int, pictures=None) -> np.ndarray:
    """AP50 and AP of every class, and of all, as pycocotools computes them: [2, 1 + classes]."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth: dict = {"images": [], "annotations": [], "categories": []}
    truth["categories"] = [{"id": k + 1} for k in range(classes)]
    given = []
    for image, index in enumerate(range(len(samples)) if pictures is None else pictures, 1):
        truth["images"].append({"id": image})
        for kind, one in (("truth", samples[index]), ("given", found[index])):
            for number, (x0, y0, x1, y1) in enumerate(one.boxes.tolist()):
                row = {"image_id": image, "category_id": int(one.labels[number]) + 1}
                row |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": 0}
                if kind == "given":
                    given.append(row | {"score": float(one.scores[number])})
                else:
                    row |= {"id": len(truth["annotations"]) + 1, "area": (x1 - x0) * (y1 - y0)}
                    truth["annotations"].append(row)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(given), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # [IoUs, recalls, classes]
    precision = np.where(precision < 0, np.nan, precision)
    each = [precision[:1].mean((0, 1)), precision.mean((0, 1))]
    return np.column_stack([judge.stats[[1, 0]], np.array(each)])


@pytest.mark.parametrize("seed", range(30))
def test_average_precision_is_pycocotools(parts, seed):
    samples, found = some_pictures(parts, seed)
    measured = parts.metrics.evaluate(
        parts.match(samples, found, 3), [str(i) for i in range(12)], [0.5] * 3
    )
    rows = [measured, *measured["classes"]]
    ours = [[np.nan if row[m] is None else row[m]["value"] for row in rows] for m in ("AP50", "AP")]
    np.testing.assert_allclose(ours, pycocotools(samples, found, 3), atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_resample_is_the_data_with_pictures_repeated(parts, seed):
    samples, found = some_pictures(parts, seed, digits=9)
    drawn = np.sort(np.random.default_rng(seed).integers(0, 12, 12))
    weights = np.bincount(drawn, minlength=12).astype(float)
    matches = parts.match(samples, found, 3)
    ours = [parts.metrics.mean_and_classes(matches, ious, weights) for ious in (1, 10)]
    np.testing.assert_allclose(ours, pycocotools(samples, found, 3, drawn), atol=1e-9)


def test_average_precision_by_hand(parts):
    boxes = [[0, 0, 10, 10], [20, 0, 30, 10]]
    # Right, wrong, right: the precision is 1 up to a recall of 1/2, and 2/3 from there on.
    found = parts.found([boxes[0], [50, 50, 60, 60], boxes[1]], [0, 0, 0], [0.9, 0.8, 0.7])
    matches = parts.match([parts.sample(boxes, [0, 0])], [found], 1)
    once = np.ones(1)
    by_hand = (51 + 50 * 2 / 3) / 101
    assert parts.metrics.mean_and_classes(matches, 1, once) == pytest.approx([by_hand, by_hand])


def test_matching_says_nothing(parts, capfd):
    parts.match(*some_pictures(parts, 0), 3)
    assert capfd.readouterr() == ("", "")


def test_only_the_best_hundred_boxes_of_a_class_in_a_picture_count(parts):
    box = [0, 0, 10, 10]
    far = [[100 + i, 100, 110 + i, 110] for i in range(100)]
    found = parts.found([*far, box], [0] * 101, [*np.linspace(0.9, 0.5, 100), 0.1])
    (match,) = parts.match([parts.sample([box], [0])], [found], 1)
    assert len(match.scores) == 100 and not match.right.any()


def test_what_is_not_labelled_or_found_has_no_figure(parts):
    samples = [parts.sample([[0, 0, 10, 10]], [0]), parts.sample([], [])]
    found = [parts.found([[0, 0, 10, 10]], [0], [0.9]), parts.found([], [], [])]
    measured = parts.metrics.evaluate(parts.match(samples, found, 3), list("ab"), [0.5] * 3)
    assert [row["boxes"] for row in measured["classes"]] == [1, 0, 0]
    assert measured["AP50"]["value"] == measured["AP"]["value"] == 1
    assert measured["classes"][1]["AP50"] is None and measured["classes"][1]["recall"] is None
    json.dumps(measured, allow_nan=False)

    good = parts.metrics.evaluate(parts.match(samples[1:], found[1:], 1), ["b"], [0.5])
    assert good["AP50"] is None and good["boxes"] == 0
    json.dumps(good, allow_nan=False)


def test_few_pictures_all_right_leave_room_for_doubt(parts):
    box = [[0, 0, 10, 10]]
    samples = [parts.sample(box, [0], str(i)) for i in range(12)]
    found = [parts.found(box, [0], [0.9])] * 12
    names = [sample.group for sample in samples]
    measured = parts.metrics.evaluate(parts.match(samples, found, 1), names, [0.5])
    exact = {"value": 1, "low": pytest.approx(0.025 ** (1 / 12)), "high": 1}
    assert measured["AP50"] == measured["classes"][0]["recall"] == exact
    alarms = measured["classes"][0]["false_alarms"]
    assert alarms == {"value": 0, "low": 0, "high": pytest.approx(3.69 / 12, abs=1e-3)}


def test_parts_that_are_taken_out_are_counted_whatever_is_found_on_them(parts):
    box, elsewhere, nothing = [[0, 0, 10, 10]], [[50, 50, 60, 60]], parts.found([], [], [])
    samples = [parts.sample(box, [0], str(i)) for i in range(3)]
    samples += [parts.sample([], [], f"good {i}") for i in range(4)]
    found = [parts.found(box, [0], [0.9]), parts.found(elsewhere, [1], [0.7]), nothing]
    found += [parts.found(elsewhere, [1], [0.7]), parts.found(box, [0], [0.7]), nothing, nothing]
    names = [sample.group for sample in samples]
    stopped = parts.metrics.evaluate(parts.match(samples, found, 2), names, [0.8, 0.6])["stopped"]
    bad, good = stopped["with_objects"], stopped["without_objects"]
    assert (bad["pictures"], good["pictures"]) == (3, 4)
    assert bad["share"]["value"] == pytest.approx(2 / 3) and good["share"]["value"] == 0.25
    assert good["share"]["low"] < 0.25 < good["share"]["high"] < 1
    only_bad = parts.match(samples[:3], found[:3], 2)
    stopped = parts.metrics.evaluate(only_bad, names[:3], [0.8, 0.6])["stopped"]
    assert stopped["without_objects"] == {"pictures": 0, "share": None}


def test_intervals_hold_their_values(parts):
    for seed in range(10):
        matches = parts.match(*some_pictures(parts, seed), 3)
        measured = parts.metrics.evaluate(matches, [str(i) for i in range(12)], [0.5] * 3)
        for row in (measured, *measured["classes"]):
            for name in ("AP50", "AP"):
                metric = row[name]
                assert 0 <= metric["low"] <= metric["value"] <= metric["high"] <= 1


def test_near_duplicates_count_as_one_picture(parts):
    box, nothing = parts.found([[0, 0, 10, 10]], [0], [0.9]), parts.found([], [], [])
    samples = [parts.sample([[0, 0, 10, 10]], [0], str(i)) for i in range(100)]
    matches = parts.match(samples, [box] * 70 + [nothing] * 30, 1)

    def width(groups):
        metric = parts.metrics.evaluate(matches, groups, [0.5])["AP50"]
        return metric["high"] - metric["low"]

    assert width([str(i // 10) for i in range(100)]) > 2 * width([str(i) for i in range(100)])


def test_curves_are_short_and_agree_with_the_counts(parts):
    matches = parts.match(*some_pictures(parts, 0, pictures=200), 3)
    for one in matches:
        curve = parts.metrics.curve(one)
        assert 150 < len(curve["score"]) <= 200
        for index in (0, 57, -1):
            shown, right = one.counts(curve["score"][index])
            assert curve["recall"][index] == pytest.approx(right.sum() / one.objects.sum())
            assert curve["precision"][index] == pytest.approx(right.sum() / shown.sum())
            alarms = (shown - right).sum() / 200
            assert curve["false_alarms"][index] == pytest.approx(alarms)


@pytest.mark.parametrize("seed", range(10))
def test_a_threshold_is_the_highest_one_with_the_wanted_recall(parts, seed):
    for one in parts.match(*some_pictures(parts, seed), 3):
        for wanted in (0.3, 0.6, 0.95):
            threshold = parts.thresholds.for_recall(one, wanted)
            least = wanted * one.objects.sum()
            if threshold is None:
                assert one.right[0].sum() < least
                continue
            assert one.counts(threshold)[1].sum() >= least - 1e-9
            shown = one.scores[one.scores >= threshold]
            assert one.counts(shown.min() + 1e-9)[1].sum() < least
            # A score that another runtime rounds differently stays on its side.
            assert not np.any(np.abs(one.scores - threshold) < 1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_threshold_is_the_lowest_one_with_the_allowed_false_alarms(parts, seed):
    for one in parts.match(*some_pictures(parts, seed), 3):
        for most in (0, 0.1, 0.5, 100):
            threshold = parts.thresholds.for_false_alarms(one, most, 0.3)
            shown, right = one.counts(threshold)
            assert (shown - right).sum() <= 12 * most
            hidden = one.scores[one.scores < threshold]
            if len(hidden):
                shown, right = one.counts(hidden.max())
                assert (shown - right).sum() > 12 * most


def test_a_recall_out_of_reach_is_said_and_another_threshold_stands_in(parts):
    box, away = [0, 0, 10, 10], [50, 50, 60, 60]
    samples = [parts.sample([box, away], [0, 0], str(i)) for i in range(4)]
    found = [parts.found([box], [0], [0.8])] * 4
    matches = parts.match(samples, found, 2)
    first, empty = parts.thresholds.choose(matches, {"recall": 0.95}, otherwise=0.3)
    assert first == {
        "threshold": 0.3,
        "reached": False,
        "highest_recall": 0.5,
        "recall": 0.5,
        "precision": 1.0,
        "false_alarms": 0.0,
    }
    assert empty["recall"] is None and empty["precision"] is None and not empty["reached"]
    assert empty["threshold"] == 0.3 and empty["highest_recall"] is None
    _, empty = parts.thresholds.choose(matches, {"false_alarms": 0.1}, otherwise=0.3)
    assert empty["threshold"] == 0.3 and empty["reached"]
    half, _ = parts.thresholds.choose(matches, {"recall": 0.5}, otherwise=0.3)
    assert half["reached"] and half["threshold"] == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(10))
def test_who_wants_more_recall_does_not_get_less(parts, seed):
    matches = parts.match(*some_pictures(parts, seed), 3)
    wishes = [
        parts.thresholds.choose(matches, {"recall": wanted}, otherwise=0.3)
        for wanted in (0.3, 0.6, 0.8, 0.95, 1.0)
    ]
    for rows in zip(*wishes, strict=True):
        recalls = [row["recall"] for row in rows]
        assert recalls == sorted(recalls)
        assert all(row["recall"] == row["highest_recall"] for row in rows if not row["reached"])


def test_mistakes_are_misses_false_alarms_and_wrong_classes(parts):
    boxes = [[0, 0, 10, 10], [100, 0, 110, 10], [200, 0, 230, 30], [300, 0, 310, 10]]
    sample = parts.sample(boxes, [0, 1, 0, 0])
    found = parts.found(
        [
            [0, 0, 10, 9],  # right
            [1, 1, 10, 10],  # a second box on the same object
            [100, 0, 110, 10],  # of the wrong class
            [300, 0, 310, 4],  # too small: a false alarm and a miss
            [400, 400, 410, 410],  # not shown
        ],
        [0, 0, 0, 0, 1],
        [0.9, 0.8, 0.7, 0.6, 0.1],
    )
    wrong = parts.mistakes.find([sample], [found], [0.5, 0.5], ["pit", "scratch"])
    path = str(Path("data") / "0.png")
    assert wrong["confusions"] == [
        {
            "path": path,
            "class": "scratch",
            "predicted": "pit",
            "score": 0.7,
            "labelled": [boxes[1]],
            "found": [boxes[1]],
        }
    ]
    assert [row["score"] for row in wrong["false_alarms"]] == [0.8, 0.6]
    assert wrong["false_alarms"][0]["labelled"] == [boxes[0]]
    assert wrong["false_alarms"][0]["class"] is None
    assert [row["labelled"] for row in wrong["misses"]] == [[boxes[2]], [boxes[3]]]
    assert wrong["misses"][0]["found"] == [] and wrong["misses"][1]["found"] == [[300, 0, 310, 4]]


@pytest.mark.parametrize("seed", range(10))
def test_mistakes_are_as_many_as_the_metrics_count(parts, seed):
    samples, found = some_pictures(parts, seed)
    wrong = parts.mistakes.find(samples, found, [0.4] * 3, list("abc"))
    counts = [one.counts(0.4) for one in parts.match(samples, found, 3)]
    shown, right = (sum(int(part[i].sum()) for part in counts) for i in (0, 1))
    objects = sum(len(sample.boxes) for sample in samples)
    assert len(wrong["false_alarms"]) + len(wrong["confusions"]) == shown - right
    assert len(wrong["misses"]) + len(wrong["confusions"]) == objects - right


def test_where_every_object_is_found_boxes_that_fit_better_are_better(parts, in_project):
    from pipeline.judging import judge
    from pipeline.preprocess import Preprocess

    class Finds:
        def __init__(self, box):
            self.rows = np.float32([[0, 0.9, *box]])

        def run(self, x):
            return [self.rows, np.array([1])]

    sample = parts.sample([[40, 40, 80, 80]], [0])
    Image.new("RGB", (256, 256)).save(sample.path)
    judged = {
        name: judge(lambda box=box: [Finds(box)], Preprocess(256), 1, [sample])
        for name, box in (("exact", [40, 40, 80, 80]), ("moved", [46, 40, 86, 80]))
    }
    assert judged["exact"][1] == {"held_out_AP50": 1, "held_out_AP": 1}
    assert judged["moved"][1]["held_out_AP50"] == 1
    assert judged["exact"][0] < judged["moved"][0]
