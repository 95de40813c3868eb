"""Prototypes on frozen and on trained features, in the project in whose folder this is run.

    cd PROJECT
    FLAGS_enable_pir_api=0 PYTHONPATH=. python .../benchmarks/few_shot.py episodes --ways 5

Prints a line of JSON. Test pictures give supports and queries; training pictures give only the
standardisation of frozen features, and the whitening of trained ones, as in add_class.py.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from pipeline import added, episodes, exports, reference, settings
from pipeline.backbone import pretrained_state
from pipeline.dataset import read_splits
from pipeline.features import frozen_features
from pipeline.network import pretrained_classifier
from pipeline.preprocess import Preprocess
from pipeline.probabilities import answers
from pipeline.views import VIEWS
from pipeline.whitening import means


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("episodes", "added_mean"))
    parser.add_argument("--ways", type=int, help="classes of an episode")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--new", help="a class that was not trained on")
    parser.add_argument("--shots", type=Path, help="folder with pictures of it")
    arguments = parser.parse_args()
    options = settings.load()
    measure = measure_episodes if arguments.task == "episodes" else added_mean
    print(json.dumps(measure(arguments, options)))


def measure_episodes(arguments, options) -> dict:
    """Accuracy of one-shot episodes on the test pictures, and on queries of the class that was
    not trained on, for each kind of features: {value, low, high}, the mean and its 95% interval."""
    names = [*options.classes, *([arguments.new] if arguments.new else [])]
    paths, labels = test_pictures(names)
    export = exports.load(exports.chosen(None), Preprocess)
    squares = export.preprocess.read(paths)
    seen = answers(export.predictor(), export.preprocess, squares).embeddings
    trained = added.trained_prototypes(reference.read(export.folder))
    kinds = {
        "frozen, nearest class mean": frozen(options, export.preprocess, squares).mean(1),
        "trained, nearest class mean": seen,
        "trained, whitened": trained.whitening(seen),
        "trained, as add_class.py does": trained.directions(seen),
    }
    found = {}
    for name, rows in kinds.items():
        right, classes = episodes.one_shot(rows, labels, arguments.ways, arguments.episodes)
        found[name] = {"accuracy": episodes.interval(right.mean((1, 2)))}
        if arguments.new:
            of_new = right[classes == len(options.classes)].mean(1)
            found[name]["new"] = episodes.interval(of_new)
    return found


def added_mean(arguments, options) -> dict:
    """Nearest class mean on frozen features with the added class as one more: what
    add_class.py's result stands beside."""
    export = exports.load(exports.chosen(None), Preprocess)
    started = time.monotonic()
    train = [sample for sample in read_splits(options) if sample.split == "train"]
    shots = sorted(arguments.shots.iterdir())
    paths, labels = test_pictures([*options.classes, arguments.new])
    everything = [*(sample.path for sample in train), *shots, *paths]
    rows = frozen(options, export.preprocess, export.preprocess.read(everything), len(train))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    known = np.array([sample.label for sample in train] + [len(options.classes)] * len(shots))
    asked = rows[len(known) :]

    def right(classes: int) -> np.ndarray:
        mine = known < classes
        centres = means(rows[: len(known)][mine].mean(1), known[mine])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        return (asked @ centres.T).mean(1).argmax(1) == labels

    old = labels < len(options.classes)
    before, after = (right(len(options.classes) + more)[old].mean() for more in (0, 1))
    found = right(len(options.classes) + 1)[~old]
    return {
        "accuracy": float(found.mean()),
        "right": "".join(str(int(one)) for one in found),
        "before": float(before),
        "after": float(after),
        "seconds": round(time.monotonic() - started, 2),
    }


def frozen(options, preprocess: Preprocess, squares: list, train: int | None = None) -> np.ndarray:
    """Standardised features of the pretrained backbone, [N, V, D].

    The first `train` pictures set the standardisation; without, the project's training pictures.
    """
    state = pretrained_state(options.model.backbone, None)
    network = pretrained_classifier(options.model.backbone, len(options.classes), state)
    views = VIEWS[options.augment.symmetry]
    if train is None:
        samples = [sample.path for sample in read_splits(options) if sample.split == "train"]
        shots = preprocess.read(samples)
        return frozen(options, preprocess, [*shots, *squares], len(shots))[len(shots) :]
    rows = frozen_features(network, state, squares, preprocess, views)
    flat = rows[:train].reshape(-1, rows.shape[-1])
    return (rows - flat.mean(0)) / (flat.std(0) + 1e-6)


def test_pictures(names: list[str]) -> tuple[list[Path], np.ndarray]:
    """All test pictures of these classes, and the number of each one's class."""
    found = [
        (path, i) for i, n in enumerate(names) for path in sorted(Path("data/test", n).iterdir())
    ]
    return [path for path, _ in found], np.array([label for _, label in found])


if __name__ == "__main__":
    main()
