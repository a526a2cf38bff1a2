"""Cells that hold a series: one variable or several, step after step, with gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._names import did_you_mean
from plait.errors import ConfigError, DataError
from plait.features._cells import plain
from plait.table import Column


@dataclass(frozen=True)
class SeriesCells:
    """The series of some rows, end to end.

    Attributes:
        names: of the variables; None where the cells do not name them.
        values: `(steps, variables)` float64, NaN for a gap.
        starts: `(rows + 1,)` int64, where each row's steps begin; at last, how many there are.
        present: `(rows,)` bool, which cells hold a series: at least one value.
    """

    names: tuple[str, ...] | None
    values: np.ndarray
    starts: np.ndarray
    present: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """`(rows,)`, the steps of each."""
        return np.diff(self.starts)

    @property
    def rows(self) -> np.ndarray:
        """`(steps,)`, which row each step is of."""
        return np.repeat(np.arange(len(self.present)), self.sizes)


def read_series(
    column: Column,
    variables: Sequence[str] | None = None,
    count: int | None = None,
    missing: Sequence[str] = (),
    reader: str = "Series",
) -> SeriesCells:
    """Reads cells of any form that a series has.

    That is a list of numbers, one variable; a list of lists, the variables' values step after step; a
    list of records, likewise, with names; or a record of lists, each a variable's values. A number
    may be null or NaN, a gap.

    Args:
        column: its cells.
        variables: which of the named ones, in this order; all of them if None.
        count: how many variables there have to be; as many as the first step has if None.
        missing: numbers, as text, that mean a gap.
        reader: the class that reads, for messages.

    Raises:
        DataError: cells of another form, an infinite number, steps or variables of unlike lengths,
            a variable that is not there.
    """
    column = plain(column)
    cells = _whole(column.values)
    kind = cells.type
    reads = _Reads(column, reader)
    if pa.types.is_null(kind):
        width = len(variables) if variables else count or 1
        starts = np.zeros(len(cells) + 1, "int64")
        none = np.zeros(len(cells), bool)
        names = None if variables is None else tuple(variables)
        return SeriesCells(names, np.zeros((0, width)), starts, none)
    if pa.types.is_struct(kind):
        names, values, starts = reads.record(cells, variables)
    elif is_list(kind) and pa.types.is_struct(kind.value_type):
        names, values, starts = reads.records(cells, variables)
    elif is_list(kind) and (is_list(kind.value_type) or _is_numeric(kind.value_type)):
        if variables is not None:
            raise DataError(
                f"column '{column.name}' of {column.source}: {reader} is to read the variables "
                f"{', '.join(variables)}, and its cells, {kind}, name none. Leave `variables` out."
            )
        names = None
        values, starts = reads.unnamed(cells, count)
    else:
        raise reads.refused(kind)
    if count is not None and values.shape[1] != count:
        raise DataError(
            f"column '{column.name}' of {column.source}: {reader} expects {count} variables, as in "
            f"the training rows. Received {values.shape[1]}."
        )
    if missing:
        values = np.where(np.isin(values, _numbers_said(missing, reader)), np.nan, values)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        step, which = infinite[0]
        row = int(np.searchsorted(starts, step, side="right")) - 1
        named = "" if names is None else f", variable '{names[which]}'"
        raise DataError(
            f"{column.where(row)}{named}: {reader} expects finite numbers. Received "
            f"{values[step, which]} at step {step - starts[row] + 1}. Leave a value that is not "
            "known empty."
        )
    known = np.concatenate([[0], np.cumsum(~np.isnan(values).all(axis=1))])
    present = known[starts[1:]] > known[starts[:-1]]
    return SeriesCells(names, values, starts, present)


@dataclass(frozen=True)
class _Reads:
    """Takes a column's cells apart."""

    column: Column
    reader: str

    def unnamed(self, cells: pa.Array, count: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Lists of numbers, or of lists of them."""
        starts, steps = _apart(cells)
        if not is_list(steps.type):
            return self._numbers(steps)[:, None], starts
        sizes = np.asarray(pc.fill_null(pc.list_value_length(steps), -1))
        width = count or int(next((size for size in sizes if size > 0), 1))
        odd = np.flatnonzero((sizes != width) & (sizes != -1))
        if len(odd):
            row = int(np.searchsorted(starts, odd[0], side="right")) - 1
            raise DataError(
                f"{self.column.where(row)}: the series is ragged: step {odd[0] - starts[row] + 1} "
                f"has {sizes[odd[0]]} values, where {width} are expected, one for each variable. "
                "Leave a value that is not known empty, and keep its place."
            )
        values = np.full((len(steps), width), np.nan)
        values[sizes != -1] = self._numbers(steps.flatten()).reshape(-1, width)
        return values, starts

    def records(
        self, cells: pa.Array, variables: Sequence[str] | None
    ) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        """Lists of records of numbers."""
        starts, steps = _apart(cells)
        names = self._chosen(steps.type, variables)
        fields = dict(zip([f.name for f in steps.type], steps.flatten(), strict=True))
        values = [self._numbers(fields[name], name) for name in names]
        return names, np.stack(values, axis=1), starts

    def record(
        self, cells: pa.Array, variables: Sequence[str] | None
    ) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        """Records of lists of numbers."""
        names = self._chosen(cells.type, variables)
        fields = dict(zip([f.name for f in cells.type], cells.flatten(), strict=True))
        sizes: np.ndarray | None = None
        apart = {}
        for name in names:
            field = fields[name]
            if pa.types.is_null(field.type):
                field = pa.nulls(len(field), pa.list_(pa.float64()))
            if not is_list(field.type):
                raise self.refused(field.type, name)
            own = np.asarray(pc.fill_null(pc.list_value_length(field), -1))
            apart[name] = (own, self._numbers(field.flatten(), name))
            # A variable without a list is one long gap.
            sizes = own if sizes is None else np.maximum(sizes, own)
        assert sizes is not None  # a record has a field
        for name, (own, _) in apart.items():
            odd = np.flatnonzero((own != sizes) & (own != -1))
            if len(odd):
                row = int(odd[0])
                raise DataError(
                    f"{self.column.where(row)}: the series is ragged: variable '{name}' has "
                    f"{own[row]} steps, and another has {sizes[row]}. Leave a value that is not "
                    "known empty, and keep its place."
                )
        sizes = np.maximum(sizes, 0)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype("int64")
        values = np.full((starts[-1], len(names)), np.nan)
        for place, (own, numbers) in enumerate(apart.values()):
            values[np.repeat(own != -1, sizes), place] = numbers
        return names, values, starts

    def refused(self, kind: pa.DataType, variable: str | None = None) -> DataError:
        """The error of cells of another form."""
        named = "" if variable is None else f", variable '{variable}'"
        lists = pa.types.is_string(kind) or (is_list(kind) and pa.types.is_string(kind.value_type))
        way_out = " Write lists of numbers to Parquet or JSON lines." if lists else ""
        return DataError(
            f"column '{self.column.name}' of {self.column.source}{named}: {self.reader} expects a "
            "list of numbers, of lists or of records of them, or a record of lists. Received "
            f"{kind}.{way_out}"
        )

    def _chosen(self, kind: pa.DataType, variables: Sequence[str] | None) -> tuple[str, ...]:
        there = [field.name for field in kind]
        if not there:
            raise self.refused(kind)
        for name in variables or ():
            if name not in there:
                raise DataError(
                    f"column '{self.column.name}' of {self.column.source} has no variable "
                    f"'{name}'.{did_you_mean(name, there)}"
                )
        return tuple(there if variables is None else variables)

    def _numbers(self, values: pa.Array, variable: str | None = None) -> np.ndarray:
        if not _is_numeric(values.type):
            raise self.refused(values.type, variable)
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        numbers = pc.fill_null(values.cast(pa.float64(), safe=False), float("nan"))
        return np.asarray(numbers)


def _numbers_said(texts: Sequence[str], reader: str) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise ConfigError(
            f"{reader}: missing are numbers that mean a gap, as text. Received: {list(texts)}."
        ) from None


def is_list(kind: pa.DataType) -> bool:
    """Whether the type is a list of any kind."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _apart(lists: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Where each row's items begin, and all items, end to end."""
    sizes = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    return np.concatenate([[0], np.cumsum(sizes)]).astype("int64"), lists.flatten()
