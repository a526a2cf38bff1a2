"""One step's gradients, provided by what the balancer needs and never by its name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras

from plait.balancing import Update
from plait.model._affinity import affinity
from plait.model._asked import Asked, Weighed
from plait.model._by_features import by_features
from plait.model._cut_pass import CutPass, cut_pass
from plait.model._needs import ACROSS_PARTS
from plait.model._network import (
    Forward,
    Network,
    State,
    entries,
    values_of,
    whole_pass,
)
from plait.model._parts import first_rows, parts_of, together
from plait.model._rows import (
    ById,
    by_variable,
    gramian_of,
    in_order,
    scaled,
    total_of,
    weighted_sum,
)
from plait.model._task_rows import (
    cross_product,
    frontier_gramian,
    frontier_rows,
    head_weight,
    private_heads,
    shared_update,
    shared_variables,
    variable_rows,
)


@dataclass(frozen=True)
class Gradients:
    """What a step is to do.

    Attributes:
        forward: losses, predictions and changed state.
        labels: the labels in the order of the predictions' rows.
        gradients: one for each of `Network.trainable`, times the scale of the losses.
        weighed: what the balancer said.
    """

    forward: Forward
    labels: Any
    gradients: list[Any]
    weighed: Weighed


def compute_gradients(
    network: Network, asked: Asked, x: Any, labels: Any, state: State, scale: Any
) -> Gradients:
    """The gradients of one batch, by the balancer's `needs` and `level`.

    Args:
        network: the model.
        asked: the balancer; only its `needs` and how it wants them are read.
        x: the user's inputs.
        labels: of the same rows.
        state: the values of all of the model's variables.
        scale: multiplies every loss; the optimizer divides by it again.
    """
    needs = asked.balancer.needs
    if network.features is not None:
        forward, gradients, weighed = by_features(
            network, network.features, asked, x, labels, state, scale
        )
        return Gradients(forward, labels, gradients, weighed)
    if needs & ACROSS_PARTS:
        return _across_parts(network, asked, x, labels, state, scale)
    # Whole losses are weighed, and nobody looks at a task's gradient.
    blind = not asked.looks and asked.balancer.level is None
    if network.found is None or blind:
        forward, pullback = whole_pass(network, x, labels, state)
        weighed = asked.weigh(
            forward.losses, metrics=lambda: network.metrics(forward.predictions, labels)
        )
        gradients = pullback(weighed.weights * scale, keras.ops.ones_like(forward.added) * scale)
        return Gradients(forward, labels, gradients, weighed)
    batch = cut_pass(network, x, labels, state, scale)

    def metrics() -> Any:
        return network.metrics(batch.forward.predictions, labels)

    if "gradients" in needs:
        total, weighed = _aggregated(network, asked, batch, metrics, state, scale)
    elif asked.balancer.level == "parameters" and "gramian" in needs:

        def some() -> CutPass:
            inputs, known = first_rows((x, labels), asked.balancer.gram_batch)
            return cut_pass(network, inputs, known, state, scale)

        total, weighed = _at_parameters(network, asked, batch, some, metrics, scale)
    else:
        total, weighed = _at_representation(network, asked, batch, metrics, scale)
    if asked.rate is not None and asked.looks:
        found = affinity(network, batch, x, labels, state, asked.rate, scale)
        weighed = replace(weighed, affinity=found)
    return Gradients(batch.forward, labels, in_order(total, network.trainable), weighed)


def _at_representation(
    network: Network, asked: Asked, batch: CutPass, metrics: Callable[[], Any], scale: Any
) -> tuple[ById, Weighed]:
    """Rows are the gradients at the frontier; one trunk backward, of their weighted sum."""
    losses = batch.forward.losses

    def measure() -> Any:
        return frontier_gramian(network, batch, asked.balancer.gram_batch, scale)

    if "gramian" in asked.balancer.needs:
        weighed = asked.weigh_when_due(losses, measure, metrics)
    else:
        weighed = asked.observe(asked.weigh(losses, metrics=metrics), measure)
    ones = keras.ops.ones_like(weighed.weights)
    whole = asked.balancer.level is None
    cotangents = {
        # What `shared=` left out of the comparison passes as it is.
        i: weighted_sum(rows, weighed.weights if whole or i in network.compared else ones)
        for i, rows in frontier_rows(network, batch).items()
    }
    total = total_of(
        batch.trunk_pullback(cotangents, scale),
        batch.penalties,
        *(
            scaled(batch.head_gradients[t], head_weight(asked, weighed.weights, n))
            for n, t in enumerate(network.tasks)
        ),
    )
    return total, weighed


def _at_parameters(
    network: Network,
    asked: Asked,
    batch: CutPass,
    some: Callable[[], CutPass],
    metrics: Callable[[], Any],
    scale: Any,
) -> tuple[ById, Weighed]:
    """Rows are the gradients of the shared variables; one trunk backward a task.

    Where these are not at hand in every step, or of some of the rows only, the weighted sum of the
    gradients at the frontier goes back through the trunk instead: one more backward.
    """
    losses = batch.forward.losses
    if asked.looks and asked.balancer.gram_batch is None:
        rows = variable_rows(network, batch)
        weighed = asked.weigh_when_due(
            losses, lambda: gramian_of(by_variable(rows), scale), metrics
        )
        total = total_of(
            *(scaled(row, weighed.weights[n]) for n, row in enumerate(rows)),
            batch.trunk_pullback({}, scale) if batch.trunk_adds else {},
            batch.penalties,
            *private_heads(network, asked, batch, weighed.weights),
        )
        return total, weighed

    def measure() -> Any:
        compared = batch if asked.balancer.gram_batch is None else some()
        return gramian_of(by_variable(variable_rows(network, compared)), scale)

    weighed = asked.weigh_when_due(losses, measure, metrics)
    total = total_of(
        *shared_update(network, batch, weighed.weights, scale),
        batch.penalties,
        *private_heads(network, asked, batch, weighed.weights),
    )
    return total, weighed


def _aggregated(
    network: Network,
    asked: Asked,
    batch: CutPass,
    metrics: Callable[[], Any],
    state: State,
    scale: Any,
) -> tuple[ById, Weighed]:
    """The balancer makes the update of the shared tensors out of the tasks' rows."""
    ops = keras.ops
    at_parameters = asked.balancer.level == "parameters"
    if at_parameters:
        variables = shared_variables(network)
        rows = variable_rows(network, batch)
        values = values_of(variables, state)
        found = [[row.get(id(v)) for row in rows] for v in variables]
    else:
        by_place = frontier_rows(network, batch)
        values = [batch.frontier[i] for i in network.compared]
        found = [by_place[i] for i in network.compared]
    gradients = [
        ops.stack(
            [
                ops.zeros(ops.shape(value), "float32") if r is None else ops.cast(r, "float32")
                for r in some
            ]
        )
        / scale
        for some, value in zip(found, values, strict=True)
    ]
    update = asked.update(batch.forward.losses, gradients, values, metrics)
    weights, moves = update.weights, [along * scale for along in update.along]
    if at_parameters:
        heads = private_heads(network, asked, batch, weights)
        shared = [
            {id(v): ops.cast(m, v.dtype) for v, m in zip(variables, moves, strict=True)},
            batch.trunk_pullback({}, scale) if batch.trunk_adds else {},
        ]
    else:
        ones = ops.ones_like(weights)
        cotangents = {i: weighted_sum(rows, ones) for i, rows in by_place.items()}
        cotangents |= dict(zip(network.compared, moves, strict=True))
        shared = [batch.trunk_pullback(cotangents, scale)]
        heads = [
            scaled(batch.head_gradients[t], head_weight(asked, weights, n))
            for n, t in enumerate(network.tasks)
        ]
    weighed = asked.observe(
        Weighed(weights, []),
        lambda: sum(
            flat @ ops.transpose(flat)
            for flat in (ops.reshape(g, (len(network.tasks), -1)) for g in gradients)
        ),
        lambda: _pulled(update),
    )
    return total_of(*shared, batch.penalties, *heads), weighed


def _pulled(update: Update) -> Any:
    """`(tasks,)`: the inner product of each task's part of an update with the update."""
    ops = keras.ops
    total = ops.zeros_like(update.weights)
    if update.parts is not None:
        for place, along in enumerate(update.along):
            total = total + ops.stack([ops.sum(part * along) for part in update.parts(place)])
    return total


def _across_parts(
    network: Network, asked: Asked, x: Any, labels: Any, state: State, scale: Any
) -> Gradients:
    """Two parts of the batch make the cross-Gramian, or its products; the third is moved along.

    A head moves along the gradient of its loss over all labelled rows.
    """
    ops = keras.ops
    parts = parts_of(x, labels, network.labelled(labels))
    batches = []
    for inputs, known in parts:
        batches.append(cut_pass(network, inputs, known, state, scale))
        state = state | entries(network.others, batches[-1].forward.others)
    one, other, third = batches
    gramian = None
    if "cross_gramian" in asked.balancer.needs:
        ours, theirs = (by_variable(variable_rows(network, batch)) for batch in (one, other))
        gramian = gramian_of(ours, scale, theirs)
    totals = ops.stack([batch.forward.losses.totals for batch in batches])
    forward, known = together([batch.forward for batch in batches], [k for _, k in parts], labels)
    # A task that a part has no label of cannot be compared there.
    weighed = asked.weigh(
        forward.losses,
        gramian,
        ops.all(totals > 0, axis=0),
        metrics=lambda: network.metrics(forward.predictions, known),
        cross_product=lambda weights: cross_product(network, one, other, weights, scale),
    )
    shares = totals / ops.where(forward.losses.totals > 0, forward.losses.totals, 1.0)
    total = total_of(
        *shared_update(network, third, weighed.weights, scale),
        *(scaled(batch.penalties, 1.0 / len(batches)) for batch in batches),
        *(
            scaled(gradients, shares[part, n])
            for part, batch in enumerate(batches)
            for n, gradients in enumerate(private_heads(network, asked, batch, weighed.weights))
        ),
    )
    # Told is how the tasks' gradients lie in one part: those of two say nothing of their lengths.
    told = asked.observe(weighed, lambda: frontier_gramian(network, third, None, scale))
    return Gradients(forward, known, in_order(total, network.trainable), told)
