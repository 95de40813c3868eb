"""Whether there are pictures enough to calibrate with."""

import sys
from collections import Counter

from pipeline.console import UserError
from pipeline.text import printable

FEWEST = 3  # pictures


def check(shown: Counter[int], pictures: int, classes: list[str]) -> None:
    """Warns of classes that no calibration picture shows.

    Args:
        shown: how many pictures show each class.
        pictures: how many there are.
        classes: their names.

    Raises:
        UserError: there are too few.
    """
    if pictures < FEWEST:
        raise UserError(
            f"calibration: {pictures} pictures, at least {FEWEST} are wanted. They are labelled "
            "training pictures, half of them where there is no val split: add some to data/ and "
            "run check_data.py."
        )
    for label, name in enumerate(classes):
        if not shown[label]:
            print(
                f"warning: no calibration picture shows {printable(name)}. Its answers may suffer "
                "most: add training pictures of it.",
                file=sys.stderr,
            )
