"""CR-MOGM: the weights of another balancer, averaged over the steps."""

from typing import Any

import keras

from plait.balancing._balancer import Balancer, Evidence, StepContext, mask
from plait.balancing._wrapper import Wrapper


@keras.saving.register_keras_serializable(package="plait")
class CRMOGM(Wrapper):
    """w <- alpha w + (1 - alpha) w', with w' the weights that another balancer gives in this step.

    Weights that follow the noise of each batch may keep the tasks from converging; their running
    mean does not. It starts at the first w' of each task. A task without labels in a step keeps its
    w, and the others' w' are those of the problem without it: nothing is rescaled.

    Args:
        weighting: the balancer whose weights are averaged; needs, level and cost are its own.
        alpha: the decay, from 0 (the weights as they are) to 1 (the first ones).

    Raises:
        ValueError: alpha is out of its range.

    Example:
        >>> import plait
        >>> plait.CRMOGM(plait.MGDA(level="parameters")).level
        'parameters'

    References:
        S. Zhou, W. Zhang, J. Jiang, W. Zhong, J. Gu, W. Zhu, "On the Convergence of Stochastic
        Multi-Objective Gradient Manipulation and Beyond", NeurIPS 2022. There alpha may change from
        step to step; here it is constant.
    """

    def __init__(self, weighting: Balancer, alpha: float = 0.9) -> None:
        super().__init__(weighting)
        if not 0 <= alpha <= 1:
            raise ValueError(f"CRMOGM: alpha is from 0 to 1. Received: {alpha!r}")
        self.alpha = alpha

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._kept, self._known = (
            keras.Variable("zeros", shape=(len(tasks),), dtype="float32", name=name)
            for name in ("kept_weights", "kept_tasks")
        )

    @property
    def variables(self) -> list[keras.Variable]:
        own = [self._kept, self._known] if self.tasks else []
        return [*super().variables, *own]

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        ops = keras.ops
        found, gradients = self.weighting.weights(evidence, context)
        kept, known = ops.convert_to_tensor(self._kept), ops.convert_to_tensor(self._known)
        smooth = ops.where(known > 0, self.alpha * kept + (1 - self.alpha) * found, found)
        self._kept.assign(ops.where(context.active, smooth, kept))
        self._known.assign(ops.where(context.active, 1.0, known))
        return mask(smooth, context.active), gradients

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}
