"""A forward through trunk and heads, and the backward through all heads at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from plait.backend import mask_of, set_mask, vjp
from plait.model._frontier import run
from plait.model._network import (
    Forward,
    Network,
    State,
    added_losses,
    by_id,
    changed,
    entries,
    read_beside,
    seen_beside,
    values_of,
)
from plait.model._row_key import by_row


@dataclass(frozen=True)
class CutPass:
    """One forward through trunk and heads, and the backward through all heads.

    Attributes:
        forward: what it gave.
        frontier: the values of the frontier's tensors.
        rows: for each task, the gradient of its loss at each tensor of the frontier that it reads.
        head_gradients: for each task, the gradients of its own operations' variables, by id.
        trunk_pullback: cotangents of the frontier's tensors (absent ones are 0) and of the trunk's
            added losses -> gradients of the trunk's variables, by id.
        trunk_pushforward: tangents of the trunk's variables by id (absent ones are 0) -> those of the
            frontier's tensors. Raises NO_SECOND_DERIVATIVE.
        trunk_adds: whether the trunk has added losses at all.
        penalties: gradients of the added losses of everything outside the trunk, by variable id.
    """

    forward: Forward
    frontier: list[Any]
    rows: dict[str, dict[int, Any]]
    head_gradients: dict[str, dict[int, Any]]
    trunk_pullback: Callable[[dict[int, Any], Any], dict[int, Any]]
    trunk_pushforward: Callable[[Mapping[int, Any]], list[Any]]
    trunk_adds: bool
    penalties: dict[int, Any]


def _run_heads(
    network: Network,
    given: dict[int, Any],
    masks: dict[int, Any],
    state: State,
    copies: dict[str, list[Any]],
    values: dict[str, list[Any]],
) -> tuple[dict[str, Any], list[Any], State]:
    """Each head on its own copies and values, then the outputs without a loss.

    Args:
        network: with a cut.
        given: the inputs and what crosses the cut, by the graph's tensors' ids.
        masks: the Keras masks of the latter.
        state: the values of all variables.
        copies: for each task, the frontier's tensors that it reads.
        values: for each task, its own variables' values.

    Returns:
        The predictions by name, the `add_loss` terms, and the state afterwards.
    """
    cut = network.cut
    inner, added = dict(state), []
    merged: dict[int, Any] = {}
    answers: dict[str, Any] = {}
    for task in (*cut.order, None):
        # What another head has made is read with the gradient stopped, if at all.
        seen = merged | given
        if task is None:
            calls = cut.rest
            seen |= merged
        else:
            calls = cut.heads[task]
            inner |= entries(cut.head_variables(task), values[task])
            places = [id(cut.frontier[i]) for i in cut.uses[task]]
            seen |= dict(zip(places, copies[task], strict=True))
            for place, mask in masks.items():
                set_mask(seen[place], mask)
        with keras.StatelessScope(inner.values(), collect_losses=True) as scope:
            run(calls, seen, training=True)
            added += scope.losses
        inner |= entries(network.others, changed(scope, network.others))
        merged |= seen
        if task is not None:
            # What the trunk gives may itself be an answer: then the task's own copy of it.
            answers[task] = seen[id(network.outputs[task])]
    predictions = {
        name: answers.get(name, merged[id(tensor)]) for name, tensor in network.outputs.items()
    }
    return predictions, added, inner


@by_row
def cut_pass(network: Network, x: Any, labels: Any, state: State, scale: Any) -> CutPass:
    """Runs the trunk, then every head on its own copy of what the trunk gives it.

    Because each head has its own copy (of variables that several heads use, too), one backward of
    the sum of the losses gives every task's rows at once, at the price of the heads' ordinary
    backward: one vector-Jacobian product a task would run every head for every task.

    Args:
        network: with a cut.
        x: the user's inputs.
        labels: of the same rows.
        state: the values of all variables.
        scale: multiplies every loss, against underflow in float16.
    """
    cut = network.cut
    trunk_variables = cut.trunk_variables
    inputs = {id(t): v for t, v in zip(network.inputs, network.flatten(x), strict=True)}

    adds: list[bool] = []

    def trunk(values: list[Any]) -> tuple[Any, Any]:
        seen = dict(inputs)
        inner = state | entries(trunk_variables, values)
        with keras.StatelessScope(inner.values(), collect_losses=True) as scope:
            run(cut.trunk, seen, training=True)
            added = added_losses(scope.losses, trunk_variables)
            adds.append(bool(scope.losses) or any(v.regularizer for v in trunk_variables))
        crossing = [seen[id(t)] for t in cut.crossing]
        masks = [mask_of(v) for v in crossing]
        frontier = [seen[id(t)] for t in cut.frontier]
        return (frontier, added), (crossing, masks, changed(scope, network.others))

    (frontier, added), pullback, (crossing, masks, others) = vjp(
        trunk, values_of(trunk_variables, state)
    )
    state = state | entries(network.others, others)

    inside = {id(v) for v in trunk_variables}
    outside = [v for v in network.trainable if id(v) not in inside]
    own = {task: cut.head_variables(task) for task in network.tasks}
    given = inputs | {id(t): v for t, v in zip(cut.crossing, crossing, strict=True)}
    masked = {id(t): m for t, m in zip(cut.crossing, masks, strict=True) if m is not None}

    def heads(copies: dict, values: dict, free: list[Any]) -> tuple[Any, Any]:
        predictions, added, inner = _run_heads(network, given, masked, state, copies, values)
        with keras.StatelessScope((inner | entries(outside, free)).values()):
            penalty = added_losses(added, outside)
        losses = network.losses(predictions, labels)
        beside = seen_beside(losses, predictions), values_of(network.others, inner)
        return (losses.values, penalty), beside

    copies = {task: [frontier[i] for i in cut.uses[task]] for task in network.tasks}
    head_values = {task: values_of(own[task], state) for task in network.tasks}
    (losses, penalty), heads_pullback, (seen, others) = vjp(
        heads, copies, head_values, values_of(outside, state)
    )
    rows, head_gradients, penalties = heads_pullback(
        (keras.ops.ones_like(losses) * scale, keras.ops.ones_like(penalty) * scale)
    )

    def trunk_pullback(cotangents: dict[int, Any], extra: Any) -> dict[int, Any]:
        full = [
            keras.ops.cast(cotangents[i], z.dtype) if i in cotangents else keras.ops.zeros_like(z)
            for i, z in enumerate(frontier)
        ]
        (gradients,) = pullback((full, keras.ops.ones_like(added) * extra))
        return by_id(trunk_variables, gradients)

    def trunk_pushforward(tangents: Mapping[int, Any]) -> list[Any]:
        # The pullback is linear, and its transpose is the pushforward: no second forward, and nothing
        # that one backend has and another has not.
        def linear(cotangents: list[Any]) -> tuple[list[Any], None]:
            return pullback((cotangents, keras.ops.zeros_like(added)))[0], None

        _, transposed, _ = vjp(linear, [keras.ops.zeros_like(z) for z in frontier])
        full = [
            keras.ops.cast(tangents[id(v)], v.dtype)
            if id(v) in tangents
            else keras.ops.zeros(v.shape, v.dtype)
            for v in trunk_variables
        ]
        return transposed(full)[0]

    return CutPass(
        Forward(*read_beside(losses, seen), added + penalty, others),
        frontier,
        {t: dict(zip(cut.uses[t], rows[t], strict=True)) for t in network.tasks},
        {task: by_id(own[task], head_gradients[task]) for task in network.tasks},
        trunk_pullback,
        trunk_pushforward,
        any(adds),
        by_id(outside, penalties),
    )
