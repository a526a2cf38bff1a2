"""What a constructor's numbers may be, refused at once: a layer would say so only when it is built."""

import math
from numbers import Real
from typing import Any

from plait.errors import ConfigError

MOST_SEED = 2**31 - 2
"""Keras draws from 32 bits; a layer may also use the seed after its own."""


def demand_whole(owner: str, *, least: int = 1, most: int | None = None, **values: Any) -> None:
    """Refuses what is no whole number from `least` to `most`.

    Args:
        owner: the class that the arguments are of.
        least: the smallest.
        most: the largest; None for no bound.
        **values: arguments by name; None, which stands for a choice, is left out by the caller.

    Raises:
        ConfigError: names the first that is none.
    """
    for name, value in values.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):
            bounds = f"{least} or more" if most is None else f"from {least} to {most}"
            raise ConfigError(
                f"{owner}: {name} is a whole number, {bounds}. Received: {_short(value)}.",
                (name,),
            )


def demand_channels(owner: str, channels: Any, name: str = "channels") -> None:
    """Refuses what is no list of whole numbers above 0, one for each stage of a net.

    Raises:
        ConfigError: it is none, or empty.
    """
    if isinstance(channels, str) or not len(channels):
        raise ConfigError(
            f"{owner}: {name} is a list of whole numbers, one for each stage. "
            f"Received: {_short(channels)}.",
            (name,),
        )
    for count in channels:
        demand_whole(owner, **{name: count})


def demand_share(owner: str, *, all_too: bool = False, **values: Any) -> None:
    """Refuses what is not in [0, 1), or in [0, 1] with `all_too`.

    Raises:
        ConfigError: names the first that is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not (0 <= value < 1 or (all_too and value == 1)):
            bounds = "[0, 1]" if all_too else "[0, 1)"
            raise ConfigError(
                f"{owner}: {name} is in {bounds}. Received: {_short(value)}.", (name,)
            )


def demand_number(owner: str, *, most: float | None = None, **values: Any) -> None:
    """Refuses what is no finite number of 0 or more, or is more than `most`.

    Raises:
        ConfigError: names the first that is none.
    """
    for name, value in values.items():
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        fits = is_number and math.isfinite(value) and value >= 0
        if not fits or (most is not None and value > most):
            bounds = "0 or more" if most is None else f"from 0 to {most}"
            raise ConfigError(
                f"{owner}: {name} is a number, {bounds}. Received: {_short(value)}.", (name,)
            )


def demand_texts(owner: str, **values: Any) -> None:
    """Refuses what is no list of texts, as one text would be one of its letters each.

    Raises:
        ConfigError: names the first that is none.
    """
    for name, value in values.items():
        are_many = isinstance(value, list | tuple | set | frozenset)
        if not are_many or not all(isinstance(text, str) for text in value):
            raise ConfigError(
                f"{owner}: {name} is a list of texts. Received: {_short(value)}.", (name,)
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def demand_fade(owner: str, fade: tuple[float, float]) -> None:
    """Refuses what are no two shares of a run, between which a weight falls to 0.

    Raises:
        ConfigError: says what they have to be.
    """
    if len(fade) != 2 or not 0 <= fade[0] <= fade[1] <= 1:
        raise ConfigError(
            f"{owner}: fade is two shares of the run, 0 <= start <= end <= 1, between which the weight "
            f"falls to 0. Received: {_short(fade)}.",
            ("fade",),
        )
