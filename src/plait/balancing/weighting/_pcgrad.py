"""PCGrad: each task's gradient loses its conflict with every other's."""

from typing import Any

import keras

from plait.balancing._balancer import Evidence, Level, StepContext, mask
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._meetings import random_meetings


@keras.saving.register_keras_serializable(package="plait")
class PCGrad(GramianWeighting):
    """Projects each task's gradient off every gradient it conflicts with, in random order; sums.

    For each task i, over the other tasks j in random order: if <g_i', g_j> < 0, then
    g_i' -= <g_i', g_j> / |g_j|^2 g_j. All of it happens in coordinates: g_i' is a combination of the
    tasks' gradients, so the Gramian is enough.

    Args:
        seed: of the order; it also depends on the step and on the tasks' names, so it is the same on
            every backend and leaving a task out does not change the order of the others.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    References:
        T. Yu, S. Kumar, A. Gupta, S. Levine, K. Hausman, C. Finn, "Gradient Surgery for Multi-Task
        Learning", NeurIPS 2020, Algorithm 1.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        level: Level = "representation",
        weight_heads: bool = False,
        refresh_every: int = 1,
        gram_batch: int | None = None,
    ) -> None:
        super().__init__(
            level=level,
            weight_heads=weight_heads,
            refresh_every=refresh_every,
            gram_batch=gram_batch,
        )
        self.seed = seed

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        order = random_meetings(self.seed, context)
        coordinates = surgery(evidence.gramian, order, context.active)
        return mask(keras.ops.sum(coordinates, axis=0), context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, **super().get_config()}


def surgery(gramian: Any, order: Any, active: Any) -> Any:
    """The projected gradients in coordinates of the original ones.

    Args:
        gramian: `(tasks, tasks)`.
        order: `(tasks, tasks)` int32: row i holds the tasks that task i meets, itself among them.
        active: `(tasks,)` bool.

    Returns:
        `(tasks, tasks)`: row i holds g_i' as a combination of g_1..g_T; 0 for inactive tasks.
    """
    ops = keras.ops
    size = gramian.shape[0]
    eye = ops.eye(size, dtype="float32")
    length = ops.diagonal(gramian)
    # A zero gradient conflicts with nothing; dividing by it must not make a NaN on the other branch.
    inverse = ops.where(length > 0, 1.0 / ops.where(length > 0, length, 1.0), 0.0)
    usable = ops.cast(active, "float32") * inverse
    # What does not change in the loop stands before it: its rounds are many and their products tiny.
    met = ops.one_hot(order, size, dtype="float32")
    products = ops.matmul(ops.reshape(met, (size * size, size)), gramian)
    products = ops.reshape(products, (size, size, size))
    others = ops.sum(met * ((1.0 - eye) * usable)[:, None, :], axis=2)
    coordinates = eye
    for place in range(size):
        product = ops.sum(products[:, place] * coordinates, axis=1)
        step = ops.minimum(product, 0.0) * others[:, place]
        coordinates = coordinates - step[:, None] * met[:, place]
    return mask(coordinates, active)
