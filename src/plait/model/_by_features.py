"""One step's gradients for a balancer that weighs features, and what they alone answered."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras

from plait import backend
from plait._hash import name_key, normal
from plait.balancing import Evidence
from plait.model._alone import Alone, Features, answers_alone
from plait.model._asked import Asked, Weighed
from plait.model._frontier import run
from plait.model._network import (
    Forward,
    Network,
    State,
    added_losses,
    changed,
    entries,
    read_beside,
    seen_beside,
    values_of,
)
from plait.model._row_key import by_row
from plait.model._rows import by_variable, gramian_of
from plait.model._task_rows import shared_variables

Pullback = Callable[[Any, Any, Any], list[Any]]


@dataclass(frozen=True)
class FeaturePass:
    """One forward with all features and one with each alone.

    Attributes:
        forward: that with all.
        alone: what each gave alone.
        pullback: cotangents of the tasks' losses `(tasks,)`, of the features' `(tasks, features)` and
            of the added losses -> gradients of `Network.trainable`.
        adds: whether there are added losses at all.
    """

    forward: Forward
    alone: Alone
    pullback: Pullback
    adds: bool


def by_features(
    network: Network,
    features: Features,
    asked: Asked,
    x: Any,
    labels: Any,
    state: State,
    scale: Any,
) -> tuple[Forward, list[Any], Weighed]:
    """The gradients of one batch, each encoder's weighed by itself.

    Args:
        network: the model.
        features: of this model.
        asked: the balancer.
        x: the user's inputs.
        labels: of the same rows.
        state: the values of all of the model's variables.
        scale: multiplies every loss.

    Returns:
        The forward with all features, the gradients of `network.trainable` times `scale`, and what
        the balancer said.
    """
    ops, needs = keras.ops, asked.balancer.needs
    done = feature_pass(network, x, features, labels, state, needs)
    losses, alone = done.forward.losses, done.alone
    evidence = Evidence(
        losses.values,
        feature_losses=alone.losses if "feature_losses" in needs else None,
        feature_scores=alone.scores,
    )
    weights, own = asked.weigh_features(evidence, losses.active)
    extra = ops.ones_like(done.forward.added) * scale
    scales = None
    if needs.isdisjoint({"feature_gramians", "feature_scores"}):
        gradients = done.pullback(weights * scale, own * scale, extra)
    else:
        gradients, scales = _scaled(network, features, asked, done, evidence, weights, own, scale)
        if done.adds:
            # Of no feature: regularisers are not scaled.
            added = done.pullback(ops.zeros_like(weights), ops.zeros_like(own), extra)
            gradients = [g + more for g, more in zip(gradients, added, strict=True)]
    weighed = Weighed(weights, [], alone=alone, scales=scales)
    if network.found is not None:
        weighed = asked.observe(
            weighed,
            lambda: _of_tasks(network, done.pullback, ops.zeros_like(own), scale),
            # The features' own losses have moved the model, too: no task's share is known.
            lambda: ops.zeros_like(weights),
        )
    return done.forward, gradients, weighed


def _scaled(
    network: Network,
    features: Features,
    asked: Asked,
    done: FeaturePass,
    evidence: Evidence,
    weights: Any,
    own: Any,
    scale: Any,
) -> tuple[list[Any], Any]:
    """The gradients without those of added losses, each encoder's scaled; and `(features, 2)`."""
    ops, none = keras.ops, keras.ops.zeros(())
    parts = [done.pullback(weights * scale, ops.zeros_like(own), none)]
    if "feature_losses" in asked.balancer.needs:
        parts.append(done.pullback(ops.zeros_like(weights), own * scale, none))
    if "feature_gramians" in asked.balancer.needs:
        gramians = _gramians(network, features, parts[0], parts[1], scale)
        evidence = replace(evidence, feature_gramians=gramians)
    scales, noise = asked.scale_encoders(evidence, done.forward.losses.active)
    places = {id(v): n for n, name in enumerate(features.names) for v in features.encoders[name]}
    gradients = []
    for order, (variable, *mine) in enumerate(zip(network.trainable, *parts, strict=True)):
        place = places.get(id(variable))
        if place is None:
            gradients.append(sum(mine[1:], mine[0]))
            continue
        moved = [ops.cast(scales[place, n], part.dtype) * part for n, part in enumerate(mine)]
        if noise is not None:
            # By its order and not its path: Keras counts up the names of layers without one.
            moved.append(_noise(order, mine[0], noise[place], asked.batch))
        gradients.append(sum(moved[1:], moved[0]))
    return gradients, scales


@by_row
def feature_pass(
    network: Network,
    x: Any,
    features: Features,
    labels: Any,
    state: State,
    needs: frozenset[str],
) -> FeaturePass:
    """Runs the model with all features, then with each alone."""
    inputs = {id(t): v for t, v in zip(network.inputs, network.flatten(x), strict=True)}
    moves = "feature_losses" in needs
    adds: list[bool] = []

    def fn(values: list[Any]) -> tuple[Any, Any]:
        inner = state | entries(network.trainable, values)
        seen = dict(inputs)
        with keras.StatelessScope(inner.values(), collect_losses=True) as scope:
            run(features.calls, seen, training=True)
            predictions = {n: seen[id(tensor)] for n, tensor in network.outputs.items()}
            losses = network.losses(predictions, labels)
            added = added_losses(scope.losses, network.trainable)
            adds.append(bool(scope.losses) or any(v.regularizer for v in network.trainable))

        def ask() -> Alone:
            return answers_alone(
                network,
                features,
                seen,
                labels,
                inner,
                training=True,
                scored="feature_scores" in needs,
            )

        if moves:
            alone = ask()
        else:
            with backend.no_gradient():
                alone = ask()
        moving = alone.losses if moves else keras.ops.zeros_like(alone.losses)
        beside = (alone.losses, alone.totals, alone.plain, alone.scores)
        return (losses.values, moving, added), (
            seen_beside(losses, predictions),
            beside,
            changed(scope, network.others),
        )

    (values, _, added), pullback, (seen, beside, others) = backend.vjp(
        fn, values_of(network.trainable, state)
    )
    forward = Forward(*read_beside(values, seen), added, others)
    return FeaturePass(
        forward,
        Alone(*beside),
        lambda tasks, own, extra: pullback((tasks, own, extra))[0],
        any(adds),
    )


def _of_tasks(network: Network, pullback: Pullback, none: Any, scale: Any) -> Any:
    """`(tasks, tasks)`: the inner products of the tasks' gradients at the shared variables.

    Args:
        network: the model.
        pullback: of a feature pass.
        none: zeros for its features' losses.
        scale: of the losses.
    """
    ops, count = keras.ops, len(network.tasks)
    places = {id(v): n for n, v in enumerate(network.trainable)}
    shared = [places[id(v)] for v in shared_variables(network)]
    rows = []
    for task in ops.unstack(ops.eye(count), num=count):
        gradients = pullback(task * scale, none, ops.zeros(()))
        rows.append({n: gradients[n] for n in shared})
    return gramian_of(by_variable(rows), scale)


def _gramians(
    network: Network, features: Features, joint: list[Any], single: list[Any], scale: Any
) -> Any:
    """`(features, 2, 2)`: the inner products of the two gradients at each feature's encoder."""
    ops = keras.ops
    places = {id(v): n for n, v in enumerate(network.trainable)}
    found = []
    for name in features.names:
        pairs = [
            (ops.cast(joint[n], "float32") / scale, ops.cast(single[n], "float32") / scale)
            for n in (places[id(v)] for v in features.encoders[name])
        ]
        own, cross, alone = (
            sum((ops.sum(a * b) for a, b in products), ops.zeros(()))
            for products in (
                [(one, one) for one, _ in pairs],
                pairs,
                [(other, other) for _, other in pairs],
            )
        )
        found.append(ops.stack([ops.stack([own, cross]), ops.stack([cross, alone])]))
    return ops.stack(found)


def _noise(order: int, gradient: Any, amount: Any, batch: Any) -> Any:
    """Gaussian noise of so many standard deviations of a gradient's elements."""
    ops = keras.ops
    size = math.prod(gradient.shape)
    if size < 2:
        return ops.zeros_like(gradient)
    wide = ops.cast(gradient, "float32")
    deviation = ops.std(wide) * (size / (size - 1)) ** 0.5
    draws = normal(name_key("noise"), order, batch, ops.arange(size, dtype="int32"))
    return ops.cast(amount * deviation * ops.reshape(draws, gradient.shape), gradient.dtype)
