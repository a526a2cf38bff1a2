"""A category as one token."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._ranges import MOST_SEED, demand_share, demand_whole
from plait.encoders._encoder import Encoder
from plait.encoders._ids import forgotten, known_ids

_UNKNOWN = 0


@keras.saving.register_keras_serializable(package="plait")
class CategoryEmbedding(Encoder):
    """A learnt token for each category.

    Args:
        width: the size of the token.
        size: how many ids there are, 0 ("unknown") included; the feature's if None.
        unknown: the share of rows whose id becomes 0 while training, so that the token of a value
            never seen is learnt as the answer without the value.
        seed: of those rows.

    Call arguments:
        values: `(batch,)` int32 ids; one beyond `size` is unknown.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.

    Raises:
        ConfigError: an argument out of its range; built without a size.
    """

    modality: ClassVar[str | None] = "category"
    fitted: ClassVar[str | None] = "size"

    def __init__(
        self,
        width: int = 128,
        size: int | None = None,
        unknown: float = 0.02,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        if size is not None:
            demand_whole("CategoryEmbedding", size=size)
        demand_share("CategoryEmbedding", all_too=True, unknown=unknown)
        demand_whole("CategoryEmbedding", least=0, most=MOST_SEED, seed=seed)
        self.size = size
        self.unknown = unknown
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._demand_fitted("ids there are", "Category")
        self.table = self.add_weight(
            shape=(self.size, self.width),
            initializer=keras.initializers.RandomNormal(stddev=self.width**-0.5),
            name="table",
        )

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        ids = known_ids(ops.cast(values, "int32"), self.table.shape[0], _UNKNOWN)
        ids = forgotten(ids, self.unknown, self._draws, _UNKNOWN, training)
        tokens = ops.expand_dims(ops.take(self.table, ids, axis=0), 1)
        return {"tokens": tokens, "mask": ops.ones_like(tokens[..., 0], dtype="bool")}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "unknown": self.unknown,
            "seed": self.seed,
        }
