"""MMPareto: each encoder moves along what helps both all features together and its own alone."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, StepContext
from plait.balancing._feature_balancer import FeatureBalancer


@keras.saving.register_keras_serializable(package="plait")
class MMPareto(FeatureBalancer):
    """Each feature's encoder moves along what serves all features together and this one alone.

    With g_m the gradient of the tasks' losses and g_u that of the losses of the feature alone:

    - 2 (a g_m + b g_u), with a = b = 1/2 where they agree (cosine above 0), else the convex
      combination of least norm;
    - brought to the length of g_m + g_u, which the shortest combination falls short of;
    - times `gamma`.

    All other variables, an encoder that features share too, move along the sum of all losses. Where
    g_m and g_u are opposed to within rounding the combination is 0, and so is the move.

    Args:
        gamma: enlarges the move of the encoders, for the noise of a larger step.

    Raises:
        ValueError: a `gamma` that is not positive.

    References:
        Y. Wei, D. Hu, "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance",
        ICML 2024, Algorithm 1; gamma as in their code, which brings each variable to length by
        itself, where the paper and this do so for a whole encoder. There each feature has a
        classifier of its own; here the model answers with the other features absent. Of several
        tasks the losses are summed.
    """

    needs = frozenset({"feature_losses", "feature_gramians"})

    def __init__(self, gamma: float = 1.5) -> None:
        super().__init__()
        if not gamma > 0:
            raise ValueError(f"MMPareto: gamma is above 0. Received: {gamma}")
        self.gamma = gamma

    def feature_weights(self, evidence: Evidence, context: StepContext) -> Any:
        return keras.ops.ones_like(evidence.feature_losses)

    def encoder_scales(self, evidence: Evidence, context: StepContext) -> Any:
        ops = keras.ops
        gramians = evidence.feature_gramians
        own, cross, alone = gramians[:, 0, 0], gramians[:, 0, 1], gramians[:, 1, 1]
        # Of which one may be 0, as in a batch without the feature.
        agree = ops.logical_or(cross > 0, own * alone == 0)
        # Where they do not agree, own - 2 cross + alone is 0 only if both are.
        apart = own - 2 * cross + alone
        joint = ops.where(apart > 0, (alone - cross) / ops.where(apart > 0, apart, 1.0), 0.5)
        joint = ops.where(agree, 0.5, joint)
        parts = ops.stack([joint, 1 - joint], axis=1)
        wanted = ops.sqrt(ops.maximum(own + 2 * cross + alone, 0.0))
        squared = ops.einsum("fi,fij,fj->f", parts, gramians, parts)
        found = 2 * ops.sqrt(ops.maximum(squared, 0.0))
        # Below that the combination is rounding.
        clear = squared > 1e-6 * (own + alone)
        longer = ops.where(clear, wanted / ops.where(clear, found, 1.0), 0.0)
        longer = ops.where(agree, 1.0, longer)
        return 2 * self.gamma * parts * longer[:, None]

    def get_config(self) -> dict[str, Any]:
        return {"gamma": self.gamma}
