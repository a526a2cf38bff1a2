"""Fusion by gates."""

from typing import Any, Literal

import keras
from keras import ops

from plait._shares import tell_shares
from plait.errors import ConfigError
from plait.fusion._pooled_fusion import Projecting


@keras.saving.register_keras_serializable(package="plait")
class Gated(Projecting):
    """The gated multimodal unit: Σ z_m ⊙ tanh(W_m h_m + b_m), where z = gate(V [h_1; ...; h_M] + c).

    Each channel has a gate for each feature, which all features decide. With `"softmax"` a channel's
    gates add up to 1: of two features that is the paper's bimodal unit, σ(z) and 1 - σ(z). With
    `"sigmoid"` each gate is on its own, as in the paper's unit for more. All gates begin equal, at
    1 / M or 1 / 2, but for V. An absent feature counts with its absent token.

    Args:
        width: the size of the token that comes out.
        gate: "softmax" or "sigmoid".

    Raises:
        ConfigError: an argument that cannot be.

    References:
        J. Arevalo, T. Solorio, M. Montes-y-Gómez and F. González. Gated Multimodal Units for
        Information Fusion, 2017.
    """

    activation = "tanh"
    weighs = True

    def __init__(
        self, width: int = 128, gate: Literal["softmax", "sigmoid"] = "softmax", **kwargs: Any
    ) -> None:
        super().__init__(width, **kwargs)
        if gate not in ("softmax", "sigmoid"):
            raise ConfigError(f"Gated: gate is 'softmax' or 'sigmoid'. Received: {gate!r}")
        self.gate = gate

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        count = len(tokens_shape)
        size = sum(shape[-1] for shape in tokens_shape.values())
        # The softmax over one feature is 1 whatever its weights are.
        self.gates = (
            None
            if count == 1 and self.gate == "softmax"
            else self.dense(count * self.width, size, "gates")
        )

    def join(self, vectors: dict[str, Any]) -> Any:
        stacked = self.projected(vectors)
        if self.gates is None:
            return ops.squeeze(stacked, 1)
        gates = self.gates(ops.concatenate(list(vectors.values()), axis=-1))
        gates = ops.cast(ops.reshape(gates, (-1, len(vectors), self.width)), "float32")
        gates = ops.softmax(gates, axis=1) if self.gate == "softmax" else ops.sigmoid(gates)
        tell_shares("fusion", list(vectors), ops.mean(gates, axis=-1))
        return ops.sum(stacked * ops.cast(gates, stacked.dtype), axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gate": self.gate}
