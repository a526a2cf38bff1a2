"""DTP: tasks that already do well weigh less."""

from typing import Any

import keras

from plait.balancing._balancer import Balancer, Evidence, StepContext, mask


@keras.saving.register_keras_serializable(package="plait")
class DTP(Balancer):
    """The focal weights of each task's progress: w_i = -(1 - k_i)^gamma log k_i.

    k_i is a moving average of the task's first metric over the steps in which it has labels,
    k <- alpha k_t + (1 - alpha) k, held in [1e-3, 1]: a score of which more is better, such as
    accuracy. Until a task has labels k_i is 1e-3.

    Args:
        gamma: how much the hard tasks are favoured.
        alpha: how much the newest score counts.

    Raises:
        ValueError: a negative gamma or an alpha outside (0, 1].

    References:
        M. Guo, A. Haque, D. Huang, S. Yeung, L. Fei-Fei, "Dynamic Task Prioritization for Multitask
        Learning", ECCV 2018, equations 4 and 5. There each example's loss is a focal loss, too, so
        that hard examples count more within a task; here it is whatever loss the task has.
    """

    needs = frozenset({"losses", "metrics"})

    def __init__(self, gamma: float = 1.0, alpha: float = 0.1) -> None:
        super().__init__()
        if gamma < 0:
            raise ValueError(f"DTP: gamma is at least 0. Received: {gamma!r}")
        if not 0 < alpha <= 1:
            raise ValueError(f"DTP: alpha is above 0 and at most 1. Received: {alpha!r}")
        self.gamma = gamma
        self.alpha = alpha

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._scores = keras.Variable(
            keras.initializers.Constant(-1.0),
            shape=(len(tasks),),
            dtype="float32",
            trainable=False,
            name="scores",
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._scores] if self.tasks else []

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        ops = keras.ops
        held = ops.convert_to_tensor(self._scores)
        mean = self.alpha * evidence.metrics + (1.0 - self.alpha) * held
        scores = ops.where(context.active, ops.where(held < 0, evidence.metrics, mean), held)
        self._scores.assign(scores)
        progress = ops.clip(scores, 1e-3, 1.0)
        return mask(-((1.0 - progress) ** self.gamma) * ops.log(progress), context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"gamma": self.gamma, "alpha": self.alpha}
