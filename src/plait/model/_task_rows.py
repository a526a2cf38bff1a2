"""Each task's gradients of what the tasks share, out of a pass through the cut."""

from collections import Counter
from typing import Any

import keras

from plait.backend import NO_SECOND_DERIVATIVE
from plait.model._asked import Asked
from plait.model._cut_pass import CutPass
from plait.model._network import Network
from plait.model._rows import (
    ById,
    gramian_of,
    inner_product,
    only,
    scaled,
    total_of,
    weighted_sum,
)


def shared_variables(network: Network) -> list[keras.Variable]:
    """The trainable variables that two or more tasks reach, in the model's order."""
    shared = _tied(network) | {id(v) for v in network.cut.trunk_variables}
    return [v for v in network.trainable if id(v) in shared]


def frontier_rows(network: Network, batch: CutPass) -> dict[int, list[Any]]:
    """For each tensor of the frontier, each task's gradient there, or None."""
    places = {i for row in batch.rows.values() for i in row}
    return {i: [batch.rows[t].get(i) for t in network.tasks] for i in sorted(places)}


def frontier_gramian(network: Network, batch: CutPass, first: int | None, scale: Any) -> Any:
    """Of the gradients at the frontier; on the first rows of the batch, if so many are given."""
    found = frontier_rows(network, batch)
    rows = [found[i] for i in network.compared]
    if first is None:
        return gramian_of(rows, scale)
    some = [[None if r is None else r[:first] for r in row] for row in rows]
    gramian = gramian_of(some, scale)
    size = keras.ops.cast(keras.ops.shape(batch.frontier[network.compared[0]])[0], "float32")
    return gramian * (size / keras.ops.minimum(float(first), size))


def shared_update(network: Network, batch: CutPass, weights: Any, extra: Any) -> list[ById]:
    """The weighted sum of the tasks' gradients of the shared variables, by one trunk backward.

    The gradients of the trunk's added losses are in it, times `extra`.
    """
    rows = frontier_rows(network, batch)
    cotangents = {i: weighted_sum(some, weights) for i, some in rows.items()}
    tied = _tied(network)
    return [
        batch.trunk_pullback(cotangents, extra),
        *(
            scaled(only(batch.head_gradients[t], tied), weights[n])
            for n, t in enumerate(network.tasks)
        ),
    ]


def cross_product(network: Network, one: CutPass, other: CutPass, weights: Any, scale: Any) -> Any:
    """`(tasks,)`: each task's gradient of `one` with the weighted sum of those of `other`.

    A task's gradient is the trunk's pullback of its gradient at the frontier. So its product with a
    direction is that of its gradient there with the direction pushed forward: once, for all tasks.
    """
    ops = keras.ops
    update = total_of(*shared_update(network, other, weights, 0.0))
    # To the length 1, which float16's range bears in the trunk.
    length = ops.sqrt(inner_product(update, update))
    along = scaled(update, 1.0 / ops.where(length > 0, length, 1.0))
    try:
        pushed = dict(enumerate(one.trunk_pushforward(along)))
    except NO_SECOND_DERIVATIVE:
        # Of a fused kernel, as torch's attention and cuDNN's recurrent layers are.
        products = [inner_product(row, along) for row in variable_rows(network, one)]
    else:
        tied = _tied(network)
        products = [
            inner_product(one.rows[t], pushed)
            + inner_product(only(one.head_gradients[t], tied), along)
            for t in network.tasks
        ]
    return ops.stack(products) * (length / scale / scale)


def variable_rows(network: Network, batch: CutPass) -> list[ById]:
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


def private_heads(network: Network, asked: Asked, batch: CutPass, weights: Any) -> list[ById]:
    """Each head's gradients of the variables that it has for itself."""
    tied = _tied(network)
    return [
        scaled(
            {k: g for k, g in batch.head_gradients[t].items() if k not in tied},
            head_weight(asked, weights, n),
        )
        for n, t in enumerate(network.tasks)
    ]


def head_weight(asked: Asked, weights: Any, place: int) -> Any:
    """What a head's own gradients are multiplied by."""
    return weights[place] if asked.weighs_heads else 1.0
