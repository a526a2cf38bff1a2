"""The loss of a forecast."""

from typing import Any

import keras
from keras import ops

from plait.tasks._losses import ErrorKind, error_of


@keras.saving.register_keras_serializable(package="plait")
class ForecastError(keras.losses.Loss):
    """The mean over a row's known cells of a function of e = z - y, divided by `scale`.

    Args:
        kind: which function, see `ScaledError`.
        scale: the mean over the training rows for the trivial answer; the loss there is then 1.

    Call arguments:
        y_true: `(batch, horizon, variables, 2)`, y, and 1 where it is known; elsewhere y is not read.
        y_pred: z, `(batch, horizon, variables)`.

    Returns:
        `(batch,)` float32 from `call`; 0 where nothing is known.
    """

    takes_rows = True
    """A row may be known in part; see `plait.model._losses.takes_rows`."""

    def __init__(
        self,
        kind: ErrorKind = "huber",
        scale: float = 1.0,
        name: str = "forecast_error",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.kind = kind
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, z = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        known = y_true[..., 1]
        error = ops.where(known > 0, z - y_true[..., 0], 0.0)
        total = ops.sum(error_of(error, self.kind), axis=(1, 2))
        return total / ops.maximum(ops.sum(known, axis=(1, 2)), 1.0) / self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "scale": self.scale}
