"""The tasks' losses: one value a row, from logits, of order 1 for the trivial answer."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

ErrorKind = Literal["huber", "mse", "mae"]

# Powers and logarithms of 0 have no finite gradient.
_TINY = 1e-7


@keras.saving.register_keras_serializable(package="plait")
class BinaryCrossentropy(keras.losses.Loss):
    """The mean over a row's answers of `binary_surprise`, times w_y, divided by `entropy`.

    Args:
        entropy: the mean for the trivial answer on the training labels; the loss there is then 1.
        label_smoothing: s; the target is (1 - s) y + s / 2.
        focal: exponents for y = 1 and for y = 0.
        margin: see `binary_surprise`.
        class_weights: w of y = 0 and of y = 1, or None for 1.

    Call arguments:
        y_true: 0 and 1, `(batch,)` or `(batch, answers)`.
        y_pred: logits z, `(batch, answers)`.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(
        self,
        entropy: float = 1.0,
        label_smoothing: float = 0.0,
        focal: Sequence[float] = (0.0, 0.0),
        margin: float = 0.0,
        class_weights: Sequence[float] | None = None,
        name: str = "binary_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.entropy = entropy
        self.label_smoothing = label_smoothing
        self.focal = list(focal)
        self.margin = margin
        self.class_weights = None if class_weights is None else list(class_weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        z, y = self._compared(y_true, y_pred)
        smooth = (1 - self.label_smoothing) * y + self.label_smoothing / 2
        losses = binary_surprise(smooth, z, self.focal, self.margin)
        if self.class_weights is not None:
            no, yes = self.class_weights
            losses = losses * (no + (yes - no) * y)
        return ops.mean(losses, axis=-1) / self.entropy

    def log_likelihood(self, y_true: Any, y_pred: Any) -> Any:
        """The mean over a row's answers of the logarithm of the right one's probability."""
        z, y = self._compared(y_true, y_pred)
        return -ops.mean(binary_surprise(y, z), axis=-1)

    def _compared(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        z = ops.cast(y_pred, "float32")
        return z, ops.reshape(ops.cast(y_true, "float32"), ops.shape(z))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "entropy": self.entropy,
            "label_smoothing": self.label_smoothing,
            "focal": self.focal,
            "margin": self.margin,
            "class_weights": self.class_weights,
        }


def binary_surprise(
    y: Any,
    z: Any,
    focal: Sequence[float] = (0.0, 0.0),
    margin: float = 0.0,
    ops: Any = ops,
    softplus: Any = None,
) -> Any:
    """-y (1 - p)^a log p - (1 - y) q^b log(1 - q), with p = sigmoid(z) and q = max(p - margin, 0).

    That is the cross-entropy for a = b = 0, the focal loss (T.-Y. Lin et al., 2017) for a = b, and the
    asymmetric loss (T. Ridnik et al., 2021) else.

    Args:
        y: targets in [0, 1].
        z: logits, of the same shape.
        focal: a and b.
        margin: below it, a probability costs nothing where the target is 0.
        ops: `keras.ops`, or NumPy.
        softplus: that of `ops`.
    """
    softplus = softplus or ops.softplus
    # softplus(-z) is -log p; powers of p by it have a gradient everywhere.
    surely, hardly = softplus(-z), softplus(z)
    yes, no = surely, hardly
    if focal[0]:
        yes = yes * ops.exp(-focal[0] * hardly)
    if margin:
        lowered = ops.maximum(ops.exp(-surely) - margin, _TINY)
        no = -ops.log1p(-lowered)
        no = no * lowered ** focal[1] if focal[1] else no
    elif focal[1]:
        no = no * ops.exp(-focal[1] * surely)
    return y * yes + (1 - y) * no


@keras.saving.register_keras_serializable(package="plait")
class ClassCrossentropy(keras.losses.Loss):
    """-w_y (1 - p_y)^a · sum over c of t_c log p_c, divided by `entropy`; p = softmax(z),
    t = (1 - s) · onehot(y) + s / classes.

    Args:
        entropy: the mean for the trivial answer on the training labels; the loss there is then 1.
        label_smoothing: s.
        class_weights: w, one for each class, or None for 1.
        focal: a; above 0 it is the focal loss (T.-Y. Lin et al., 2017).

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
        focal: float = 0.0,
        name: str = "class_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.entropy = entropy
        self.label_smoothing = label_smoothing
        self.class_weights = None if class_weights is None else list(class_weights)
        self.focal = focal

    def call(self, y_true: Any, y_pred: Any) -> Any:
        log_shares, y = self._compared(y_true, y_pred)
        classes = log_shares.shape[-1]
        smooth = (1 - self.label_smoothing) * y + self.label_smoothing / classes
        losses = -ops.sum(smooth * log_shares, axis=-1) / self.entropy
        if self.focal:
            right = ops.minimum(ops.sum(y * log_shares, axis=-1), -_TINY)
            losses = losses * ops.exp(self.focal * ops.log(-ops.expm1(right)))
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
            "focal": self.focal,
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
