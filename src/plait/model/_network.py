"""A functional model as pure functions of its variables' values: whole, or cut into trunk and heads.

Variables are read through a `keras.StatelessScope`; what a forward changes (seeds, moving averages)
comes back as values. So one code serves the three backends.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from plait.backend import mask_of, set_mask, vjp
from plait.model._frontier import Cut
from plait.model._row_key import by_row

if TYPE_CHECKING:
    from plait.model._alone import Features

State = dict[int, tuple[keras.Variable, Any]]
"""Values of variables, by the variable's id."""


@dataclass(frozen=True)
class TaskLosses:
    """The tasks' losses on some rows, each times its loss weight.

    Attributes:
        values: `(tasks,)` float32, 0 without labels.
        totals: `(tasks,)`, the sum of the labelled rows' weights.
        plain: `(tasks,)`, the losses without their loss weights, for the logs.
        wrong: `(tasks, batch)` bool, the rows whose loss is not finite; None where the rows have
            another order than the batch.
    """

    values: Any
    totals: Any
    plain: Any
    wrong: Any = None

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
        metrics: from predictions and labels of the same rows to each task's first metric, `(tasks,)`.
        scores: from predictions and labels of the same rows to the mean probability of the right
            class, `(tasks,)`.
        labelled: from labels to `(batch,)` bool, the rows that have one of any output.
        found: where the trunk ends; None where no balancer asks for it.
        compared: the indices of the frontier's tensors that gradients are compared at.
        features: the model's, where a balancer weighs them.
    """

    inputs: Sequence[Any]
    outputs: dict[str, Any]
    tasks: tuple[str, ...]
    trainable: list[keras.Variable]
    others: list[keras.Variable]
    flatten: Callable[[Any], list[Any]]
    forward: Callable[[Any], dict[str, Any]]
    losses: Callable[[dict[str, Any], Any], TaskLosses]
    metrics: Callable[[dict[str, Any], Any], Any]
    scores: Callable[[dict[str, Any], Any], Any]
    labelled: Callable[[Any], Any]
    found: Cut | None = None
    compared: tuple[int, ...] = ()
    features: "Features | None" = None

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
        predictions: each output's values, `(batch, ...)`, with their Keras masks.
        added: the sum of `add_loss` terms and regularisers.
        others: the new values of `Network.others`.
    """

    losses: TaskLosses
    predictions: dict[str, Any]
    added: Any
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


@by_row
def losses_at(network: Network, x: Any, labels: Any, state: State) -> TaskLosses:
    """The losses of a training forward at the given values, changing nothing."""
    with keras.StatelessScope(state.values()):
        return network.losses(network.forward(x), labels)


@by_row
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
            added = added_losses(scope.losses, network.trainable)
        seen = seen_beside(losses, predictions)
        return (losses.values, added), (seen, changed(scope, network.others))

    (values, added), pullback, (seen, others) = vjp(fn, values_of(network.trainable, state))
    forward = Forward(*read_beside(values, seen), added, others)
    return forward, lambda tasks, extra: pullback((tasks, extra))[0]


def seen_beside(losses: TaskLosses, predictions: dict[str, Any]) -> tuple[Any, ...]:
    """What comes out of a differentiated function beside its losses; masks do not by themselves."""
    masks = {n: m for n, p in predictions.items() if (m := mask_of(p)) is not None}
    return losses.totals, losses.plain, losses.wrong, predictions, masks


def read_beside(values: Any, seen: tuple[Any, ...]) -> tuple[TaskLosses, dict[str, Any]]:
    """The losses and predictions from their differentiated `values` and what `seen_beside` gave."""
    totals, plain, wrong, predictions, masks = seen
    for name, mask in masks.items():
        set_mask(predictions[name], mask)
    return TaskLosses(values, totals, plain, wrong), predictions


def added_losses(losses: list[Any], variables: list[keras.Variable]) -> Any:
    """`add_loss` terms and the variables' regularisers as one float32 scalar."""
    terms = [keras.ops.sum(keras.ops.cast(loss, "float32")) for loss in losses]
    for variable in variables:
        if variable.regularizer is not None:
            terms.append(keras.ops.sum(keras.ops.cast(variable.regularizer(variable), "float32")))
    total = keras.ops.zeros((), "float32")
    for term in terms:
        total = total + term
    return total


def changed(scope: keras.StatelessScope, variables: list[keras.Variable]) -> list[Any]:
    """The variables' values at the end of a scope."""
    return [scope.get_current_value(v) for v in variables]
