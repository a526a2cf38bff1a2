"""A set of categories as one token."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import MOST_SEED, demand_share, demand_whole
from plait.backend import uniform
from plait.encoders._encoder import Encoder

_UNKNOWN = 0


@keras.saving.register_keras_serializable(package="plait")
class CategoryBag(Encoder):
    """The sum of the learnt tokens of a set's categories, and a deep path beside it.

    The sum reaches the output as it is, so that each category has its linear say, whichever others are
    there; a hidden layer on the normalised sum adds what they mean together. A set without categories
    has a sum of 0.

    Args:
        width: the size of the token.
        size: how many ids there are, 0 ("unknown") included; the feature's if None.
        hidden: units of the deep path.
        unknown: the share of ids that become 0 while training, so that the token of a category never
            seen is learnt.
        dropout: in the deep path.
        seed: of both.

    Call arguments:
        values: `(batch, items)` int32 ids; one beyond `size` is unknown.
        lengths: `(batch,)` int32, valid ids of each row, 0 for none; all of them if None.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.

    Raises:
        ConfigError: an argument out of its range; built without a size.
    """

    modality: ClassVar[str | None] = "category_set"
    fitted: ClassVar[str | None] = "size"

    def __init__(
        self,
        width: int = 128,
        size: int | None = None,
        hidden: int = 128,
        unknown: float = 0.02,
        dropout: float = 0.1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        if size is not None:
            demand_whole("CategoryBag", size=size)
        demand_whole("CategoryBag", hidden=hidden)
        demand_share("CategoryBag", all_too=True, unknown=unknown)
        demand_share("CategoryBag", dropout=dropout)
        demand_whole("CategoryBag", least=0, most=MOST_SEED, seed=seed)
        self.size = size
        self.hidden = hidden
        self.unknown = unknown
        self.dropout = dropout
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._demand_fitted("ids there are", "CategorySet")
        self.table = self.add_weight(
            shape=(self.size, self.width),
            initializer=keras.initializers.RandomNormal(stddev=self.width**-0.5),
            # Many small parts are added up, for which half precision is too coarse.
            autocast=False,
            name="table",
        )
        policy = self.dtype_policy
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy, name="norm")
        self.norm.build((None, self.width))
        self.inner = keras.layers.Dense(self.hidden, activation="gelu", dtype=policy, name="inner")
        self.inner.build((None, self.width))
        self.drop = Dropout(self.dropout, seed=self.seed, dtype=policy)
        self.outer = keras.layers.Dense(self.width, dtype=policy, name="outer")
        self.outer.build((None, self.hidden))

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        ids = ops.cast(values, "int32")
        if training and self.unknown > 0:
            draw = uniform(ops.shape(ids), self._draws)
            ids = ops.where(draw < self.unknown, _UNKNOWN, ids)
        known = ops.logical_and(ids >= 0, ids < self.table.shape[0])
        ids = ops.where(known, ids, _UNKNOWN)
        valid = ops.ones_like(ids, dtype="bool")
        if lengths is not None:
            steps = ops.arange(ids.shape[1], dtype="int32")
            valid = steps < ops.expand_dims(ops.cast(lengths, "int32"), -1)
        counted = ops.cast(valid, self.table.dtype)
        bag = ops.einsum("bi,biw->bw", counted, ops.take(self.table, ids, axis=0))
        bag = ops.cast(bag, self.compute_dtype)
        deep = self.outer(self.drop(self.inner(self.norm(bag)), training=training))
        tokens = ops.expand_dims(bag + deep, 1)
        return {"tokens": tokens, "mask": ops.ones_like(tokens[..., 0], dtype="bool")}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "hidden": self.hidden,
            "unknown": self.unknown,
            "dropout": self.dropout,
            "seed": self.seed,
        }
