"""GradVac: two tasks' gradients are turned towards each other until they are as near as usual."""

from typing import Any

import keras

from plait.backend import in_float64
from plait.balancing._balancer import Evidence, Level, StepContext
from plait.balancing._gramian_weighting import GramianWeighting
from plait.balancing._meetings import random_meetings
from plait.balancing._solvers import larger, positive_or_one, smaller

_NEAREST = 1.0 - 1e-6
"""A cosine of 1 is reached by no finite correction."""
_ROUNDING = 1e-6
"""What is left of a gradient counts as 0 where it is this share of the squared parts it is made of."""


@keras.saving.register_keras_serializable(package="plait")
class GradVac(GramianWeighting):
    """Gradient Vaccine: raises each pair's cosine to what it was on average over the steps.

    For each task i, over the other tasks j in random order, with c the cosine of g_i' and g_j and
    phi_ij its running mean: if c < phi_ij, then

        g_i' += |g_i'| (phi_ij sqrt(1 - c^2) - c sqrt(1 - phi_ij^2)) / (|g_j| sqrt(1 - phi_ij^2)) g_j,

    after which their cosine is phi_ij. Then phi_ij <- (1 - beta) phi_ij + beta c. The direction is
    the sum of all g_i'. With beta = 0, phi stays 0 and this is `PCGrad`. A gradient of 0 meets no
    other, and a pair of which one has no label keeps its phi.

    Args:
        beta: how fast phi, which starts at 0, follows; from 0 to 1.
        seed: of the order; see `PCGrad`.
        level, weight_heads, refresh_every, gram_batch: see `GramianWeighting`.

    Raises:
        ValueError: beta is out of its range.

    References:
        Z. Wang, Y. Tsvetkov, O. Firat, Y. Cao, "Gradient Vaccine: Investigating and Improving
        Multi-task Optimization in Massively Multilingual Models", ICLR 2021, Algorithm 1, with one
        group of parameters ("whole_model"). LibMTL and TorchJD take beta = 0.5.
    """

    def __init__(
        self,
        beta: float = 0.01,
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
        if not 0 <= beta <= 1:
            raise ValueError(f"GradVac: beta is from 0 to 1. Received: {beta!r}")
        self.beta = beta
        self.seed = seed

    def build(self, tasks: tuple[str, ...]) -> None:
        super().build(tasks)
        self._cosines = keras.Variable(
            "zeros", shape=(len(tasks), len(tasks)), dtype="float32", name="cosines"
        )

    @property
    def variables(self) -> list[keras.Variable]:
        return [self._cosines] if self.tasks else []

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        ops = keras.ops
        met = ops.one_hot(random_meetings(self.seed, context), len(context.tasks), dtype="float32")
        inside = ops.cast(context.active, "float32")
        held = ops.convert_to_tensor(self._cosines)
        weights, cosines = in_float64(self._vaccinate, evidence.gramian, met, inside, held)
        self._cosines.assign(cosines)
        return weights, []

    def get_config(self) -> dict[str, Any]:
        return {"beta": self.beta, "seed": self.seed, **super().get_config()}

    def _vaccinate(self, gramian: Any, met: Any, ones: Any, cosines: Any) -> tuple[Any, Any]:
        """The weights, and the running cosines after the step.

        Args:
            gramian: `(tasks, tasks)`.
            met: `(tasks, places, tasks)`, one-hot: whom task i meets in each place.
            ones: `(tasks,)`, 1 for active tasks and 0 for others.
            cosines: `(tasks, tasks)`, the running ones.
        """
        ops = keras.ops
        size = gramian.shape[0]
        norms = ops.sqrt(larger(ops.diagonal(gramian), 0.0)) * ones
        others = (1.0 - ops.eye(size, dtype="float64")) * ones[:, None]
        # Row i holds g_i' as a combination of the tasks' gradients.
        coordinates = ops.eye(size, dtype="float64")
        for place in range(size):
            other = met[:, place] * others
            products = coordinates @ gramian
            square = ops.sum(products * coordinates, axis=1)
            parts = ops.sum(ops.abs(coordinates) * norms, axis=1)
            length = ops.sqrt(ops.where(square > _ROUNDING * parts**2, square, 0.0))
            length_other = ops.sum(other * norms, axis=1)
            both = length * length_other
            meets = ops.cast(both > 0, "float64")
            cosine = ops.sum(products * other, axis=1) / positive_or_one(both)
            cosine = larger(smaller(cosine, 1.0), -1.0)
            usual = ops.sum(cosines * other, axis=1)
            aim = larger(smaller(usual, _NEAREST), -_NEAREST)
            turn = aim / ops.sqrt(1.0 - aim**2) * ops.sqrt(1.0 - cosine**2) - cosine
            turn = meets * larger(turn, 0.0) * length / positive_or_one(length_other)
            coordinates = coordinates + turn[:, None] * other
            cosines = cosines + (self.beta * meets * (cosine - usual))[:, None] * other
        return ops.sum(coordinates * ones[:, None], axis=0), cosines
