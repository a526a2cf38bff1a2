"""A mask out of feature maps."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from plait._convolution import Conv2D
from plait._dropout import Dropout
from plait._ranges import demand_share, demand_whole
from plait.errors import ConfigError
from plait.heads._head import Head
from plait.heads._linear_head import masked_mean
from plait.heads._root_mean_square import of_size_1


@keras.saving.register_keras_serializable(package="plait")
class UNetHead(Head):
    """Logits for each place of the finest feature map, from coarse to fine.

    The coarsest map is brought to `channels`; a learnt place is added to each of its positions, since
    where something is says what it may be. At each finer map it is enlarged twice, that map's own
    `channels` are added, and x + conv(relu(gamma · x + beta)) follows. gamma - 1 and beta are linear in
    the mean of the fused tokens, so that what other columns say, and what the picture as a whole is,
    changes the mask. A map, and that mean, is divided by its root mean square in its row, all positions
    and channels together: encoders need not agree on a scale.

    Args:
        size: how many logits a place.
        channels: of every map on the way.
        dropout: the share of values that is dropped before the logits, in training.
        prior: what the logits' bias starts as; zeros if None.

    Call arguments:
        tokens, mask, training: see `Head`.
        of: feature maps, from coarse to fine, each twice as large as the one before, or a row or column
            less.

    Returns:
        `(batch, height, width, size)` float32, height and width those of the finest map.

    Raises:
        ConfigError: an argument that cannot be.

    Example:
        tokens, maps = keras.ops.ones((2, 1, 8)), [keras.ops.ones((2, s, s, 4)) for s in (3, 6)]
        UNetHead(5)(tokens, of=maps).shape  # (2, 6, 6, 5)

    References:
        O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
        Segmentation" (2015), for the way from coarse to fine; here finer maps are added instead of
        joined, as in T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection" (2017).
        E. Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer" (2018), for gamma
        and beta.
    """

    def __init__(
        self,
        size: int,
        channels: int = 64,
        dropout: float = 0.1,
        prior: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        demand_whole("UNetHead", size=size, channels=channels)
        demand_share("UNetHead", dropout=dropout)
        if prior is not None and len(prior) != size:
            raise ConfigError(
                f"UNetHead: prior has one number for each of the {size} logits, or is None. "
                f"Received {len(prior)} numbers."
            )
        self.size = size
        self.channels = channels
        self.dropout = dropout
        self.prior = None if prior is None else [float(value) for value in prior]

    def build(self, tokens_shape: Any, mask_shape: Any = None, of_shape: Any = None) -> None:
        _, height, width, _ = of_shape[0]
        self.places = self.add_weight(
            shape=(height, width, self.channels),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            dtype="float32",
            autocast=False,
            name="places",
        )
        levels = len(of_shape)
        # Small, so that the picture is looked at before what conditions it.
        self.condition = keras.layers.Dense(
            2 * levels * self.channels,
            kernel_initializer=keras.initializers.VarianceScaling(0.1, "fan_avg"),
            dtype=self.dtype_policy,
            name="condition",
        )
        self.condition.build((None, tokens_shape[-1]))
        self.lateral = [
            self._conv(1, shape, "he_normal", f"lateral_{level}")
            for level, shape in enumerate(of_shape)
        ]
        self.blocks = [
            self._conv(
                3,
                (*shape[:-1], self.channels),
                keras.initializers.VarianceScaling(0.5),
                f"block_{level}",
            )
            for level, shape in enumerate(of_shape)
        ]
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy, name="drop")
        self.logits = keras.layers.Dense(
            self.size,
            kernel_initializer=keras.initializers.VarianceScaling(0.01),
            bias_initializer=keras.initializers.Constant(0.0 if self.prior is None else self.prior),
            dtype="float32",
            name="logits",
        )
        self.logits.build((None, None, None, self.channels))

    def call(
        self, tokens: Any, mask: Any = None, training: bool | None = None, of: Any = None
    ) -> Any:
        mean = of_size_1(masked_mean(ops.cast(tokens, "float32"), mask), self.compute_dtype)
        conditions = ops.reshape(self.condition(mean), (-1, len(of), 2, 1, 1, self.channels))
        x = ops.cast(self.places, self.compute_dtype)
        for level, (finer, lateral, block) in enumerate(
            zip(of, self.lateral, self.blocks, strict=True)
        ):
            if level:
                x = _twice(x, finer.shape[1], finer.shape[2])
            x = x + lateral(of_size_1(finer, self.compute_dtype))
            gamma, beta = conditions[:, level, 0], conditions[:, level, 1]
            x = x + block(ops.relu(x * (1 + gamma) + beta))
        return self.logits(self.drop(ops.relu(x), training=training))

    def _conv(self, size: int, shape: Any, initial: Any, name: str) -> Conv2D:
        conv = Conv2D(
            self.channels,
            size,
            padding="same",
            kernel_initializer=initial,
            dtype=self.dtype_policy,
            name=name,
        )
        conv.build(shape)
        return conv

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "channels": self.channels,
            "dropout": self.dropout,
            "prior": self.prior,
        }


def _twice(x: Any, height: int, width: int) -> Any:
    """Each position four times, cut to the size of the finer map."""
    x = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
    return x[:, :height, :width]
