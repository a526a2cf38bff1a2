"""One step's gradients, provided by what the balancer needs and never by its name."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import keras

from plait.balancing import Balancer
from plait.model._network import (
    CutPass,
    Forward,
    Network,
    State,
    TaskLosses,
    cut_pass,
    entries,
    whole_pass,
)

Weigh = Callable[[TaskLosses, Any], tuple[Any, list[Any]]]
"""From the losses and the Gramian (or None) to `(tasks,)` weights and the gradients of the balancer's
own trainable variables."""

ById = Mapping[int, Any]
"""Gradients, by their variable's id."""

_PART = 2**18
"""Numbers in a part of a stack of rows: a megabyte of float32."""
_MOST_PARTS = 8

PARTS = 3
"""A cross-Gramian takes two parts of the batch; the model moves along the third."""


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
        gradients = _in_order(network, total)
        return Gradients(
            batch.forward, labels, gradients, weights, gramian, [g * scale for g in own]
        )
    forward, pullback = whole_pass(network, x, labels, state)
    weights, own = weigh(forward.losses, None)
    gradients = pullback(weights * scale, keras.ops.ones_like(forward.added) * scale)
    return Gradients(forward, labels, gradients, weights, None, [g * scale for g in own])


def _at_representation(
    network: Network, balancer: Balancer, batch: CutPass, scale: Any, weigh: Weigh
) -> tuple[ById, Any, Any, list[Any]]:
    """Rows are the gradients at the frontier; one trunk backward, of their weighted sum."""
    ops = keras.ops
    shapes = {i: ops.shape(z) for row in batch.rows.values() for i, z in row.items()}
    stacks = {i: _stack([batch.rows[t].get(i) for t in network.tasks]) for i in shapes}
    gramian = _gramian([part for i in network.compared for part in stacks[i]], scale)
    weights, own = weigh(batch.forward.losses, gramian)
    cotangents = {}
    for i, parts in stacks.items():
        # What `shared=` left out of the comparison passes as it is.
        by = weights if i in network.compared else ops.ones_like(weights)
        summed = [ops.matmul(by[None, :], part) for part in parts]
        cotangents[i] = ops.reshape(ops.concatenate(summed, axis=1), shapes[i])
    total = _sum(
        batch.trunk_pullback(cotangents, scale),
        batch.penalties,
        *(
            _scaled(batch.head_gradients[t], _head_weight(balancer, weights, n))
            for n, t in enumerate(network.tasks)
        ),
    )
    return total, weights, gramian, own


def _at_parameters(
    network: Network, balancer: Balancer, batch: CutPass, scale: Any, weigh: Weigh
) -> tuple[ById, Any, Any, list[Any]]:
    """Rows are the gradients of the shared variables; one trunk backward a task."""
    rows = _variable_rows(network, batch)
    gramian = _gramian(_stacks(rows), scale)
    weights, own = weigh(batch.forward.losses, gramian)
    total = _sum(
        *(_scaled(row, weights[n]) for n, row in enumerate(rows)),
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

    A head moves along the mean of its gradients over the parts.
    """
    batches, parts = [], []
    for part in range(PARTS):
        parts.append(_every(labels, part))
        batches.append(cut_pass(network, _every(x, part), parts[-1], state, scale))
        state = state | entries(network.others, batches[-1].forward.others)
    one, other, third = batches
    gramian = _gramian(
        _stacks(_variable_rows(network, one)), scale, _stacks(_variable_rows(network, other))
    )
    losses = _joined([batch.forward.losses for batch in batches])
    weights, own = weigh(losses, gramian)

    cotangents: dict[int, Any] = {}
    for n, task in enumerate(network.tasks):
        cotangents = _sum(cotangents, _scaled(third.rows[task], weights[n]))
    tied = _tied(network)
    total = _sum(
        third.trunk_pullback(cotangents, scale),
        *(
            _scaled(_only(third.head_gradients[t], tied), weights[n])
            for n, t in enumerate(network.tasks)
        ),
        *(
            _scaled(gradients, 1.0 / PARTS)
            for batch in batches
            for gradients in (batch.penalties, *_private_heads(network, balancer, batch, weights))
        ),
    )
    together = lambda *tensors: keras.ops.concatenate(tensors, axis=0)  # noqa: E731
    forward = Forward(
        losses,
        sum(batch.forward.added for batch in batches) / PARTS,
        keras.tree.map_structure(together, *(batch.forward.predictions for batch in batches)),
        third.forward.others,
    )
    rows = keras.tree.map_structure(lambda *t: None if t[0] is None else together(*t), *parts)
    return Gradients(forward, rows, _in_order(network, total), weights, gramian, own)


def _variable_rows(network: Network, batch: CutPass) -> list[ById]:
    """For each task, the gradients of the variables that two or more tasks reach."""
    tied = _tied(network)
    return [
        _sum(batch.trunk_pullback(batch.rows[t], 0.0), _only(batch.head_gradients[t], tied))
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
        _scaled(
            {k: g for k, g in batch.head_gradients[t].items() if k not in tied},
            _head_weight(balancer, weights, n),
        )
        for n, t in enumerate(network.tasks)
    ]


def _head_weight(balancer: Balancer, weights: Any, place: int) -> Any:
    return weights[place] if balancer.weight_heads else 1.0


def _stacks(rows: list[ById]) -> list[Any]:
    keys = {key: None for row in rows for key in row}
    return [part for key in keys for part in _stack([row.get(key) for row in rows])]


def _stack(tensors: list[Any]) -> list[Any]:
    """One task a row, float32, in parts by columns; None is a row of zeros.

    A part fits a core's cache, from when it is written until it is multiplied, and several cores can
    have one each.
    """
    like = next(t for t in tensors if t is not None)
    flat = [
        keras.ops.reshape(keras.ops.zeros_like(like) if t is None else t, (-1,)) for t in tensors
    ]
    columns = flat[0].shape[0]
    # TensorFlow may not know the batch's size yet; then there is one part.
    count = 1 if columns is None else min(max(len(flat) * columns // _PART, 1), _MOST_PARTS)
    cuts = [None, *(columns * n // count for n in range(1, count)), None]
    return [
        keras.ops.cast(keras.ops.stack([row[start:end] for row in flat]), "float32")
        for start, end in pairwise(cuts)
    ]


def _gramian(stacks: list[Any], scale: Any, others: list[Any] | None = None) -> Any:
    # Two-dimensional products throughout: XLA's CPU has no fast path for anything else.
    products = [
        keras.ops.matmul(a, keras.ops.transpose(b))
        for a, b in zip(stacks, others or stacks, strict=True)
    ]
    # The scale of float16's losses leaves here, where there is little to divide: float32 holds its
    # square.
    return sum(products[1:], products[0]) / scale / scale


def _joined(losses: list[TaskLosses]) -> TaskLosses:
    totals = sum(part.totals for part in losses)
    weighted = sum(part.values * part.totals for part in losses)
    return TaskLosses(weighted / keras.ops.where(totals > 0, totals, 1.0), totals)


def _every(nest: Any, part: int) -> Any:
    """Row r of the batch is in part r mod `PARTS`."""
    return keras.tree.map_structure(lambda a: None if a is None else a[part::PARTS], nest)


def _only(gradients: ById, keys: set[int]) -> ById:
    return {k: g for k, g in gradients.items() if k in keys}


def _scaled(gradients: ById, by: Any) -> ById:
    if isinstance(by, float) and by == 1.0:
        return gradients
    return {k: g * keras.ops.cast(by, g.dtype) for k, g in gradients.items()}


def _sum(*gradients: ById) -> dict[int, Any]:
    total: dict[int, Any] = {}
    for some in gradients:
        for key, gradient in some.items():
            total[key] = total[key] + gradient if key in total else gradient
    return total


def _in_order(network: Network, total: ById) -> list[Any]:
    return [
        total[id(v)] if id(v) in total else keras.ops.zeros(v.shape, v.dtype)
        for v in network.trainable
    ]
