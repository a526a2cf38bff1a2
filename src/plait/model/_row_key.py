"""The key of each row, which rides with the inputs through a training step; no model is given it."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from plait._keyed import keyed

ROW_KEY = "row_key"

P = ParamSpec("P")
R = TypeVar("R")


def without_row_key(x: Any) -> Any:
    """The model's own inputs."""
    if _has_key(x):
        return {key: value for key, value in x.items() if key != ROW_KEY}
    return x


def augmented(x: Any, augment: Callable[[Any, Any], Any] | None) -> Any:
    """The inputs as `augment(inputs, row_key)` changes them, where there are keys, which stay."""
    if augment is None or not _has_key(x):
        return x
    return {**augment(without_row_key(x), x[ROW_KEY]), ROW_KEY: x[ROW_KEY]}


def followed(labels: Any, x: Any, follow: Callable[[Any, Any], Any] | None) -> Any:
    """The labels as `follow(labels, row_key)` changes them with the inputs, where there are keys."""
    if follow is None or not _has_key(x):
        return labels
    return follow(labels, x[ROW_KEY])


def mixed(
    x: Any, before: Any, labels: Any, labelled: Callable[[Any], Any], mix: Any
) -> tuple[Any, Any]:
    """The inputs, and the labels, as `Regime.mix` changes them, where there are keys, which stay.

    Args:
        x: the inputs, augmented.
        before: those that came.
        labels: by output.
        labelled: from these to `(batch,)` bool.
        mix: as `Regime` says; None for none.
    """
    if mix is None or not _has_key(x):
        return x, labels
    found, labels = mix(without_row_key(x), before, labels, labelled(labels), x[ROW_KEY])
    return {**found, ROW_KEY: x[ROW_KEY]}, labels


def by_row(run: Callable[Concatenate[Any, Any, P], R]) -> Callable[Concatenate[Any, Any, P], R]:
    """A pass `run(network, x, ...)` whose layers may draw by the keys that come with its rows."""

    @wraps(run)
    def with_keys(network: Any, x: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with keyed(x[ROW_KEY] if _has_key(x) else None):
            return run(network, without_row_key(x), *args, **kwargs)

    return with_keys


def _has_key(x: Any) -> bool:
    return isinstance(x, Mapping) and ROW_KEY in x
