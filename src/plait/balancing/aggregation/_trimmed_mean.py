"""TrimmedMean: number by number, the mean of the tasks without the extreme ones."""

from typing import Any

import keras

from plait.balancing._aggregator import Aggregator
from plait.balancing._balancer import Evidence, Level, StepContext, mask


@keras.saving.register_keras_serializable(package="plait")
class TrimmedMean(Aggregator):
    """The coordinate-wise mean of the tasks' gradients without the largest and the smallest ones.

    With fewer than 2 `trim` + 1 active tasks, as many are left out on either side as leave one or
    two: the median.

    Args:
        trim: how many tasks are left out on either side.
        level: see `Aggregator`.
        weight_heads: has no effect, as no task has a weight.

    Raises:
        ValueError: a negative `trim`.

    References:
        D. Yin, Y. Chen, K. Ramchandran, P. Bartlett, "Byzantine-Robust Distributed Learning: Towards
        Optimal Statistical Rates", ICML 2018, Definition 2; there the rows are workers, not tasks.
    """

    def __init__(
        self, trim: int = 1, *, level: Level = "parameters", weight_heads: bool = False
    ) -> None:
        super().__init__(level=level, weight_heads=weight_heads)
        if trim < 0:
            raise ValueError(f"TrimmedMean: trim is at least 0. Received: {trim!r}")
        self.trim = trim

    def parts(self, evidence: Evidence, context: StepContext) -> tuple[list[Any], Any]:
        ops = keras.ops
        there = ops.cast(context.active, "float32")
        count = ops.sum(there)
        trim = ops.minimum(float(self.trim), ops.floor((ops.maximum(count, 1.0) - 1.0) / 2.0))
        left = ops.maximum(count - 2.0 * trim, 1.0)
        found = []
        for rows in evidence.gradients:
            ranks = ranks_among(rows, there)
            inside = ops.logical_and(ranks >= trim, ranks < count - trim)
            found.append(mask(ops.where(inside, rows, 0.0) / left, context.active))
        return found, there

    def get_config(self) -> dict[str, Any]:
        return {"trim": self.trim, **super().get_config()}


def ranks_among(rows: Any, there: Any) -> Any:
    """For each number of `rows` `(tasks, *shape)`, how many of those tasks have a smaller one.

    Equal ones count in the tasks' order. A comparison of each two tasks is one pass over the
    numbers, where a sort along a short axis is one small sort for each of them.

    Args:
        rows: `(tasks, *shape)`.
        there: `(tasks,)`, 1.0 for the tasks that count.
    """
    ops = keras.ops
    size = rows.shape[0]
    place = ops.reshape(ops.arange(size), (-1,) + (1,) * (len(rows.shape) - 1))
    ranks = ops.zeros_like(rows)
    for other in range(size):
        row = rows[other : other + 1]
        before = ops.logical_or(row < rows, ops.logical_and(row == rows, other < place))
        ranks = ranks + ops.cast(before, "float32") * there[other]
    return ranks
