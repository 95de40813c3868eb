"""PicoDet and PP-YOLOE+ of PaddleDetection behind the interface of the dense detector."""

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("in_project")
both = pytest.mark.parametrize("name", ["picodet", "ppyoloe_s"])
SIZE = 128


def test_the_first_target_decides_the_detector(in_project):
    from pipeline import project
    from pipeline.detectors import choose_detector

    answered = in_project / ".copier-answers.yml"
    for text, names, detector in (
        ("target: jetson\n", ["jetson"], "ppyoloe_s"),  # as older templates asked it
        ("target: arm-linux, x86-cpu\n", ["arm-linux", "x86-cpu"], "picodet"),
        ("target: x86-cpu、jetson\n", ["x86-cpu", "jetson"], "dense"),
        ("language: en\n", ["x86-cpu"], "dense"),
    ):
        answered.write_text(text, encoding="utf-8")
        assert project.targets() == names
        assert choose_detector(None, names[0], on_gpu=True)[0] == detector
    assert choose_detector(None, "arm-linux", on_gpu=False)[0] == "dense"


def scenes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of noise [N, 3, S, S] with a red (0) and a blue (1) patch each."""
    rng = np.random.default_rng(seed)
    x = np.float32(rng.normal(120, 20, (count, 3, SIZE, SIZE)).clip(0, 255))
    targets = np.full((count, 3, 6), -1, np.float32)
    for picture, objects in zip(x, targets, strict=True):
        for label, left in enumerate((4, 68)):
            x0, y0 = rng.integers(0, 20, 2) + np.array([left, 30])
            x1, y1 = rng.integers(16, 40, 2) + np.array([x0, y0])
            picture[:, y0:y1, x0:x1] = 40
            picture[2 * label, y0:y1, x0:x1] = 220
            objects[label] = label, x0, y0, x1, y1, 1
    return x, targets


def new(name: str, classes: int = 2, embedded: bool = True):
    """A detector on the embedded backbone, or on its own one, which nothing has trained."""
    import paddle

    from pipeline.backbone import EMBEDDED, pretrained_state
    from pipeline.paddledet import PaddleDetector, new_paddle_detector

    paddle.seed(0)
    if embedded:
        return new_paddle_detector(name, classes, False, pretrained_state(EMBEDDED, None))
    return PaddleDetector(name, classes, native=True)


def shake(layer) -> None:
    """Makes the cells of an untrained head differ."""
    import paddle

    for parameter in layer.parameters():
        if not parameter.stop_gradient:
            parameter.set_value(parameter + 0.05 * paddle.randn(parameter.shape))


def train(replicas, steps: int) -> list[float]:
    import paddle

    network = replicas.main
    groups = network.depth_groups()
    optimizer = paddle.optimizer.AdamW(2e-3, parameters=groups[-1])
    for parameter in (parameter for group in groups[:-1] for parameter in group):
        parameter.stop_gradient = True
    found = []
    for _ in range(steps):
        found.append(replicas.gradients(*scenes(8), type(network).losses))
        optimizer.step()
        optimizer.clear_grad()
    return found


def statistics(network, part: str) -> np.ndarray:
    state = network.state_dict().items()
    named = [(k, v) for k, v in state if k.startswith(part) and k.endswith("._mean")]
    return np.concatenate([value.numpy() for _, value in named])


@both
def test_neck_and_head_learn_and_the_backbone_keeps_its_statistics(name):
    from pipeline.replicas import Replicas

    replicas = Replicas(lambda: new(name), batch_size=8)
    backbone, neck = (statistics(replicas.main, part) for part in ("backbone.", "neck."))
    found = train(replicas, steps=8)
    assert np.isfinite(found).all() and found[-1] < 0.9 * found[0]
    assert (statistics(replicas.main, "backbone.") == backbone).all()
    assert (statistics(replicas.main, "neck.") != neck).any()


@both
def test_standardising_gives_the_statistics_that_the_pictures_have(name):
    import paddle

    network = new(name)
    x = paddle.to_tensor(scenes(4)[0])
    with paddle.no_grad():
        network.standardise(x.numpy())
        held_out = network(x)[0].numpy()
        network.neck.train()
        network.head.train()
        learning = network(x)[0].numpy()
    np.testing.assert_allclose(held_out, learning, atol=1e-2)


@both
def test_pictures_without_objects_can_be_learned(name):
    import paddle

    network = new(name)
    x, targets = scenes(2)
    loss = network.losses(paddle.to_tensor(x), paddle.to_tensor(np.full_like(targets, -1)))
    loss.sum().backward()
    assert np.isfinite(loss.numpy()).all()
    gradients = [p.grad.numpy() for p in network.depth_groups()[-1] if p.grad is not None]
    assert gradients and all(np.isfinite(gradient).all() for gradient in gradients)


@both
def test_objects_of_weight_0_are_neither_learned_nor_taken_for_background(name):
    import paddle

    network = new(name)
    x, targets = (paddle.to_tensor(array) for array in scenes(2))
    learned, cut, absent = targets.clone(), targets.clone(), targets.clone()
    cut[:, 0, 5] = 0
    absent[:, 0] = -1
    with paddle.no_grad():
        loss = [float(network.losses(x, wanted)[0]) for wanted in (learned, cut, absent)]
    assert loss[1] < loss[2] and loss[1] != loss[0]


@both
def test_a_scratch_between_the_cells_is_learned(name):
    """PaddleDetection's assigner gives an object that holds no cell's centre to none."""
    import paddle

    from pipeline.aligned_loss import aligned_loss

    network = new(name)
    scores, distances, centres, strides = network.cells(
        network.maps(paddle.to_tensor(scenes(1)[0]))
    )
    box = np.float32([34, 49, 94, 51])  # centres lie at y 44, 48 and 52
    middles, bins = centres.numpy(), np.arange(distances.shape[3])
    sides = np.concatenate([middles - box[:2], box[2:] - middles], 1) / strides.numpy()
    sides = sides.clip(0, bins[-1])[None, :, :, None]
    fitting = paddle.to_tensor(np.float32(np.maximum(0, 1 - np.abs(sides - bins))))
    scores = paddle.full_like(scores, 0.1)
    scores.stop_gradient = False
    targets = paddle.to_tensor(np.float32([[[1, *box, 1]]]))
    aligned_loss(network.head.assigner, scores, fitting, centres, strides, targets).backward()
    likelier = np.flatnonzero(scores.grad.numpy()[0, :, 1] < 0)
    assert len(likelier) and (middles[likelier, 1] == 52).all()


@both
def test_the_loss_is_that_of_paddledetection(name):
    import paddle

    network = new(name)
    shake(network.head)
    x, targets = (paddle.to_tensor(array) for array in scenes(2))
    there = (targets[:, :, :1] >= 0).astype("float32")
    meta = {
        "gt_class": paddle.clip(targets[:, :, :1], min=0).astype("int64"),
        "gt_bbox": targets[:, :, 1:5] * there,
        "pad_gt_mask": there,
        "im_id": paddle.zeros([2]),
        "epoch_id": 1000,  # past the epochs of static assignment
    }
    head = network.head
    with paddle.no_grad():
        found = network.backbone(x)
        maps = network.neck([found[1], found[3], found[4]])
        if name == "picodet":
            head.loss_bbox.loss_weight, head.loss_dfl.loss_weight = 2.5, 0.5
            theirs = sum(head.get_loss(head.forward_train(maps), meta).values())
        else:
            theirs = head.forward_train(maps, meta)["loss"]
        ours = network.losses(x, targets)
    np.testing.assert_allclose(ours.numpy(), float(theirs), rtol=1e-4)


@pytest.mark.parametrize("name", ["picodet", "ppyoloe_s"])
def test_an_export_finds_what_the_layers_find(name, tmp_path):
    import paddle

    from pipeline.inference import Predictor, save_network, write_onnx
    from pipeline.onnx_runtime import OnnxPredictor
    from pipeline.trained import Deployed, Layers

    network = new(name, embedded=True)
    coarse = np.random.default_rng(0).uniform(0, 255, (2, 3, SIZE // 8, SIZE // 8))
    x = np.float32(coarse.repeat(8, axis=2).repeat(8, axis=3))
    network.standardise(x)
    shake(network.head)
    folder = tmp_path / "export"
    save_network(Deployed(network), folder, SIZE)
    write_onnx(folder, tmp_path / "log")

    # CUDA's kernel refuses to compare more cells than there are, which a small input has few of.
    cells = network.cells(network.maps(paddle.to_tensor(x)))[0].shape[1]
    program = paddle.base.core.ProgramDesc((folder / "model.pdmodel").read_bytes())
    block = program.block(0)
    operators = [block.op(index) for index in range(block.op_size())]
    (suppression,) = [one for one in operators if one.type() == "multiclass_nms3"]
    assert suppression.attr("nms_top_k") == cells < 1000

    expected, counts = Layers(network).run(x)
    rows, found, _ = Predictor(folder).run(x)
    assert found.tolist() == counts.tolist() and counts.min() > 0
    assert furthest(expected[: counts[0]], rows[: counts[0]]) < 0.05
    assert furthest(expected[counts[0] :], rows[counts[0] :]) < 0.05
    assert furthest(expected[: counts[0]], OnnxPredictor(folder).run(x[:1])[0]) < 0.05


def furthest(expected: np.ndarray, rows: np.ndarray) -> float:
    """How far the likeliest of the expected rows are from what is most like them, in px (or
    classes, or scores). Which of equally likely boxes stays is not to be foreseen."""
    likeliest = expected[expected[:, 1].argsort()[::-1][:10]]
    return float(np.abs(likeliest[:, None] - rows[None]).max(2).min(1).max())


def begin(name: str, weights: Path | None = None, start: str | None = None):
    """What a training of that detector begins with, for the classes a and b."""
    from pipeline.detectors import Beginning
    from pipeline.settings import Model

    options = Model(weights=str(weights) if weights else None, start=start)
    return Beginning(name, (8,), 16, ["a", "b"], options)


@both
@pytest.mark.parametrize("suffix", [".pdparams", ".safetensors"])
def test_published_weights_are_loaded_but_for_other_classes(name, suffix, tmp_path, capsys):
    import paddle
    from safetensors.numpy import save_file

    before = {key: value.numpy() for key, value in new(name, 5, False).state_dict().items()}
    # PaddleDetection calls the head of PP-YOLOE+ so.
    names = {key: key.replace("head.", "yolo_head.", 1) for key in before if name == "ppyoloe_s"}
    published = {names.get(key, key): value for key, value in before.items()}
    file = tmp_path / f"coco{suffix}"
    if suffix == ".pdparams":
        paddle.save({k: paddle.to_tensor(v) for k, v in published.items()}, str(file))
    else:
        save_file(published, file)

    beginning = begin(name, file)
    network = beginning.network()
    state = network.state_dict()
    other = {key for key in state if (tuple(state[key].shape) != before[key].shape)}
    assert other and all(network.has_class_rows(key) for key in other)
    assert all((state[key].numpy() == before[key]).all() for key in state if key not in other)
    said = capsys.readouterr().out
    assert f"coco{suffix}: {len(state) - len(other)} of {len(state)} weights of {name}" in said
    beginning.network()
    assert capsys.readouterr().out == ""  # once is enough
    assert beginning.about["backbone"] == "native"


def test_weights_of_a_backbone_alone_are_loaded(tmp_path):
    from safetensors.numpy import save_file

    backbone = new("picodet", embedded=False).backbone.state_dict()
    save_file({key: value.numpy() for key, value in backbone.items()}, tmp_path / "a.safetensors")
    network = begin("picodet", tmp_path / "a.safetensors").network()
    assert (
        network.backbone.conv1.conv.weight.numpy() == backbone["conv1.conv.weight"].numpy()
    ).all()


def test_weights_of_another_network_are_refused(tmp_path):
    from safetensors.numpy import save_file

    from pipeline.console import UserError

    state = new("picodet", embedded=False).state_dict()
    file = tmp_path / "pico.safetensors"
    save_file({key: value.numpy() for key, value in state.items()}, file)
    with pytest.raises(UserError, match="backbone of ppyoloe_s") as caught:
        begin("ppyoloe_s", file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def carried_over(state: dict, folder: Path, **about) -> str:
    """A folder as `fewshot adapt` fills it, of a model for the classes b and c."""
    from safetensors.numpy import save_file

    save_file(state, folder / "model.safetensors")
    sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    about |= {"project": "line", "run": "1", "classes": ["b", "c"], "sha256": sha256}
    (folder / "source.json").write_text(json.dumps(about))
    return str(folder)


@pytest.mark.parametrize("backbone", ["native", "EfficientNetLite0"])
def test_a_line_starts_from_another_lines_detector_without_the_published_file(backbone, tmp_path):
    native = backbone == "native"
    before = new("picodet", 2, not native)
    shake(before)
    state = {key: value.numpy() for key, value in before.state_dict().items()}
    start = carried_over(state, tmp_path, backbone=backbone, detector="picodet")
    beginning = begin("picodet", start=start)
    assert beginning.about["backbone"] == backbone
    assert beginning.about["sha256"] != begin("picodet").about["sha256"]
    now = beginning.network()
    for key, value in now.state_dict().items():
        expected, rows = state[key], now.has_class_rows(key)
        value = value.numpy()
        assert (value[1] == expected[0]).all() if rows else (value == expected).all()
        # The new class a begins anew, not as the class that had its number.
        assert not rows or value.ndim == 1 or (value[0] != expected[0]).any()


def test_a_start_with_another_backbone_than_the_detectors_is_refused(tmp_path):
    from pipeline.console import UserError

    state = {key: value.numpy() for key, value in new("picodet", 2, False).state_dict().items()}
    start = carried_over(state, tmp_path, backbone="native", detector="picodet")
    for detector in ("ppyoloe_s", "dense"):
        with pytest.raises(UserError) as refused:
            begin(detector, start=start)
        assert str(refused.value) == (
            "settings.yaml: model.start: a picodet with a backbone of its own, from which "
            f"{detector} can't start. Set model.start: null, or model.detector: picodet."
        )


def test_only_a_start_of_the_same_detector_brings_its_statistics(tmp_path):
    state = {key: value.numpy() for key, value in new("picodet").state_dict().items()}
    start = carried_over(state, tmp_path, backbone="EfficientNetLite0", detector="picodet")
    assert begin("picodet", start=start).is_same and not begin("dense", start=start).is_same


# Paddle Lite's converter can run on this machine what it reads, though not what it writes.
RUN_IN_PADDLE_LITE = """
import sys
from array import array
from paddlelite import lite
model, weights, size, picture, result = sys.argv[1:]
config = lite.CxxConfig()
config.set_model_file(model)
config.set_param_file(weights)
kinds = (lite.TargetType.X86, lite.TargetType.Host)
config.set_valid_places([lite.Place(kind, lite.PrecisionType.FP32) for kind in kinds])
predictor = lite.create_paddle_predictor(config)
tensor = predictor.get_input(0)
tensor.resize([1, 3, int(size), int(size)])
with open(picture, "rb") as file:
    tensor.set_float_data(array("f", file.read()).tolist())
predictor.run()
with open(result, "wb") as file:
    array("f", predictor.get_output(0).float_data()).tofile(file)
"""


@pytest.mark.parametrize("name", ["dense", "picodet", "ppyoloe_s"])
def test_paddle_lite_reads_every_detector_as_it_is_and_converts_it(name, converter, tmp_path):
    from pipeline import lite_converter
    from pipeline.backbone import EMBEDDED, pretrained_state
    from pipeline.inference import Predictor, save_network
    from pipeline.lite_program import readable
    from pipeline.network import new_detector
    from pipeline.trained import Deployed

    coarse = np.random.default_rng(0).uniform(0, 255, (1, 3, SIZE // 8, SIZE // 8))
    x = np.float32(coarse.repeat(8, axis=2).repeat(8, axis=3))
    if name == "dense":
        network = new_detector(EMBEDDED, 2, (8, 16), pretrained_state(EMBEDDED, None))
        network.standardise(x)
        network.centres.weight.set_value(20 * network.centres.weight)
    else:
        network = new(name, embedded=True)
        network.standardise(x)
        shake(network.head)
    source, python = tmp_path / "network", converter / "bin" / "python"
    save_network(Deployed(network), source, SIZE)
    expected = Predictor(source).run(x)[0]
    assert len(expected)

    program, picture, answer = (tmp_path / part for part in ("program", "picture", "answer"))
    program.write_bytes(readable((source / "model.pdmodel").read_bytes()))
    x.tofile(picture)
    arguments = [program, source / "model.pdiparams", str(SIZE), picture, answer]
    subprocess.run([python, "-I", "-c", RUN_IN_PADDLE_LITE, *arguments], check=True)
    assert furthest(expected, np.fromfile(answer, np.float32).reshape(-1, 6)) < 0.05

    lite_converter.convert(python, source, tmp_path / "model.nb")
    weights = (source / "model.pdiparams").stat().st_size
    assert (tmp_path / "model.nb").stat().st_size > 0.9 * weights
