"""The contract of a task about places within a feature: its pixels, its words, its steps."""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
import pyarrow as pa

from plait._moves import Moves
from plait.errors import ConfigError, PlaitError
from plait.features import Feature
from plait.table import Column, Table
from plait.tasks._task import Task

Read = TypeVar("Read")

Parts = Literal["maps", "tokens", "series"]
"""What of a feature's encoder: a picture's feature maps, or its tokens before fusion; of a series
also the series."""


@dataclass(frozen=True)
class Beside:
    """A fitted feature and its cells, in the rows that a task is asked about.

    Attributes:
        feature: fitted.
        cells: its column, empty where the table lacks it; None where no rows are known.
        kept: what was read of these rows and is asked for again.
    """

    feature: Feature
    cells: Column | None
    kept: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DenseTask(Task):
    """A task whose target has the geometry of a feature: a mask or boxes of a picture, a tag a word.

    Its head reads the fused tokens, as every head does, and what that feature's encoder gives.
    `fit`, `targets`, `decode` and `scores` are called on the copy that `beside` gives, which knows the
    feature and its cells in the same rows. What the head needs of the geometry is in `state`.

    Without the feature there is nothing whose places could be told apart: a row that lacks it counts
    as unlabelled, also while modality dropout has taken it away, and is answered with null. A task for
    which that is not so, such as `Forecast`, says it (`needs_feature`).

    Args:
        of: the name of the feature.
        column, features, after, weight, auxiliary, fade, missing: see `Task`.

    Raises:
        ConfigError: an argument that cannot be.
    """

    parts: ClassVar[Parts]
    """What of the feature's encoder the head reads: see `Head`."""
    modalities: ClassVar[tuple[str, ...]]
    """Of the features that it can be of."""
    needs_feature: ClassVar[bool] = True
    """Whether a row without the feature is neither labelled nor answered."""

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
        if getattr(feature, "moving", False) and type(self).moved is DenseTask.moved:
            raise ConfigError(
                f"{type(self).__name__} does not say what becomes of its targets where pictures are "
                f"moved. Leave flip, shift, zoom, crop and rand_augment out of '{self.of}', or define "
                "`moved`.",
                ("of",),
            )

    def moved(self, targets: Any, moves: Moves) -> Any:
        """What the targets of a batch become where the pictures that they lie in are moved in training.

        Args:
            targets: `(batch, ...)`, as `targets` gives them.
            moves: of each row's picture, in its frame.

        Raises:
            NotImplementedError: the task does not say; it is refused beside such pictures.
        """
        raise NotImplementedError

    def feature_for(self, feature: Feature, width: int) -> Feature:
        """The feature that it is of as this task needs it, where the user left that open.

        Args:
            feature: declared, not fitted.
            width: of an encoder that is chosen.
        """
        return feature

    def beside(self, features: Mapping[str, Feature], table: Table | None = None) -> Self:
        feature = features[self.of]
        cells = None if table is None else _cells(feature, self.of, table)
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
        """The feature's column in the rows that are asked about, empty where the table lacks it.

        None where only the form of an answer is asked for.
        """
        return self._bound.cells

    @property
    def kept(self) -> dict[Any, Any]:
        """What was read of the rows that are asked about, to be asked for again."""
        return self._bound.kept

    def once(self, what: Any, column: Column, read: Callable[[], Read]) -> Read:
        """What `read` makes of a target column in these rows, made when it is first asked for.

        Args:
            what: its name.
            column: of the rows.
            read: reads it.
        """
        held = self.kept.get(what)
        if held is None or held[0].stored is not column.stored or held[0].at is not column.at:
            held = self.kept[what] = (column, read())
        made: Read = held[1]
        return made

    @property
    def _bound(self) -> Beside:
        bound: Beside | None = getattr(self, "_beside", None)
        if bound is None:
            raise PlaitError(
                f"{type(self).__name__} of '{self.of}' does not know which rows it is asked about. "
                "Ask task.beside(features, table)."
            )
        return bound


def _cells(feature: Feature, name: str, table: Table) -> Column:
    if feature.is_in(name, table):
        return feature.cells(name, table)
    nothing = pa.chunked_array([pa.nulls(len(table))])
    return Column(feature.column or name, nothing, table.rows, table.name, table.root)
