"""Sample pictures of our own, so that a demo needs no pictures of anyone's.

They are drawings: good for trying out the steps, not for judging how well a method does on real
boards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffolder import answers, settings_text
from scaffolder.demo import boards, crops
from scaffolder.errors import UsageError


@dataclass(frozen=True)
class Sample:
    """What fills a demo project.

    Attributes:
        answers: Those of the project.
        pictures: How many are drawn.
        draw: Draws them into a data folder.
        settings: Values of settings.yaml with which all steps take a few minutes on two cores.
    """

    answers: answers.Answers
    pictures: int
    draw: Callable[[Path], None]
    settings: dict[str, Any]

    def fill(self, folder: Path, recorded: dict[str, Any]) -> None:
        """Puts pictures and settings into a new project."""
        self.draw(folder / "data")
        settings_text.change_file(folder / "settings.yaml", self.settings)


def sample(task: str) -> Sample:
    """Returns the sample for a task.

    Raises:
        UsageError: There is none.
    """
    samples = {"classification": classification, "detection": detection}
    if task not in samples:
        raise UsageError(f"task: {task!r} is not one of {', '.join(samples)}")
    return samples[task]()


def classification() -> Sample:
    given, each = answers.preset("pcb-defects").answers, 40
    names = given["classes"]
    return Sample(
        given,
        each * len(names),
        lambda data: crops.draw(data, names, per_class=each, seed=0),
        {"train.minutes": 1.5},
    )


def detection() -> Sample:
    train, test = 40, 16
    return Sample(
        {"task": "detection", "classes": boards.CLASSES, "shots": 30},
        train + test,
        lambda data: boards.draw(data, train, test, seed=0),
        {"train.minutes": 2},
    )
