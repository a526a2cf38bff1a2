"""What sharings by experts have in common: the experts, and the gates that mix them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._copies import Remade
from plait._shares import numbered, tell_shares
from plait.sharing._hard_sharing import HardSharing
from plait.sharing._template import (
    Follow,
    Pattern,
    demand_few,
    layers_of,
    least_weights_of,
    written,
)


class Experts:
    """The pattern of an expert, kept out of Keras' sight: it is no layer of the model."""

    def __init__(self, owner: str, expert: Pattern | None) -> None:
        self.owner = owner
        self.layers = None if expert is None else layers_of(owner, "expert", expert)

    @property
    def argument(self) -> Any:
        """As the constructor was given it: one layer, several, or None."""
        if self.layers is None or len(self.layers) > 1:
            return self.layers
        return self.layers[0]

    @property
    def pattern(self) -> tuple[keras.layers.Layer, ...]:
        """The layers, with what stands where nothing is said."""
        return self.layers or (HardSharing(blocks=1),)

    @property
    def least_weights(self) -> int:
        """Of one expert."""
        return least_weights_of(self.pattern)

    def demand_few(self, times: int) -> None:
        """Refuses more experts than anybody could mean, before they are made."""
        demand_few(self.owner, times, self.pattern)

    @property
    def config(self) -> Any:
        """As Keras writes it."""
        return written(self.layers)

    def made(self, name: str, shape: Any, policy: Any, masked: bool = False) -> Follow:
        """One built expert; a residual block where nothing is said.

        Raises:
            ConfigError: one that makes another number of tokens, where these have a mask.
        """
        expert = Follow(self.pattern, name=name, dtype=policy)
        expert.build(shape)
        if masked:
            expert.demand_tokens(self.owner, shape)
        return expert


class GateOf(keras.layers.Dense):
    """A number for each expert, of each place; or of a whole row, where experts give other places.

    Args:
        count: how many experts there are.
        given_shape: of what an expert gives, such as `(batch, tokens, width)`.
        kwargs: see Keras.
    """

    def __init__(self, count: int, given_shape: Any, **kwargs: Any) -> None:
        super().__init__(count, use_bias=False, **kwargs)
        self._places = tuple(given_shape[1:-1])

    def call(self, x: Any, training: bool | None = None) -> Any:
        if tuple(x.shape[1:-1]) == self._places:
            return super().call(x)
        whole = super().call(ops.mean(x, axis=tuple(range(1, len(x.shape) - 1))))
        return ops.reshape(whole, (-1, *[1] * len(self._places), self.units))


def gate(count: int, shape: Any, given_shape: Any, name: str, policy: Any) -> GateOf:
    """A built `GateOf` that reads what has a shape."""
    made = GateOf(count, given_shape, dtype=policy, name=name)
    made.build(shape)
    return made


def mixed(
    experts: list[Any],
    logits: Any,
    names: Sequence[str],
    mask: Any = None,
    level: str = "experts",
    task: str | None = None,
) -> Any:
    """Σ_k softmax(logits)_k expert_k, for each token.

    Args:
        experts: each `(batch, tokens, width)`.
        logits: `(batch, tokens, experts)`.
        names: of the experts, for whoever looks at the gate.
        mask: `(batch, tokens)` bool, for the same.
        level: which gate it is, likewise.
        task: whose it is, likewise.
    """
    shares = ops.softmax(ops.cast(logits, "float32"), axis=-1)
    tell_shares(level, names, shares, mask, task)
    return weighted(experts, ops.cast(shares, experts[0].dtype))


def weighted(experts: list[Any], shares: Any) -> Any:
    """Σ_k shares_k expert_k, the shares along the last axis of a tensor."""
    return sum(shares[..., k : k + 1] * expert for k, expert in enumerate(experts))


@keras.saving.register_keras_serializable(package="plait")
class Gate(Remade, keras.layers.Layer):
    """A task's own mixture of the experts: Σ_k softmax(W x)_k E_k(x).

    Args:
        experts: the pattern of its own experts, of which there are `count`; see `Experts`.
        count: how many experts it has for itself.

    Call arguments:
        shared: the experts' outputs, each `(batch, tokens, width)`; behind what the task has instead of
            the fused tokens, with `own_input`.
        tokens: `(batch, tokens, width)`, fused; or what else the experts have read.
        mask: `(batch, tokens)` bool.
        training: whether dropout is on.

    Returns:
        `(batch, tokens, width of the experts)`, or what else they give.
    """

    def __init__(
        self, expert: Any = None, count: int = 0, own_input: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._expert = Experts("Gate", expert)
        self.count = count
        self.own_input = own_input

    @property
    def expert(self) -> Any:
        """The pattern, as it was given."""
        return self._expert.argument

    def build(self, shared_shape: Any, tokens_shape: Any, mask_shape: Any = None) -> None:
        shape = shared_shape[0] if self.own_input else tokens_shape
        self.own = [
            self._expert.made(f"expert_{n}", shape, self.dtype_policy) for n in range(self.count)
        ]
        experts = len(shared_shape) - self.own_input + self.count
        self.gate = gate(experts, shape, shared_shape[-1], "gate", self.dtype_policy)

    def call(self, shared: Any, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        read, common = (shared[0], shared[1:]) if self.own_input else (tokens, shared)
        mine = [expert(read, mask, training=training) for expert in self.own]
        names = numbered("shared" if mine else "expert", len(common)) + numbered("own", len(mine))
        return mixed([*common, *mine], self.gate(read), names, mask)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expert": self._expert.config,
            "count": self.count,
            "own_input": self.own_input,
        }
