"""What encoders that add up learnt vectors have in common."""

import abc
from typing import Any

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import MOST_SEED, demand_share, demand_whole
from plait.encoders._encoder import Encoder


class BagEncoder(Encoder, abc.ABC):
    """A sum of learnt vectors as one token, and a deep path beside it.

    The sum reaches the output as it is, so that each vector has its linear say; a hidden layer on the
    normalised sum adds what they mean together.

    Args:
        width: the size of the token.
        hidden: units of the deep path.
        dropout: in the deep path.
        seed: of the dropout and of all else that is drawn.

    Raises:
        ConfigError: an argument out of its range.
    """

    def __init__(self, width: int, hidden: int, dropout: float, seed: int, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        name = type(self).__name__
        demand_whole(name, hidden=hidden)
        demand_share(name, dropout=dropout)
        demand_whole(name, least=0, most=MOST_SEED, seed=seed)
        self.hidden = hidden
        self.dropout = dropout
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    def _build_bag(self, rows: Any, gain: float = 1.0) -> None:
        """The table of `rows` vectors, whose sum shall be multiplied by `gain`, and the deep path."""
        self.table = self.add_weight(
            shape=(rows, self.width),
            initializer=keras.initializers.RandomNormal(stddev=self.width**-0.5 / gain),
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

    def _token(self, ids: Any, weights: Any, training: bool | None) -> dict[str, Any]:
        """The token of the weighted sum, and its mask.

        Args:
            ids: `(batch, items)` int32, each a row of the table.
            weights: `(batch, items)` of the table's type, 0 for what is left out.
            training: whether dropout is on.
        """
        bag = ops.einsum("bi,biw->bw", weights, ops.take(self.table, ids, axis=0))
        bag = ops.cast(bag, self.compute_dtype)
        deep = self.outer(self.drop(self.inner(self.norm(bag)), training=training))
        tokens = ops.expand_dims(bag + deep, 1)
        return {"tokens": tokens, "mask": ops.ones_like(tokens[..., 0], dtype="bool")}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "dropout": self.dropout,
            "seed": self.seed,
        }
