"""RLW: weights drawn anew in every step."""

from typing import Any

import keras
import numpy as np

from plait._hash import name_key, uniform
from plait.balancing._balancer import LossWeighting, StepContext
from plait.balancing._simplex import masked_softmax


@keras.saving.register_keras_serializable(package="plait")
class RLW(LossWeighting):
    """Random loss weighting: the sum of w_i L_i with w = softmax of standard normal numbers.

    Args:
        seed: of the numbers; they also depend on the step and on the task's name, so they are the
            same on every backend, and leaving a task out does not change the others' numbers.

    References:
        B. Lin, F. Ye, Y. Zhang, I. Tsang, "Reasonable Effectiveness of Random Weighting: A Litmus
        Test for Multi-Task Learning", TMLR 2022.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed

    def objective(self, losses: Any, context: StepContext) -> Any:
        ops = keras.ops
        names = np.array([name_key(task) for task in context.tasks], "int32")
        first, second = (uniform(self.seed, context.step, names, n) for n in (0, 1))
        # G. Box, M. Muller, 1958; 1 - u is never 0.
        normal = ops.sqrt(-2.0 * ops.log(1.0 - first)) * ops.cos(2.0 * np.pi * second)
        return ops.sum(masked_softmax(normal, context.active) * losses)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}
