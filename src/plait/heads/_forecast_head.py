"""A head that goes on from a series' last values."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._last_values import from_the_end, last_known, size_of
from plait.heads._linear_head import masked_mean


@keras.saving.register_keras_serializable(package="plait")
class ForecastHead(Head):
    """The next steps of some variables: persistence, a linear path and a deep correction, added.

    For step h of variable v, with x the last known value and x_l the history on the answer's scale,

        y_hv = p_hv · x + sum over known l of W_vlh · (x_l - x) + s_v · c_hv,

    p starting at 1 and W at 0, so that the forecast starts as the last value, going on. Steps are
    counted from a series' end. A gap adds nothing, and a variable without a known value, or not
    among those read, leaves c alone. c = MLP(mean of the fused tokens; the feature's token of the
    last step; all (x_l - x) / s) starts small. s is how large the row's known values are, beside those
    of a usual row: where there is little of something, it moves by little.

    Args:
        horizon: steps ahead.
        channels: how many variables the series has.
        read: for each variable of the answer its place among them; -1 for none.
        scale: for each variable of the answer, from the series' scale to the answer's: y = scale · x
            + shift; 1 if None.
        shift: likewise; 0 if None.
        hidden: units of the correction; 0 for none but a constant c_hv, and s = 1.
        dropout: on its tokens and its units.
        zero: where, on the scale of each variable of the answer, nothing of it is; 0 if None.

    Call arguments:
        of: `"values"` `(batch, steps, 3 · channels)`, values, 1 where they are known, and times
            since, as `Series` has them; `"lengths"` `(batch,)`; `"tokens"` and `"mask"` of its encoder.
        tokens, mask, training: see `Head`.

    Returns:
        `(batch, horizon, len(read))` float32 under any policy.

    Raises:
        ConfigError: an argument out of its range, or of another length.

    References:
        A. Zeng, M. Chen, L. Zhang, Q. Xu, "Are Transformers Effective for Time Series Forecasting?",
        2023: the linear path is their NLinear, one for each variable, with p beside it, which lets a
        forecast return to the mean.
    """

    def __init__(
        self,
        horizon: int,
        channels: int,
        read: Sequence[int],
        scale: Sequence[float] | None = None,
        shift: Sequence[float] | None = None,
        hidden: int = 128,
        dropout: float = 0.1,
        zero: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        # Half precision would round the last value, which is the answer's largest part.
        super().__init__(**{"autocast": False, **kwargs})
        demand_whole("ForecastHead", horizon=horizon, channels=channels)
        demand_whole("ForecastHead", least=0, hidden=hidden)
        demand_share("ForecastHead", dropout=dropout)
        if not read or not all(-1 <= place < channels for place in read):
            raise ConfigError(
                f"ForecastHead: read are places from 0 to {channels - 1}, or -1. Received: {read}."
            )
        for name, given in (("scale", scale), ("shift", shift), ("zero", zero)):
            if given is not None and len(given) != len(read):
                raise ConfigError(
                    f"ForecastHead: {name} has one number for each of the {len(read)} variables of "
                    f"read, or is None. Received {len(given)} numbers."
                )
        self.horizon = horizon
        self.channels = channels
        self.read = [int(place) for place in read]
        self.scale = None if scale is None else [float(number) for number in scale]
        self.shift = None if shift is None else [float(number) for number in shift]
        self.hidden = hidden
        self.dropout = dropout
        self.zero = None if zero is None else [float(number) for number in zero]

    def build(self, tokens_shape: Any, mask_shape: Any = None, of_shape: Any = None) -> None:
        steps, count = of_shape["values"][1], len(self.read)
        self.persistence = self._weight("persistence", (self.horizon, count), "ones")
        self.linear = self._weight("linear", (count, steps, self.horizon))
        if not self.hidden:
            self.bias = self._weight("bias", (self.horizon, count))
            return
        width = tokens_shape[-1] + of_shape["tokens"][-1] + steps * count
        self.drop = Dropout(self.dropout, dtype="float32")
        self.rise = keras.layers.Dense(self.hidden, activation="gelu", dtype="float32", name="rise")
        self.rise.build((None, width))
        self.fall = keras.layers.Dense(
            self.horizon * count,
            kernel_initializer=keras.initializers.VarianceScaling(0.01, "fan_avg", "uniform"),
            dtype="float32",
            name="fall",
        )
        self.fall.build((None, self.hidden))

    def _weight(self, name: str, shape: tuple[int, ...], start: str = "zeros") -> Any:
        whole = {"dtype": "float32", "autocast": False}
        return self.add_weight(name=name, shape=shape, initializer=start, **whole)

    def call(
        self, tokens: Any, mask: Any = None, training: bool | None = None, of: Any = None
    ) -> Any:
        values, known = self._history(of["values"])
        last = last_known(values, known)
        moved = from_the_end((values - last) * known, of["lengths"])
        linear = ops.einsum("blv,vlh->bhv", moved, ops.convert_to_tensor(self.linear))
        straight = self.persistence * last + linear
        if not self.hidden:
            return straight + self.bias
        zero = ops.convert_to_tensor(self.zero or [0.0] * len(self.read), "float32")
        size = size_of(values, known, zero)
        found = self._correction(moved / size, tokens, mask, training, of)
        return straight + size * found

    def _history(self, values: Any) -> tuple[Any, Any]:
        """The history of the answer's variables on its scale, 0 in gaps, and 1 where it is known."""
        values = ops.cast(values, "float32")
        places = [max(place, 0) for place in self.read]
        read = ops.convert_to_tensor([float(place >= 0) for place in self.read], "float32")
        known = ops.take(values[..., self.channels : 2 * self.channels], places, axis=-1) * read
        values = ops.take(values[..., : self.channels], places, axis=-1)
        scale = 1.0 if self.scale is None else ops.convert_to_tensor(self.scale, "float32")
        shift = 0.0 if self.shift is None else ops.convert_to_tensor(self.shift, "float32")
        return ops.where(known > 0, values * scale + shift, 0.0), known

    def _correction(
        self, moved: Any, tokens: Any, mask: Any, training: bool | None, of: Any
    ) -> Any:
        fused = masked_mean(ops.cast(tokens, "float32"), mask)
        own = ops.cast(of["tokens"], "float32")
        end = ops.sum(ops.cast(of["mask"], "int32"), axis=1, keepdims=True) - 1
        is_last = ops.equal(ops.arange(own.shape[1], dtype="int32")[None, :], end)
        own = ops.sum(ops.where(ops.expand_dims(is_last, -1), own, 0.0), axis=1)
        read = self.drop(ops.concatenate([fused, own], axis=-1), training=training)
        history = ops.reshape(moved, (-1, moved.shape[1] * moved.shape[2]))
        read = ops.concatenate([read, history], axis=-1)
        found = self.fall(self.drop(self.rise(read), training=training))
        return ops.reshape(found, (-1, self.horizon, len(self.read)))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "channels": self.channels,
            "read": self.read,
            "scale": self.scale,
            "shift": self.shift,
            "hidden": self.hidden,
            "dropout": self.dropout,
            "zero": self.zero,
        }
