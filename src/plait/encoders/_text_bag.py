"""A text as one token, from its weighted n-grams."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import MOST_SEED, demand_share, demand_whole
from plait.backend import uniform
from plait.encoders._encoder import Encoder
from plait.errors import ConfigError

_GRAM_DROPOUT = 0.7


@keras.saving.register_keras_serializable(package="plait")
class TextBag(Encoder):
    """The weighted sum of the embeddings of a text's n-grams, and a deep path beside it.

    The sum reaches the output as it is, so that each n-gram has its linear say, as in a linear model;
    a hidden layer on the normalised sum adds what n-grams mean together.

    Args:
        width: the size of the token.
        vocabulary: how many ids there are, 0 (padding) included; the feature's if None.
        hidden: units of the deep path.
        gain: what the sum is multiplied by. The rows' weights have length 1, and a step of Adam
            moves each entry of an embedding by about the learning rate, whatever its gradient; with
            a gain a few hundred steps suffice for the large weights that a linear model would have.
        gram_dropout: the share of n-grams left out of a row while training; the others are enlarged
            to make up for it. Tables of rare n-grams overfit early without it. If None, 0.7 where there
            are as many n-grams as training texts, and in proportion where there are fewer.
        dropout: in the deep path.
        seed: of both.

    Call arguments:
        values: `(batch, length, 2)` float32: ids and weights.
        lengths: `(batch,)` int32, valid n-grams of each row; all of them if None.

    Returns:
        `"tokens"` `(batch, 1, width)` and `"mask"` `(batch, 1)`.

    Raises:
        ConfigError: an argument out of its range; built without a vocabulary.
    """

    modality: ClassVar[str | None] = "text"
    reads: ClassVar[str] = "ngrams"
    fitted: ClassVar[str | None] = "vocabulary"

    def __init__(
        self,
        width: int = 128,
        vocabulary: int | None = None,
        hidden: int = 128,
        gain: float = 8.0,
        gram_dropout: float | None = None,
        dropout: float = 0.1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        # Ids are exact in float32 up to 2^24, in bfloat16 up to 256.
        super().__init__(width, **{"autocast": False, **kwargs})
        if vocabulary is not None:
            demand_whole("TextBag", vocabulary=vocabulary)
        demand_whole("TextBag", hidden=hidden)
        if not 0 < gain < float("inf"):
            raise ConfigError(f"TextBag: gain is above 0. Received: {gain!r}.")
        demand_share("TextBag", dropout=dropout)
        if gram_dropout is not None:
            demand_share("TextBag", gram_dropout=gram_dropout)
        demand_whole("TextBag", least=0, most=MOST_SEED, seed=seed)
        self.vocabulary = vocabulary
        self.hidden = hidden
        self.gain = gain
        self.gram_dropout = gram_dropout
        self.dropout = dropout
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    def for_feature(self, feature: Any) -> Encoder:
        known = super().for_feature(feature)
        if self.gram_dropout is not None:
            return known
        found, texts = (feature.for_encoder.get(name) for name in ("vocabulary", "texts"))
        share = min(1.0, found / texts) if found and texts else 1.0
        return type(self).from_config({**known.get_config(), "gram_dropout": share * _GRAM_DROPOUT})

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._demand_fitted("n-grams there are", "Text")
        self.table = self.add_weight(
            shape=(self.vocabulary, self.width),
            initializer=keras.initializers.RandomNormal(stddev=self.width**-0.5 / self.gain),
            # Hundreds of small parts are added up, for which half precision is too coarse.
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
        ids = ops.cast(values[..., 0], "int32")
        weights = ops.cast(values[..., 1], "float32")
        known = ops.logical_and(ids > 0, ids < self.table.shape[0])
        if lengths is not None:
            steps = ops.arange(values.shape[1], dtype="int32")
            known = ops.logical_and(known, steps < ops.expand_dims(lengths, -1))
        left_out = _GRAM_DROPOUT if self.gram_dropout is None else self.gram_dropout
        if training and left_out > 0:
            draw = uniform(ops.shape(weights), self._draws)
            known = ops.logical_and(known, draw >= left_out)
            weights = weights / (1.0 - left_out)
        weights = ops.where(known, weights, 0.0) * self.gain
        ids = ops.where(known, ids, 0)
        bag = ops.einsum("bl,blw->bw", weights, ops.take(self.table, ids, axis=0))
        bag = ops.cast(bag, self.compute_dtype)
        deep = self.outer(self.drop(self.inner(self.norm(bag)), training=training))
        tokens = ops.expand_dims(bag + deep, 1)
        return {"tokens": tokens, "mask": ops.ones_like(tokens[..., 0], dtype="bool")}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "hidden": self.hidden,
            "gain": self.gain,
            "gram_dropout": self.gram_dropout,
            "dropout": self.dropout,
            "seed": self.seed,
        }
