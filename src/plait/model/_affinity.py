"""How much a step for one task lowers the loss of another."""

from typing import Any

import keras

from plait import backend
from plait.model._cut_pass import CutPass
from plait.model._network import Network, State, losses_at
from plait.model._task_rows import shared_variables, variable_rows


def affinity(
    network: Network, batch: CutPass, x: Any, labels: Any, state: State, rate: Any, scale: Any
) -> tuple[Any, Any]:
    """Z_ij = 1 - L_j(w - rate g_i) / L_j(w), of the variables w that two tasks or more reach.

    Of the same rows and with the same seeds: only what a task's gradient moves has moved.

    Args:
        network: the model.
        batch: a pass of the batch through the cut.
        x: the user's inputs.
        labels: of the same rows.
        state: the values that the pass was at.
        rate: the length of the step, scalar.
        scale: what the losses of the pass were multiplied by.

    Returns:
        Z `(tasks, tasks)`, and `(tasks, tasks)` bool, where it is one: both tasks have a label, and the
        second a loss above 0.

    References:
        C. Fifty, E. Amid, Z. Zhao, T. Yu, R. Anil, C. Finn, "Efficiently Identifying Task Groupings for
        Multi-Task Learning", NeurIPS 2021, equation 1.
    """
    ops = keras.ops
    before, active = batch.forward.losses.values, batch.forward.losses.active
    usable = ops.logical_and(active, before > 0)
    whole = ops.where(usable, before, 1.0)
    shared = shared_variables(network)
    found = []
    for row in variable_rows(network, batch):
        moved = dict(state)
        for variable in shared:
            if id(variable) in row:
                value, gradient = state[id(variable)][1], row[id(variable)]
                step = ops.cast(rate / scale, gradient.dtype) * gradient
                moved[id(variable)] = (variable, value - ops.cast(step, value.dtype))
        with backend.no_gradient():
            found.append(1.0 - losses_at(network, x, labels, moved).values / whole)
    pairs = ops.logical_and(active[:, None], usable[None, :])
    return ops.where(pairs, ops.stack(found), 0.0), pairs
