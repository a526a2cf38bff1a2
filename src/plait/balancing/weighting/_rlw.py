"""RLW: weights drawn anew in every step."""

from typing import Any

import keras
import numpy as np

from plait._hash import name_key, normal
from plait.balancing._balancer import StepContext
from plait.balancing._loss_weighting import LossWeighting
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
        names = np.array([name_key(task) for task in context.tasks], "int32")
        shares = masked_softmax(normal(self.seed, context.step, names), context.active)
        return keras.ops.sum(shares * losses)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}
