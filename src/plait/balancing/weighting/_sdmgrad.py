"""SDMGrad: stochastic min-norm weights in the neighbourhood of the mean gradient."""

from typing import Any

import keras

from plait._ranges import demand_whole
from plait.backend import in_float64, until
from plait.balancing._across_batches import SharesAcrossBatches
from plait.balancing._balancer import Evidence
from plait.balancing._simplex import simplex_projection
from plait.balancing._solvers import larger, positive_or_one


@keras.saving.register_keras_serializable(package="plait")
class SDMGrad(SharesAcrossBatches):
    """Stochastic direction-oriented multi-objective descent: min ||J^T (w + lambda w_0)||^2.

    With w_0 the equal shares of the tasks, w on the simplex moves by projected gradient descent with
    momentum, some iterations a step, along A (w + lambda w_0), where A = J_1 J_2^T holds the inner
    products of the tasks' gradients on two independent batches, divided by the square of the mean of
    the roots of its diagonal. Then the model moves by J_3^T (w + lambda w_0) / (1 + lambda) on a
    third. Each step starts from the w of the last, at rest. The three batches are parts of the one
    that the step receives; see `MoDo`.

    Args:
        lambda_: how near the direction is to the mean gradient, at least 0; 0 is the least norm.
        learning_rate: of w.
        momentum: of w.
        iterations: in each step.
        weight_heads: see `CrossGramianWeighting`.

    Raises:
        ValueError: an argument is out of its range.

    References:
        P. Xiao, H. Ban, K. Ji, "Direction-oriented Multi-objective Learning: Simple and Provable
        Stochastic Algorithms", NeurIPS 2023, Algorithm 1, with the scale, the momentum and the
        numbers of the authors' code. That code multiplies the direction by the number of tasks.
    """

    def __init__(
        self,
        lambda_: float = 0.3,
        learning_rate: float = 10.0,
        momentum: float = 0.5,
        iterations: int = 20,
        *,
        weight_heads: bool = False,
    ) -> None:
        super().__init__(weight_heads=weight_heads)
        if not lambda_ >= 0:
            raise ValueError(f"SDMGrad: lambda_ is at least 0. Received: {lambda_!r}")
        if not learning_rate > 0:
            raise ValueError(f"SDMGrad: learning_rate is more than 0. Received: {learning_rate!r}")
        if not 0 <= momentum < 1:
            raise ValueError(
                f"SDMGrad: momentum is at least 0 and less than 1. Received: {momentum!r}"
            )
        demand_whole("SDMGrad", iterations=iterations)
        self.lambda_ = lambda_
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.iterations = iterations

    def move(self, shares: Any, evidence: Evidence, active: Any) -> tuple[Any, Any]:
        inside = keras.ops.cast(active, "float32")
        return in_float64(self._descend, shares, evidence.gramian, inside)

    def get_config(self) -> dict[str, Any]:
        return {
            "lambda_": self.lambda_,
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "iterations": self.iterations,
            **super().get_config(),
        }

    def _descend(self, shares: Any, cross_gramian: Any, ones: Any) -> tuple[Any, Any]:
        ops = keras.ops
        count = larger(ops.sum(ones), 1.0)
        drawn = self.lambda_ * ones / count
        lengths = ops.sqrt(larger(ops.diagonal(cross_gramian), 0.0)) * ones
        matrix = cross_gramian * ones[:, None] * ones[None, :]
        matrix = matrix / positive_or_one(ops.sum(lengths) / count) ** 2

        def iterate(shares: Any, velocity: Any) -> tuple[Any, Any]:
            slope = (matrix @ (shares + drawn)[:, None])[:, 0]
            velocity = self.momentum * velocity + slope
            return simplex_projection(shares - self.learning_rate * velocity, ones > 0), velocity

        start = (shares, ops.zeros_like(shares))
        shares, _ = until(lambda *_: ops.zeros((), "bool"), iterate, start, self.iterations)
        return shares, (shares + drawn) / (1.0 + self.lambda_)
