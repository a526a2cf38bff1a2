"""A text as one token for each of its words, by a recurrent net."""

from typing import Any, ClassVar, Literal

import keras
from keras import ops

from plait._dropout import Dropout
from plait._ranges import MOST_SEED, demand_share, demand_whole
from plait.encoders._encoder import Encoder
from plait.encoders._ids import forgotten, known_ids, valid_ids, with_a_token
from plait.errors import ConfigError

_UNKNOWN = 1
_CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@keras.saving.register_keras_serializable(package="plait")
class TextRNN(Encoder):
    """Embeddings of a text's tokens, read in order by an LSTM or a GRU.

    A token beyond a row's length is never read. A row of length 0 is read as one token of padding,
    so that it, too, has a token to give.

    Args:
        width: the size of each token; with `bidirectional`, half of it for each direction.
        cell: "lstm" or "gru".
        embedding_width: the size of the embeddings that it reads; `width` if None.
        vocabulary: how many ids there are, 0 (padding) and 1 (unknown) included; the feature's if
            None.
        bidirectional: whether a second net reads backwards.
        unknown: the share of tokens whose id becomes 1 while training, so that the embedding of
            what was never seen is learnt as the answer without it.
        dropout: on the embeddings and on the tokens.
        seed: of all of these.

    Call arguments:
        values: `(batch, length)` int32 ids; one beyond `vocabulary` is unknown.
        lengths: `(batch,)` int32, valid ids of each row; all of them if None.

    Returns:
        `"tokens"` `(batch, length, width)` and `"mask"` `(batch, length)`.

    Raises:
        ConfigError: an argument out of its range, an unknown cell, an odd width with
            `bidirectional`; built without a vocabulary.
    """

    modality: ClassVar[str | None] = "text"
    reads: ClassVar[str] = "tokens"
    fitted: ClassVar[str | None] = "vocabulary"

    def __init__(
        self,
        width: int = 128,
        cell: Literal["lstm", "gru"] = "lstm",
        vocabulary: int | None = None,
        bidirectional: bool = False,
        unknown: float = 0.02,
        dropout: float = 0.2,
        seed: int = 0,
        embedding_width: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        if cell not in _CELLS:
            raise ConfigError(f"TextRNN: cell is 'lstm' or 'gru'. Received: {cell!r}.")
        if bidirectional and width % 2:
            raise ConfigError(
                f"TextRNN: with bidirectional=True, width is even. Received: {width!r}."
            )
        if vocabulary is not None:
            demand_whole("TextRNN", vocabulary=vocabulary)
        if embedding_width is not None:
            demand_whole("TextRNN", embedding_width=embedding_width)
        demand_share("TextRNN", all_too=True, unknown=unknown)
        demand_share("TextRNN", dropout=dropout)
        demand_whole("TextRNN", least=0, most=MOST_SEED, seed=seed)
        self.cell = cell
        self.vocabulary = vocabulary
        self.bidirectional = bidirectional
        self.unknown = unknown
        self.dropout = dropout
        self.seed = seed
        self.embedding_width = embedding_width
        self._draws = keras.random.SeedGenerator(seed)

    def build(self, values_shape: Any, lengths_shape: Any = None) -> None:
        self._demand_fitted("tokens there are", "Text")
        policy = self.dtype_policy
        read = self.embedding_width or self.width
        self.embedding = keras.layers.Embedding(
            self.vocabulary, read, dtype=policy, name="embedding"
        )
        self.embedding.build(values_shape)
        units = self.width // 2 if self.bidirectional else self.width
        net = _CELLS[self.cell](units, return_sequences=True, dtype=policy, name=self.cell)
        if self.bidirectional:
            net = keras.layers.Bidirectional(net, dtype=policy, name="both_ways")
        self.net = net
        self.net.build((None, values_shape[-1], read))
        self.drop_in = Dropout(self.dropout, seed=self.seed, dtype=policy)
        self.drop_out = Dropout(self.dropout, seed=self.seed + 1, dtype=policy)

    def call(
        self, values: Any, lengths: Any = None, training: bool | None = None
    ) -> dict[str, Any]:
        ids = ops.cast(values, "int32")
        valid = valid_ids(ids, lengths)
        ids = known_ids(ids, self.vocabulary, _UNKNOWN)
        ids = forgotten(ids, self.unknown, self._draws, _UNKNOWN, training)
        ids, mask = ops.where(valid, ids, 0), with_a_token(valid)
        x = self.drop_in(self.embedding(ids), training=training)
        tokens = self.drop_out(self.net(x, mask=mask, training=training), training=training)
        return {"tokens": tokens, "mask": mask}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "cell": self.cell,
            "vocabulary": self.vocabulary,
            "bidirectional": self.bidirectional,
            "unknown": self.unknown,
            "dropout": self.dropout,
            "seed": self.seed,
            "embedding_width": self.embedding_width,
        }
