"""MoCo: gradients tracked over steps correct the bias of stochastic min-norm weights."""

from collections.abc import Sequence
from typing import Any

import keras

from plait.balancing._aggregator import Aggregator, Update
from plait.balancing._balancer import Evidence, StepContext, mask
from plait.balancing._simplex import simplex_projection, within
from plait.balancing.aggregation._rows import flat, kept, weighted_update, where_active


@keras.saving.register_keras_serializable(package="plait")
class MoCo(Aggregator):
    """Tracks each task's gradient, and moves the weights by the tracked ones' Gramian.

    y_i <- y_i - b (y_i - g_i), lambda <- projection of lambda - c (Y Y^T + rho I) lambda onto the
    simplex, and the shared variables move along sum_i lambda_i y_i; in step k, b = beta / k^beta_sigma
    and c = gamma / k^gamma_sigma. A task without labels keeps its y_i and its share.

    Args:
        beta: the step size of the tracked gradients.
        gamma: the step size of lambda.
        rho: the regularisation of lambda.
        beta_sigma: how fast beta falls.
        gamma_sigma: how fast gamma falls.
        weight_heads: see `Aggregator`.

    Raises:
        ValueError: a beta outside (0, 1], or another number below 0.

    References:
        H. Fernando, H. Shen, M. Liu, S. Chaudhury, K. Murugesan, T. Chen, "Mitigating Gradient Bias
        in Multi-objective Learning: A Provably Convergent Approach", ICLR 2023, Algorithm 1, whose
        projection of y_i onto a ball that no gradient leaves is left out. The authors' code for large
        nets has a softmax in the place of the projection, and g_i brought to the length L_i.
    """

    def __init__(
        self,
        beta: float = 0.5,
        gamma: float = 0.1,
        rho: float = 0.0,
        beta_sigma: float = 0.5,
        gamma_sigma: float = 0.5,
        *,
        weight_heads: bool = False,
    ) -> None:
        super().__init__(level="parameters", weight_heads=weight_heads)
        if not 0 < beta <= 1:
            raise ValueError(f"MoCo: beta is above 0 and at most 1. Received: {beta!r}")
        for name, value in {
            "gamma": gamma,
            "rho": rho,
            "beta_sigma": beta_sigma,
            "gamma_sigma": gamma_sigma,
        }.items():
            if value < 0:
                raise ValueError(f"MoCo: {name} is at least 0. Received: {value!r}")
        self.beta = beta
        self.gamma = gamma
        self.rho = rho
        self.beta_sigma = beta_sigma
        self.gamma_sigma = gamma_sigma

    def build_state(self, shapes: Sequence[tuple[int, ...]]) -> None:
        tasks = len(self.tasks or ())
        self._tracked = kept(tasks, shapes, "tracked_gradient")
        self._shares = keras.Variable(
            keras.initializers.Constant(1.0 / tasks),
            shape=(tasks,),
            dtype="float32",
            trainable=False,
            name="shares",
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._shares, *self._tracked] if self.shapes else []

    def update(self, evidence: Evidence, context: StepContext) -> Update:
        ops, active = keras.ops, context.active
        round_ = ops.cast(context.step, "float32") + 1.0
        beta, gamma = self.beta / round_**self.beta_sigma, self.gamma / round_**self.gamma_sigma
        tracked = []
        for variable, rows in zip(self._tracked, evidence.gradients, strict=True):
            held = ops.convert_to_tensor(variable)
            tracked.append(where_active(active, held - beta * (held - rows), held))
            variable.assign(tracked[-1])
        rows = [mask(flat(row), active) for row in tracked]
        gramian = sum(row @ ops.transpose(row) for row in rows)
        held = ops.convert_to_tensor(self._shares)
        now = within(held, active)
        slope = (gramian @ now[:, None])[:, 0] + self.rho * now
        now = simplex_projection(now - gamma * slope, active)
        self._shares.assign(ops.where(active, now, held))
        return weighted_update(tracked, now, heads=now)

    def get_config(self) -> dict[str, Any]:
        return {
            "beta": self.beta,
            "gamma": self.gamma,
            "rho": self.rho,
            "beta_sigma": self.beta_sigma,
            "gamma_sigma": self.gamma_sigma,
            "weight_heads": self.weight_heads,
        }
