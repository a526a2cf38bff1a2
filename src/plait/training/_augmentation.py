"""What becomes of a batch before the model sees it, in training alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plait.features import Image
from plait.inference import Declaration
from plait.model import ModalityDropout
from plait.tasks import DenseTask
from plait.training._settings import Training


@dataclass(frozen=True)
class Augmentation:
    """Pictures are moved along with what lies in them, and whole features leave.

    All of it is a function of each row's key.

    Attributes:
        pictures: the features whose pictures are moved, by name.
        tasks: the tasks about places in these, by name.
        dropout: of whole features; None for none.
    """

    pictures: Mapping[str, Image]
    tasks: Mapping[str, DenseTask]
    dropout: ModalityDropout | None

    def __call__(self, x: Mapping[str, Any], row_key: Any) -> dict[str, Any]:
        """The inputs by name, with other pictures and presence flags."""
        moved = {
            name: image.moved(x[name], image.moves(row_key, name))
            for name, image in self.pictures.items()
        }
        x = {**x, **moved}
        return x if self.dropout is None else self.dropout(x, row_key)

    def follow(self, labels: Mapping[str, Any], row_key: Any) -> dict[str, Any]:
        """The labels by output, `(targets, weights)`, where the pictures are moved so."""
        followed = dict(labels)
        for name, task in self.tasks.items():
            if name in labels:
                targets, weights = labels[name]
                moves = self.pictures[task.of].moves(row_key, task.of)
                followed[name] = (task.moved(targets, moves), weights)
        return followed


def augmentation(declaration: Declaration, settings: Training) -> Augmentation | None:
    """What the declaration and the settings ask for; None if nothing."""
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
    dropout = None
    # Of one feature alone none may leave.
    if settings.modality_dropout and len(declaration.features) > 1:
        dropout = ModalityDropout(list(declaration.features), settings.modality_dropout)
    return Augmentation(pictures, tasks, dropout) if pictures or dropout else None
