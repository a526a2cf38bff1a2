"""One training step: gradients by the balancer's needs, then the optimizer, then changed state."""

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import keras

from plait import backend
from plait.balancing import Balancer, FeatureBalancer
from plait.errors import BalancingError
from plait.model._asked import Asked, Weighed
from plait.model._gradients import compute_gradients
from plait.model._network import Network, TaskLosses, entries, losses_at


@dataclass(frozen=True)
class Outcome:
    """What a step gave, for the loss trackers and metrics.

    Attributes:
        losses: the tasks' losses.
        added: the sum of `add_loss` terms and regularisers.
        labels: the user's labels in the order of the predictions' rows.
        predictions: each output's values.
        weighed: what the balancer said.
    """

    losses: TaskLosses
    added: Any
    labels: Any
    predictions: dict[str, Any]
    weighed: Weighed


def take_step(
    network: Network,
    asked: Asked,
    optimizer: Any,
    x: Any,
    labels: Any,
    shares: Mapping[int, Any] = MappingProxyType({}),
) -> Outcome:
    """Moves the model, the optimizer and the balancer by one batch; assigns their variables.

    Args:
        network: the model.
        asked: the balancer, asked for the tasks' weights.
        optimizer: built with `network.trainable` and the balancer's trainable variables.
        x: the user's inputs.
        labels: of the same rows.
        shares: by the variable's id, how much of the optimizer's step it takes, if not all.
    """
    held = [*network.trainable, *network.others]
    state = entries(held, backend.read(held))
    scale = optimizer.scale_loss(keras.ops.ones(()))
    skips = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    remembered = _copies(asked.variables) if skips else []
    found = compute_gradients(network, asked, x, labels, state, scale)
    forward = found.forward
    slowed = _copies([v for v in network.trainable if id(v) in shares])
    backend.apply_gradients(
        optimizer,
        [*found.gradients, *(g * scale for g in found.weighed.own)],
        [*network.trainable, *asked.balancer.trainable_variables],
    )
    for variable, before in slowed:
        share = keras.ops.cast(shares[id(variable)], before.dtype)
        variable.assign(before + share * (keras.ops.convert_to_tensor(variable) - before))
    if "losses_after" in asked.balancer.needs:
        # The same rows and the same seeds: only the weights have moved.
        moved = entries(network.trainable, backend.read(network.trainable))
        with backend.no_gradient():
            after = losses_at(network, x, labels, state | moved)
        untold = _copies(asked.variables)
        asked.after_step(forward.losses, after)
        # Gradients that were only accumulated have moved nothing to tell of.
        _restore(untold, keras.ops.cast(optimizer.iterations, "int32") == asked.step)
    if skips:
        # Float16 overflowed: the optimizer moved nothing and halved the scale.
        _restore(remembered, optimizer.scale_loss(keras.ops.ones(())) < scale)
    for variable, value in zip(network.others, forward.others, strict=True):
        variable.assign(value)
    return Outcome(forward.losses, forward.added, found.labels, forward.predictions, found.weighed)


def _copies(variables: Sequence[keras.Variable]) -> list[tuple[keras.Variable, Any]]:
    """The variables with what they hold now; torch and TensorFlow change a tensor in place."""
    return [(v, keras.ops.copy(keras.ops.convert_to_tensor(v))) for v in variables]


def _restore(copies: Sequence[tuple[keras.Variable, Any]], when: Any) -> None:
    """Gives the variables their values back where `when`, a scalar bool, is True."""
    for variable, value in copies:
        variable.assign(keras.ops.where(when, value, keras.ops.convert_to_tensor(variable)))


def build_balancer(balancer: Balancer, tasks: tuple[str, ...], optimizer: Any, owner: Any) -> None:
    """Makes the balancer's variables for these tasks.

    Args:
        balancer: new, or already of `owner`, which is compiled again.
        tasks: the tasks' names.
        optimizer: of the model.
        owner: the model.

    Raises:
        BalancingError: fewer than two tasks, a balancer of another model, or an optimizer that
            cannot take the weights that the balancer learns.
    """
    name = type(balancer).__name__
    if len(tasks) < 2 and not (tasks and isinstance(balancer, FeatureBalancer)):
        raise BalancingError(
            f"{name} weighs tasks against each other and needs two outputs with a loss. Received: "
            f"{list(tasks) or 'none'}. Leave balancing=None."
        )
    if balancer.tasks is None:
        balancer.build(tasks)
        balancer.model = weakref.ref(owner)
    elif balancer.tasks != tasks or balancer.model is None or balancer.model() is not owner:
        raise BalancingError(
            f"This {name} already balances {list(balancer.tasks)}. Give each model a balancer of its "
            "own: it learns, and what it learns belongs to one model."
        )
    known = {id(v) for v in getattr(optimizer, "_trainable_variables", ())}
    if optimizer.built and not known >= {id(v) for v in balancer.trainable_variables}:
        raise BalancingError(
            f"{name} learns weights with the model's optimizer, and this optimizer already moves "
            "other variables. Give compile a new one."
        )
    if balancer.trainable_variables and getattr(optimizer, "use_ema", False):
        raise BalancingError(
            f"{name} learns weights with the model's optimizer, whose use_ema=True knows the model's "
            "weights only. Use one or the other."
        )
