"""The loss whose least is at the quantiles."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="plait")
class Pinball(keras.losses.Loss):
    """The mean over levels τ of max(τ e, (τ - 1) e), e = y - q_τ, divided by `scale`.

    Args:
        levels: τ, each in (0, 1), one for each quantile.
        scale: the mean for the trivial answer on the training labels; the loss there is then 1.

    Call arguments:
        y_true: y, `(batch,)` or `(batch, 1)`.
        y_pred: quantiles q, `(batch, levels)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self,
        levels: Sequence[float] = (0.1, 0.5, 0.9),
        scale: float = 1.0,
        name: str = "pinball",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.levels = list(levels)
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y = ops.reshape(ops.cast(y_true, "float32"), (-1, 1))
        return pinball(y - ops.cast(y_pred, "float32"), self.levels) / self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "levels": self.levels, "scale": self.scale}


def pinball(errors: Any, levels: Sequence[float], ops: Any = ops) -> Any:
    """The mean over levels, `(rows,)`; of NumPy's arrays by `ops=numpy`.

    Args:
        errors: label minus quantile, `(rows, levels)`.
        levels: of the quantiles.
        ops: `keras.ops`, or NumPy.
    """
    level = np.array(levels) if ops is np else ops.convert_to_tensor(levels, dtype="float32")
    return ops.mean(ops.maximum(level * errors, (level - 1) * errors), axis=-1)
