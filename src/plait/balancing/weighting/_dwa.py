"""DWA: a task whose loss falls slower than the others' weighs more."""

from typing import Any

import keras

from plait.balancing._balancer import Balancer, Evidence, StepContext, mask
from plait.balancing._simplex import masked_softmax


@keras.saving.register_keras_serializable(package="plait")
class DWA(Balancer):
    """Weighs by the softmax of how much of its loss each task kept from one epoch to the next.

    w_i = K softmax_i(r_i / tau) with r_i = L_i(e - 1) / L_i(e - 2), the losses' means over the last two
    epochs, and K the number of active tasks. All weights are 1 in the first two epochs; r_i is 1 until
    task i had labels in two. Epochs are those of `fit`: outside it the weights stay 1.

    Args:
        tau: the temperature; the larger, the more equal the weights.

    Raises:
        ValueError: a tau that is not above 0.

    References:
        S. Liu, E. Johns, A. Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019,
        equation 7.
    """

    needs = frozenset({"losses"})

    def __init__(self, tau: float = 2.0) -> None:
        super().__init__()
        if not tau > 0:
            raise ValueError(f"DWA: tau is above 0. Received: {tau!r}")
        self.tau = tau

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        names = ("sums", "counts", "last", "before")
        self._sums, self._counts, self._last, self._before = (
            keras.Variable(
                "zeros", shape=(len(tasks),), dtype="float32", trainable=False, name=name
            )
            for name in names
        )
        self._epoch = keras.Variable(0, dtype="int32", trainable=False, name="epoch")

    @property
    def variables(self) -> list[keras.Variable]:
        if not self.tasks:
            return []
        return [self._epoch, self._sums, self._counts, self._last, self._before]

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        ops = keras.ops
        sums, counts, last, before = (
            ops.convert_to_tensor(v) for v in (self._sums, self._counts, self._last, self._before)
        )
        # A new epoch closes the one before, for each task that had labels in it.
        over = ops.not_equal(ops.cast(context.epoch, "int32"), ops.convert_to_tensor(self._epoch))
        closed = ops.logical_and(over, counts > 0)
        before = ops.where(closed, last, before)
        last = ops.where(closed, sums / ops.maximum(counts, 1.0), last)
        sums, counts = (ops.where(over, 0.0, x) for x in (sums, counts))
        self._epoch.assign(ops.cast(context.epoch, "int32"))
        self._last.assign(last)
        self._before.assign(before)
        self._sums.assign(sums + mask(evidence.losses, context.active))
        self._counts.assign(counts + ops.cast(context.active, "float32"))
        known = ops.logical_and(last > 0, before > 0)
        ratios = ops.where(known, last / ops.where(known, before, 1.0), 1.0)
        count = ops.sum(ops.cast(context.active, "float32"))
        return mask(count * masked_softmax(ratios / self.tau, context.active), context.active), []

    def get_config(self) -> dict[str, Any]:
        return {"tau": self.tau}
