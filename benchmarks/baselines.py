"""What fewshot is compared with, on the draw of the project in whose folder this is run.

    cd PROJECT
    FLAGS_enable_pir_api=0 PYTHONPATH=. python .../benchmarks/baselines.py nearest_mean

Prints a line of JSON: accuracy on the test split, its answers one by one, seconds. Uses the
project's own reading of pictures, backbone and speed-ups, so that only the method differs.
"""

import argparse
import json
import time

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from pipeline import linear_probe, settings
from pipeline.augment import augment
from pipeline.backbone import EMBEDDED_WEIGHTS, pretrained_state
from pipeline.dataset import read_splits
from pipeline.efficientnet_lite import EfficientNetLite0, paddle_names
from pipeline.features import frozen_features
from pipeline.fine_tuning import learning_rate
from pipeline.images import read_picture
from pipeline.network import pretrained_classifier
from pipeline.preprocess import Preprocess
from pipeline.replicas import Replicas
from pipeline.scores import mean_over_views
from pipeline.views import VIEWS
from pipeline.weights import read_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    methods = {
        "nearest_mean": nearest_mean,
        "logistic_regression": logistic_regression,
        "fine_tuning": lambda *data: whole_network(*data, pretrained=True),
        "from_scratch": lambda *data: whole_network(*data, pretrained=False),
    }
    parser.add_argument("method", choices=methods)
    method = methods[parser.parse_args().method]
    started = time.monotonic()
    options = settings.load()
    preprocess = Preprocess(options.model.input_size or 96)
    samples = read_splits(options)
    train, test = ([s for s in samples if s.split == split] for split in ("train", "test"))
    squares = [[preprocess.square(read_picture(s.path)) for s in part] for part in (train, test)]
    labels = [np.array([s.label for s in part]) for part in (train, test)]
    logits = method(options, preprocess, *squares, labels[0])
    right = "".join(str(int(one)) for one in logits.argmax(1) == labels[1])
    seconds = time.monotonic() - started
    print(
        json.dumps({"accuracy": right.count("1") / len(right), "right": right, "seconds": seconds})
    )


def features_of(options, preprocess, train, test) -> tuple[np.ndarray, np.ndarray]:
    """The frozen features that train.py uses, [N, V, D]."""
    state = pretrained_state(options.model.backbone, None)
    network = pretrained_classifier(options.model.backbone, len(options.classes), state)
    views = VIEWS[options.augment.symmetry]
    both = frozen_features(network, state, [*train, *test], preprocess, views)
    return both[: len(train)], both[len(train) :]


def nearest_mean(options, preprocess, train, test, labels) -> np.ndarray:
    """Cosine to each class's mean feature, over views."""
    known, asked = features_of(options, preprocess, train, test)
    flat = known.reshape(-1, known.shape[-1])
    mean, scale = flat.mean(0), flat.std(0) + 1e-6
    known, asked = (known - mean) / scale, (asked - mean) / scale
    centres = np.stack([known[labels == c].mean((0, 1)) for c in range(len(options.classes))])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    asked /= np.linalg.norm(asked, axis=2, keepdims=True)
    return (asked @ centres.T).mean(1)


def logistic_regression(options, preprocess, train, test, labels) -> np.ndarray:
    """As it comes: scikit-learn's default strength on standardised features."""
    known, asked = features_of(options, preprocess, train, test)
    return mean_over_views(linear_probe.fit(known, labels, 1.0).logits(asked))


class LastLayer(nn.Layer):
    """EfficientNet-Lite0 as it is usually fine-tuned: mean of the last map, new linear layer."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.network = EfficientNetLite0()
        self.fc = nn.Linear(1280, num_classes)

    def forward(self, x):
        return self.fc(self.network((x - 127.0) / 128.0)[-1].mean([2, 3]))


def losses(network: nn.Layer, x: paddle.Tensor, targets: paddle.Tensor) -> paddle.Tensor:
    """Cross-entropy of each picture, [N]."""
    return F.cross_entropy(network(x), targets, soft_label=True, reduction="none").flatten()


def whole_network(options, preprocess, train, test, labels, pretrained: bool) -> np.ndarray:
    """AdamW at 1e-3 for all layers, cosine, the project's flips, turns, shifts and light."""
    paddle.seed(options.train.seed)
    rng = np.random.default_rng(options.train.seed)

    def build() -> LastLayer:
        network = LastLayer(len(options.classes))
        if pretrained:
            network.network.set_state_dict(paddle_names(read_weights(EMBEDDED_WEIGHTS)))
        network.eval() if pretrained else network.train()
        for layer in network.sublayers():
            if isinstance(layer, nn.BatchNorm2D) and not pretrained:
                layer._momentum = 0.9  # with ImageNet's 0.99 the statistics lag behind the weights
        return network

    # From scratch, batch normalisation needs the whole batch, so it has one copy.
    replicas = Replicas(build, options.train.batch_size if pretrained else 1)
    network = replicas.main
    optimizer = paddle.optimizer.AdamW(1e-3, parameters=network.parameters(), weight_decay=0.02)
    targets = np.eye(len(options.classes), dtype=np.float32)[labels]
    steps_an_epoch = -(-len(train) // options.train.batch_size)
    epochs = max(20, -(-400 // steps_an_epoch))
    for step in range(epochs * steps_an_epoch):
        if step % steps_an_epoch == 0:
            order = np.array_split(rng.permutation(len(train)), steps_an_epoch)
        rows = order[step % steps_an_epoch]
        optimizer.set_lr(learning_rate(step, epochs * steps_an_epoch, 1e-3))
        x = preprocess.batch([augment(train[i], options.augment, rng) for i in rows])
        replicas.gradients(x, targets[rows], losses)
        optimizer.step()
        optimizer.clear_grad()
    network.eval()
    return replicas.outputs(lambda network, x: network(x), preprocess.batch(test))


if __name__ == "__main__":
    main()
