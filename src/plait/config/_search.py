"""What a config leaves open, for `plait tune`: `learning_rate: {search: [1e-4, 1e-2, log]}`."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plait._names import did_you_mean
from plait.config._override import override
from plait.config._source import KeyPath, Source, read_source
from plait.errors import ConfigError

_KEY = "search"
_LOG = "log"
_CHOICES = "choices"


@dataclass(frozen=True)
class Searched:
    """An argument of which the best value is looked for.

    Attributes:
        key: as `--set` takes it.
        low: the least number; None where there are choices.
        high: the largest number, itself included.
        log: whether numbers are drawn evenly in their logarithm.
        whole: whether they are whole numbers.
        choices: plain data, where it is no range of numbers.
    """

    key: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def outermost(self) -> tuple[Any, ...]:
        """Values that it may have: where all of these will do, so do the others."""
        return self.choices or (self.low, self.high)

    def setting(self, value: Any) -> str:
        """`KEY=VALUE`."""
        return f"{self.key}={json.dumps(value)}"


def searches(path: str | Path, overrides: Iterable[str] = ()) -> list[Searched]:
    """What a config leaves open, in its order.

    Args:
        path: the YAML file.
        overrides: `KEY=VALUE` each.

    Raises:
        ConfigError: a `search` that is neither a range nor choices; with its place.
    """
    source = read_source(path)
    for assignment in overrides:
        source = override(source, assignment)
    return [_searched(source, at, value) for at, value in left_open(source.document)]


def left_open(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """What is written as a search, and where."""
    if isinstance(node, dict):
        if set(node) == {_KEY}:
            yield path, node[_KEY]
            return
        for key, value in node.items():
            yield from left_open(value, (*path, key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from left_open(value, (*path, place))


def _searched(source: Source, path: KeyPath, given: Any) -> Searched:
    key = ".".join(map(str, path))
    at = source.at_value(path)
    if isinstance(given, dict) and set(given) == {_CHOICES}:
        if isinstance(given[_CHOICES], list) and len(given[_CHOICES]) > 1:
            return Searched(key, choices=tuple(given[_CHOICES]))
        given = given[_CHOICES]
    if not isinstance(given, list) or len(given) < 2:
        raise ConfigError(
            f"{at}: search takes [low, high], [low, high, log], choices such as [Concat, Gated], or "
            f"{{choices: [16, 64]}}. Received: {given!r}."
        )
    *numbers, last = given
    log = last == _LOG and len(given) > 2
    ends = numbers if log else given
    if len(ends) != 2 or not all(_is_number(end) for end in ends):
        if log:
            raise ConfigError(f"{at}: [low, high, log] are two numbers. Received: {given!r}.")
        if all(_is_number(end) for end in numbers) and isinstance(last, str):
            raise ConfigError(
                f"{at}: behind [low, high] there is '{_LOG}' or nothing. Received: {last!r}."
                f"{did_you_mean(last, [_LOG])} Where these are choices: {{{_CHOICES}: [...]}}."
            )
        return Searched(key, choices=tuple(given))
    low, high = ends
    if not low < high or (log and low <= 0):
        bounds = "0 < low < high" if log else "low < high"
        raise ConfigError(f"{at}: search expects {bounds}. Received: {given!r}.")
    return Searched(key, low, high, log, whole=isinstance(low, int) and isinstance(high, int))


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)
