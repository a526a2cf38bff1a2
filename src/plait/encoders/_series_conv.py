"""A series as one token for each of its steps, by dilated convolutions."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import demand_channels, demand_share, demand_whole
from plait.encoders._encoder import Encoder
from plait.encoders._steps import LastStep, valid_steps
from plait.errors import ConfigError


@keras.saving.register_keras_serializable(package="plait")
class SeriesConv(Encoder):
    """A temporal convolutional net: residual blocks of dilated convolutions over the steps.

    A block is x + conv(relu(conv(relu(norm(x))))), both convolutions with the block's dilation, so
    that with `kernel` k the steps seen grow by 2 (k - 1) times the dilation a block: 125 by default.
    A linear path stands beside the net, and a learnt vector marks the token of the last step.

    Args:
        width: the size of each token.
        channels: inside the net.
        dilations: of each block.
        kernel: steps of a convolution.
        padding: "causal", a token knows its own and earlier steps alone; "same", those on both sides.
        dropout: in the blocks.

    Call arguments:
        values: `(batch, steps, channels)` float.
        lengths: `(batch,)` int32, valid steps; all of them if None.

    Returns:
        `"tokens"` `(batch, steps, width)` and `"mask"` `(batch, steps)`, with one step at least.

    Raises:
        ConfigError: an argument out of its range.

    References:
        S. Bai, J. Z. Kolter, V. Koltun, "An Empirical Evaluation of Generic Convolutional and
        Recurrent Networks for Sequence Modeling", 2018: there with weight normalisation, here with
        layer normalisation of each step.
    """

    modality: ClassVar[str | None] = "series"

    def __init__(
        self,
        width: int = 128,
        channels: int = 64,
        dilations: Sequence[int] = (1, 2, 4, 8, 16),
        kernel: int = 3,
        padding: Literal["causal", "same"] = "causal",
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        demand_whole("SeriesConv", channels=channels)
        demand_channels("SeriesConv", dilations, "dilations")
        demand_whole("SeriesConv", kernel=kernel)
        if padding not in ("causal", "same"):
            raise ConfigError(
                f"SeriesConv: padding is 'causal' or 'same'. Received: {padding!r}.", ("padding",)
            )
        demand_share("SeriesConv", dropout=dropout)
        self.channels = channels
        self.dilations = tuple(dilations)
        self.kernel = kernel
        self.padding = padding
        self.dropout = dropout

    @property
    def least_weights(self) -> int:
        return len(self.dilations)

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        policy = self.dtype_policy
        self.enter = keras.layers.Dense(self.channels, dtype=policy, name="enter")
        self.enter.build(values_shape)
        inner = (None, values_shape[1], self.channels)
        self.norms, self.convs = [], []
        for number, dilation in enumerate(self.dilations):
            norm = keras.layers.LayerNormalization(
                epsilon=1e-5, dtype=policy, name=f"norm_{number}"
            )
            norm.build(inner)
            self.norms.append(norm)
            self.convs.append([self._conv(inner, dilation, f"conv_{number}_{n}") for n in (0, 1)])
        self.drop = Dropout(self.dropout, dtype=policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name="norm")
        self.norm.build(inner)
        self.project = keras.layers.Dense(self.width, dtype=policy, name="project")
        self.project.build(inner)
        self.linear = keras.layers.Dense(self.width, use_bias=False, dtype=policy, name="linear")
        self.linear.build(values_shape)
        self.last = LastStep(dtype=policy, name="last")
        self.last.build((*inner[:-1], self.width))

    def _conv(self, shape: Any, dilation: int, name: str) -> keras.layers.Layer:
        conv = keras.layers.Conv1D(
            self.channels,
            self.kernel,
            padding=self.padding,
            dilation_rate=dilation,
            kernel_initializer=keras.initializers.VarianceScaling(0.5),
            data_format="channels_last",
            dtype=self.dtype_policy,
            name=name,
        )
        conv.build(shape)
        return conv

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        lengths, mask = valid_steps(values, lengths)
        # Padding is as what lies before the first step: nothing at all, at any padded length.
        keep = ops.cast(ops.expand_dims(mask, -1), self.compute_dtype)
        x = self.enter(values)
        for norm, (first, second) in zip(self.norms, self.convs, strict=True):
            y = first(ops.relu(norm(x)) * keep)
            y = self.drop(ops.relu(y), training=training)
            x = x + second(y * keep)
        tokens = self.project(ops.relu(self.norm(x))) + self.linear(values)
        return {"tokens": self.last(tokens, lengths), "mask": mask}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "dilations": self.dilations,
            "kernel": self.kernel,
            "padding": self.padding,
            "dropout": self.dropout,
        }
