"""Unimodal losses: every feature also has to answer alone."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, StepContext
from plait.balancing._feature_balancer import FeatureBalancer


@keras.saving.register_keras_serializable(package="plait")
class UnimodalLosses(FeatureBalancer):
    """sum over tasks t of L_t + weight · sum over features f of L_tf, with L_tf from f alone.

    The plain remedy, and the baseline that any other claim about balancing features must beat. In the
    tables of Huang et al. it brings CREMA-D from 66.6 to 70.8 %, more than four of the five methods
    without such losses do (66.9 to 69.7, and 71.9 %); with them MMPareto has 73.1 %. A task that
    reads one feature only has its loss once.

    Args:
        weight: of the features' own losses.

    Raises:
        ValueError: a weight that is not positive.

    References:
        Y. Wei, D. Hu, "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance",
        ICML 2024, its "uniform baseline". C. Huang, Y. Wei, Z. Yang, D. Hu, "Adaptive Unimodal
        Regulation for Balanced Multimodal Information Acquisition", CVPR 2025, for the figures.
        There each feature has a classifier of its own; here the model itself answers with the other
        features absent.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        if not weight > 0:
            raise ValueError(f"UnimodalLosses: weight is above 0. Received: {weight}")
        self.weight = weight

    def feature_weights(self, evidence: Evidence, context: StepContext) -> Any:
        return keras.ops.full_like(evidence.feature_losses, self.weight)

    def get_config(self) -> dict[str, Any]:
        return {"weight": self.weight}
