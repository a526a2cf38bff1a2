"""Methods that compare the tasks' gradients of one batch with those of an independent one."""

import abc
from typing import Any

import keras

from plait.balancing._balancer import Evidence, StepContext
from plait.balancing._gramian_weighting import CrossGramianWeighting
from plait.balancing._simplex import within


class SharesAcrossBatches(CrossGramianWeighting):
    """Moves the tasks' shares, which start equal, by the cross-Gramian of two batches.

    The product of two independent samples is an unbiased estimate where the square of one is not.
    """

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
        shares, weights = self.move(now, evidence, context.active)
        self._shares.assign(keras.ops.where(context.active, shares, held))
        return weights, []

    @abc.abstractmethod
    def move(self, shares: Any, evidence: Evidence, active: Any) -> tuple[Any, Any]:
        """One step.

        Args:
            shares: `(tasks,)`, on the simplex of the active tasks.
            evidence: with the cross-Gramian, or its products, as `needs` asks.
            active: `(tasks,)` bool.

        Returns:
            The shares and the weights after it, each `(tasks,)` and 0 for inactive tasks.
        """
