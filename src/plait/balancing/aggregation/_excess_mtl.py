"""ExcessMTL: weights grow with how far a task still is from its best."""

from collections.abc import Sequence
from typing import Any

import keras

from plait.balancing._aggregator import Aggregator, Update
from plait.balancing._balancer import Evidence, StepContext, mask
from plait.balancing._simplex import masked_softmax
from plait.balancing.aggregation._rows import flat, kept, weighted_update, where_active

_EPS = 1e-7


@keras.saving.register_keras_serializable(package="plait")
class ExcessMTL(Aggregator):
    """Multiplies each task's weight by exp(eta E_i / E_i0), E_i its estimated excess risk.

    E_i = g_i^T diag(S_i)^(-1/2) g_i with S_i the sum of the squares of task i's gradients so far, a
    diagonal approximation of the Hessian. E_i0 is the first one measured, so that the tasks' scales
    do not matter. Weights sum to 1 over the active tasks; a task without labels keeps its state.

    Args:
        eta: the step size of the weights.
        weight_heads: see `Aggregator`.

    Raises:
        ValueError: an eta that is not above 0.

    References:
        Y. He, S. Zhou, G. Zhang, H. Yun, Y. Xu, B. Zeng, T. Chilimbi, H. Zhao, "Robust Multi-Task
        Learning with Excess Risks", ICML 2024, equations 6 to 9. The authors' code starts the weights
        at 1 and makes them sum to the number of tasks; the paper's lie on the simplex, as here.
        LibMTL's version weighs the whole losses, heads included: here that is `weight_heads=True`.
    """

    def __init__(self, eta: float = 0.01, *, weight_heads: bool = False) -> None:
        super().__init__(level="parameters", weight_heads=weight_heads)
        if not eta > 0:
            raise ValueError(f"ExcessMTL: eta is above 0. Received: {eta!r}")
        self.eta = eta

    def build_state(self, shapes: Sequence[tuple[int, ...]]) -> None:
        tasks = len(self.tasks or ())
        self._squares = kept(tasks, shapes, "squared_gradients")
        self._first, self._logits = (
            keras.Variable("zeros", shape=(tasks,), dtype="float32", trainable=False, name=name)
            for name in ("first_excess", "logits")
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._first, self._logits, *self._squares] if self.shapes else []

    def update(self, evidence: Evidence, context: StepContext) -> Update:
        ops, active = keras.ops, context.active
        excess = ops.zeros_like(evidence.losses)
        for squares, rows in zip(self._squares, evidence.gradients, strict=True):
            held = ops.convert_to_tensor(squares)
            total = where_active(active, held + rows**2, held)
            squares.assign(total)
            excess = excess + ops.sum(flat(rows * (rows * ops.rsqrt(total + _EPS))), axis=1)
        first = ops.convert_to_tensor(self._first)
        first = ops.where(ops.logical_and(active, first == 0), excess, first)
        self._first.assign(first)
        held = ops.convert_to_tensor(self._logits)
        logits = ops.where(active, held + self.eta * excess / (first + _EPS), held)
        # Only differences count; without this they would grow for ever and lose their digits.
        self._logits.assign(logits - ops.mean(logits))
        weights = mask(masked_softmax(logits, active), active)
        return weighted_update(evidence.gradients, weights, heads=weights)

    def get_config(self) -> dict[str, Any]:
        return {"eta": self.eta, "weight_heads": self.weight_heads}
