"""UW-SO: uncertainty weighting solved for its weights, and softened."""

from typing import Any

import keras

from plait.balancing._balancer import StepContext
from plait.balancing._loss_weighting import LossWeighting
from plait.balancing._simplex import masked_softmax

_EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="plait")
class UWSO(LossWeighting):
    """Soft optimal uncertainty weighting: the sum of w_i L_i with w = softmax(1 / (tau L)), held.

    Losses are positive; 1e-8 is added to each.

    Args:
        tau: the temperature, greater than 0; it is to be tuned for each problem.

    References:
        L. Kirchdorfer, C. Elich, S. Kutsche, H. Stuckenschmidt, L. Schott, J. M. Köhler, "Analytical
        Uncertainty-Based Loss Weighting in Multi-Task Learning", 2024 (arXiv:2408.07985).
    """

    def __init__(self, tau: float = 1.0) -> None:
        super().__init__()
        if not tau > 0:
            raise ValueError(f"UWSO: tau is greater than 0. Received: {tau!r}")
        self.tau = tau

    def objective(self, losses: Any, context: StepContext) -> Any:
        ops = keras.ops
        safe = ops.where(context.active, losses, 1.0) + _EPSILON
        shares = ops.stop_gradient(masked_softmax(1.0 / (self.tau * safe), context.active))
        return ops.sum(shares * losses)

    def get_config(self) -> dict[str, Any]:
        return {"tau": self.tau}
