"""The likelihood of counts, from the logarithm of their mean."""

from typing import Any, Literal

import keras
from keras import ops

CountDistribution = Literal["poisson", "negative_binomial"]

# Beyond these a mean is no count that float32 could tell, and exp would overflow on the way there.
_LOG_MEANS = (-15.0, 25.0)
# Below e^-14 a negative binomial is a Poisson distribution, up to rounding.
_LOG_DISPERSIONS = (-14.0, 6.0)
# So far Stirling's series is moved from where it is not exact.
_MOVED = 8


def mean_and_dispersion(logits: Any, ops: Any = ops) -> tuple[Any, Any]:
    """The mean of each row's distribution, and how far its variance goes beyond the Poisson one.

    The variance is mean + dispersion · mean²; without a second logit the dispersion is 0.

    Args:
        logits: `(rows, 1 or 2)`: log of the mean, log of the dispersion.
        ops: `keras.ops`, or NumPy.
    """
    mean = ops.exp(ops.clip(logits[:, 0], *_LOG_MEANS))
    if logits.shape[1] == 1:
        return mean, ops.zeros_like(mean)
    return mean, ops.exp(ops.clip(logits[:, 1], *_LOG_DISPERSIONS))


def surprise(counts: Any, logits: Any, ops: Any = ops) -> Any:
    """Log p*(y) - log p(y), `(rows,)`: 0 at best, and half of the deviance for a Poisson distribution.

    p* is the Poisson distribution with the mean y, under which y is likelier than under any Poisson
    distribution, and so than under any negative binomial one, which is a mixture of those.

    Args:
        counts: y, `(rows,)`.
        logits: see `mean_and_dispersion`.
        ops: `keras.ops`, or NumPy.
    """
    log_mean = ops.clip(logits[:, 0], *_LOG_MEANS)
    mean, dispersion = mean_and_dispersion(logits, ops)
    best = counts * ops.log(ops.maximum(counts, 1.0)) - counts
    if logits.shape[1] == 1:
        return mean - counts * log_mean + best
    size = 1.0 / dispersion
    spread = (size + counts) * ops.log1p(mean * dispersion)
    return spread - counts * log_mean - _rising(counts, size, ops) + best


def _rising(counts: Any, size: Any, ops: Any) -> Any:
    """The sum over j < y of log(1 + j / r), which is log Γ(y + r) - log Γ(r) - y log r.

    By Stirling's series for r + 8, as a difference in which nothing large is subtracted.
    """
    moved = size + _MOVED
    found = counts * ops.log1p(_MOVED / size) - counts
    found = found + (counts + moved - 0.5) * ops.log1p(counts / moved)
    found = found + _stirling(counts + moved) - _stirling(moved)
    for step in range(_MOVED):
        found = found - ops.log1p(counts / (size + step))
    return found


def _stirling(x: Any) -> Any:
    """What log Γ(x) has beyond (x - 1/2) log x - x + log(2π) / 2."""
    return 1 / (12 * x) - 1 / (360 * x**3) + 1 / (1260 * x**5)


@keras.saving.register_keras_serializable(package="plait")
class CountSurprise(keras.losses.Loss):
    """`surprise` divided by `scale`: the negative logarithm of the likelihood, but for a constant.

    Args:
        scale: its mean for the trivial answer on the training labels; the loss there is then 1.

    Call arguments:
        y_true: counts, `(batch,)` or `(batch, 1)`.
        y_pred: `(batch, 1)`, the log of a Poisson mean, or `(batch, 2)`, that and the log of the
            dispersion of a negative binomial distribution.

    Returns:
        `(batch,)` float32 from `call`.
    """

    def __init__(self, scale: float = 1.0, name: str = "count_surprise", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        counts = ops.reshape(ops.cast(y_true, "float32"), (-1,))
        return surprise(counts, ops.cast(y_pred, "float32")) / self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}
