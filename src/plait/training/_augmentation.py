"""What becomes of a batch before the model sees it, in training alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plait.features import Feature, Image
from plait.inference import Declaration
from plait.model import MixUp, ModalityDropout
from plait.tasks import DenseTask
from plait.training._settings import Training

Augment = Callable[[Mapping[str, Any], Any], dict[str, Any]]
"""From a batch's inputs by name and the key of each row `(batch, 2)` to other inputs."""


@dataclass(frozen=True)
class OtherViews:
    """Cells are seen otherwise than they are, each row's by its key; then `after` follows.

    Attributes:
        features: those that vary in training, by name.
        after: the next stage; None for none.
    """

    features: Mapping[str, Feature]
    after: Augment | None = None

    def __call__(self, x: Mapping[str, Any], row_key: Any) -> dict[str, Any]:
        varied = {n: f.varied(x[n], row_key, n) for n, f in self.features.items()}
        x = {**x, **varied}
        return x if self.after is None else self.after(x, row_key)


@dataclass(frozen=True)
class MovedLabels:
    """What lies in pictures moves with them.

    Attributes:
        pictures: the features whose pictures are moved, by name.
        tasks: the tasks about places in these, by name.
    """

    pictures: Mapping[str, Image]
    tasks: Mapping[str, DenseTask]

    def __call__(self, labels: Mapping[str, Any], row_key: Any) -> dict[str, Any]:
        """The labels by output, `(targets, weights)`, where the pictures are moved so."""
        moved = dict(labels)
        for name, task in self.tasks.items():
            if name in labels:
                targets, weights = labels[name]
                moves = self.pictures[task.of].moves(row_key, task.of)
                moved[name] = (task.moved(targets, moves), weights)
        return moved


def augmentation(declaration: Declaration, settings: Training) -> Augment | None:
    """What the features and the settings ask for; None if nothing."""
    dropout = None
    # Of one feature alone none may leave.
    if settings.modality_dropout and len(declaration.features) > 1:
        dropout = ModalityDropout(list(declaration.features), settings.modality_dropout)
    varying = {name: f for name, f in declaration.features.items() if f.varies}
    return OtherViews(varying, dropout) if varying else dropout


def mixture(declaration: Declaration, settings: Training) -> MixUp | None:
    """How rows are mixed; None if they are not."""
    return None if settings.mixup is None else MixUp(list(declaration.features), settings.mixup)


def moved_labels(declaration: Declaration) -> MovedLabels | None:
    """How labels go with the pictures; None where none does."""
    pictures = {
        name: feature
        for name, feature in declaration.features.items()
        if isinstance(feature, Image) and feature.moving
    }
    tasks = {
        name: task
        for name, task in declaration.tasks.items()
        if isinstance(task, DenseTask) and task.of in pictures
    }
    return MovedLabels(pictures, tasks) if tasks else None
