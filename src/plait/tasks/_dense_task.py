"""The contract of a task about places within a feature: its pixels, its words, its steps."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from plait.errors import ConfigError, PlaitError
from plait.features import Feature
from plait.table import Column, Table
from plait.tasks._task import Task

Parts = Literal["maps", "tokens", "series"]
"""What of a feature's encoder: a picture's feature maps, or its tokens before fusion; of a series
also the series."""


@dataclass(frozen=True)
class Beside:
    """A fitted feature and its cells, in the rows that a task is asked about.

    Attributes:
        feature: fitted.
        cells: its column; None where the table lacks it.
    """

    feature: Feature
    cells: Column | None


@dataclass(frozen=True, kw_only=True)
class DenseTask(Task):
    """A task whose target has the geometry of a feature: a mask or boxes of a picture, a tag a word.

    Its head reads the fused tokens, as every head does, and what that feature's encoder gives.
    `fit`, `targets`, `decode` and `scores` are called on the copy that `beside` gives, which knows the
    feature and its cells in the same rows. What the head needs of the geometry is in `state`.

    Args:
        of: the name of the feature.
        column, features, weight, auxiliary, missing: see `Task`.

    Raises:
        ConfigError: an argument that cannot be.
    """

    parts: ClassVar[Parts]
    """What of the feature's encoder the head reads: see `Head`."""
    modalities: ClassVar[tuple[str, ...]]
    """Of the features that it can be of."""

    of: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.of:
            name = type(self).__name__
            raise ConfigError(
                f"{name} is of a feature. Name it, such as {name}(of='{self.modalities[0]}')."
            )

    @property
    def of_features(self) -> tuple[str, ...]:
        return (self.of,)

    def check_features(self, features: Mapping[str, Feature]) -> None:
        super().check_features(features)
        feature = features[self.of]
        if feature.modality not in self.modalities:
            kinds = " or ".join(self.modalities)
            raise ConfigError(
                f"{type(self).__name__} is of a feature of the modality {kinds}. '{self.of}' is "
                f"{type(feature).__name__}, of the modality {feature.modality}.",
                ("of",),
            )

    def feature_for(self, feature: Feature, width: int) -> Feature:
        """The feature that it is of as this task needs it, where the user left that open.

        Args:
            feature: declared, not fitted.
            width: of an encoder that is chosen.
        """
        return feature

    def beside(self, features: Mapping[str, Feature], table: Table | None = None) -> Self:
        feature = features[self.of]
        there = table is not None and all(name in table for name in feature.reads(self.of))
        cells = feature.cells(self.of, table) if table is not None and there else None
        # No field: it belongs to some rows, and `replace` leaves it behind.
        bound = replace(self)
        object.__setattr__(bound, "_beside", Beside(feature, cells))
        return bound

    @abc.abstractmethod
    def trivial_logits(self) -> np.ndarray:
        """`(1, *answer)`, what looks at nothing, such as the training labels' shares in each place."""

    @property
    def feature(self) -> Feature:
        """The fitted feature.

        Raises:
            PlaitError: the task was not asked through `beside`.
        """
        return self._bound.feature

    @property
    def cells(self) -> Column | None:
        """The feature's column in the rows that are asked about; None where the table lacks it."""
        return self._bound.cells

    @property
    def _bound(self) -> Beside:
        bound: Beside | None = getattr(self, "_beside", None)
        if bound is None:
            raise PlaitError(
                f"{type(self).__name__} of '{self.of}' does not know which rows it is asked about. "
                "Ask task.beside(features, table)."
            )
        return bound
