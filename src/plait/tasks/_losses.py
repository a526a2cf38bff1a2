"""The tasks' losses: one value a row, from logits, of order 1 for the trivial answer."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

ErrorKind = Literal["huber", "mse", "mae"]


@keras.saving.register_keras_serializable(package="plait")
class BinaryCrossentropy(keras.losses.Loss):
    """The mean over a row's answers of log(1 + exp(z)) - y z, divided by `entropy`.

    Args:
        entropy: of the training labels, in nats; the loss of the trivial answer is then 1.

    Call arguments:
        y_true: 0 and 1, `(batch,)` or `(batch, answers)`.
        y_pred: logits z, `(batch, answers)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self, entropy: float = 1.0, name: str = "binary_crossentropy", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.entropy = entropy

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return -self.log_likelihood(y_true, y_pred) / self.entropy

    def log_likelihood(self, y_true: Any, y_pred: Any) -> Any:
        """The mean over a row's answers of the logarithm of the right one's probability."""
        z = ops.cast(y_pred, "float32")
        y = ops.reshape(ops.cast(y_true, "float32"), ops.shape(z))
        return -ops.mean(ops.softplus(z) - y * z, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "entropy": self.entropy}


@keras.saving.register_keras_serializable(package="plait")
class ClassCrossentropy(keras.losses.Loss):
    """-w_y · sum over c of t_c log softmax(z)_c, divided by `entropy`;
    t = (1 - s) · onehot(y) + s / classes.

    Args:
        entropy: of the training labels, in nats; the loss of the trivial answer is then 1.
        label_smoothing: s.
        class_weights: w, one for each class, or None for 1.

    Call arguments:
        y_true: class numbers y, `(batch,)` or `(batch, 1)`.
        y_pred: logits z, `(batch, classes)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self,
        entropy: float = 1.0,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        name: str = "class_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.entropy = entropy
        self.label_smoothing = label_smoothing
        self.class_weights = None if class_weights is None else list(class_weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        log_shares, y = self._compared(y_true, y_pred)
        classes = log_shares.shape[-1]
        smooth = (1 - self.label_smoothing) * y + self.label_smoothing / classes
        losses = -ops.sum(smooth * log_shares, axis=-1) / self.entropy
        if self.class_weights is None:
            return losses
        weights = ops.convert_to_tensor(self.class_weights, dtype="float32")
        return losses * ops.sum(y * weights, axis=-1)

    def log_likelihood(self, y_true: Any, y_pred: Any) -> Any:
        """The logarithm of the right class' probability, `(batch,)`."""
        log_shares, y = self._compared(y_true, y_pred)
        return ops.sum(y * log_shares, axis=-1)

    def _compared(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        log_shares = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        classes = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        return log_shares, ops.one_hot(classes, log_shares.shape[-1], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "entropy": self.entropy,
            "label_smoothing": self.label_smoothing,
            "class_weights": self.class_weights,
        }


@keras.saving.register_keras_serializable(package="plait")
class ScaledError(keras.losses.Loss):
    """A function of e = z - y divided by `scale`: e² (mse), |e| (mae), or e² / 2 for |e| <= 1 and
    |e| - 1/2 beyond (huber).

    Args:
        kind: which function.
        scale: its mean for the trivial answer on the training labels; the loss there is then 1.

    Call arguments:
        y_true: y, `(batch,)` or `(batch, 1)`.
        y_pred: z, `(batch, 1)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self,
        kind: ErrorKind = "huber",
        scale: float = 1.0,
        name: str = "scaled_error",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.kind = kind
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        z = ops.reshape(ops.cast(y_pred, "float32"), (-1,))
        error = z - ops.reshape(ops.cast(y_true, "float32"), (-1,))
        return error_of(error, self.kind) / self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "scale": self.scale}


def error_of(error: Any, kind: ErrorKind, ops: Any = ops) -> Any:
    """The function of `ScaledError`, place by place; of NumPy's arrays by `ops=numpy`."""
    if kind == "mse":
        return ops.square(error)
    size = ops.absolute(error)
    if kind == "mae":
        return size
    return ops.where(size <= 1, ops.square(size) / 2, size - 0.5)
