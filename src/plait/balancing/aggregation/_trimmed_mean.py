"""TrimmedMean: number by number, the mean of the tasks without the extreme ones."""

from typing import Any

import keras

from plait._ranges import demand_whole
from plait.balancing._aggregator import Aggregator
from plait.balancing._balancer import Evidence, Level, StepContext


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
        ValueError: a `trim` that is no whole number from 0 on.

    References:
        D. Yin, Y. Chen, K. Ramchandran, P. Bartlett, "Byzantine-Robust Distributed Learning: Towards
        Optimal Statistical Rates", ICML 2018, Definition 2; there the rows are workers, not tasks.
    """

    def __init__(
        self, trim: int = 1, *, level: Level = "parameters", weight_heads: bool = False
    ) -> None:
        super().__init__(level=level, weight_heads=weight_heads)
        demand_whole("TrimmedMean", least=0, trim=trim)
        self.trim = trim

    def update(self, evidence: Evidence, context: StepContext) -> tuple[list[Any], Any]:
        ops = keras.ops
        there = ops.cast(context.active, "float32")
        count = ops.maximum(ops.sum(there), 1.0)
        trim = ops.minimum(float(self.trim), ops.floor((count - 1.0) / 2.0))
        left = count - 2.0 * trim
        found = [
            trimmed_sum(rows, context.active, trim, self.trim) / left for rows in evidence.gradients
        ]
        return found, there

    def get_config(self) -> dict[str, Any]:
        return {"trim": self.trim, **super().get_config()}


def trimmed_sum(rows: Any, active: Any, trim: Any, at_most: int) -> Any:
    """The sum `(*shape)` of the active tasks' numbers without the `trim` least and greatest.

    Task by task: what is not among the least so far goes on to the greatest so far, and what is not
    among these into the sum. No number is added that has to be taken off again, so that an outlier
    leaves no rounding behind; and a sort along a short axis would be one small sort for each number.

    Args:
        rows: `(tasks, *shape)`.
        active: `(tasks,)` bool.
        trim: scalar.
        at_most: the largest that `trim` may be.
    """
    ops = keras.ops
    size = rows.shape[0]
    nothing = ops.full_like(rows[0], float("inf"))
    places = range(min(at_most, (size - 1) // 2))
    least, greatest = [nothing for _ in places], [-nothing for _ in places]
    total = ops.zeros_like(rows[0])
    for n in range(size):
        number = ops.where(active[n], rows[n], nothing)
        for place in places:
            both = ops.minimum(least[place], number), ops.maximum(least[place], number)
            least[place], number = (
                ops.where(place < trim, new, old)
                for new, old in zip(both, (least[place], number), strict=True)
            )
        # An empty place came out, or a task that is not active.
        number = ops.where(number == nothing, -nothing, number)
        for place in places:
            both = ops.maximum(greatest[place], number), ops.minimum(greatest[place], number)
            greatest[place], number = (
                ops.where(place < trim, new, old)
                for new, old in zip(both, (greatest[place], number), strict=True)
            )
        total = total + ops.where(number == -nothing, 0.0, number)
    return total
