"""The likelihood of ordered classes, from one logit fewer than there are classes."""

from typing import Any, Literal

import keras
from keras import ops

OrdinalRule = Literal["corn", "cumulative"]

# Thresholds that coincide would leave the class between them no probability at all.
_LEAST_GAP = 1e-6


def log_shares(logits: Any, rule: OrdinalRule, ops: Any = ops, softplus: Any = None) -> Any:
    """The logarithm of each class' probability, `(rows, classes)`.

    Args:
        logits: `(rows, classes - 1)`. For "corn", z_k is the logit of going beyond the class k, given
            that it is reached: P(y > k | y >= k). For "cumulative", z_k rises and is the logit of
            P(y <= k).
        rule: which of the two.
        ops: `keras.ops`, or NumPy.
        softplus: that of `ops`.
    """
    softplus = softplus or ops.softplus
    before, behind, around = [[0, 0], [1, 0]], [[0, 0], [0, 1]], [[0, 0], [1, 1]]
    above, below = -softplus(logits), -softplus(-logits)  # log of 1 - sigmoid, and of sigmoid
    if rule == "corn":
        return ops.pad(ops.cumsum(below, axis=-1), before) + ops.pad(above, behind)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
    gaps = ops.maximum(logits[:, 1:] - logits[:, :-1], _LEAST_GAP)
    between = ops.pad(ops.log(-ops.expm1(-gaps)), around) if logits.shape[-1] > 1 else 0.0
    return ops.pad(below, behind) + ops.pad(above, before) + between


@keras.saving.register_keras_serializable(package="plait")
class OrdinalCrossentropy(keras.losses.Loss):
    """-log P(y), divided by `entropy`; see `log_shares`.

    Args:
        rule: how the logits give probabilities.
        entropy: of the training labels, in nats; the loss of the trivial answer is then 1.

    Call arguments:
        y_true: class numbers y in the order, `(batch,)` or `(batch, 1)`.
        y_pred: logits z, `(batch, classes - 1)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self,
        rule: OrdinalRule = "corn",
        entropy: float = 1.0,
        name: str = "ordinal_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rule = rule
        self.entropy = entropy

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return -self.log_likelihood(y_true, y_pred) / self.entropy

    def log_likelihood(self, y_true: Any, y_pred: Any) -> Any:
        """The logarithm of the right class' probability, `(batch,)`."""
        found = log_shares(ops.cast(y_pred, "float32"), self.rule)
        classes = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        right = ops.one_hot(classes, found.shape[-1], dtype="float32")
        return ops.sum(right * found, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rule": self.rule, "entropy": self.entropy}
