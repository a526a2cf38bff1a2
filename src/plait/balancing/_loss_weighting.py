"""The contract of methods that look at the tasks' losses alone."""

import abc
from typing import Any

import keras

from plait.backend import vjp
from plait.balancing._balancer import Balancer, Evidence, StepContext, mask


class LossWeighting(Balancer):
    """A method that is a scalar function of the tasks' losses.

    The weights are the derivatives of `objective` with respect to the losses: one backward pass of
    the model, whatever the number of tasks.
    """

    needs = frozenset({"losses"})

    @abc.abstractmethod
    def objective(self, losses: Any, context: StepContext) -> Any:
        """The scalar that is minimised, over active tasks only; losses are `(tasks,)`."""

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        def fn(losses: Any, learnt: list[Any]) -> tuple[Any, None]:
            state = [(v, v.value) for v in self.variables]
            state += zip(self.trainable_variables, learnt, strict=True)
            with keras.StatelessScope(state):
                return self.objective(losses, context), None

        learnt = [v.value for v in self.trainable_variables]
        _, pullback, _ = vjp(fn, evidence.losses, learnt)
        weights, gradients = pullback(keras.ops.ones(()))
        return mask(weights, context.active), list(gradients)
