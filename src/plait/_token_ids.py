"""The ids of a text that are no piece of it, and rows with some of their pieces hidden."""

from typing import Any

from keras import ops

PADDING = 0
UNKNOWN = 1


def hidden_ids(values: Any, hidden: Any) -> Any:
    """`(batch, length)` or `(batch, length, ids)` int32, unknown in place of a hidden token's ids.

    Padding stays, that behind a word's characters, too.
    """
    if len(values.shape) > 2:
        hidden = hidden[:, :, None]
    return ops.where(ops.logical_and(hidden, values > PADDING), UNKNOWN, values)
