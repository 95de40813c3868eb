"""Frozen features: every picture goes through the pretrained backbone once, ever.

The backbone runs as an exported network in Paddle Inference, several times faster than layer by
layer, and what it gives is kept in `cache/` under the picture's content.
"""

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import paddle
from tqdm import tqdm

from pipeline import files
from pipeline.backbone import digest
from pipeline.inference import Predictor, save_network
from pipeline.network import Classifier
from pipeline.preprocess import Preprocess
from pipeline.project import CACHE
from pipeline.views import turn


class _Features(paddle.nn.Layer):
    def __init__(self, classifier: Classifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, x):
        return self.classifier.features(x)


def frozen_features(
    classifier: Classifier,
    state: dict[str, np.ndarray],
    pictures: list[np.ndarray],
    preprocess: Preprocess,
    views: tuple[str, ...],
    batch_size: int = 32,
) -> np.ndarray:
    """The pretrained backbone's pooled features of all pictures in all views.

    Args:
        classifier: a network whose backbone holds the pretrained weights.
        state: these weights; they name the cache.
        pictures: N squares [S, S, 3], uint8.
        preprocess: how they are laid out for the network.
        views: names of V views.
        batch_size: pictures at once.

    Returns:
        [N, V, D] float32.
    """
    folder = CACHE / f"features-{digest(state)[:16]}-{preprocess.input_size}"
    keys = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in pictures]
    known = _read(folder / "features.npz")
    todo = [
        (key, picture, view)
        for key, picture in {k: p for k, p in zip(keys, pictures, strict=True)}.items()
        for view in views
        if f"{key} {view}" not in known
    ]
    if todo:
        with files.replacing(folder / "backbone") as beside:
            save_network(_Features(classifier), beside, preprocess.input_size)
        predictor = Predictor(folder / "backbone")
        with tqdm(total=len(todo), desc="frozen features", unit="view", leave=False) as progress:
            for start in range(0, len(todo), batch_size):
                batch = todo[start : start + batch_size]
                x = np.concatenate([turn(preprocess.batch([p]), view) for _, p, view in batch])
                for (key, _, view), row in zip(batch, predictor.run(x)[0], strict=True):
                    known[f"{key} {view}"] = row
                progress.update(len(batch))
        with files.replacing(folder / "features.npz") as beside, beside.open("wb") as file:
            np.savez(file, **known)
    return np.stack([[known[f"{key} {view}"] for view in views] for key in keys])


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, BadZipFile):
        return {}  # not there, or cut off: it is only a cache
