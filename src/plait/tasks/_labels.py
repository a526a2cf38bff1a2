"""Reading label cells: which rows are labelled, which classes there are, which class a cell is."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait._names import did_you_mean
from plait.errors import DataError
from plait.table import Column

_MOST_NAMED = 20
# Above these a column is a key, a quantity or free text rather than a class.
_FEWEST_ROWS = 20
_DISTINCT = 0.8


@dataclass(frozen=True)
class Labelled:
    """The rows of a column that have a label and a weight above 0.

    Attributes:
        column: those rows only; strings are plain strings, whatever they came as.
        rows: their indices in the column they were taken from, `(labelled,)`.
        flags: which rows of that column they are, bool.
        weights: `(labelled,)` float64.
    """

    column: Column
    rows: np.ndarray
    flags: np.ndarray
    weights: np.ndarray

    @property
    def values(self) -> pa.Array:
        """The cells as one array, without nulls."""
        values = self.column.values
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values

    def kept(self, which: np.ndarray) -> "Labelled":
        """Those of the labelled rows that `which` says, `(labelled,)` bool."""
        flags = np.zeros_like(self.flags)
        flags[self.rows[which]] = True
        column = self.column.take(np.flatnonzero(which))
        return Labelled(column, self.rows[which], flags, self.weights[which])


def labelled_rows(
    column: Column, missing: Iterable[str] = (), weights: np.ndarray | None = None
) -> Labelled:
    """Leaves out what is not labelled.

    Args:
        column: a target column.
        missing: texts that mean a missing label, beside null, NaN and "".
        weights: `(rows,)`, or None for 1; a row of weight 0 is left out.

    Raises:
        DataError: cells of an extension type, on which Arrow computes nothing.
    """
    demand_plain_type(column)
    column = column.with_values(plain_values(column.values))
    labelled = ~column.is_missing(missing)
    if weights is None:
        weights = np.ones(len(column))
    flags = labelled & (weights > 0)
    rows = np.flatnonzero(flags)
    return Labelled(column.take(rows), rows, flags, np.asarray(weights, "float64")[rows])


def demand_labels(labelled: Labelled) -> None:
    """Refuses a column to learn from that has no label.

    Raises:
        DataError: no row is labelled.
    """
    if not len(labelled.rows):
        raise no_label(labelled.column)


def no_label(column: Column) -> DataError:
    """The error of a column that has nothing to learn from."""
    return DataError(
        f"Column '{column.name}' of {column.source} has no label in any training row. Split so that "
        "labelled rows train, or leave the task out."
    )


def demand_plain_type(column: Column) -> None:
    """Refuses cells on which Arrow computes nothing.

    Raises:
        DataError: cells of an extension type.
    """
    if isinstance(column.type, pa.BaseExtensionType):
        raise DataError(
            f"Column '{column.name}' of {column.source}: no task reads {column.type}. Write "
            "it as text or numbers."
        )


def scalar_cells(labelled: Labelled, task: str) -> pa.Array:
    """The cells as booleans, numbers or strings.

    Raises:
        DataError: cells that hold lists or records, or an infinite number.
    """
    values = labelled.values
    if pa.types.is_nested(values.type) and len(values):
        raise DataError(
            f"{where(labelled, 0)}: {task} expects one label a row. Received a {values.type}: "
            f"{_shown(values[0])}. For several labels a row, declare Multilabel()."
        )
    if pa.types.is_floating(values.type):
        infinite = np.flatnonzero(np.isinf(values.to_numpy(zero_copy_only=False)))
        if len(infinite):
            raise DataError(
                f"{where(labelled, infinite[0])}: {task} expects classes. "
                f"Received: {values[infinite[0]]}. Leave the cell empty if its label is unknown."
            )
    if is_number(values.type):
        return values
    return texts(labelled, values, task) if len(values) else pa.array([], pa.string())


def texts(
    labelled: Labelled, values: pa.Array, task: str, parents: np.ndarray | None = None
) -> pa.Array:
    """Labels that are no numbers as strings; for the arguments see `class_indices`.

    Raises:
        DataError: a value that no text stands for, such as a record, or bytes that are not UTF-8.
    """
    try:
        return values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        place = next(i for i, value in enumerate(values) if not _is_textual(value))
        row = place if parents is None else parents[place]
        raise DataError(
            f"{where(labelled, row)}: {task} expects labels that are text, numbers or yes/no. "
            f"Received the {values.type} {_shown(values[place])}."
        ) from error


def count_classes(values: pa.Array, weights: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """The distinct values in their natural order, and the sum of the weights of each.

    Args:
        values: booleans, numbers or strings, without nulls.
        weights: one for each value.
    """
    encoded = values.dictionary_encode()
    classes = encoded.dictionary.to_pylist()
    totals = np.bincount(
        encoded.indices.to_numpy(zero_copy_only=False), weights, minlength=len(classes)
    )
    order = sorted(range(len(classes)), key=classes.__getitem__)
    return [classes[i] for i in order], totals[order]


def refuse_keys(labelled: Labelled, values: pa.Array, classes: Sequence[Any], task: str) -> None:
    """Refuses labels to learn from of which nearly each row has its own.

    Raises:
        DataError: they are such.
    """
    rows = len(labelled.rows)
    if rows >= _FEWEST_ROWS and len(classes) > _DISTINCT * rows:
        way_out = (
            "For a quantity, declare Regression()."
            if is_number(values.type)
            else "It looks like a key or free text, which no class can be learnt of."
        )
        raise DataError(
            f"Column '{labelled.column.name}' of {labelled.column.source}: {task} expects "
            f"labels that come back. Received {len(classes)} different ones in {rows} labelled "
            f"rows, such as {classes[0]!r}. {way_out}"
        )


def class_indices(
    labelled: Labelled,
    values: pa.Array,
    classes: Sequence[Any],
    task: str,
    parents: np.ndarray | None = None,
    way_out: str = "",
) -> np.ndarray:
    """Each value's class.

    A file may write the classes otherwise than the training rows did: 1.0 and "1" are the class 1,
    and "True" is the class true.

    Args:
        labelled: the rows that the values are of, for messages.
        values: booleans, numbers or strings.
        classes: as `count_classes` gave them.
        task: the task's class, for messages.
        parents: the row in `labelled` of each value; one value a row if None.
        way_out: the arguments that leave such labels out; `missing=` and their names if "".

    Returns:
        int32, one for each value.

    Raises:
        DataError: a class that training never saw.
    """
    found = positions(values, pa.array(classes))
    unseen = np.flatnonzero(found < 0)
    if len(unseen):
        value, *others = values.take(pa.array(unseen)).unique().to_pylist()
        row = unseen[0] if parents is None else parents[unseen[0]]
        missing = json.dumps([str(v) for v in (value, *others)][:_MOST_NAMED])
        raise DataError(
            f"{where(labelled, row)}: {task} never saw the class {value!r} in the training rows."
            f"{near_class(value, classes)} To leave out the labels that it cannot know, declare "
            f"{task}({way_out or f'missing={missing}'})."
        )
    return found


def positions(values: pa.Array, classes: pa.Array) -> np.ndarray:
    """The index in `classes` of each value, int32; -1 for values that are none of them."""
    if values.type != classes.type:
        if pa.types.is_integer(values.type) and pa.types.is_integer(classes.type):
            values = values.cast(classes.type, safe=False)
        elif is_number(values.type) and is_number(classes.type):
            values = values.cast(pa.float64(), safe=False)
            classes = classes.cast(pa.float64(), safe=False)
        else:
            boolean = pa.types.is_boolean(values.type) or pa.types.is_boolean(classes.type)
            values, classes = as_text(values), as_text(classes)
            if boolean:
                values, classes = pc.utf8_lower(values), pc.utf8_lower(classes)
    found = pc.fill_null(pc.index_in(values, value_set=classes), -1)
    return found.to_numpy(zero_copy_only=False).astype("int32")


def near_class(value: Any, classes: Sequence[Any]) -> str:
    """`" Did you mean 'x'?"`; else the classes, unless they are too many to name."""
    hint = did_you_mean(str(value), map(str, classes))
    return hint if len(classes) <= _MOST_NAMED or hint.startswith(" Did") else ""


def means_missing(value: Any, task: str) -> str:
    """The way out if a value is no label at all."""
    return f" If it means missing, declare {task}(missing={json.dumps([str(value)])})."


def is_number(kind: pa.DataType) -> bool:
    """Whether the type is a boolean, an integer or a floating-point number."""
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def as_text(values: Any) -> Any:
    """Booleans as "true" and "false", whole numbers without a point."""
    return values.cast(pa.string())


def plain_values(values: Any) -> Any:
    """Cells without a dictionary; strings of one type."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = values.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    return values


def where(labelled: Labelled, row: Any) -> str:
    """`Column 'price', row 17 of train.csv`, for the start of a message."""
    place = labelled.column.where(int(row))
    return place[0].upper() + place[1:]


def _is_textual(value: pa.Scalar) -> bool:
    try:
        value.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _shown(value: pa.Scalar) -> str:
    text = repr(value.as_py())
    return text if len(text) <= 60 else f"{text[:60]}..."
