"""How many devices a step is spread over, and what that asks of a batch."""

import math
from typing import Literal

import keras

from plait.backend import device_count
from plait.errors import ConfigError

Devices = int | Literal["all"] | None


def counted(asked: Devices) -> int:
    """How many devices are meant.

    Raises:
        ConfigError: more than there are, or more than one where Keras cannot spread a step.
    """
    if asked in (None, 1):
        return 1
    there = device_count()
    if there is None:
        raise ConfigError(
            "Training: devices spreads a step over several devices on JAX alone. This is "
            f"{keras.backend.backend()}. Set KERAS_BACKEND=jax, or leave devices out.",
            ("devices",),
        )
    if asked == "all":
        return there
    if asked > there:
        raise ConfigError(
            f"Training: devices={asked}, and this machine has {there} that JAX knows. Write "
            'devices="all", or fewer.',
            ("devices",),
        )
    return asked


def shared(batch_size: int, devices: int, *, given: bool) -> int:
    """The rows of a batch: each device takes as many.

    Args:
        batch_size: by the user, or by the size of the data.
        devices: how many.
        given: whether it is the user's. One that is not is rounded up.

    Raises:
        ConfigError: the user's cannot be shared evenly.
    """
    rounded = math.ceil(batch_size / devices) * devices
    if given and rounded != batch_size:
        below = f"{rounded - devices} or " if rounded > devices else ""
        raise ConfigError(
            f"Training: batch_size={batch_size} cannot be shared evenly by {devices} devices. Write "
            f"{below}{rounded}.",
            ("batch_size",),
        )
    return rounded
