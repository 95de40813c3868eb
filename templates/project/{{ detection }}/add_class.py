"""Says what to do for a new class: unlike a classifier, a detector has to be trained again.

Reads:  nothing
Writes: nothing

    python add_class.py scratch

A detector's head looks for the classes that it was trained on, and everything else in its training
pictures was taught to it as background, the new class included. It proposes no box there, so that
there is no region whose features could be compared with a few examples.
"""

import argparse

from pipeline import console
from pipeline.console import UserError


def main() -> None:
    name = read_arguments().name
    raise UserError(
        f"a detector can't learn {name!r} without training: it was taught that whatever is not "
        "labelled is background. Label it in all pictures that show it, add it to the classes in "
        "settings.yaml, then run check_data.py, train.py and export.py."
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the class")
    parser.add_argument("folder", nargs="?", help="not used")
    return parser.parse_args()


if __name__ == "__main__":
    console.run(main)
