"""The key of each row, which rides with the inputs to the augmentation stage and no further."""

from collections.abc import Callable, Mapping
from typing import Any

ROW_KEY = "row_key"


def without_row_key(x: Any) -> Any:
    """The model's own inputs."""
    if isinstance(x, Mapping) and ROW_KEY in x:
        return {key: value for key, value in x.items() if key != ROW_KEY}
    return x


def augmented(x: Any, augment: Callable[[Any, Any], Any] | None) -> Any:
    """The inputs as `augment(inputs, row_key)` changes them, where there are keys."""
    if augment is None or not isinstance(x, Mapping) or ROW_KEY not in x:
        return without_row_key(x)
    return augment(without_row_key(x), x[ROW_KEY])


def followed(labels: Any, x: Any, follow: Callable[[Any, Any], Any] | None) -> Any:
    """The labels as `follow(labels, row_key)` changes them with the inputs, where there are keys."""
    if follow is None or not isinstance(x, Mapping) or ROW_KEY not in x:
        return labels
    return follow(labels, x[ROW_KEY])
