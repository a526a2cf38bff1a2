"""The loss of a task that matches two sides of a row."""

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

from plait.backend import set_mask
from plait.heads import Pairs
from plait.tasks._contrast import infonce, sigmoid_pairs

MatchKind = Literal["infonce", "siglip"]
_RULES: Mapping[str, Any] = {"infonce": infonce, "siglip": sigmoid_pairs}


@keras.saving.register_keras_serializable(package="plait")
class MatchLoss(keras.losses.Loss):
    """What it costs that a row's two sides are not nearer to each other than to those of other rows.

    Two rows of a batch with the same content on one side are not each other's wrong answers. Rows that
    lack a side cost nothing, are masked, and are nobody's wrong answer.

    Args:
        kind: "infonce", see `infonce`; or "siglip", see `sigmoid_pairs`.

    Call arguments:
        y_true: `(batch, 2)` int32, a number for what each side holds.
        y_pred: `(batch, 2, width + 2)`, of `PairHead`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    takes_rows = True

    def __init__(
        self, kind: MatchKind = "infonce", name: str = "match_loss", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.kind = kind

    def call(self, y_true: Any, y_pred: Any) -> Any:
        seen = Pairs.of(ops.cast(y_pred, "float32"))
        # A number for the whole batch, of which each row has its own copy.
        scale, bias = ops.expand_dims(seen.scale, 1), ops.expand_dims(seen.bias, 1)
        near = ops.matmul(seen.a * scale, ops.transpose(seen.b)) + bias
        differ = ops.not_equal(ops.expand_dims(y_true, 0), ops.expand_dims(y_true, 1))
        losses = _RULES[self.kind](near, seen.there, ops.all(differ, axis=-1))
        losses = ops.where(seen.there, losses, 0.0)
        set_mask(losses, seen.there)
        return losses

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind}
