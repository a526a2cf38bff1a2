"""A text as one token for each of its words, from the word, its characters and both neighbourhoods."""

from typing import Any, ClassVar

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import MOST_SEED, demand_share, demand_whole
from plait.encoders._encoder import Encoder
from plait.encoders._ids import forgotten, known_ids, valid_ids, with_a_token
from plait.errors import ConfigError

_UNKNOWN = 1
_CHARACTER_WIDTH = 16
# What embeddings are multiplied by. A step of Adam moves each entry by about the learning rate,
# and most words come in few steps.
_GAIN = 8.0


@keras.saving.register_keras_serializable(package="plait")
class TextWords(Encoder):
    """Each word's embedding beside what its characters say, read both ways by an LSTM.

    A convolution over a word's characters, of which each filter's largest value is kept, tells words
    that were never seen by their beginnings, endings and spelling. There is one token for each of the
    cell's own tokens (see `Text`), as a task of tagging asks for.

    A row of length 0 is read as one token of padding, so that it, too, has a token to give.

    Args:
        width: the size of each token, half of it for each direction.
        vocabulary: how many ids of words there are, 0 (padding) and 1 (unknown) included; the
            feature's if None.
        characters: the same of characters.
        embedding_width: the size of the words' embeddings; `width` if None.
        filters: of the convolution over characters.
        window: how many characters it sees at once.
        unknown: the share of words whose id becomes 1 while training; their characters stay.
        dropout: on what the LSTM reads and on the tokens.
        seed: of all of these.

    Call arguments:
        values: `(batch, length, 1 + characters)` int32: a word's id and those of its characters, 0
            behind its last; one beyond `vocabulary` or `characters` is unknown.
        lengths: `(batch,)` int32, valid words of each row; all of them if None.

    Returns:
        `"tokens"` `(batch, length, width)` and `"mask"` `(batch, length)`.

    Raises:
        ConfigError: an argument out of its range, an odd width; built without a vocabulary.

    References:
        Xuezhe Ma, Eduard Hovy, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF", 2016.
    """

    modality: ClassVar[str | None] = "text"
    reads: ClassVar[str] = "words"
    fitted: ClassVar[str | None] = "vocabulary"

    def __init__(
        self,
        width: int = 128,
        vocabulary: int | None = None,
        characters: int | None = None,
        embedding_width: int | None = None,
        filters: int = 48,
        window: int = 3,
        unknown: float = 0.05,
        dropout: float = 0.3,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        if width % 2:
            raise ConfigError(
                f"TextWords: width is even, for two directions. Received: {width!r}.", ("width",)
            )
        counts = {
            "vocabulary": vocabulary,
            "characters": characters,
            "embedding_width": embedding_width,
        }
        demand_whole("TextWords", **{n: v for n, v in counts.items() if v is not None})
        demand_whole("TextWords", filters=filters, window=window)
        demand_share("TextWords", all_too=True, unknown=unknown)
        demand_share("TextWords", dropout=dropout)
        demand_whole("TextWords", least=0, most=MOST_SEED, seed=seed)
        self.vocabulary = vocabulary
        self.characters = characters
        self.embedding_width = embedding_width
        self.filters = filters
        self.window = window
        self.unknown = unknown
        self.dropout = dropout
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    def for_feature(self, feature: Any) -> Encoder:
        known = super().for_feature(feature)
        if self.characters is not None:
            return known
        found = feature.for_encoder.get("characters")
        return type(self).from_config({**known.get_config(), "characters": found})

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._demand_fitted("words there are", "Text")
        if self.characters is None:
            raise ConfigError(
                "TextWords does not know how many characters there are. Declare "
                "TextWords(characters=...), or call for_feature with a fitted Text."
            )
        policy = self.dtype_policy
        read = self.embedding_width or self.width
        self.embedding = keras.layers.Embedding(self.vocabulary, read, dtype=policy, name="words")
        self.embedding.build(values_shape[:2])
        self.letters = keras.layers.Embedding(
            self.characters, _CHARACTER_WIDTH, dtype=policy, name="characters"
        )
        self.letters.build(values_shape)
        self.parts = keras.layers.Dense(
            self.filters, activation="relu", dtype=policy, name="parts_of_words"
        )
        self.parts.build((None, self.window * _CHARACTER_WIDTH))
        lstm = keras.layers.LSTM(self.width // 2, return_sequences=True, dtype=policy, name="lstm")
        self.net = keras.layers.Bidirectional(lstm, dtype=policy, name="both_ways")
        self.net.build((None, values_shape[1], read + self.filters))
        self.drop_in = Dropout(self.dropout, seed=self.seed, dtype=policy)
        self.drop_out = Dropout(self.dropout, seed=self.seed + 1, dtype=policy)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        ids = ops.cast(values, "int32")
        words, characters = ids[..., 0], ids[..., 1:]
        valid = valid_ids(words, lengths)
        words = known_ids(words, self.vocabulary, _UNKNOWN)
        words = forgotten(words, self.unknown, self._draws, _UNKNOWN, training)
        words, mask = ops.where(valid, words, 0), with_a_token(valid)
        characters = known_ids(characters, self.characters, _UNKNOWN)
        spelled = self._spelled(ops.where(ops.expand_dims(valid, -1), characters, 0))
        x = ops.concatenate([self.embedding(words) * _GAIN, spelled], axis=-1)
        x = self.net(self.drop_in(x, training=training), mask=mask, training=training)
        return {"tokens": self.drop_out(x, training=training), "mask": mask}

    def _spelled(self, characters: Any) -> Any:
        """The largest value of each filter over a word's characters, `(batch, length, filters)`."""
        there = ops.expand_dims(characters > 0, -1)
        x = self.letters(characters) * _GAIN
        x = ops.where(there, x, ops.zeros_like(x))
        count, before = characters.shape[2], self.window // 2
        x = ops.pad(x, ((0, 0), (0, 0), (before, self.window - 1 - before), (0, 0)))
        # A product of windows: XLA's CPU is slow at convolutions of few channels.
        seen = [x[:, :, start : start + count] for start in range(self.window)]
        found = self.parts(ops.concatenate(seen, axis=-1))
        return ops.max(ops.where(there, found, ops.zeros_like(found)), axis=2)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "characters": self.characters,
            "embedding_width": self.embedding_width,
            "filters": self.filters,
            "window": self.window,
            "unknown": self.unknown,
            "dropout": self.dropout,
            "seed": self.seed,
        }
