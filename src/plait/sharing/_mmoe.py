"""A mixture of experts with a gate for each task."""

from typing import Any

import keras

from plait._ranges import demand_whole
from plait.sharing._mixture import Experts, Gate
from plait.sharing._sharing import Sharing
from plait.sharing._template import Pattern


@keras.saving.register_keras_serializable(package="plait")
class MMoE(Sharing):
    """Experts that all tasks share, which each task mixes for itself: Σ_k softmax(W_t x)_k E_k(x).

    The shared part ends behind the experts; the gates are the tasks' own. Both look at each token.

    Args:
        experts: how many.
        expert: the pattern of one: a Keras layer, an `Encoder` or a list of layers that follow each
            other, sizes found by themselves; `HardSharing(blocks=1)` if None.

    Raises:
        ConfigError: fewer than two experts, a pattern that is no layer.

    References:
        J. Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
        Mixture-of-Experts" (2018). Its experts are one layer with a relu each.
    """

    weighs = True

    def __init__(self, experts: int = 4, expert: Pattern | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # The softmax over one expert is 1 whatever its weights are.
        demand_whole("MMoE", least=2, experts=experts)
        self.experts = experts
        self._expert = Experts("MMoE", expert)
        self._expert.demand_few(experts)

    @property
    def expert(self) -> Any:
        """The pattern of an expert, as it was given."""
        return self._expert.argument

    @property
    def least_weights(self) -> int:
        return self.experts * self._expert.least_weights

    def build(self, tokens_shape: Any, mask_shape: Any = None) -> None:
        self.made = [
            self._expert.made(f"expert_{n}", tokens_shape, self.dtype_policy, self.masked)
            for n in range(self.experts)
        ]

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        return [expert(tokens, mask, training=training) for expert in self.made]

    def branch(self, task: str) -> keras.layers.Layer | None:
        return Gate(dtype=self.dtype_policy)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "experts": self.experts,
            "expert": self._expert.config,
        }
