"""Methods that compare the tasks' gradients of one batch with those of an independent one."""

import abc
from typing import Any

import keras

from plait.balancing._balancer import Evidence, GramianWeighting, Level, StepContext
from plait.balancing._simplex import within


class SharesAcrossBatches(GramianWeighting):
    """Moves the tasks' shares, which start equal, by the cross-Gramian of two batches.

    The product of two independent samples is an unbiased estimate where the square of one is not.
    The batches, and a third that the model moves along, are parts of the batch that the step
    receives, its labelled rows dealt in turn. Inner products of gradients of different rows mean
    something for the variables only, so the level is always "parameters". Heads keep their
    gradients over all labelled rows.
    """

    needs = frozenset({"cross_gramian"})

    def __init__(self, *, level: Level = "parameters", weight_heads: bool = False) -> None:
        super().__init__(level=level, weight_heads=weight_heads)
        if level != "parameters":
            raise ValueError(
                f"{type(self).__name__}: gradients of different batches can be compared only with "
                f"respect to the shared variables: level='parameters'. Received: level={level!r}"
            )

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._shares = keras.Variable(
            keras.initializers.Constant(1.0 / len(tasks)),
            shape=(len(tasks),),
            dtype="float32",
            name="shares",
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._shares] if self.tasks else []

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        held = keras.ops.convert_to_tensor(self._shares)
        now = within(held, context.active)
        shares, weights = self.move(now, evidence.gramian, context.active)
        self._shares.assign(keras.ops.where(context.active, shares, held))
        return weights, []

    @abc.abstractmethod
    def move(self, shares: Any, cross_gramian: Any, active: Any) -> tuple[Any, Any]:
        """One step.

        Args:
            shares: `(tasks,)`, on the simplex of the active tasks.
            cross_gramian: `(tasks, tasks)`, a batch's gradients (rows) with another's (columns).
            active: `(tasks,)` bool.

        Returns:
            The shares and the weights after it, each `(tasks,)` and 0 for inactive tasks.
        """
