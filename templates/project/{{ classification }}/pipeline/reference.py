"""What an export keeps of the pictures that its model was made with: how the network sees them.

With them a class can be added where there is nothing but the export: they say how pictures of the
trained classes scatter, and whether the trained classes are still told apart afterwards.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from pipeline.probabilities import Answers

FILE = "reference.safetensors"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Reference:
    """Pictures as the exported network sees them.

    Attributes:
        probabilities: [N, classes].
        embeddings: [N, D].
        labels: [N], indices of classes.
        splits: [N], train, val or test.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray
    labels: np.ndarray
    splits: np.ndarray

    def part(self, *splits: str) -> "Reference":
        """The pictures of these splits."""
        rows = np.isin(self.splits, splits)
        fields = (self.probabilities, self.embeddings, self.labels, self.splits)
        return Reference(*(values[rows] for values in fields))


def write(folder: Path, seen: Answers, labels: list[int], splits: list[str]) -> None:
    """Writes FILE into the folder of an export: its answers for N pictures, and their labels."""
    tensors = {
        "probabilities": seen.probabilities,
        "embeddings": seen.embeddings.astype(np.float16),
        "labels": np.array(labels),
        "splits": np.array([SPLITS.index(split) for split in splits]),
    }
    (folder / FILE).write_bytes(save(tensors))  # save_file would keep others from reading it


def read(folder: Path) -> Reference:
    """Reads what `write` wrote."""
    tensors = load_file(folder / FILE)
    return Reference(
        tensors["probabilities"],
        tensors["embeddings"].astype(np.float32),
        tensors["labels"],
        np.array(SPLITS)[tensors["splits"]],
    )
