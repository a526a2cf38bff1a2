"""From a frame, a mapping or rows to Arrow columns."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from plait.errors import DataError
from plait.table._array_cells import as_lists, has_arrays


def from_frame(source: Any) -> pa.Table:
    """The columns of a frame that speaks Arrow (pandas, polars, pyarrow) or a mapping of lists.

    A cell that is a NumPy array of several axes, such as a mask, becomes a list of lists.

    Raises:
        DataError: a source of another kind, or columns of different lengths.
    """
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if hasattr(source, "to_frame"):
        raise DataError(
            f"A {type(source).__name__} is one column, and no table. Write table[['name']], with two "
            "brackets, or .to_frame()."
        )
    try:
        if type(source).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(_without_arrays(source), preserve_index=False)
        if isinstance(source, Mapping):
            return pa.table({name: as_lists(cells) for name, cells in source.items()})
        if hasattr(source, "__arrow_c_stream__"):
            return pa.table(source)
    except (pa.ArrowException, ValueError, TypeError) as error:
        said = "; ".join(map(str, error.args))
        mixed = "onver" in said and "type" in said
        way_out = " Make all cells of a column of one type, as by .astype(str)." if mixed else ""
        raise DataError(f"These data cannot be read as a table: {said}.{way_out}") from error
    raise DataError(
        "A table is a path, an address, SQL(...), a pyarrow table, a pandas or polars frame, a data "
        "set of Hugging Face's, rows as dicts, or a dict of lists. "
        f"Received: {type(source).__name__}"
    )


def _without_arrays(frame: Any) -> Any:
    """A frame of pandas whose cells are no arrays of several axes."""
    held = {name: cells for name, cells in frame.items() if cells.dtype == object}
    lists = {name: as_lists(list(cells)) for name, cells in held.items() if has_arrays(cells)}
    if not lists:
        return frame
    frame = frame.copy(deep=False)
    for name, cells in lists.items():
        frame[name] = cells
    return frame
