"""What fewshot's detection is compared with: plain PaddleDetection, on the pictures of the project
in whose folder this is run, after its check_data.py.

    cd PROJECT
    FLAGS_enable_pir_api=0 PYTHONPATH=. python .../benchmarks/plain_detector.py --minutes 15

PicoDet-S on the embedded ImageNet weights goes through PaddleDetection's own Trainer: its readers,
loss, optimizer, schedule and averaged weights, and the values of its recipe for 320 px,
configs/picodet/picodet_s_320_coco_lcnet.yml. Learning rate, warm-up and the time before the
task-aligned assigner are scaled to the smaller batch and the shorter training. It learns from all
training pictures that show an object, for as many epochs as fit into the minutes.

The last line is JSON: AP50 and AP on the test pictures, seconds of training, and AP50 on the test
pictures on the way. Planning and looking at them takes time of its own. Boxes are judged by the
project, so definition and intervals are the same.
"""

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import paddle
import yaml
from paddle import nn
from ppdet.core.workspace import create, merge_config, register, serializable
from ppdet.engine import Trainer, set_random_seed
from ppdet.engine.callbacks import Callback
from ppdet.modeling.shape_spec import ShapeSpec

from pipeline import metrics, settings
from pipeline.backbone import EMBEDDED, EmbeddedBackbone, pretrained_state
from pipeline.dataset import Sample, read_splits
from pipeline.detections import Detections
from pipeline.judging import average_precision
from pipeline.matching import match
from pipeline.paddledet import CONFIGS, EMBEDDED_MAPS
from pipeline.project import ROOT

BATCH = 8
MOMENTS = 6  # at most, when the test pictures are looked at
MEASURED = 5  # steps for the plan

# On top of the project's configs/picodet.yml, which describes the network.
RECIPE = """
PicoDet: {backbone: PlainBackbone}
PicoHeadV2:
  static_assigner: {name: ATSSAssigner, topk: 9, force_gt_matching: false}
  loss_dfl: {name: DistributionFocalLoss, loss_weight: 0.5}
  loss_bbox: {name: GIoULoss, loss_weight: 2.5}
  nms: {name: MultiClassNMS, score_threshold: 0.025, nms_threshold: 0.6, nms_top_k: 1000}
TrainDataset: {name: COCODataSet, anno_path: train.json, data_fields: [image, gt_bbox, gt_class]}
TrainReader:
  sample_transforms: [Decode: {}, RandomCrop: {}, RandomFlip: {}, RandomDistort: {}]
  batch_transforms:
    - BatchRandomResize:
        {target_size: [256, 288, 320, 352, 384], keep_ratio: false, random_interp: true}
    - NormalizeImage: &as_it_is {mean: [0, 0, 0], std: [1, 1, 1], is_scale: false}
    - Permute: {}
    - PadGT: {}
TestDataset: {name: ImageFolder}
TestReader:
  sample_transforms:
    - Decode: {}
    - Resize: {target_size: [320, 320], keep_ratio: false, interp: 2}
    - NormalizeImage: *as_it_is  # the backbone normalises by itself
    - Permute: {}
  batch_size: 8
OptimizerBuilder:
  optimizer: {type: Momentum, momentum: 0.9}
  regularizer: {type: L2, factor: 0.00004}
use_ema: true
worker_num: 0  # pictures are read in a thread of this process: the same ones in every run
metric: COCO
log_iter: 10
filename: plain
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, help="of training; by default train.minutes")
    options = settings.load()
    minutes = parser.parse_args().minutes or options.train.minutes
    samples = read_splits(options)
    test = [sample for sample in samples if sample.split == "test"]
    count = sum(len(sample.boxes) > 0 for sample in samples if sample.split == "train")
    batch = min(BATCH, count)
    steps = count // batch  # the Trainer leaves a smaller last batch out

    # A Trainer changes PaddleDetection's global configuration, so the plan has its own process.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        seconds = process.submit(seconds_a_step, options.classes, batch).result()
    epochs = max(1, round(minutes * 60 / seconds / steps))
    print(f"Plan: {epochs} epochs of {steps} steps of {batch} pictures, {seconds:.2f} s each")

    with tempfile.TemporaryDirectory() as folder:
        set_random_seed(options.train.seed)
        trainer = new_trainer(configure(options.classes, batch, epochs, steps, folder))
        assert len(trainer.loader) == steps, "data/train.json and data/splits.csv differ"
        judge = Judge(trainer, test, len(options.classes))
        trainer.register_callbacks([judge])
        trainer.train()

    matches = match(test, judge.found, len(options.classes))
    groups = [sample.group for sample in test]
    measured = metrics.evaluate(matches, groups, [0.5] * len(options.classes))
    result = {
        "AP50": measured["AP50"]["value"],
        "test": {name: measured[name] for name in ("AP50", "AP", "pictures", "boxes")},
        "seconds": judge.rows[-1]["seconds"],
        "curves": {"plain": judge.rows},
    }
    print(json.dumps(result))


def configure(classes: list[str], batch: int, epochs: int, steps: int, folder: str) -> dict:
    """PaddleDetection's global configuration, filled; `steps` are those of an epoch."""
    schedulers = [
        {"name": "CosineDecay", "max_epochs": epochs},
        {"name": "LinearWarmup", "start_factor": 0.1, "steps": epochs * steps // 10},
    ]
    merge_config(yaml.safe_load((CONFIGS / "picodet.yml").read_text(encoding="utf-8")))
    merge_config(yaml.safe_load(RECIPE))
    return merge_config(
        {
            "num_classes": len(classes),
            "TrainDataset": {"dataset_dir": str(ROOT / "data")},
            "TrainReader": {"batch_size": batch},
            # theirs: 0.32 for 4 GPUs with 64 pictures each, 100 of 300 epochs
            "LearningRate": {"base_lr": 0.32 * batch / 256, "schedulers": schedulers},
            "PicoHeadV2": {"static_assigner_epoch": round(epochs / 3)},
            "epoch": epochs,
            "snapshot_epoch": -(-epochs // MOMENTS),
            "save_dir": folder,
        }
    )


@register
@serializable
class PlainBackbone(EmbeddedBackbone):
    """The embedded backbone with the interface, and the momentum, of PaddleDetection's own."""

    def __init__(self):
        super().__init__()
        self.out_shape = [ShapeSpec(channels=count) for count in EMBEDDED_MAPS.values()]
        self.set_state_dict(pretrained_state(EMBEDDED, None))
        for layer in self.sublayers():
            if isinstance(layer, nn.BatchNorm2D):
                layer._momentum = 0.9

    def forward(self, inputs):
        """{"image": [N, 3, S, S], 0..255} -> maps of strides 8, 16 and 32."""
        maps = super().forward(inputs["image"])
        return [maps[index] for index in EMBEDDED_MAPS]


def new_trainer(config: dict) -> Trainer:
    trainer = Trainer(config, mode="train")
    trainer.model.register_forward_pre_hook(widen_labels)
    return trainer


def widen_labels(_, inputs) -> None:
    """On Paddle 3 the assigners mix int64 with the int32 that the readers give, and fail."""
    (data,) = inputs
    if "gt_class" in data:
        data["gt_class"] = data["gt_class"].astype("int64")


def seconds_a_step(classes: list[str], batch: int) -> float:
    """Measured on a few steps at 320 px, the mean of the sizes."""
    with tempfile.TemporaryDirectory() as folder:
        config = configure(classes, batch, 1, MEASURED, folder)
        config["TrainDataset"].update(sample_num=batch, repeat=MEASURED)
        config["TrainReader"]["batch_transforms"][0]["BatchRandomResize"]["target_size"] = [320]
        trainer = new_trainer(config)
        trainer.train()
    return trainer.status["batch_time"].median  # the first step is slower


class Judge(Callback):
    """Looks at the test pictures where the Trainer saves the averaged weights.

    `found` is what the last look found in them; `rows` has epoch, seconds, AP50 of every look.
    """

    def __init__(self, trainer: Trainer, test: list[Sample], classes: int):
        super().__init__(trainer)
        self.test, self.classes = test, classes
        dataset = create("TestDataset")()
        dataset.set_images([str(sample.path) for sample in test])
        self.loader = create("TestReader")(dataset, 0)
        self.rows: list[dict] = []
        self.judging, self.started = 0.0, time.monotonic()

    def on_epoch_end(self, status) -> None:
        epoch, config = status["epoch_id"] + 1, self.model.cfg
        if epoch % config.snapshot_epoch and epoch != config.epoch:
            return
        before = time.monotonic()
        self.found = detect(self.model.model, self.loader, self.test)
        AP50 = average_precision(self.test, self.found, self.classes)["AP50"]
        seconds = round(before - self.started - self.judging, 1)
        self.rows.append({"epoch": epoch, "seconds": seconds, "AP50": AP50})
        print(self.rows[-1], flush=True)
        self.judging += time.monotonic() - before


@paddle.no_grad()
def detect(network: nn.Layer, loader, samples: list[Sample]) -> list[Detections]:
    """What is found in each picture, cut at its border as the project does."""
    network.eval()
    found = []
    for data in loader:
        answer = network(data)
        ends = np.cumsum(answer["bbox_num"].numpy())
        found += np.split(answer["bbox"].numpy().reshape(-1, 6), ends[:-1])
    detections = []
    for rows, sample in zip(found, samples, strict=True):
        boxes = np.clip(rows[:, 2:], 0, np.float32(sample.size * 2))
        detections.append(Detections(boxes, np.int64(rows[:, 0]), rows[:, 1]))
    return detections


if __name__ == "__main__":
    main()
