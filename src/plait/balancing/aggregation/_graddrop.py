"""GradDrop: where the tasks disagree about a sign, one sign is drawn and the rest dropped."""

from collections.abc import Iterable
from typing import Any

import keras

from plait._hash import name_key, uniform
from plait.balancing._aggregator import Aggregator, Update
from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing.aggregation._rows import weighted_sum


@keras.saving.register_keras_serializable(package="plait")
class GradDrop(Aggregator):
    """Keeps, number by number, the gradients of one sign, drawn by how much of it there is.

    P = (1 + sum_i g_i / sum_i |g_i|) / 2 is the purity of the positive sign. With U uniform in [0, 1),
    g_i > 0 is kept where P > U and g_i < 0 where P < U; what is dropped leaks through by `leak`.

    At the representation the paper's rule for tensors with a batch axis: purity is that of
    sign(z) g_i summed over the batch, and a place is kept or dropped for all rows alike. At the
    parameters, which have no batch axis, it is that of g_i itself.

    Args:
        leak: the share of a dropped gradient that passes.
        seed: of the draws, which also depend on the step.
        level: see `Aggregator`.
        weight_heads: has no effect, as no task has a weight.

    Raises:
        ValueError: a leak outside [0, 1].

    References:
        Z. Chen, J. Ngiam, Y. Huang, T. Luong, H. Kretzschmar, Y. Chai, D. Anguelov, "Just Pick a
        Sign: Optimizing Deep Multitask Models with Gradient Sign Dropout", NeurIPS 2020, Algorithm 1.
    """

    def __init__(
        self,
        leak: float = 0.0,
        seed: int = 0,
        *,
        level: Level = "representation",
        weight_heads: bool = False,
    ) -> None:
        super().__init__(level=level, weight_heads=weight_heads)
        if not 0 <= leak <= 1:
            raise ValueError(f"GradDrop: leak is between 0 and 1. Received: {leak!r}")
        self.leak = leak
        self.seed = seed

    def update(self, evidence: Evidence, context: StepContext) -> Update:
        gradients = evidence.gradients

        def passing(place: int) -> list[Any]:
            return self._passing(gradients[place], evidence.shared[place], context.step, place)

        def parts(place: int) -> Iterable[Any]:
            # Drawn anew, so that a step in which nobody asks holds nothing for it.
            rows, through = gradients[place], passing(place)
            return (rows[n] * through[n] for n in range(rows.shape[0]))

        along = [weighted_sum(rows, passing(place)) for place, rows in enumerate(gradients)]
        return Update(along, keras.ops.cast(context.active, "float32"), parts)

    def get_config(self) -> dict[str, Any]:
        return {"leak": self.leak, "seed": self.seed, **super().get_config()}

    def _passing(self, rows: Any, value: Any, step: Any, place: int) -> list[Any]:
        """For each task how much of its numbers passes, as its row or with 1 for the batch."""
        ops, signed = keras.ops, rows
        if self.level == "representation":
            signs = ops.sign(ops.cast(value, "float32"))
            # One task at a time: XLA's CPU sums along a middle axis one number at a time.
            summed = [ops.sum(rows[n] * signs, axis=0) for n in range(rows.shape[0])]
            signed = ops.stack(summed)[:, None]
        draws = _uniform_like(signed[0], self.seed, step, place)
        return [self.leak + (1.0 - self.leak) * kept for kept in signs_kept(signed, draws)]


def signs_kept(gradients: Any, draws: Any) -> list[Any]:
    """For each task 1.0 where a task's gradient has the sign that was drawn, else 0.0.

    Args:
        gradients: `(tasks, *shape)`.
        draws: `(*shape)` in [0, 1).
    """
    ops = keras.ops
    some = [gradients[n] for n in range(gradients.shape[0])]
    size, total = sum(ops.abs(one) for one in some), sum(some)
    purity = 0.5 * (1.0 + total / ops.where(size > 0, size, 1.0))
    up, down = purity > draws, purity < draws
    kept = [
        ops.logical_or(ops.logical_and(one > 0, up), ops.logical_and(one < 0, down)) for one in some
    ]
    return [ops.cast(one, "float32") for one in kept]


def _uniform_like(tensor: Any, seed: int, step: Any, place: int) -> Any:
    ops = keras.ops
    shape = ops.shape(tensor)
    count = 1
    for axis in shape:
        count = count * axis
    drawn = uniform(seed, step, name_key("graddrop"), place, ops.arange(count, dtype="int32"))
    return ops.reshape(drawn, shape)
