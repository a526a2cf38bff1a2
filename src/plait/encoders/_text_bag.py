"""A text as one token, from its weighted n-grams."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._ranges import demand_share, demand_whole
from plait.backend import uniform
from plait.encoders._bag_encoder import BagEncoder
from plait.encoders._encoder import Encoder
from plait.encoders._ids import valid_ids
from plait.errors import ConfigError

_GRAM_DROPOUT = 0.7


@keras.saving.register_keras_serializable(package="plait")
class TextBag(BagEncoder):
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
        super().__init__(width, hidden, dropout, seed, **{"autocast": False, **kwargs})
        if vocabulary is not None:
            demand_whole("TextBag", vocabulary=vocabulary)
        if not 0 < gain < float("inf"):
            raise ConfigError(f"TextBag: gain is above 0. Received: {gain!r}.")
        if gram_dropout is not None:
            demand_share("TextBag", gram_dropout=gram_dropout)
        self.vocabulary = vocabulary
        self.gain = gain
        self.gram_dropout = gram_dropout

    def for_feature(self, feature: Any) -> Encoder:
        known = super().for_feature(feature)
        if self.gram_dropout is not None:
            return known
        found, texts = (feature.for_encoder.get(name) for name in ("vocabulary", "texts"))
        share = min(1.0, found / texts) if found and texts else 1.0
        return type(self).from_config({**known.get_config(), "gram_dropout": share * _GRAM_DROPOUT})

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._build_bag(self._demand_fitted("n-grams there are", "Text"), self.gain)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        ids = ops.cast(values[..., 0], "int32")
        weights = ops.cast(values[..., 1], "float32")
        known = ops.logical_and(ids > 0, ids < self.table.shape[0])
        known = ops.logical_and(known, valid_ids(ids, lengths))
        left_out = _GRAM_DROPOUT if self.gram_dropout is None else self.gram_dropout
        if training and left_out > 0:
            draw = uniform(ops.shape(weights), self._draws)
            known = ops.logical_and(known, draw >= left_out)
            weights = weights / (1.0 - left_out)
        weights = ops.where(known, weights, 0.0) * self.gain
        return self._token(ops.where(known, ids, 0), weights, training)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "gain": self.gain,
            "gram_dropout": self.gram_dropout,
        }
