"""GradNorm: learnt weights that bring the tasks' gradients to one length, the slow tasks' to more."""

from typing import Any

import keras

from plait.balancing._adam import TaskAdam
from plait.balancing._balancer import Evidence, Level, StepContext, mask
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._simplex import within

_LEAST = 1e-3
"""Below 0, |w| would grow in the wrong direction."""


@keras.saving.register_keras_serializable(package="plait")
class GradNorm(GramianWeighting):
    """Gradient normalization: w moves down the sum of |w_i |g_i| - m r_i^alpha|, with m r^alpha held.

    Here m is the mean of all w_i |g_i|, and r_i = l_i / mean(l) how slowly task i learns, with l_i
    its loss as a share of the first one seen of it. The step takes the weights from before they
    move. They move by Adam, stay positive, and are scaled to a mean of 1 over the active tasks; a
    task without labels keeps its weight in proportion to the others'.

    Losses are positive. The gradients are compared where the trunk ends; the paper compares those of
    the last layer of shared weights.

    Args:
        alpha: at least 0; the larger, the more a slow task is preferred. With 0 all gradients are
            brought to one length.
        learning_rate: of the weights.
        level, refresh_every, gram_batch: see `GramianWeighting`.
        weight_heads: see `GramianWeighting`; in the paper the weights multiply whole losses.

    Raises:
        ValueError: alpha is less than 0.

    References:
        Z. Chen, V. Badrinarayanan, C.-Y. Lee, A. Rabinovich, "GradNorm: Gradient Normalization for
        Adaptive Loss Balancing in Deep Multitask Networks", ICML 2018, Algorithm 1. It leaves open
        by which rule the weights move; Adam's does not depend on the gradients' scale.
    """

    needs = frozenset({"losses", "gramian"})

    def __init__(
        self,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
        *,
        level: Level = "representation",
        weight_heads: bool = True,
        refresh_every: int = 1,
        gram_batch: int | None = None,
    ) -> None:
        super().__init__(
            level=level,
            weight_heads=weight_heads,
            refresh_every=refresh_every,
            gram_batch=gram_batch,
        )
        if not alpha >= 0:
            raise ValueError(f"GradNorm: alpha is at least 0. Received: {alpha!r}")
        if not learning_rate > 0:
            raise ValueError(f"GradNorm: learning_rate is above 0. Received: {learning_rate!r}")
        self.alpha = alpha
        self.learning_rate = learning_rate

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._task_weights, self._first_losses = (
            keras.Variable(start, shape=(len(tasks),), dtype="float32", name=name)
            for start, name in (("ones", "task_weights"), ("zeros", "first_losses"))
        )
        self._adam = TaskAdam(len(tasks))

    @property
    def variables(self) -> list[keras.Variable]:
        if not self.tasks:
            return []
        return [self._task_weights, self._first_losses, *self._adam.variables]

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        ops = keras.ops
        active = context.active
        count = ops.maximum(ops.sum(ops.cast(active, "float32")), 1.0)
        held = ops.convert_to_tensor(self._task_weights)
        now = count * within(held, active)

        norms = ops.sqrt(ops.maximum(ops.diagonal(evidence.gramian), 0.0))
        excess = now * norms - self._targets(now * norms, evidence.losses, active, count)
        move = self._adam.move(ops.sign(excess) * norms, active)
        moved = mask(ops.maximum(now - self.learning_rate * move, _LEAST), active)
        # Scaled so that the active tasks together weigh as much as before, beside the others.
        kept = ops.sum(mask(held, active)) * within(moved, active)
        self._task_weights.assign(ops.where(active, kept, held))
        return now, []

    def get_config(self) -> dict[str, Any]:
        return {
            "alpha": self.alpha,
            "learning_rate": self.learning_rate,
            **super().get_config(),
        }

    def _targets(self, lengths: Any, losses: Any, active: Any, count: Any) -> Any:
        """What the weighted gradients' lengths `(tasks,)` should be; remembers first losses."""
        ops = keras.ops
        first = ops.convert_to_tensor(self._first_losses)
        first = ops.where(ops.logical_and(active, first == 0), losses, first)
        self._first_losses.assign(first)
        known = first > 0
        left = ops.maximum(mask(losses, active), 0.0) / ops.where(known, first, 1.0)
        mean = ops.sum(left) / count
        slowness = left / ops.where(mean > 0, mean, 1.0)
        return ops.sum(mask(lengths, active)) / count * slowness**self.alpha
