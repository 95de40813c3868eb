"""Which pictures a trained model may be judged by."""

from pipeline.dataset import Sample, read_splits
from pipeline.settings import Settings
from pipeline.splits import check_unseen


def pictures(options: Settings, about: dict, split: str = "test") -> list[Sample]:
    """The pictures of a split.

    Args:
        options: the project's settings.
        about: `run.json` of the model.
        split: train, val or test.

    Raises:
        UserError: the model may not be judged by them; see `check_unseen`.
    """
    chosen = [sample for sample in read_splits(options) if sample.split == split]
    check_unseen(chosen, split, options.classes, about)
    return chosen
