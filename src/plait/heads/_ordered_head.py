"""A linear head whose logits rise."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from plait._dropout import Dropout
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._linear_head import masked_mean


@keras.saving.register_keras_serializable(package="plait")
class OrderedHead(Head):
    """Logits in rising order, such as quantiles or the thresholds of ordered classes.

    The middle logit is a linear function of the mean of the task's tokens, and the steps from each to
    the next are softplus of another, so that no weights can make two logits cross:
    z_m = W · mean + b, z_k+1 = z_k + softplus(V · mean + c)_k.

    Args:
        size: how many logits.
        shared_gaps: whether V is 0, so that the steps are the same in all rows.
        dropout: the share of the mean token that is dropped in training.
        prior: what the logits of a mean of zeros start as, each above the one before; steps of 1
            around 0 if None.
        middle: which of them, from 0, is m; `size // 2` if None.

    Call arguments and Returns: see `Head`; logits are `(batch, size)`, computed in float32 under any
    policy.

    Raises:
        ConfigError: a size, dropout, prior or middle that cannot be.

    Example:
        OrderedHead(3)(keras.ops.ones((2, 1, 8))).shape  # (2, 3)

    References:
        Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus, Y. Wang, "Learning Quantile Functions
        without Quantile Crossing for Distribution-free Time Series Forecasting", 2022: there the
        steps start from the lowest; from the middle, the median depends on no other quantile.
    """

    def __init__(
        self,
        size: int,
        shared_gaps: bool = False,
        dropout: float = 0.1,
        prior: Sequence[float] | None = None,
        middle: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("OrderedHead", size=size)
        if middle is not None:
            demand_whole("OrderedHead", least=0, most=size - 1, middle=middle)
        demand_share("OrderedHead", dropout=dropout)
        if prior is not None and (len(prior) != size or not (np.diff(prior) > 0).all()):
            raise ConfigError(
                f"OrderedHead: prior has {size} numbers, one for each logit, each above the one "
                f"before, or is None. Received: {tuple(prior)}."
            )
        self.size = size
        self.shared_gaps = shared_gaps
        self.dropout = dropout
        self.prior = None if prior is None else [float(value) for value in prior]
        self.middle = middle

    def build(self, tokens_shape: Any) -> None:
        # Half precision would round a price to three digits.
        self.drop = Dropout(self.dropout, dtype="float32", name="drop")
        self._middle = self.size // 2 if self.middle is None else self.middle
        prior = self.prior or [float(n - self._middle) for n in range(self.size)]
        gaps = np.diff(np.array(prior, "float64"))
        start = keras.initializers.Constant(gaps + np.log(-np.expm1(-gaps)))
        self.centre = _dense(1, keras.initializers.Constant(prior[self._middle]), "centre")
        self.centre.build((None, tokens_shape[-1]))
        if self.size > 1 and self.shared_gaps:
            self.gap_bias = self.add_weight(
                shape=(self.size - 1,),
                initializer=start,
                dtype="float32",
                autocast=False,
                name="gap_bias",
            )
        elif self.size > 1:
            self.gaps = _dense(self.size - 1, start, "gaps")
            self.gaps.build((None, tokens_shape[-1]))

    def call(self, tokens: Any, mask: Any = None, training: bool | None = None) -> Any:
        mean = self.drop(masked_mean(ops.cast(tokens, "float32"), mask), training=training)
        centre = self.centre(mean)
        if self.size == 1:
            return centre
        raw = ops.expand_dims(self.gap_bias, 0) if self.shared_gaps else self.gaps(mean)
        rise = ops.pad(ops.cumsum(ops.softplus(raw), axis=-1), [[0, 0], [1, 0]])
        return centre + rise - rise[:, self._middle : self._middle + 1]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "shared_gaps": self.shared_gaps,
            "dropout": self.dropout,
            "prior": self.prior,
            "middle": self.middle,
        }


def _dense(size: int, bias: keras.initializers.Initializer, name: str) -> keras.layers.Dense:
    return keras.layers.Dense(size, bias_initializer=bias, dtype="float32", name=name)
