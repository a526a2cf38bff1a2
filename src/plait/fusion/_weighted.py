"""Fusion by a learnt weight for each feature."""

from typing import Any

import keras
from keras import ops

from plait._shares import tell_shares
from plait.errors import ConfigError
from plait.fusion._pooled_fusion import Projecting


@keras.saving.register_keras_serializable(package="plait")
class Weighted(Projecting):
    """The mean of the features' projected vectors by learnt weights: sum of a_m (W_m h_m + b_m),
    a = softmax(v).

    The weights are the same for every row, or each row's own: v_m = u_m · h_m / rms(h_m) + c_m then.
    All are equal at the start, and how large a vector is has no say in its weight: encoders differ in
    that a hundredfold, and a feature that a softmax shuts out learns no more. An absent feature counts
    with its absent token.

    Args:
        width: the size of the token that comes out.
        per_row: whether each row has weights of its own.

    Raises:
        ConfigError: an argument that cannot be.
    """

    weighs = True

    def __init__(self, width: int = 128, per_row: bool = False, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        if not isinstance(per_row, bool):
            raise ConfigError(f"Weighted: per_row is True or False. Received: {per_row!r}")
        self.per_row = per_row

    def build(
        self,
        tokens_shape: dict[str, Any],
        masks_shape: dict[str, Any],
        presence_shape: dict[str, Any],
    ) -> None:
        super().build(tokens_shape, masks_shape, presence_shape)
        self.names = sorted(tokens_shape)
        self.logits = self.scores = None
        # One feature has the whole weight: a variable for it could never move.
        if len(self.names) > 1 and self.per_row:
            self.scores = {
                name: self.dense(
                    1, tokens_shape[name][-1], f"score_{number}", kernel_initializer="zeros"
                )
                for number, name in enumerate(self.names)
            }
        elif len(self.names) > 1:
            self.logits = self.add_weight(
                name="logits", shape=(len(self.names),), initializer="zeros"
            )

    def join(self, vectors: dict[str, Any]) -> Any:
        stacked = self.projected(vectors)
        if self.scores is not None:
            logits = [
                self.scores[name](ops.rms_normalization(ops.cast(vector, "float32")))
                for name, vector in vectors.items()
            ]
            shares = ops.expand_dims(_shares(ops.concatenate(logits, axis=-1)), -1)
        elif self.logits is not None:
            shares = ops.reshape(_shares(self.logits), (1, -1, 1))
        else:
            return ops.squeeze(stacked, 1)
        tell_shares("fusion", list(vectors), shares[..., 0])
        return ops.sum(stacked * ops.cast(shares, stacked.dtype), axis=1)

    def shares(self) -> dict[str, float]:
        """The learnt weight of each feature, the same for every row; they add up to 1.

        Raises:
            ValueError: each row has its own.
        """
        if self.scores is not None:
            raise ValueError("Weighted(per_row=True): each row has weights of its own.")
        if self.logits is None:
            return dict.fromkeys(self.names, 1.0)
        values = ops.convert_to_numpy(_shares(self.logits))
        return dict(zip(self.names, map(float, values), strict=True))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "per_row": self.per_row}


def _shares(logits: Any) -> Any:
    return ops.softmax(ops.cast(logits, "float32"), axis=-1)
