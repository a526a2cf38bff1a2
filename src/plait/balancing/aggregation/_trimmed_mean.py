"""TrimmedMean: number by number, the mean of the tasks without the extreme ones."""

from collections.abc import Iterable
from typing import Any

import keras

from plait._ranges import demand_whole
from plait.balancing._aggregator import Aggregator, Update
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

    def update(self, evidence: Evidence, context: StepContext) -> Update:
        ops = keras.ops
        there = ops.cast(context.active, "float32")
        count = ops.maximum(ops.sum(there), 1.0)
        trim = ops.minimum(float(self.trim), ops.floor((count - 1.0) / 2.0))
        left = count - 2.0 * trim

        def summed(place: int) -> tuple[Any, Any, Any]:
            return trimmed_sum(evidence.gradients[place], context.active, trim, self.trim)

        def parts(place: int) -> Iterable[Any]:
            _, least, greatest = summed(place)
            kept = numbers_kept(evidence.gradients[place], context.active, trim, least, greatest)
            return (numbers / left for numbers in kept)

        along = [summed(place)[0] / left for place in range(len(evidence.gradients))]
        return Update(along, there, parts)

    def get_config(self) -> dict[str, Any]:
        return {"trim": self.trim, **super().get_config()}


def trimmed_sum(rows: Any, active: Any, trim: Any, at_most: int) -> tuple[Any, Any, Any]:
    """The sum `(*shape)` of the active tasks' numbers without the `trim` least and greatest.

    Task by task: what is not among the least so far goes on to the greatest so far, and what is not
    among these into the sum. No number is added that has to be taken off again, so that an outlier
    leaves no rounding behind; and a sort along a short axis would be one small sort for each number.

    Args:
        rows: `(tasks, *shape)`.
        active: `(tasks,)` bool.
        trim: scalar.
        at_most: the largest that `trim` may be.

    Returns:
        The sum; of the least numbers left out the greatest; and of the greatest the least. Infinite
        where none is.
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
    inner_least, inner_greatest = -nothing, nothing
    for place in places:
        inner_least = ops.where(place < trim, least[place], inner_least)
        inner_greatest = ops.where(place < trim, greatest[place], inner_greatest)
    return total, inner_least, inner_greatest


def numbers_kept(rows: Any, active: Any, trim: Any, least: Any, greatest: Any) -> Iterable[Any]:
    """For each task, its numbers `(*shape)` in the trimmed sum, and 0 for those that are left out.

    Of tasks with one number at the edge, each has the same share of what is kept of them.

    Args:
        rows: as `trimmed_sum` was given them.
        active: likewise.
        trim: likewise.
        least: what it gave.
        greatest: likewise.
    """
    ops = keras.ops
    there = [ops.cast(active[n], "float32") for n in range(rows.shape[0])]
    count = sum(there)

    def share(edge: Any) -> Any:
        below = sum(ops.where(rows[n] < edge, on, 0.0) for n, on in enumerate(there))
        equal = sum(ops.where(rows[n] == edge, on, 0.0) for n, on in enumerate(there))
        kept = ops.minimum(below + equal, count - trim) - ops.maximum(below, trim)
        return kept / ops.maximum(equal, 1.0)

    at_least, at_greatest = share(least), share(greatest)
    for n, on in enumerate(there):
        row = rows[n]
        inside = ops.where(row == least, at_least, ops.where(row == greatest, at_greatest, 1.0))
        outside = ops.logical_or(row < least, row > greatest)
        yield ops.where(outside, 0.0, row) * inside * on
