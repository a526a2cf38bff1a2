"""MoDo: double sampling makes the stochastic min-norm weights unbiased."""

from typing import Any

import keras

from plait.balancing._across_batches import SharesAcrossBatches
from plait.balancing._balancer import Evidence
from plait.balancing._simplex import simplex_projection


@keras.saving.register_keras_serializable(package="plait")
class MoDo(SharesAcrossBatches):
    """Moves weights on the simplex along an unbiased estimate of the min-norm problem's gradient.

    lambda <- projection of lambda - gamma (J_1 J_2^T + rho I) lambda onto the simplex, with J_1 and
    J_2 the tasks' gradients on two independent batches; the model then moves by J_3^T lambda on a
    third.

    Args:
        gamma: the step size of lambda.
        rho: the regularisation.
        weight_heads: see `CrossGramianWeighting`, which says what the three batches are.

    Raises:
        ValueError: a negative number.

    References:
        L. Chen, H. Fernando, Y. Ying, T. Chen, "Three-Way Trade-Off in Multi-Objective Learning:
        Optimization, Generalization and Conflict-Avoidance", NeurIPS 2023, Algorithm 1.
    """

    needs = frozenset({"cross_product"})

    def __init__(self, gamma: float = 0.1, rho: float = 0.1, *, weight_heads: bool = False) -> None:
        super().__init__(weight_heads=weight_heads)
        for name, value in {"gamma": gamma, "rho": rho}.items():
            if not value >= 0:
                raise ValueError(f"MoDo: {name} is at least 0. Received: {value!r}")
        self.gamma = gamma
        self.rho = rho

    def move(self, shares: Any, evidence: Evidence, active: Any) -> tuple[Any, Any]:
        slope = evidence.cross_product(shares) + self.rho * shares
        moved = simplex_projection(shares - self.gamma * slope, active)
        return moved, moved

    def get_config(self) -> dict[str, Any]:
        return {"gamma": self.gamma, "rho": self.rho, **super().get_config()}
