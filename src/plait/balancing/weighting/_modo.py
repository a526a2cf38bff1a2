"""MoDo: double sampling makes the stochastic min-norm weights unbiased."""

from typing import Any

import keras

from plait.balancing._balancer import CrossGramianWeighting, Evidence, StepContext
from plait.balancing._simplex import simplex_projection, within


@keras.saving.register_keras_serializable(package="plait")
class MoDo(CrossGramianWeighting):
    """Moves weights on the simplex along an unbiased estimate of the min-norm problem's gradient.

    lambda <- projection of lambda - gamma (J_1 J_2^T + rho I) lambda onto the simplex, with J_1 and
    J_2 the tasks' gradients on two independent batches; the model then moves by J_3^T lambda on a
    third.

    Args:
        gamma: the step size of lambda.
        rho: the regularisation.
        weight_heads: see `CrossGramianWeighting`, which says what the three batches are.

    References:
        L. Chen, H. Fernando, Y. Ying, T. Chen, "Three-Way Trade-Off in Multi-Objective Learning:
        Optimization, Generalization and Conflict-Avoidance", NeurIPS 2023, Algorithm 1.
    """

    def __init__(self, gamma: float = 0.1, rho: float = 0.1, *, weight_heads: bool = False) -> None:
        super().__init__(weight_heads=weight_heads)
        self.gamma = gamma
        self.rho = rho

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
        ops = keras.ops
        held = ops.convert_to_tensor(self._shares)
        now = within(held, context.active)
        slope = ops.matmul(evidence.gramian, now[:, None])[:, 0] + self.rho * now
        now = simplex_projection(now - self.gamma * slope, context.active)
        self._shares.assign(ops.where(context.active, now, held))
        return now, []

    def get_config(self) -> dict[str, Any]:
        return {"gamma": self.gamma, "rho": self.rho, **super().get_config()}
