"""The parts that training stands on: weights, depthwise matrices, replicas, views."""

import pickle
import struct
from types import SimpleNamespace

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


@pytest.mark.parametrize("suffix", [".pdparams", ".pth"])
def test_a_pickle_with_a_payload_is_refused_and_not_executed(tmp_path, suffix):
    from pipeline.console import UserError
    from pipeline.weights import read_weights

    marker = tmp_path / "executed"
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps({"a": Payload(marker)}, protocol=2))
    with pytest.raises(UserError, match=r"not data|legacy format"):
        read_weights(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.safetensors", None, "fewshot models pull NAME"),
        ("weights.bin", b"x", "must end in one of"),
        ("cut.safetensors", struct.pack("<Q", 100) + b"{", "not a readable weight file"),
        ("cut.pdparams", b"\x80\x02}q\x00(X\x04", "not a readable weight file"),
        ("list.pdparams", pickle.dumps([1, 2], protocol=2), "not a readable weight file"),
    ],
)
def test_a_broken_weight_file_is_named(tmp_path, name, content, message):
    from pipeline.console import UserError
    from pipeline.weights import read_weights

    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_weights(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_weight_file_may_lie_below_home(in_project, monkeypatch, tmp_path):
    from pipeline.weights import weight_path

    monkeypatch.setenv("HOME", str(tmp_path))
    assert weight_path("~/models/a.pdparams") == tmp_path / "models/a.pdparams"
    assert weight_path("weights/a.pdparams") == in_project / "weights/a.pdparams"
    assert weight_path(None) is None


def test_paddles_own_weight_files_are_read(tmp_path):
    import paddle

    from pipeline.weights import read_weights

    layer = paddle.nn.Linear(3, 2)
    paddle.save(layer.state_dict(), str(tmp_path / "layer.pdparams"))
    state = read_weights(tmp_path / "layer.pdparams")
    assert state.keys() == {"weight", "bias"}
    np.testing.assert_array_equal(state["weight"], layer.weight.numpy())


def test_the_embedded_weights_fill_the_whole_backbone():
    from pipeline.backbone import EMBEDDED, new_backbone, pretrained_state

    state = pretrained_state(EMBEDDED, None)
    assert state.keys() == new_backbone(EMBEDDED).state_dict().keys()
    # A trained batch normalisation has means and variances that none starts with.
    assert abs(state["parts.0.1._variance"].mean() - 1) > 0.5


@pytest.mark.parametrize("side", [2, 3, 6, 9])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 1, "SAME"), (5, 2, "SAME"), (3, 2, 1), (5, 1, 2)]
)
def test_depthwise_matrices_give_the_convolution_and_its_gradient(side, kernel, stride, padding):
    import paddle

    from pipeline.depthwise import use_matmul

    plain = paddle.nn.Conv2D(4, 4, kernel, stride, padding=padding, groups=4)
    fast = paddle.nn.Sequential(paddle.nn.Conv2D(4, 4, kernel, stride, padding=padding, groups=4))
    fast[0].set_state_dict(plain.state_dict())
    use_matmul(fast)
    x = paddle.randn([3, 4, side, side])
    expected, found = plain(x), fast(x)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)
    weights = paddle.randn(expected.shape)
    (expected * weights).sum().backward()
    (found * weights).sum().backward()
    np.testing.assert_allclose(fast[0].weight.grad, plain.weight.grad, atol=1e-4)


def test_a_step_is_timed_without_the_first_and_teaches_nothing(monkeypatch):
    import paddle

    from pipeline import replicas

    copies = replicas.Replicas(lambda: paddle.nn.Linear(3, 2), batch_size=8)
    before = [p.numpy() for p in copies.main.parameters()]
    clock = iter([0, 90, 90, 96, 96, 98, 98, 101, 101])  # the machine was busy, but for one step
    monkeypatch.setattr(replicas.time, "monotonic", lambda: next(clock))
    batches = [(np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32))] * 4

    def losses(network, x, targets):
        return ((network(x) - targets) ** 2).sum(1)

    assert copies.seconds_a_step(batches, losses) == 2
    clock = iter([0, 90, 90, 96])
    assert copies.seconds_a_step(batches, losses, limit=30) == 6  # no more than it must
    for parameter, value in zip(copies.main.parameters(), before, strict=True):
        assert (parameter.numpy() == value).all()
        assert parameter.grad is None or not parameter.grad.numpy().any()


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_slices_in_threads_give_the_gradient_of_the_whole_batch(count):
    import paddle
    from paddle.nn import functional as F

    from pipeline.replicas import Replicas

    class Shifted(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            paddle.seed(7)
            self.first, self.last = paddle.nn.Linear(6, 5), paddle.nn.Linear(5, 3)
            self.register_buffer("shift", paddle.zeros([5]))

        def forward(self, x):
            return self.last(paddle.tanh(self.first(x) + self.shift))

    def losses(network, x, targets):
        return F.cross_entropy(network(x), targets, soft_label=True, reduction="none")

    replicas = Replicas(Shifted, batch_size=24)
    replicas.main.shift.set_value(paddle.full([5], 0.3))  # state that is no parameter
    alone = Shifted()
    alone.set_state_dict(replicas.main.state_dict())
    x = np.random.default_rng(0).normal(size=(count, 6)).astype("float32")
    targets = np.eye(3, dtype="float32")[np.arange(count) % 3]
    found = replicas.gradients(x, targets, losses)
    expected = losses(alone, paddle.to_tensor(x), paddle.to_tensor(targets)).mean()
    expected.backward()
    assert found == pytest.approx(float(expected), rel=1e-5)
    for mine, theirs in zip(replicas.main.parameters(), alone.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), atol=1e-6)


def test_a_step_uses_as_many_cores_as_it_has_pictures_for(monkeypatch):
    import paddle

    from pipeline import replicas

    monkeypatch.setattr(replicas.os, "sched_getaffinity", lambda _: set(range(6)))

    def new():
        return paddle.nn.Linear(3, 2)

    copies, seen = replicas.Replicas(new, batch_size=32, each=4, least=2), []

    def losses(network, x, targets):
        seen.append(len(x))
        return ((network(x) - targets) ** 2).sum(1)

    for count, parts in ((32, [5, 5, 5, 5, 6, 6]), (8, [4, 4]), (3, [1, 2]), (1, [1])):
        copies.gradients(np.ones((count, 3), np.float32), np.zeros((count, 2), np.float32), losses)
        assert sorted(seen) == parts
        seen.clear()


def test_views_are_the_eight_turns_and_mirrorings_of_a_picture():
    import paddle

    from pipeline.views import VIEWS, turn

    x = np.arange(2 * 3 * 4 * 4, dtype="float32").reshape(2, 3, 4, 4)
    seen = {turn(x, view).tobytes() for view in VIEWS["dihedral"]}
    expected = {
        np.rot90(mirrored, k, axes=(2, 3)).tobytes()
        for k in range(4)
        for mirrored in (x, x[..., ::-1])
    }
    assert seen == expected and len(seen) == 8
    for view in VIEWS["dihedral"]:
        np.testing.assert_array_equal(turn(paddle.to_tensor(x), view).numpy(), turn(x, view))


def test_the_learning_rate_warms_up_and_falls():
    from pipeline.fine_tuning import learning_rate

    rates = [learning_rate(step, 100, 0.001) for step in range(100)]
    assert rates[0] == pytest.approx(0.00005) and max(rates) == pytest.approx(0.001)
    assert rates[-1] < 0.00002 and rates[20:] == sorted(rates[20:], reverse=True)


@pytest.mark.parametrize(("epochs", "each"), [(1, 30), (3, 10)])
def test_all_layers_are_trained_before_the_rate_is_high(tmp_path, epochs, each):
    """Short runs have one epoch: its layers must not wait for the next one."""
    import paddle

    from pipeline import fine_tuning
    from pipeline.curves import Phase
    from pipeline.replicas import Replicas
    from pipeline.settings import Train

    class Network(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.layers = paddle.nn.Sequential(*(paddle.nn.Linear(2, 2) for _ in range(5)))

        def depth_groups(self):
            return [layer.parameters() for layer in self.layers]

    trained = []

    def losses(network, x, targets):
        rate = fine_tuning.learning_rate(len(trained), epochs * each, 1.0)
        open_layers = sum(not group[0].stop_gradient for group in network.depth_groups())
        trained.append((rate, open_layers))
        return ((network.layers(x) - targets) ** 2).sum(1)

    batch = (np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32))
    phase = Phase(tmp_path, "short")
    fine_tuning.fine_tune(
        Replicas(Network, 1), lambda rng: [batch] * each, losses, None, epochs, each, phase, Train()
    )
    assert trained[0][1] < 5
    assert all(count == 5 for rate, count in trained if rate > 0.5)


@pytest.mark.parametrize("is_older", [False, True])
def test_a_run_of_before_goes_on_and_its_later_epochs_count(tmp_path, is_older):
    """Templates before 0.13 judged a detector by another figure, which is always better."""
    import json

    import paddle
    from paddle.utils import unique_name
    from safetensors import safe_open
    from safetensors.numpy import save_file

    from pipeline import fine_tuning
    from pipeline.curves import Phase
    from pipeline.replicas import Replicas
    from pipeline.settings import Train

    class Network(paddle.nn.Linear):
        def __init__(self):
            with unique_name.guard():  # as in another process
                super().__init__(2, 1)

        def depth_groups(self):
            return [[self.weight], [self.bias]]

    def losses(network, x, targets):
        return ((network(x) - targets) ** 2).sum(1)

    def tune(judged: list[float]):
        """An epoch for each judgement, and an end in the middle where they run out."""
        remaining = iter(judged)

        def judge():
            if (loss := next(remaining, None)) is None:
                raise KeyboardInterrupt
            return loss, {"held_out_AP": -loss}

        batch = (np.ones((2, 2), np.float32), np.zeros((2, 1), np.float32))
        replicas, phase = Replicas(Network, 1), Phase(tmp_path, "resumed")
        fine_tuning.fine_tune(
            replicas, lambda rng: [batch] * 3, losses, judge, 4, 3, phase, Train()
        )

    with pytest.raises(KeyboardInterrupt):
        tune([-0.9, -0.8])
    file = Phase(tmp_path, "resumed").checkpoint
    with safe_open(file, framework="numpy") as stored:
        position = json.loads(stored.metadata()["position"])
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}
    if is_older:
        position["progress"]["best_loss"] = position["progress"].pop("lowest_loss")
        save_file(tensors, file, metadata={"position": json.dumps(position)})
    tune([-0.5, -0.6])
    with safe_open(file, framework="numpy") as stored:
        progress = json.loads(stored.metadata()["position"])["progress"]
    assert progress["epoch"] == 4
    assert progress["best_epoch"] == (4 if is_older else 1)


def test_the_best_epoch_has_the_batch_statistics_that_it_was_judged_with(tmp_path):
    import paddle

    from pipeline import fine_tuning
    from pipeline.curves import Phase
    from pipeline.replicas import Replicas
    from pipeline.settings import Train

    class Network(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.norm, self.head = paddle.nn.BatchNorm1D(2), paddle.nn.Linear(2, 1)

        def depth_groups(self):
            return [list(self.norm.parameters()), list(self.head.parameters())]

    def losses(network, x, targets):
        return network.head(network.norm(x)).sum(1) ** 2

    seen = []

    def judge():
        seen.append(replicas.main.norm._mean.numpy())
        return (-0.9, -0.5, -0.4, -0.3)[len(seen) - 1], {}

    rng = np.random.default_rng(0)
    batch = (rng.normal(3, 1, (4, 2)).astype(np.float32), np.zeros((4, 1), np.float32))
    replicas, phase = Replicas(Network, 4, each=4), Phase(tmp_path, "best")
    options = Train(patience=1)
    fine_tuning.fine_tune(replicas, lambda rng: [batch] * 3, losses, judge, 4, 3, phase, options)
    assert len(seen) == 4 and not np.allclose(seen[0], seen[-1])
    np.testing.assert_array_equal(replicas.main.norm._mean.numpy(), seen[0])


def test_batches_that_are_drawn_ahead_come_in_order_and_with_their_faults():
    from pipeline.console import UserError
    from pipeline.replicas import ahead

    def batches(rng, last):
        for number in range(last):
            yield number, rng.random()
        raise UserError("custom.py:3: augment failed.")

    rng = np.random.default_rng(0)
    found = []
    with pytest.raises(UserError, match="augment failed"):
        for batch in ahead(batches(rng, 3)):
            found.append(batch)
    alone = np.random.default_rng(0)
    assert found == [(number, alone.random()) for number in range(3)]
    assert rng.bit_generator.state == alone.bit_generator.state
    for _ in ahead(batches(rng, 9)):
        break  # nothing is left running


def test_frozen_statistics_stay_as_they_were(tmp_path):
    """For Paddle they are parameters: weight decay must not take them for weights."""
    import paddle

    from pipeline import fine_tuning
    from pipeline.curves import Phase
    from pipeline.replicas import Replicas
    from pipeline.settings import Train

    class Network(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.below, self.norm = paddle.nn.Linear(2, 3), paddle.nn.BatchNorm1D(3)
            self.norm._mean.set_value(paddle.to_tensor([1.0, 2.0, 3.0]))
            self.above = paddle.nn.Linear(3, 2)
            self.eval()

        def depth_groups(self):
            return [layer.parameters() for layer in (self.below, self.norm, self.above)]

    def losses(network, x, targets):
        return ((network.above(network.norm(network.below(x))) - targets) ** 2).sum(1)

    batch = (np.ones((8, 2), np.float32), np.zeros((8, 2), np.float32))
    replicas = Replicas(Network, 8)
    before = {name: value.numpy() for name, value in replicas.main.state_dict().items()}
    options = Train().model_copy(update={"weight_decay": 0.5, "learning_rate": 0.1})
    phase = Phase(tmp_path, "decay")
    fine_tuning.fine_tune(replicas, lambda rng: [batch] * 9, losses, None, 2, 9, phase, options)
    for name, value in replicas.main.state_dict().items():
        is_statistic = name in ("norm._mean", "norm._variance")
        assert (value.numpy() == before[name]).all() == is_statistic, name


def test_layers_are_unfrozen_from_the_top():
    import paddle

    from pipeline.fine_tuning import freeze

    groups = [paddle.nn.Linear(2, 2).parameters() for _ in range(6)]

    def frozen():
        return [group[0].stop_gradient for group in groups]

    freeze(groups, 0.0, 0.4)
    assert frozen() == [True, True, True, True, True, False]
    freeze(groups, 0.5, 0.4)
    assert frozen() == [True, True, True, False, False, False]
    freeze(groups, 2.0, 0.4)
    assert frozen() == [True, True, False, False, False, False]


def test_a_frequent_class_is_seen_five_times_as_often_as_the_rarest():
    from pipeline.batches import Pictures, batches
    from pipeline.preprocess import Preprocess
    from pipeline.settings import Settings

    settings = Settings(classes=["good", "scratch", "dent"])

    def seen(*counts):
        """How many pictures of each class an epoch shows."""
        labels = np.repeat(np.arange(3), counts)
        shots = Pictures([np.zeros((8, 8, 3), np.uint8)] * len(labels), labels)
        rng = np.random.default_rng(0)
        epoch = batches(shots, settings, Preprocess(8), lambda picture, rng: picture, rng)
        return np.bincount(np.concatenate([targets.argmax(1) for _, targets in epoch]))

    good, scratch, dent = seen(600, 4, 8)
    assert good + scratch + dent == 612
    assert scratch == pytest.approx(612 * 4 / 32, rel=0.3)
    assert dent == pytest.approx(612 * 8 / 32, rel=0.3)
    # Classes that are less apart are seen as they are, every picture once.
    assert seen(200, 40, 60).tolist() == [200, 40, 60]


def test_fine_tuning_in_8_bits_sees_rare_classes(in_project, monkeypatch):
    from pipeline import compression
    from pipeline.preprocess import Preprocess
    from pipeline.settings import Settings

    folder = in_project / "data"
    paths = [next((folder / label).iterdir()) for label in ("dark", "light")]
    samples = [SimpleNamespace(path=path, label=0, split="train") for path in paths[:1] * 150]
    samples += [SimpleNamespace(path=path, label=1, split="train") for path in paths[1:] * 3]
    monkeypatch.setattr(compression, "read_splits", lambda options: samples)
    endless = compression.endless_batches(Settings(classes=["dark", "light"]), Preprocess(32))
    light = sum((next(endless).mean((1, 2, 3)) > 127).sum() for _ in range(10))
    assert light == pytest.approx(153 / 6, rel=0.4)


def test_mixed_targets_still_sum_to_one():
    from pipeline.augment import mix
    from pipeline.settings import Augment

    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (6, 3, 32, 32)).astype("float32")
    targets = np.eye(6, dtype="float32")
    for options in (Augment(mixup=1.0), Augment(cutmix=1.0)):
        mixed, mixed_targets = mix(x, targets, options, rng)
        assert mixed.shape == x.shape and mixed.dtype == np.float32
        assert not np.array_equal(mixed, x)
        np.testing.assert_allclose(mixed_targets.sum(1), 1, atol=1e-6)


def test_other_light_never_makes_dark_brighter_than_bright():
    from pipeline.augment import augment
    from pipeline.settings import Augment

    ramp = np.repeat(np.uint8(np.linspace(0, 255, 64))[None, :, None], 64, 0).repeat(3, 2)
    ramp[32:] = 255
    options = Augment(light=0.3, symmetry="none", shift=0, scale=1)
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert (np.diff(augment(ramp, options, rng)[0, :, 0].astype(int)) >= 0).all()


def test_every_augmentation_keeps_shape_and_type():
    from pipeline.augment import augment
    from pipeline.settings import Augment

    rng = np.random.default_rng(0)
    square = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    options = Augment(auto_augment=1.0, cutout=1.0)
    for _ in range(100):
        changed = augment(square, options, rng)
        assert changed.shape == square.shape and changed.dtype == np.uint8


def test_a_cut_off_cache_is_taken_for_none(tmp_path):
    from pipeline.features import _read

    stored = tmp_path / "features.npz"
    assert _read(stored) == {}
    np.savez(stored, **{f"{i} none": np.arange(100.0) for i in range(3)})
    whole = stored.read_bytes()
    assert len(_read(stored)) == 3
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        stored.write_bytes(whole[:size])
        assert _read(stored) == {}
