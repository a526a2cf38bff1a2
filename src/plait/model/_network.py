"""A functional model as pure functions of its variables' values: whole, or cut into trunk and heads.

Variables are read through a `keras.StatelessScope`; what a forward changes (seeds, moving averages)
comes back as values. So one code serves the three backends.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from plait.backend import vjp
from plait.model._frontier import Cut, run

State = dict[int, tuple[keras.Variable, Any]]
"""Values of variables, by the variable's id."""


@dataclass(frozen=True)
class TaskLosses:
    """The tasks' losses on some rows, each times its loss weight.

    Attributes:
        values: `(tasks,)` float32, 0 without labels.
        totals: `(tasks,)`, the sum of the labelled rows' weights.
    """

    values: Any
    totals: Any

    @property
    def active(self) -> Any:
        """`(tasks,)` bool: which tasks have a label among the rows."""
        return self.totals > 0


@dataclass(frozen=True)
class Network:
    """What the step needs to know of a model.

    Attributes:
        inputs: the graph's input tensors.
        outputs: the graph's output tensors, by name.
        tasks: the names of the outputs with a loss.
        trainable: the trainable variables.
        others: every other variable of the model.
        flatten: from the user's inputs to values in the order of `inputs`.
        forward: from the user's inputs to predictions by name, in training mode.
        losses: from predictions and labels of the same rows to the tasks' losses.
        found: where the trunk ends; None where no balancer asks for it.
        compared: the indices of the frontier's tensors that gradients are compared at.
    """

    inputs: Sequence[Any]
    outputs: dict[str, Any]
    tasks: tuple[str, ...]
    trainable: list[keras.Variable]
    others: list[keras.Variable]
    flatten: Callable[[Any], list[Any]]
    forward: Callable[[Any], dict[str, Any]]
    losses: Callable[[dict[str, Any], Any], TaskLosses]
    found: Cut | None = None
    compared: tuple[int, ...] = ()

    @property
    def cut(self) -> Cut:
        """Where the trunk ends; only for balancers that ask for it."""
        if self.found is None:
            raise RuntimeError("This network was not cut.")
        return self.found


@dataclass(frozen=True)
class Forward:
    """What a forward gave.

    Attributes:
        losses: the tasks' losses.
        added: the sum of `add_loss` terms and regularisers.
        predictions: each output's values, `(batch, ...)`.
        others: the new values of `Network.others`.
    """

    losses: TaskLosses
    added: Any
    predictions: dict[str, Any]
    others: list[Any]


def values_of(variables: Iterable[keras.Variable], state: State) -> list[Any]:
    """The variables' values in `state`."""
    return [state[id(v)][1] for v in variables]


def entries(variables: Iterable[keras.Variable], values: Iterable[Any]) -> State:
    """Variables and their values as a `State`."""
    return {id(v): (v, value) for v, value in zip(variables, values, strict=True)}


def by_id(variables: Iterable[keras.Variable], values: Iterable[Any]) -> dict[int, Any]:
    """Values, by their variable's id."""
    return {id(v): value for v, value in zip(variables, values, strict=True)}


def losses_at(network: Network, x: Any, labels: Any, state: State) -> TaskLosses:
    """The losses of a training forward at the given values, changing nothing."""
    with keras.StatelessScope(state.values()):
        return network.losses(network.forward(x), labels)


def whole_pass(
    network: Network, x: Any, labels: Any, state: State
) -> tuple[Forward, Callable[[Any, Any], list[Any]]]:
    """One forward through the whole model.

    Returns:
        The forward, and the pullback `(tasks,)` cotangents, scalar cotangent of the added losses ->
        gradients of `network.trainable`.
    """

    def fn(values: list[Any]) -> tuple[Any, Any]:
        inner = state | entries(network.trainable, values)
        with keras.StatelessScope(inner.values(), collect_losses=True) as scope:
            predictions = network.forward(x)
            losses = network.losses(predictions, labels)
            added = _added(scope.losses, network.trainable)
        return (losses.values, added), (losses.totals, predictions, _new(scope, network.others))

    (values, added), pullback, (totals, predictions, others) = vjp(
        fn, values_of(network.trainable, state)
    )
    forward = Forward(TaskLosses(values, totals), added, predictions, others)
    return forward, lambda tasks, extra: pullback((tasks, extra))[0]


@dataclass(frozen=True)
class CutPass:
    """One forward through trunk and heads, and the backward through all heads.

    Attributes:
        forward: what it gave.
        rows: for each task, the gradient of its loss at each tensor of the frontier that it reads.
        head_gradients: for each task, the gradients of its own operations' variables, by id.
        trunk_pullback: cotangents of the frontier's tensors (absent ones are 0) and of the trunk's
            added losses -> gradients of the trunk's variables, by id.
        trunk_adds: whether the trunk has added losses at all.
        penalties: gradients of the added losses of everything outside the trunk, by variable id.
    """

    forward: Forward
    rows: dict[str, dict[int, Any]]
    head_gradients: dict[str, dict[int, Any]]
    trunk_pullback: Callable[[dict[int, Any], Any], dict[int, Any]]
    trunk_adds: bool
    penalties: dict[int, Any]


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
            added = _added(scope.losses, trunk_variables)
            adds.append(bool(scope.losses) or any(v.regularizer for v in trunk_variables))
        crossing = [seen[id(t)] for t in cut.crossing]
        masks = [getattr(v, "_keras_mask", None) for v in crossing]
        frontier = [seen[id(t)] for t in cut.frontier]
        return (frontier, added), (crossing, masks, _new(scope, network.others))

    (frontier, added), pullback, (crossing, masks, others) = vjp(
        trunk, values_of(trunk_variables, state)
    )
    state = state | entries(network.others, others)

    inside = {id(v) for v in trunk_variables}
    outside = [v for v in network.trainable if id(v) not in inside]
    own = {task: cut.head_variables(task) for task in network.tasks}

    def heads(copies: dict, values: dict, free: list[Any]) -> tuple[Any, Any]:
        inner, extra = dict(state), []
        merged: dict[int, Any] = {}
        for task in (*network.tasks, None):
            seen = inputs | {id(t): v for t, v in zip(cut.crossing, crossing, strict=True)}
            if task is None:
                calls = cut.rest
                seen |= merged
            else:
                calls = cut.heads[task]
                inner |= entries(own[task], values[task])
                seen |= {
                    id(cut.frontier[i]): z
                    for i, z in zip(cut.uses[task], copies[task], strict=True)
                }
                for tensor, mask in zip(cut.crossing, masks, strict=True):
                    if mask is not None:
                        seen[id(tensor)]._keras_mask = mask
            with keras.StatelessScope(inner.values(), collect_losses=True) as scope:
                run(calls, seen, training=True)
                extra += scope.losses
            inner |= entries(network.others, _new(scope, network.others))
            merged |= seen
        predictions = {name: merged[id(tensor)] for name, tensor in network.outputs.items()}
        with keras.StatelessScope((inner | entries(outside, free)).values()):
            penalty = _added(extra, outside)
        losses = network.losses(predictions, labels)
        aux = (losses.totals, predictions, values_of(network.others, inner))
        return (losses.values, penalty), aux

    copies = {task: [frontier[i] for i in cut.uses[task]] for task in network.tasks}
    head_values = {task: values_of(own[task], state) for task in network.tasks}
    (losses, penalty), heads_pullback, (totals, predictions, others) = vjp(
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

    return CutPass(
        Forward(TaskLosses(losses, totals), added + penalty, predictions, others),
        {t: dict(zip(cut.uses[t], rows[t], strict=True)) for t in network.tasks},
        {task: by_id(own[task], head_gradients[task]) for task in network.tasks},
        trunk_pullback,
        any(adds),
        by_id(outside, penalties),
    )


def _added(losses: list[Any], variables: list[keras.Variable]) -> Any:
    """`add_loss` terms and the variables' regularisers as one float32 scalar."""
    terms = [keras.ops.sum(keras.ops.cast(loss, "float32")) for loss in losses]
    for variable in variables:
        if variable.regularizer is not None:
            terms.append(keras.ops.sum(keras.ops.cast(variable.regularizer(variable), "float32")))
    total = keras.ops.zeros((), "float32")
    for term in terms:
        total = total + term
    return total


def _new(scope: keras.StatelessScope, variables: list[keras.Variable]) -> list[Any]:
    return [scope.get_current_value(v) for v in variables]
