"""What Keras leaves out of a saved model: the seeds of dropout, and the balancer's variables."""

import zlib
from collections.abc import Mapping
from typing import Any

import keras

from plait.balancing import Balancer

PREFIX = "state_"


def saved_state(
    seeds: list[keras.Variable], balancing: Balancer | None, state: list[keras.Variable]
) -> dict[str, keras.Variable]:
    """Variables by the name they are stored under.

    Args:
        seeds: of dropout and other random layers.
        balancing: the balancer.
        state: its variables, and those that the step keeps for it.

    A balancer's names hold its class and its tasks, so that its state fits no other one's.
    """
    named = {f"{PREFIX}seed_{n}": seed for n, seed in enumerate(seeds)}
    if balancing is not None:
        tasks = zlib.crc32(repr(balancing.tasks).encode())
        for n, variable in enumerate(state):
            named[f"{PREFIX}{balancing.signature}_{tasks:08x}_{n}_{variable.name}"] = variable
    return named


def restore(variables: Mapping[str, keras.Variable], store: Mapping[str, Any]) -> None:
    """Assigns what `store` holds of them.

    A file of other weights, or from before `compile`, leaves the rest where it starts.
    """
    for name, variable in variables.items():
        if name in store and tuple(store[name].shape) == tuple(variable.shape):
            variable.assign(store[name])
