"""The contract of a feature: one column in, arrays of a fixed shape and a presence flag out."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self, get_args

import keras
import numpy as np

from plait._ranges import demand_texts
from plait.encoders import Encoder
from plait.errors import ConfigError, PlaitError
from plait.table import Column, Table

OnError = Literal["raise", "absent"]


@dataclass(frozen=True)
class ArraySpec:
    """The fixed form of a feature's array.

    Attributes:
        shape: of one row, without the batch axis.
        dtype: a NumPy dtype's name.
        lengths: whether the first axis of `shape` is padded, so that each row has a length.
    """

    shape: tuple[int, ...]
    dtype: str
    lengths: bool = False


@dataclass(frozen=True)
class BrokenCell:
    """A cell that could not be read: its row number in the source, and why."""

    row: int
    source: str
    column: str
    reason: str


@dataclass(frozen=True)
class Encoded:
    """Some rows of a column as arrays.

    Attributes:
        values: `(rows, *shape)`; what stands in the row of an absent cell has no meaning.
        present: `(rows,)` bool.
        lengths: `(rows,)` int32, valid steps on the first axis of a row, or None.
        broken: cells that were taken as absent because they could not be read.
        cut: `(rows,)` bool, which rows were longer than the fixed shape; None for none.
        unknown: `(rows,)` int32, how many values of each row mean "unknown"; None where that is not
            counted.
    """

    values: np.ndarray
    present: np.ndarray
    lengths: np.ndarray | None = None
    broken: tuple[BrokenCell, ...] = ()
    cut: np.ndarray | None = None
    unknown: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Feature(abc.ABC):
    """A column that the model reads.

    A feature is a frozen declaration; `fit` returns a copy that also holds, in `state`, what was
    learnt from the training rows: plain JSON data and nothing else.

    Args:
        column: the column's name; the feature's own name if None.
        missing: strings that mean an empty cell, beside null and "".
        encoder: what turns the arrays into tokens; chosen by the size of the data if None.
        tied: features with the same name here share one encoder, and learn from all their columns
            together.
        on_error: what a cell that cannot be read becomes: an error, or an absent cell that is
            counted and named.
        state: what `fit` learnt; not for the user.

    Raises:
        ConfigError: an argument that cannot be.
    """

    modality: ClassVar[str]
    lazy: ClassVar[bool] = False
    """Whether rows are encoded batch by batch (media) or the whole column at once."""
    mixes: ClassVar[bool] = False
    """Whether a mixture of two cells' arrays is a cell, too, as of pictures and unlike of words."""

    column: str | None = None
    missing: tuple[str, ...] = ()
    encoder: Encoder | None = None
    tied: str | None = None
    on_error: OnError = "raise"
    state: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        allowed = get_args(OnError)
        if self.on_error not in allowed:
            raise ConfigError(
                f"{type(self).__name__}: on_error is {' or '.join(map(repr, allowed))}. "
                f"Received: {self.on_error!r}."
            )
        demand_texts(type(self).__name__, missing=self.missing)

    def reads(self, name: str) -> tuple[str, ...]:
        """The columns that it reads of a table in which it is called so."""
        return (self.column or name,)

    def is_in(self, name: str, table: Table) -> bool:
        """Whether a table has what it reads."""
        return all(column in table for column in self.reads(name))

    def cells(self, name: str, table: Table) -> Column:
        """What it reads of a table as one column, which `fit` and `encode` take.

        Raises:
            DataError: no such column.
        """
        return table.column(self.column or name)

    @abc.abstractmethod
    def fit(self, column: Column) -> Self:
        """Learns from the training rows; returns a fitted copy.

        Raises:
            DataError: the column cannot be read as this kind, or is empty in every row.
        """

    @property
    @abc.abstractmethod
    def spec(self) -> ArraySpec:
        """The arrays' form; needs a fitted feature."""

    @abc.abstractmethod
    def encode(self, column: Column) -> Encoded:
        """The rows of `column` as arrays; the same for the same cell whatever the other rows are.

        Raises:
            DataError: a cell that cannot be read, where `on_error` is "raise".
        """

    @property
    def varies(self) -> bool:
        """Whether its cells are seen otherwise in training, anew in each epoch."""
        return False

    def varied(self, values: Any, row_key: Any, name: str) -> Any:
        """Cells as training sees them, where the feature `varies`; part of the compiled step.

        Args:
            values: `(batch, *shape)`.
            row_key: `(batch, 2)` int32; what becomes of a row is a function of its own.
            name: the feature's; others vary by themselves.
        """
        return values

    @abc.abstractmethod
    def scaling(self) -> keras.layers.Layer | None:
        """The layer between the raw array and the encoder (scaling by what `fit` learnt), if any."""

    @abc.abstractmethod
    def default_encoder(self, width: int) -> Encoder:
        """The encoder for this feature when none was named, by what `fit` learnt."""

    @property
    def for_encoder(self) -> Mapping[str, Any]:
        """What the fitted feature gives its encoder, by argument (`Encoder.fitted`)."""
        return {}

    @property
    def learnt(self) -> Mapping[str, Any]:
        """What `fit` learnt.

        Raises:
            PlaitError: the feature has not been fitted.
        """
        if self.state is None:
            raise PlaitError(f"This {type(self).__name__} has not been fitted yet: call fit first.")
        return self.state

    def with_state(self, state: Mapping[str, Any]) -> Self:
        """A fitted copy."""
        return replace(self, state=dict(state))
