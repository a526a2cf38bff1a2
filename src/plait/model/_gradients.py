"""One step's gradients, provided by what the balancer needs and never by its name."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from plait.balancing import Balancer
from plait.model._cut_pass import CutPass, cut_pass
from plait.model._network import (
    Forward,
    Network,
    State,
    TaskLosses,
    entries,
    whole_pass,
)
from plait.model._parts import joined, parts_of, together
from plait.model._rows import ById, gramian_of, in_order, only, scaled, stack, stacks, total_of

Weigh = Callable[[TaskLosses, Any, Any], tuple[Any, list[Any]]]
"""From the losses, the Gramian (or None) and the active tasks to `(tasks,)` weights and the gradients
of the balancer's own trainable variables."""


@dataclass(frozen=True)
class Gradients:
    """What a step is to do.

    Attributes:
        forward: losses, predictions and changed state.
        labels: the labels in the order of the predictions' rows.
        gradients: one for each of `Network.trainable`, times the scale of the losses.
        weights: `(tasks,)`.
        gramian: `(tasks, tasks)` float32, or None.
        balancer_gradients: of the balancer's trainable variables, times the scale.
    """

    forward: Forward
    labels: Any
    gradients: list[Any]
    weights: Any
    gramian: Any
    balancer_gradients: list[Any]


def compute_gradients(
    network: Network,
    balancer: Balancer,
    x: Any,
    labels: Any,
    state: State,
    scale: Any,
    weigh: Weigh,
) -> Gradients:
    """The gradients of one batch, by the balancer's `needs` and `level`.

    Args:
        network: the model.
        balancer: only its `needs`, `level` and `weight_heads` are read.
        x: the user's inputs.
        labels: of the same rows.
        state: the values of all of the model's variables.
        scale: multiplies every loss; the optimizer divides by it again.
        weigh: asks the balancer.
    """
    if "cross_gramian" in balancer.needs:
        return _across_parts(network, balancer, x, labels, state, scale, weigh)
    if "gramian" in balancer.needs:
        batch = cut_pass(network, x, labels, state, scale)
        at_level = _at_representation if balancer.level == "representation" else _at_parameters
        total, weights, gramian, own = at_level(network, balancer, batch, scale, weigh)
        gradients = in_order(total, network.trainable)
        return Gradients(
            batch.forward, labels, gradients, weights, gramian, [g * scale for g in own]
        )
    forward, pullback = whole_pass(network, x, labels, state)
    weights, own = weigh(forward.losses, None, forward.losses.active)
    gradients = pullback(weights * scale, keras.ops.ones_like(forward.added) * scale)
    return Gradients(forward, labels, gradients, weights, None, [g * scale for g in own])


def _at_representation(
    network: Network, balancer: Balancer, batch: CutPass, scale: Any, weigh: Weigh
) -> tuple[ById, Any, Any, list[Any]]:
    """Rows are the gradients at the frontier; one trunk backward, of their weighted sum."""
    ops = keras.ops
    shapes = {i: ops.shape(z) for row in batch.rows.values() for i, z in row.items()}
    found = {i: stack([batch.rows[t].get(i) for t in network.tasks]) for i in shapes}
    gramian = gramian_of([part for i in network.compared for part in found[i]], scale)
    losses = batch.forward.losses
    weights, own = weigh(losses, gramian, losses.active)
    cotangents = {}
    for i, parts in found.items():
        # What `shared=` left out of the comparison passes as it is.
        by = weights if i in network.compared else ops.ones_like(weights)
        summed = [ops.matmul(by[None, :], part) for part in parts]
        cotangents[i] = ops.reshape(ops.concatenate(summed, axis=1), shapes[i])
    total = total_of(
        batch.trunk_pullback(cotangents, scale),
        batch.penalties,
        *(
            scaled(batch.head_gradients[t], _head_weight(balancer, weights, n))
            for n, t in enumerate(network.tasks)
        ),
    )
    return total, weights, gramian, own


def _at_parameters(
    network: Network, balancer: Balancer, batch: CutPass, scale: Any, weigh: Weigh
) -> tuple[ById, Any, Any, list[Any]]:
    """Rows are the gradients of the shared variables; one trunk backward a task."""
    rows = _variable_rows(network, batch)
    gramian = gramian_of(stacks(rows), scale)
    losses = batch.forward.losses
    weights, own = weigh(losses, gramian, losses.active)
    total = total_of(
        *(scaled(row, weights[n]) for n, row in enumerate(rows)),
        batch.trunk_pullback({}, scale) if batch.trunk_adds else {},
        batch.penalties,
        *_private_heads(network, balancer, batch, weights),
    )
    return total, weights, gramian, own


def _across_parts(
    network: Network,
    balancer: Balancer,
    x: Any,
    labels: Any,
    state: State,
    scale: Any,
    weigh: Weigh,
) -> Gradients:
    """Rows of two parts of the batch make the cross-Gramian; the third moves the shared variables.

    A head moves along the gradient of its loss over all labelled rows.
    """
    ops = keras.ops
    parts = parts_of(x, labels, network.labelled(labels))
    batches = []
    for inputs, known in parts:
        batches.append(cut_pass(network, inputs, known, state, scale))
        state = state | entries(network.others, batches[-1].forward.others)
    one, other, third = batches
    gramian = gramian_of(
        stacks(_variable_rows(network, one)), scale, stacks(_variable_rows(network, other))
    )
    totals = ops.stack([batch.forward.losses.totals for batch in batches])
    losses = joined([batch.forward.losses for batch in batches])
    # A task that a part has no label of cannot be compared there.
    weights, own = weigh(losses, gramian, ops.all(totals > 0, axis=0))
    shares = totals / ops.where(losses.totals > 0, losses.totals, 1.0)

    cotangents: dict[int, Any] = {}
    for n, task in enumerate(network.tasks):
        cotangents = total_of(cotangents, scaled(third.rows[task], weights[n]))
    tied = _tied(network)
    total = total_of(
        third.trunk_pullback(cotangents, scale),
        *(
            scaled(only(third.head_gradients[t], tied), weights[n])
            for n, t in enumerate(network.tasks)
        ),
        *(scaled(batch.penalties, 1.0 / len(batches)) for batch in batches),
        *(
            scaled(gradients, shares[part, n])
            for part, batch in enumerate(batches)
            for n, gradients in enumerate(_private_heads(network, balancer, batch, weights))
        ),
    )
    forward, known = together([batch.forward for batch in batches], [k for _, k in parts], labels)
    gradients = in_order(total, network.trainable)
    return Gradients(forward, known, gradients, weights, gramian, [g * scale for g in own])


def _variable_rows(network: Network, batch: CutPass) -> list[ById]:
    """For each task, the gradients of the variables that two or more tasks reach."""
    tied = _tied(network)
    return [
        total_of(batch.trunk_pullback(batch.rows[t], 0.0), only(batch.head_gradients[t], tied))
        for t in network.tasks
    ]


def _tied(network: Network) -> set[int]:
    """The ids of the heads' variables that another head, or the trunk, uses too."""
    uses = Counter(id(v) for v in network.cut.trunk_variables)
    for task in network.tasks:
        uses.update(id(v) for v in network.cut.head_variables(task))
    return {key for key, count in uses.items() if count > 1}


def _private_heads(
    network: Network, balancer: Balancer, batch: CutPass, weights: Any
) -> list[ById]:
    tied = _tied(network)
    return [
        scaled(
            {k: g for k, g in batch.head_gradients[t].items() if k not in tied},
            _head_weight(balancer, weights, n),
        )
        for n, t in enumerate(network.tasks)
    ]


def _head_weight(balancer: Balancer, weights: Any, place: int) -> Any:
    return weights[place] if balancer.weight_heads else 1.0
