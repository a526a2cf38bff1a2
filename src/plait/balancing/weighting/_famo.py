"""FAMO: the weights follow how much each loss fell in the last step."""

from typing import Any

import keras

from plait.balancing._adam import TaskAdam
from plait.balancing._balancer import StepContext
from plait.balancing._loss_weighting import LossWeighting
from plait.balancing._preference import Preference, as_numbers
from plait.balancing._simplex import masked_softmax

_EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="plait")
class FAMO(LossWeighting):
    """Decreases all losses at an equal rate, with one backward pass a step.

    Minimises sum_t z_t log(L_t - b_t) / c with z = softmax(xi) and c = sum_t z_t / (L_t - b_t), both
    held constant. After the step, xi moves by Adam along J_softmax(xi)^T (log L(before) -
    log L(after)) + decay xi.

    Args:
        learning_rate: of xi.
        decay: the coefficient of xi in its own gradient.
        minimum_losses: b, one a task, by name or in order, or one for all; 0 where it is None.

    Raises:
        ValueError: a learning rate that is not above 0, or a negative decay.

    References:
        B. Liu, Y. Feng, P. Stone, Q. Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS
        2023, Algorithm 1. The clipping of the model's gradient to norm 1 in the authors' code is the
        optimizer's business: `keras.optimizers.Adam(clipnorm=1.0)`.
    """

    needs = frozenset({"losses", "losses_after"})

    def __init__(
        self,
        learning_rate: float = 0.025,
        decay: float = 1e-3,
        minimum_losses: Preference = None,
    ) -> None:
        super().__init__()
        if not learning_rate > 0:
            raise ValueError(f"FAMO: learning_rate is above 0. Received: {learning_rate!r}")
        if not decay >= 0:
            raise ValueError(f"FAMO: decay is at least 0. Received: {decay!r}")
        self.learning_rate = learning_rate
        self.decay = decay
        self.minimum_losses = minimum_losses

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._least = as_numbers("FAMO", "minimum_losses", self.minimum_losses, tasks, 0.0)
        self._logits = keras.Variable("zeros", shape=(len(tasks),), dtype="float32", name="logits")
        self._adam = TaskAdam(len(tasks))

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._logits, *self._adam.variables] if self.tasks else []

    def objective(self, losses: Any, context: StepContext) -> Any:
        excess = self._excess(losses, context)
        shares = masked_softmax(keras.ops.convert_to_tensor(self._logits), context.active)
        scale = keras.ops.stop_gradient(keras.ops.sum(shares / excess))
        # No active task leaves nothing to scale by.
        scale = keras.ops.where(scale > 0, scale, 1.0)
        return keras.ops.sum(shares * keras.ops.log(excess)) / scale

    def after_step(self, before: Any, after: Any, context: StepContext) -> None:
        ops = keras.ops
        logits = ops.convert_to_tensor(self._logits)
        fall = ops.log(self._excess(before, context)) - ops.log(self._excess(after, context))
        shares = masked_softmax(logits, context.active)
        gradient = shares * (fall - ops.sum(shares * fall)) + self.decay * logits
        move = self._adam.move(gradient, context.active)
        self._logits.assign(logits - self.learning_rate * move)

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "decay": self.decay,
            "minimum_losses": self.minimum_losses,
        }

    def _excess(self, losses: Any, context: StepContext) -> Any:
        least = keras.ops.convert_to_tensor(self._least)
        return keras.ops.where(context.active, losses - least + _EPSILON, 1.0)
