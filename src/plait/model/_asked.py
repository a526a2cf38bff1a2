"""The balancer as one step asks it: what it is told, and in which steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from plait import backend
from plait.balancing import (
    Aggregator,
    Balancer,
    Evidence,
    FeatureBalancer,
    StepContext,
    Update,
)
from plait.balancing._balancer import mask
from plait.model._network import TaskLosses


class Held:
    """The last weights, for the steps in which a balancer does not weigh anew.

    A task that was not weighed yet has the mean of the others' weights, and 1 if there are none.

    Args:
        tasks: how many.
    """

    def __init__(self, tasks: int) -> None:
        def variable(name: str) -> keras.Variable:
            return keras.Variable(
                "zeros", shape=(tasks,), dtype="float32", trainable=False, name=name
            )

        self.weights = variable("held_weights")
        self.known = variable("held_tasks")

    @property
    def variables(self) -> list[keras.Variable]:
        return [self.weights, self.known]

    def take(self, weights: Any, compared: Any) -> None:
        """Takes the weights of the compared tasks, `(tasks,)` bool; the others keep theirs."""
        ops = keras.ops
        last, known = (ops.convert_to_tensor(v) for v in self.variables)
        self.weights.assign(ops.where(compared, weights, last))
        self.known.assign(ops.where(compared, 1.0, known))

    def given(self) -> Any:
        """The weights `(tasks,)`."""
        ops = keras.ops
        weights, known = (ops.convert_to_tensor(v) for v in self.variables)
        count = ops.sum(known)
        mean = ops.where(count > 0, ops.sum(weights * known) / ops.maximum(count, 1.0), 1.0)
        return ops.where(known > 0, weights, mean)


@dataclass(frozen=True)
class Weighed:
    """What the balancer said.

    Attributes:
        weights: `(tasks,)`.
        own: the gradients of the balancer's trainable variables.
        gramian: `(tasks, tasks)` float32, or None where no gradients were compared.
        pulled: `(tasks,)`, the inner product of each task's part of the update with the update, all 0
            where that is not known; None where the parts are the weighed gradients.
        alone: what the features answered alone, for a balancer that weighs them.
        scales: `(features, 2)`, what the gradients of their encoders were multiplied by, or None.
        affinity: what `affinity` returns, or None where it was not measured.
    """

    weights: Any
    own: list[Any]
    gramian: Any = None
    pulled: Any = None
    alone: Any = None
    scales: Any = None
    affinity: Any = None


@dataclass(frozen=True)
class Asked:
    """One step's conversation with the balancer.

    Attributes:
        balancer: who is asked.
        tasks: the tasks' names.
        step: scalar int32.
        epoch: scalar int32.
        auxiliary: for each task, whether it only serves the others.
        looks: whether this step looks at the tasks' gradients, where not every step does.
        held: the last weights, where the balancer does not weigh in every step.
        features: the features' names, for a balancer that weighs them.
        batch: scalar int32, batches so far: of a step that accumulates several each has its own.
        rate: the learning rate, scalar, where the steps that look also measure the tasks' affinity.
    """

    balancer: Balancer
    tasks: tuple[str, ...]
    step: Any
    epoch: Any
    auxiliary: tuple[bool, ...]
    looks: bool = True
    held: Held | None = None
    features: tuple[str, ...] = ()
    batch: Any = 0
    rate: Any = None

    @property
    def variables(self) -> list[keras.Variable]:
        """What a step may change of the balancer: its own variables, and those that hold for it."""
        return [*self.balancer.variables, *(self.held.variables if self.held else [])]

    @property
    def weighs_heads(self) -> bool:
        """Whether the weights are of whole losses, heads included."""
        return self.balancer.weight_heads or self.balancer.level is None

    def weigh(
        self,
        losses: TaskLosses,
        gramian: Any = None,
        active: Any = None,
        metrics: Callable[[], Any] | None = None,
        cross_product: Callable[[Any], Any] | None = None,
    ) -> Weighed:
        """The weights of this step."""
        active = losses.active if active is None else active
        scores = metrics() if metrics and "metrics" in self.balancer.needs else None
        evidence = Evidence(losses.values, gramian, metrics=scores, cross_product=cross_product)
        with backend.no_gradient():
            weights, own = self.balancer.weights(evidence, self._context(active))
        return Weighed(weights, own, gramian)

    def weigh_when_due(
        self,
        losses: TaskLosses,
        measure: Callable[[], Any],
        metrics: Callable[[], Any] | None = None,
    ) -> Weighed:
        """The weights of this step, or the last ones of a balancer that weighs in some steps only.

        Args:
            losses: the tasks' losses.
            measure: gives the Gramian; what it costs is spent in the steps that need it.
            metrics: gives the tasks' metrics, for a balancer that needs them.
        """
        if self.held is not None and not self.looks:
            own = [keras.ops.zeros_like(v) for v in self.balancer.trainable_variables]
            return Weighed(mask(self.held.given(), losses.active), own)
        gramian = measure()
        compared = self._compared(losses, gramian)
        weighed = self.weigh(losses, gramian, compared, metrics)
        if self.held is None:
            return weighed
        self.held.take(weighed.weights, compared)
        return replace(weighed, weights=mask(self.held.given(), losses.active))

    def observe(
        self,
        weighed: Weighed,
        measure: Callable[[], Any],
        pulled: Callable[[], Any] | None = None,
    ) -> Weighed:
        """`weighed`, in the steps that look with a look at the gradients.

        Args:
            weighed: what the balancer said without one.
            measure: gives the Gramian.
            pulled: gives what `Weighed` has of this name; None for its None.
        """
        if not self.looks:
            # A cross-Gramian that the balancer asked for says nothing of lengths and angles.
            return replace(weighed, gramian=None)
        return replace(weighed, gramian=measure(), pulled=pulled() if pulled else None)

    def update(
        self,
        losses: TaskLosses,
        gradients: Sequence[Any],
        shared: Sequence[Any],
        metrics: Callable[[], Any],
    ) -> Update:
        """What each shared tensor moves along, and the heads' weights."""
        balancer = self.balancer
        if not isinstance(balancer, Aggregator):
            raise TypeError(f"{type(balancer).__name__} needs 'gradients' and is no Aggregator.")
        evidence = Evidence(
            losses.values,
            gradients=gradients,
            shared=shared,
            metrics=metrics() if "metrics" in balancer.needs else None,
        )
        with backend.no_gradient():
            return balancer.update(evidence, self._context(losses.active))

    def weigh_features(self, evidence: Evidence, active: Any) -> tuple[Any, Any]:
        """The weights of the tasks' losses and of the features' own, `(tasks, features)`."""
        balancer, context = self._of_features, self._context(active)
        with backend.no_gradient():
            weights, _ = balancer.weights(evidence, context)
            if evidence.feature_losses is None:
                return weights, keras.ops.zeros((len(self.tasks), len(self.features)), "float32")
            return weights, balancer.feature_weights(evidence, context)

    def scale_encoders(self, evidence: Evidence, active: Any) -> tuple[Any, Any]:
        """What each encoder's two gradients are multiplied by, `(features, 2)`, and its noise."""
        balancer, context = self._of_features, self._context(active)
        with backend.no_gradient():
            return (
                balancer.encoder_scales(evidence, context),
                balancer.encoder_noise(evidence, context),
            )

    @property
    def _of_features(self) -> FeatureBalancer:
        if not isinstance(self.balancer, FeatureBalancer):
            name = type(self.balancer).__name__
            raise TypeError(f"{name} needs what features gave, and is no FeatureBalancer.")
        return self.balancer

    def after_step(self, before: TaskLosses, after: TaskLosses) -> None:
        """Tells the losses of the same rows before and after the weights moved."""
        self.balancer.after_step(before.values, after.values, self._context(before.active))

    def _context(self, active: Any) -> StepContext:
        return StepContext(self.tasks, active, self.step, self.epoch, self.auxiliary, self.features)

    def _compared(self, losses: TaskLosses, gramian: Any) -> Any:
        """The tasks that can be compared: some may have no label among the rows compared."""
        if self.balancer.gram_batch is None:
            return losses.active
        return keras.ops.logical_and(losses.active, keras.ops.diagonal(gramian) > 0)
