"""How many things there are in a picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from plait._moves import Moves
from plait.heads import DensityHead, Head
from plait.table import Column
from plait.tasks._count import Count
from plait.tasks._labels import Labelled
from plait.tasks._picture_task import PictureTask


@dataclass(frozen=True, kw_only=True)
class ObjectCount(Count, PictureTask):
    """How many things of a kind a picture shows, learnt from the number alone.

    Its mean is a sum of what each place of the picture adds, where `Count` sees the picture as a whole:
    a thing counts wherever it lies, and more things than any training picture has are still told
    apart. Where the things are need not be known; where it is, `Boxes` counts them, too, and
    `Consistency` has the two agree. A row without its picture is not labelled.

    Pictures that are moved in training, by `flip`, `shift`, `zoom`, `crop` or `rand_augment`, keep
    their label, though a thing at the edge may have left: keep shift and zoom small, and leave crop and
    rand_augment out.

    Args:
        of: the picture.
        distribution, interval: see `Count`.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    `decode` and `scores` give what those of `Count` do; null where there is no picture.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        ObjectCount(of="photo")

    References:
        V. Lempitsky and A. Zisserman. Learning To Count Objects in Images, 2010: see `DensityHead`.
    """

    def moved(self, targets: Any, moves: Moves) -> Any:
        return targets

    def head(self) -> Head:
        prior = self.learnt["prior"]
        return DensityHead(len(prior), prior=tuple(prior))

    def trivial_logits(self) -> np.ndarray:
        return np.array([self.learnt["prior"]], "float32")

    def decode(self, logits: np.ndarray) -> dict[str, pa.Array]:
        sizes = self.sizes(np.arange(len(logits))) or [self.frame] * len(logits)
        absent = np.array([size is None for size in sizes], bool)
        found = super().decode(logits)
        return {name: pa.array(values.to_numpy(), mask=absent) for name, values in found.items()}

    def draw(self, figure: Any, logits: np.ndarray, column: Column | None) -> None:
        picture, number = figure.subfigures(1, 2)
        self.shown(picture, 1)
        if (self.sizes(np.arange(1)) or [self.frame])[0] is None:
            return
        super().draw(number, logits, column)

    def _labelled(self, column: Column, weights: np.ndarray | None = None) -> Labelled:
        labelled = super()._labelled(column, weights)
        sizes = self.sizes(labelled.rows)
        if sizes is None:
            return labelled
        return labelled.kept(np.array([size is not None for size in sizes], bool))
