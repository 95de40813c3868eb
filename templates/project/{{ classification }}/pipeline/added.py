"""What an export with added classes answers: their prototypes stand beside the trained head.

A picture is of an added class where that class's prototype is nearer than every trained class's,
by a margin (`pipeline.margins` chooses it). It is of no known class, `unknown`, where every
prototype is far. An export without added classes answers what its head says.
"""

from pathlib import Path

import numpy as np

from pipeline import additions, reference
from pipeline.additions import Added
from pipeline.console import UserError
from pipeline.exports import Export, same_weights
from pipeline.inference import WEIGHTS
from pipeline.probabilities import Answers
from pipeline.project import shown
from pipeline.prototypes import Prototypes, enough
from pipeline.reference import Reference

UNKNOWN = "unknown"


class AddedClasses:
    """The added classes of an export.

    Args:
        trained: the prototypes of the trained classes.
        added: the added classes.

    Attributes:
        names: of the classes beside the trained ones, `unknown` the last.
    """

    def __init__(self, trained: Prototypes, added: list[Added]):
        self.trained = trained
        self.names = [*(one.name for one in added), UNKNOWN]
        self.prototypes = np.float32([one.prototype for one in added])
        self.margins = np.array([one.margin for one in added])
        self.scales = np.array([one.scale for one in added])
        self.radius = max(one.radius for one in added)

    def probabilities(self, head: Answers) -> np.ndarray:
        """The head's answers for N pictures -> [N, trained classes + names].

        An added class at its margin is as probable as the most probable trained class.
        """
        count = head.probabilities.shape[1]
        near = self.trained.similarities(head.embeddings, self.prototypes)
        nearer = near[:, count:] - near[:, :count].max(1, keepdims=True)
        odds = np.exp(np.clip((nearer - self.margins) / self.scales, -50, 50))
        weights = head.probabilities / head.probabilities.max(1, keepdims=True)
        weights = np.concatenate([weights, odds, np.zeros((len(odds), 1))], axis=1)
        weights /= weights.sum(1, keepdims=True)
        far = self.trained.distances(head.embeddings, self.prototypes).min(1) > self.radius
        weights[far] = np.eye(weights.shape[1])[-1]
        return weights


def of(export: Export) -> AddedClasses | None:
    """The added classes of an export, or None.

    Raises:
        UserError: they were added to another export, or their file was changed by hand.
    """
    entries = additions.read(export.folder)
    if not entries:
        return None
    if any(entry["export"][WEIGHTS] != export.about["files"][WEIGHTS] for entry in entries):
        path = shown(export.folder / additions.FILE)
        raise UserError(f"{path}: of another export. Remove it.")
    trained = trained_prototypes(reference.read(export.folder))
    return AddedClasses(trained, additions.active(entries))


def trained_prototypes(seen: Reference) -> Prototypes:
    """Those of the trained classes, from the training pictures that an export keeps."""
    train = seen.part("train")
    return Prototypes(train.embeddings, train.labels, enough(train.labels))


def carry_over(old: Path, new: Path) -> None:
    """Copies the added classes of a run's earlier export to its new one.

    Raises:
        UserError: the network is another one, which sees pictures in another way.
    """
    entries = additions.read(old)
    if entries and not same_weights(old, new):
        names = ", ".join(one.name for one in additions.active(entries))
        raise UserError(
            f"{shown(old)} has added classes ({names}) that don't fit the run's weights any more. "
            "Take them back with add_class.py --undo, export, and add them again."
        )
    additions.write(new, entries)
