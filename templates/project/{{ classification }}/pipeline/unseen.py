"""Which pictures a trained model may be judged by."""

import os

from pipeline.console import UserError
from pipeline.dataset import Sample, read_splits
from pipeline.project import ROOT
from pipeline.settings import Settings


def pictures(options: Settings, about: dict, split: str = "test") -> list[Sample]:
    """The pictures of a split.

    Args:
        options: the project's settings.
        about: `run.json` of the model.
        split: train, val or test.

    Raises:
        UserError: the classes are no longer the model's, the split is empty, or it now holds
            pictures that the model was trained on, so that its figures would be too good.
    """
    if options.classes != about["settings"]["classes"]:
        raise UserError(
            f"settings.yaml: the classes have changed since run {about['id']}. Train again, or "
            "put them back."
        )
    chosen = [sample for sample in read_splits(options) if sample.split == split]
    if not chosen:
        raise UserError(f"data/splits.csv: no picture in the split {split}. Run check_data.py.")
    known = {row["path"] for row in about["data"]}
    seen = [path for s in chosen if (path := os.path.relpath(s.path, ROOT)) in known]
    if split == "test" and seen:
        raise UserError(
            f"data/splits.csv: {len(seen)} test pictures were training pictures of run "
            f"{about['id']}: {seen[0]}, ... The splits have changed since; train again."
        )
    return chosen
