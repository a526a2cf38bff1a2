"""PSMGD: the weights of another balancer, taken anew every few steps only."""

from typing import Any

import keras

from plait._ranges import demand_whole
from plait.balancing._balancer import Balancer, Evidence, StepContext
from plait.balancing._wrapper import Wrapper
from plait.balancing.weighting._mgda import MGDA


@keras.saving.register_keras_serializable(package="plait")
class PSMGD(Wrapper):
    """Periodic multi-gradient descent: in the steps 0, R, 2 R and so on, w is what `weighting` gives.

    In between, w stays, and so does the state of `weighting`; such a step costs a plain one. A task
    without labels in a step that takes w anew keeps its own, or the mean of the others' if it never
    had one.

    Args:
        weighting: the balancer whose weights these are; `MGDA` if None. It looks at their Gramian.
        refresh_every: R, in steps.

    Raises:
        ValueError: refresh_every is no whole number from 1 on, or `weighting` looks at no Gramian.

    Example:
        >>> import plait
        >>> plait.PSMGD(plait.UPGrad(), refresh_every=4).refresh_every
        4

    References:
        M. Xu, P. Ju, J. Liu, H. Yang, "PSMGD: Periodic Stochastic Multi-Gradient Descent for Fast
        Multi-Objective Optimization", AAAI 2025, Algorithm 1. The authors' code takes R = 8 and
        multiplies the weights, which sum to 1, by the number of tasks.
    """

    def __init__(self, weighting: Balancer | None = None, refresh_every: int = 8) -> None:
        super().__init__(MGDA() if weighting is None else weighting)
        demand_whole("PSMGD", refresh_every=refresh_every)
        if "gramian" not in self.needs:
            raise ValueError(
                "PSMGD spares steps the Gramian of the tasks' gradients, and "
                f"{type(self.weighting).__name__} looks at none. Use it without PSMGD."
            )
        self.refresh_every = refresh_every

    def weights(self, evidence: Evidence, context: StepContext) -> tuple[Any, list[Any]]:
        return self.weighting.weights(evidence, context)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "refresh_every": self.refresh_every}
