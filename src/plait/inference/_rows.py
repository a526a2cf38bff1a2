"""Rows of a table as the model's inputs, in batches of one fixed size."""

import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from plait._names import did_you_mean
from plait.data import FeatureRows, reading
from plait.errors import DataError
from plait.features import Feature
from plait.table import Table

Inputs = dict[str, np.ndarray]

_NEAR = 0.75
"""Columns that are not asked for may be anything: less likeness than this is chance."""


def check_columns(features: Mapping[str, Feature], table: Table) -> None:
    """Says which features the table lacks.

    Raises:
        DataError: the table has no column of any feature.
    """
    wanted = {column for name, feature in features.items() for column in feature.reads(name)}
    gone = sorted(wanted - set(table.columns))
    if len(gone) == len(wanted):
        raise DataError(
            f"{table.name} has none of the columns that the model reads: {', '.join(gone)}. "
            f"It has: {', '.join(table.columns)}."
        )
    if gone:
        others = [column for column in table.columns if column not in wanted]
        hints = "".join(
            f" For '{name}':{hint}"
            for name in gone
            if (hint := did_you_mean(name, others, _NEAR)).startswith(" Did")
        )
        warnings.warn(
            f"{table.name} has no column {', '.join(map(repr, gone))}: absent in every row.{hints}",
            stacklevel=4,
        )


def rows_of_nothing(presence: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which rows have none of the features, `(some,)`, of `{feature: (rows,)}` bool."""
    return np.flatnonzero(~np.logical_or.reduce(list(presence.values())))


def warn_of_nothing(table: str, rows: list[int], whole: int) -> None:
    """Says that there are rows which a model can know nothing of.

    Args:
        table: its name.
        rows: their numbers in it.
        whole: how many rows were asked about.
    """
    which = "row" if len(rows) == 1 else "rows"
    named = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    warnings.warn(
        f"{len(rows)} of {whole} rows of {table} have none of the features ({which} {named}): "
        "what is answered there is the same for every such row.",
        stacklevel=4,
    )


def batches(rows: FeatureRows, size: int) -> Iterator[tuple[int, Inputs]]:
    """All rows in order, and how many of a batch are rows; the next is read while one is in use.

    Args:
        rows: of one table.
        size: of every batch; the last one is filled up with absent rows.

    Raises:
        ReadingError: what a thread dies of, where its batch is asked for; a `DataError` stays one.
    """

    def read(start: int) -> tuple[int, Inputs]:
        indices = np.arange(start, min(start + size, rows.rows))
        with reading(rows.numbers[indices].tolist, rows.table):
            return len(indices), rows.inputs(indices, size)

    if rows.rows <= size:
        yield read(0)
        return
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(read, 0)
        for start in range(0, rows.rows, size):
            batch = coming.result()
            if start + size < rows.rows:
                coming = reader.submit(read, start + size)
            yield batch
